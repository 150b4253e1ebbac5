// What both heatmaps share: the ramp, and numbers that can be read on every step of it.

import { token } from "../colours.js";

const STEPS = ["--ramp-0", "--ramp-1", "--ramp-2", "--ramp-3", "--ramp-4"];

function channels(colour) {
    return colour
        .match(/[\d.]+/g)
        .slice(0, 3)
        .map(Number);
}

function luminance(colour) {
    const [red, green, blue] = channels(colour).map((each) => {
        const part = each / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Colours of shares 0…1, and of text upon them. */
export function ramp() {
    const steps = STEPS.map((name) => channels(token(name)));
    const colourAt = (share) => {
        const place = Math.min(1, Math.max(0, share)) * (steps.length - 1);
        const below = Math.min(steps.length - 2, Math.floor(place));
        const mix = steps[below].map((from, each) =>
            Math.round(from + (steps[below + 1][each] - from) * (place - below)),
        );
        return `rgb(${mix.join(",")})`;
    };
    // Whichever contrasts more (WCAG's ratio).
    const inkOn = (colour) => {
        const light = luminance(colour) + 0.05;
        return 1.05 / light > light / 0.05 ? "#ffffff" : "#10131a";
    };
    return { colourAt, inkOn };
}
