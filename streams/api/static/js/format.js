// Numbers, money and dates as the reader's language writes them.

import { locale } from "./i18n.js";
import { get } from "./state.js";

const NOTHING = "–";
const formatters = new Map();

/** Building an Intl formatter is slow, a feed needs hundreds. */
function formatter(Kind, options) {
    const key = `${Kind.name} ${locale()} ${JSON.stringify(options)}`;
    if (!formatters.has(key)) formatters.set(key, new Kind(locale(), options));
    return formatters.get(key);
}

function unknown(value) {
    return value === null || value === undefined || Number.isNaN(value);
}

export function number(value, digits = 0) {
    if (unknown(value)) return NOTHING;
    return formatter(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);
}

/** With all its decimals, so that numbers stand below each other. */
export function decimals(value, digits, signDisplay = "auto") {
    const exactly = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return formatter(Intl.NumberFormat, { signDisplay, ...exactly }).format(value);
}

export function signed(value) {
    return formatter(Intl.NumberFormat, { signDisplay: "exceptZero" }).format(value);
}

export function percent(share, digits = 0) {
    if (unknown(share)) return NOTHING;
    const options = { style: "percent", maximumFractionDigits: digits };
    return formatter(Intl.NumberFormat, options).format(share);
}

/** A difference of shares, in percentage points: "+3.2". */
export function points(difference) {
    const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
    const options = { signDisplay: "exceptZero", ...digits };
    return formatter(Intl.NumberFormat, options).format(100 * difference);
}

/** Of a share that may be small: two figures where a whole percent would say 0 or 1. */
export function share(value) {
    return percent(value, !unknown(value) && value > 0 && value < 0.095 ? 1 : 0);
}

function currencyDigits() {
    return get("overview")?.policy?.currency_digits ?? 2;
}

/** An amount in minor units, in the installation's currency and with its decimals. */
export function money(minor, digits = currencyDigits()) {
    if (unknown(minor)) return NOTHING;
    const currency = get("overview")?.policy?.currency;
    const amount = minor / 10 ** currencyDigits();
    if (!currency) return decimals(amount, digits);
    try {
        const exactly = { minimumFractionDigits: digits, maximumFractionDigits: digits };
        const options = { style: "currency", currency, ...exactly };
        return formatter(Intl.NumberFormat, options).format(amount);
    } catch {
        return `${decimals(amount, digits)} ${currency}`;
    }
}

/** A mean amount: cents only where they say something. */
export function meanMoney(minor) {
    const isLarge = Math.abs(minor) >= 100 * 10 ** currencyDigits();
    return isLarge ? money(minor, 0) : money(minor);
}

/** The same for axes: no decimals, thousands short. */
export function moneyShort(minor) {
    const amount = minor / 10 ** currencyDigits();
    const options = { notation: "compact", maximumFractionDigits: 1 };
    return formatter(Intl.NumberFormat, options).format(amount);
}

function moment(text, options) {
    const at = new Date(text);
    if (Number.isNaN(at.getTime())) return String(text);
    const timeZone = get("overview")?.policy?.timezone ?? "UTC";
    try {
        return formatter(Intl.DateTimeFormat, { ...options, timeZone }).format(at);
    } catch {
        return formatter(Intl.DateTimeFormat, { ...options, timeZone: "UTC" }).format(at);
    }
}

function calendarDay(text, options) {
    const day = new Date(`${text}T00:00:00Z`);
    return formatter(Intl.DateTimeFormat, { ...options, timeZone: "UTC" }).format(day);
}

/** A day: of a calendar date as it stands, of a moment the shop's day. */
export function date(text) {
    if (unknown(text)) return NOTHING;
    const options = { year: "numeric", month: "short", day: "numeric" };
    return /^\d{4}-\d{2}-\d{2}$/.test(text) ? calendarDay(text, options) : moment(text, options);
}

export function shortDate(text) {
    const options = { month: "short", day: "numeric" };
    return /^\d{4}-\d{2}-\d{2}$/.test(text) ? calendarDay(text, options) : moment(text, options);
}

export function month(text) {
    return calendarDay(`${text}-01`, { year: "numeric", month: "short" });
}

export function dateTime(text) {
    if (unknown(text)) return NOTHING;
    const day = { year: "numeric", month: "short", day: "numeric" };
    return moment(text, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** A duration that may be milliseconds or minutes. */
export function duration(milliseconds) {
    if (unknown(milliseconds)) return NOTHING;
    const [value, unit] =
        milliseconds < 1000
            ? [Math.round(milliseconds), "millisecond"]
            : milliseconds < 120_000
              ? [Math.round(milliseconds / 100) / 10, "second"]
              : [Math.round(milliseconds / 60_000), "minute"];
    const options = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 };
    return formatter(Intl.NumberFormat, options).format(value);
}
