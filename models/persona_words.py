"""The words of personas: a message catalogue, one column a language.

A message is a key and its text in each language, with the same placeholders in all of them. A new language
is one more entry in `LANGUAGES` and one more text in each message; a test names those that are missing.

Enters: a key, a language, numbers as text. Leaves: text. Forbidden here: deciding what is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from types import MappingProxyType

from models.currencies import minor_digits

LANGUAGES = ("en", "zh")
SPACED = frozenset({"en"})  # put spaces between words
Message = tuple[str, ...]  # in the order of LANGUAGES
_TEN_THOUSAND = 10_000  # 万: how Chinese counts large amounts

# fmt: off
MESSAGES: Mapping[str, Message] = MappingProxyType({
    # Sentences; the number behind a theme is its level: 2 far more, 1 more, 0 neither, -1 less, -2 far less.
    "size":        ("{share} of all customers, {spend_share} of what was spent in the last year.",
                     "占客户总数的 {share}，贡献近一年消费金额的 {spend_share}。"),
    "small":       ("Fewer than {least} customers: too few to say more.",
                     "客户数不足 {least} 人，暂不作进一步描述。"),
    "idle":        ("None of them has bought anything in the last year.",
                     "近一年均无购买记录。"),
    "plain":       ("In other respects close to the average customer.",
                     "其余指标与整体无明显差异。"),
    "rhythm.2":   ("Buy far more often than customers overall: on {mean} days a year, {base} overall; "
                     "usually every {cadence}, {usual} overall.",
                     "购买频次远高于整体：人均每年购买 {mean} 天（整体 {base} 天），"
                     "通常每 {cadence}购买一次（整体 {usual}）。"),
    "rhythm.1":   ("Buy more often than customers overall: on {mean} days a year, {base} overall; "
                     "usually every {cadence}, {usual} overall.",
                     "购买频次高于整体：人均每年购买 {mean} 天（整体 {base} 天），"
                     "通常每 {cadence}购买一次（整体 {usual}）。"),
    "rhythm.0":   ("Buy on {mean} days a year, {base} overall; "
                     "usually every {cadence}, {usual} overall.",
                     "人均每年购买 {mean} 天（整体 {base} 天），"
                     "通常每 {cadence}购买一次（整体 {usual}）。"),
    "rhythm.-1":  ("Buy less often than customers overall: on {mean} days a year, {base} overall; "
                     "usually every {cadence}, {usual} overall.",
                     "购买频次低于整体：人均每年购买 {mean} 天（整体 {base} 天），"
                     "通常每 {cadence}购买一次（整体 {usual}）。"),
    "rhythm.-2":  ("Buy far less often than customers overall: on {mean} days a year, {base} overall; "
                     "usually every {cadence}, {usual} overall.",
                     "购买频次远低于整体：人均每年购买 {mean} 天（整体 {base} 天），"
                     "通常每 {cadence}购买一次（整体 {usual}）。"),
    "basket.2":    ("Fill far larger baskets: {mean} an order, {base} overall.",
                     "客单价远高于整体：{mean}（整体 {base}）。"),
    "basket.1":    ("Fill larger baskets: {mean} an order, {base} overall.",
                     "客单价高于整体：{mean}（整体 {base}）。"),
    "basket.0":    ("An order comes to {mean}, {base} overall.",
                     "客单价 {mean}（整体 {base}）。"),
    "basket.-1":   ("Fill smaller baskets: {mean} an order, {base} overall.",
                     "客单价低于整体：{mean}（整体 {base}）。"),
    "basket.-2":   ("Fill far smaller baskets: {mean} an order, {base} overall.",
                     "客单价远低于整体：{mean}（整体 {base}）。"),
    "worth.2":     ("Spend far more: {mean} a year each, {base} overall.",
                     "消费金额远高于整体：人均年消费 {mean}（整体 {base}）。"),
    "worth.1":     ("Spend more: {mean} a year each, {base} overall.",
                     "消费金额高于整体：人均年消费 {mean}（整体 {base}）。"),
    "worth.-1":    ("Spend less: {mean} a year each, {base} overall.",
                     "消费金额低于整体：人均年消费 {mean}（整体 {base}）。"),
    "worth.-2":    ("Spend far less: {mean} a year each, {base} overall.",
                     "消费金额远低于整体：人均年消费 {mean}（整体 {base}）。"),
    "breadth.2":   ("Buy from far more categories: {mean} in the last year, {base} overall.",
                     "购买品类远多于整体：近一年人均购买 {mean} 个品类（整体 {base} 个）。"),
    "breadth.1":   ("Buy from more categories: {mean} in the last year, {base} overall.",
                     "购买品类多于整体：近一年人均购买 {mean} 个品类（整体 {base} 个）。"),
    "breadth.-1":  ("Buy from fewer categories: {mean} in the last year, {base} overall.",
                     "购买品类少于整体：近一年人均购买 {mean} 个品类（整体 {base} 个）。"),
    "breadth.-2":  ("Buy from far fewer categories: {mean} in the last year, {base} overall.",
                     "购买品类远少于整体：近一年人均购买 {mean} 个品类（整体 {base} 个）。"),
    "price.2":     ("Use discounts far more: they take {mean} off the price, {base} overall.",
                     "高折扣占比：优惠占原价的 {mean}（整体 {base}）。"),
    "price.1":     ("Use discounts more: they take {mean} off the price, {base} overall.",
                     "折扣使用多于整体：优惠占原价的 {mean}（整体 {base}）。"),
    "price.-1":    ("Use discounts less: they take {mean} off the price, {base} overall.",
                     "折扣使用少于整体：优惠占原价的 {mean}（整体 {base}）。"),
    "price.-2":    ("Hardly use discounts: they take {mean} off the price, {base} overall.",
                     "以正价购买为主：优惠占原价的 {mean}（整体 {base}）。"),
    "trend.2":     ("Spend is growing fast: {mean} on the 90 days before, {base} overall.",
                     "消费快速增长：近 90 天环比 {mean}（整体 {base}）。"),
    "trend.1":     ("Spend is growing: {mean} on the 90 days before, {base} overall.",
                     "消费增长：近 90 天环比 {mean}（整体 {base}）。"),
    "trend.-1":    ("Spend has fallen: {mean} on the 90 days before, {base} overall.",
                     "消费下滑：近 90 天环比 {mean}（整体 {base}）。"),
    "trend.-2":    ("Spend has fallen sharply: {mean} on the 90 days before, {base} overall.",
                     "消费大幅下滑：近 90 天环比 {mean}（整体 {base}）。"),
    "silence.2":   ("Last bought very long ago: {mean} on average, {base} overall.",
                     "已长时间未消费：距上次消费平均 {mean}（整体 {base}）。"),
    "silence.1":   ("Last bought longer ago than customers overall: {mean} on average, {base} overall.",
                     "距上次消费的时间长于整体：平均 {mean}（整体 {base}）。"),
    "silence.0":   ("Last bought {mean} ago on average; usually every {cadence}.",
                     "距上次消费平均 {mean}，平时每 {cadence}购买一次。"),
    "silence.-1":  ("Bought recently: {mean} ago on average, {base} overall.",
                     "近期有消费：距上次消费平均 {mean}（整体 {base}）。"),
    "silence.-2":  ("Bought just now: {mean} ago on average, {base} overall.",
                     "刚刚消费过：距上次消费平均 {mean}（整体 {base}）。"),
    "overdue.2":   ("Long overdue: silent for {mean} of their own usual gaps on average, {base} overall.",
                     "沉默时间远超自身购买周期：平均已达 {mean} 个周期（整体 {base} 个）。"),
    "overdue.1":   ("Overdue: silent for {mean} of their own usual gaps on average, {base} overall.",
                     "沉默时间超过自身购买周期：平均已达 {mean} 个周期（整体 {base} 个）。"),
    "risk.2":      ("Are far more likely to be lost: churn risk {mean}, {base} overall.",
                     "流失风险远高于整体：{mean}（整体 {base}）。"),
    "risk.1":      ("Are more likely to be lost: churn risk {mean}, {base} overall.",
                     "流失风险高于整体：{mean}（整体 {base}）。"),
    "risk.-1":     ("Are less likely to be lost: churn risk {mean}, {base} overall.",
                     "流失风险低于整体：{mean}（整体 {base}）。"),
    "risk.-2":     ("Are far less likely to be lost: churn risk {mean}, {base} overall.",
                     "流失风险远低于整体：{mean}（整体 {base}）。"),
    "tenure.2":    ("Customers for far longer: {mean}, {base} overall.",
                     "客龄远长于整体：平均 {mean}（整体 {base}）。"),
    "tenure.1":    ("Customers for longer: {mean}, {base} overall.",
                     "客龄长于整体：平均 {mean}（整体 {base}）。"),
    "tenure.-1":   ("Customers for a shorter time: {mean}, {base} overall.",
                     "客龄短于整体：平均 {mean}（整体 {base}）。"),
    "tenure.-2":   ("Customers for a far shorter time: {mean}, {base} overall.",
                     "客龄远短于整体：平均 {mean}（整体 {base}）。"),
    "returns.2":   ("Return far more: {mean} of what they buy, {base} overall.",
                     "退货率远高于整体：{mean}（整体 {base}）。"),
    "returns.1":   ("Return more: {mean} of what they buy, {base} overall.",
                     "退货率高于整体：{mean}（整体 {base}）。"),
    "returns.-1":  ("Return less: {mean} of what they buy, {base} overall.",
                     "退货率低于整体：{mean}（整体 {base}）。"),
    "returns.-2":  ("Return far less: {mean} of what they buy, {base} overall.",
                     "退货率远低于整体：{mean}（整体 {base}）。"),
    "favourites":  ("Biggest categories by spend: {list}.",
                     "消费金额最高的品类：{list}。"),
    "prefer":      ("More of their money than other customers' goes into {list}.",
                     "相对整体更偏好：{list}。"),
    "traits":      ("More of them than overall, of those who told: {list}.",
                     "人群特征偏向（仅统计已填写者）：{list}。"),
    "grows":       ("{net} more of them than 30 days ago.",
                     "人数较 30 天前增加 {net}。"),
    "shrinks":     ("{net} fewer of them than 30 days ago.",
                     "人数较 30 天前减少 {net}。"),
    # Parts of sentences
    "of.favourite": ("{label} ({share})", "{label}（{share}）"),
    "of.prefer":    ("{label} ({lift} times the share overall)", "{label}（占比为整体的 {lift} 倍）"),
    "of.trait":     ("{attribute} {value} ({share}, {base} overall)",
                     "{attribute} {value}（{share}，整体 {base}）"),
    "day":          ("1 day", "1 天"),
    "days":         ("{count} days", "{count} 天"),
    "days.base":    ("{count}", "{count} 天"),  # beside a number of days
    "share.tiny":   ("less than 0.1%", "不足 0.1%"),
    "dimension.category":       ("category", "品类"),
    "dimension.brand":          ("the brand", "品牌"),
    "dimension.channel":        ("the channel", "渠道"),
    "dimension.payment_method": ("payment by", "支付方式"),
    "dimension.store":          ("the store", "门店"),
    # Names: words of themes, by level
    "name":         ("{words} customers", "{words}客户"),
    "name.plain":   ("Typical customers", "典型客户"),
    "name.others":  ("Customers", "客户"),
    "name.small":   ("A handful of customers", "小规模客群"),
    "name.idle":    ("Customers without a purchase in the last year", "近一年无购买客户"),
    "name.label":   ("{name} who favour {label}", "偏好{label}的{name}"),
    "name.trait":   ("{name}, more often {trait}", "{name}（{trait} 偏多）"),
    "name.number":  ("{name} ({number})", "{name}（{number}）"),
    "name.rhythm.2":    ("very frequent", "超高频"),
    "name.rhythm.1":    ("frequent", "高频"),
    "name.rhythm.-1":   ("occasional", "低频"),
    "name.rhythm.-2":   ("rare", "极低频"),
    "name.basket.2":    ("huge-basket", "超高客单"),
    "name.basket.1":    ("big-basket", "高客单"),
    "name.basket.-1":   ("small-basket", "低客单"),
    "name.basket.-2":   ("tiny-basket", "极低客单"),
    "name.worth.2":     ("top-spending", "超高消费"),
    "name.worth.1":     ("high-spending", "高消费"),
    "name.worth.-1":    ("low-spending", "低消费"),
    "name.worth.-2":    ("least-spending", "极低消费"),
    "name.breadth.2":   ("all-round", "全品类"),
    "name.breadth.1":   ("wide-range", "多品类"),
    "name.breadth.-1":  ("narrow-range", "少品类"),
    "name.breadth.-2":  ("single-minded", "单一品类"),
    "name.price.2":     ("heavy-discount", "高折扣占比"),
    "name.price.1":     ("discount-using", "多用折扣"),
    "name.price.-1":    ("few-discount", "少用折扣"),
    "name.price.-2":    ("full-price", "正价购买"),
    "name.trend.2":     ("fast-growing", "消费激增"),
    "name.trend.1":     ("growing", "消费上升"),
    "name.trend.-1":    ("shrinking", "消费下滑"),
    "name.trend.-2":    ("fast-shrinking", "消费骤降"),
    "name.silence.2":   ("long-gone", "久未消费"),
    "name.silence.1":   ("quiet", "近期沉寂"),
    "name.silence.-1":  ("recently seen", "近期活跃"),
    "name.silence.-2":  ("just seen", "刚消费"),
    "name.overdue.2":   ("long-overdue", "严重逾期"),
    "name.overdue.1":   ("overdue", "逾期未复购"),
    "name.risk.2":      ("high-risk", "高流失风险"),
    "name.risk.1":      ("at-risk", "流失风险偏高"),
    "name.risk.-1":     ("steady", "稳定"),
    "name.risk.-2":     ("rock-steady", "高度稳定"),
    "name.tenure.2":    ("oldest", "资深"),
    "name.tenure.1":    ("long-standing", "长期"),
    "name.tenure.-1":   ("recent", "较新"),
    "name.tenure.-2":   ("brand-new", "新近"),
    "name.returns.2":   ("always-returning", "超高退货"),
    "name.returns.1":   ("often-returning", "高退货"),
    "name.returns.-1":  ("seldom-returning", "低退货"),
    "name.returns.-2":  ("never-returning", "极低退货"),
    # The card and the play
    "card.customers": ("customers (share of all)", "客户数（占比）"),
    "card.spend":     ("spent in the last year (share of all)", "近一年消费总额（占比）"),
    "card.moved":     ("entered / left in 30 days", "近 30 天进入 / 离开"),
    "card.most":      ("{what}: most money", "{what}：消费最高"),
    "card.more":      ("{what}: more than overall", "{what}：高于整体"),
    "card.favourite": ("{label} {share} (×{lift})", "{label} {share}（×{lift}）"),
    "card.category":       ("categories", "品类"),
    "card.brand":          ("brands", "品牌"),
    "card.channel":        ("channels", "渠道"),
    "card.payment_method": ("payment methods", "支付方式"),
    "card.store":          ("stores", "门店"),
    "card.head.what":  ("number", "指标"),
    "card.head.here":  ("here", "本客群"),
    "card.head.all":   ("overall", "整体"),
    "card.head.score": ("standard deviations", "标准差"),
    "card.play":       ("**What to do:** {action}.", "**运营策略：**{action}。"),
    "card.goal":       (" Goal: {text}.", "目标：{text}。"),
    "card.owner":      (" Owner: {text}.", "负责：{text}。"),
    "card.source.policy":  ("", ""),
    "card.source.grid":    ("", ""),
    "card.source.default": (" (Default.)", "（默认）"),
    "card.source.numbers": (" (Default, by what sets them apart.)", "（默认，依据差异指标）"),
    # Attributes that shops often have; others are called as the shop calls them.
    "attribute.age_band":              ("age", "年龄段"),
    "attribute.income_band":           ("income", "收入段"),
    "attribute.home_ownership":        ("home", "住房"),
    "attribute.marital_status":        ("marital status", "婚姻状况"),
    "attribute.household_size":        ("household size", "家庭人数"),
    "attribute.household_composition": ("household", "家庭结构"),
    "attribute.kids_count":            ("children", "子女数"),
    "attribute.gender":                ("gender", "性别"),
    "attribute.region":                ("region", "地区"),
    "attribute.city":                  ("city", "城市"),
})
_JOINED = {"en": (", ", " and "), "zh": ("、", "、")}
_CURRENCIES = {"zh": {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "HKD": "港元",
                      "JPY": "日元", "TWD": "新台币"}}
# fmt: on


def said(key: str, language: str, **parts: str) -> str:
    """A message, filled in.

    >>> said("days", "zh", count="6")
    '6 天'
    """
    return MESSAGES[key][LANGUAGES.index(language)].format(**parts)


def placeholders(text: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


def padded(text: str, language: str) -> str:
    """A text between Chinese: what is Latin stands between spaces, as is usual.

    >>> padded("茶", "zh"), padded("茶、BEEF", "zh"), padded("BEEF", "en")
    ('茶', '茶、BEEF ', 'BEEF')
    """
    if language in SPACED:
        return text
    return " " * text[:1].isascii() + text + " " * text[-1:].isascii()


def attribute_in(name: str, language: str) -> str:
    """An attribute for people."""
    key = f"attribute.{name}"
    return said(key, language) if key in MESSAGES else name.replace("_", " ")


def listed(texts: Sequence[str], language: str) -> str:
    """Several things in a row.

    >>> listed(["tea", "rice", "salt"], "en"), listed(["茶", "米"], "zh")
    ('tea, rice and salt', '茶、米')
    """
    comma, last = _JOINED[language]
    if len(texts) < 2:
        return "".join(texts)
    return comma.join(texts[:-1]) + last + texts[-1]


def number_in(value: float) -> str:
    """A number with two significant digits, and all of its whole part.

    >>> [number_in(each) for each in (75.53, 5.86, 0.4, 1234.5, 3.0)]
    ['76', '5.9', '0.4', '1,234', '3']
    """
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0")


def share_in(value: float, language: str) -> str:
    """A share in percent; below ten with a decimal.

    >>> share_in(0.523, "en"), share_in(0.0249, "en"), share_in(0.00004, "zh")
    ('52%', '2.5%', '不足 0.1%')
    """
    if 0 < value < 0.0005:
        return said("share.tiny", language)
    return f"{value:.0%}" if abs(value) >= 0.0995 else f"{value * 100:.1f}".removesuffix(".0") + "%"


def change_in(value: float) -> str:
    """A change in percent, with its sign.

    >>> change_in(0.284), change_in(-0.5)
    ('+28%', '−50%')
    """
    return signed(f"{value:+.0%}")


def signed(text: str) -> str:
    """A number with a real minus sign.

    >>> signed("-0.81")
    '−0.81'
    """
    return text.replace("-", "\N{MINUS SIGN}")


def days_in(value: float, language: str) -> str:
    """A number of days.

    >>> days_in(1.2, "en"), days_in(11.4, "en"), days_in(1.0, "en"), days_in(11.4, "zh")
    ('1.2 days', '11 days', '1 day', '11 天')
    """
    count = number_in(value)
    return said("day", language) if count == "1" else said("days", language, count=count)


def money_in(minor: float, currency: str, language: str) -> str:
    """An amount for people, to three digits; Chinese counts in ten thousands.

    >>> money_in(279_357, "USD", "en"), money_in(3_495, "USD", "zh"), money_in(1_377_897, "USD", "zh")
    ('2,790 USD', '35 美元', '1.38 万美元')
    """
    value = _to_digits(minor / 10 ** minor_digits(currency), 3)
    unit = _CURRENCIES.get(language, {}).get(currency, currency)
    if language == "zh" and value >= _TEN_THOUSAND:
        return f"{value / _TEN_THOUSAND:g} 万{unit}"
    return f"{value:,.0f} {unit}" if abs(value) >= 20 else f"{value:,.2f} {unit}"


def _to_digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
