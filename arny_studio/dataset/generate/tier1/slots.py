"""Typed slots: dates, times, prices, numbers and the like, in the many forms in which people type them."""

from __future__ import annotations

from arny_studio.dataset.generate.tier1.draw import Draw, Source
from arny_studio.dataset.generate.tier1.numerals import in_words, ordinal, ordinal_in_words

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_SHORT_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sept", "oct", "nov", "dec")
_SOON = (
    "today", "tomorrow", "tonight", "this weekend", "next week", "the day after tomorrow", "this evening",
    "tomorrow morning", "tomorrow night", "this afternoon", "later today", "next weekend", "tmrw", "next month",
)  # fmt: skip
_PARTS_OF_DAY = ("morning", "afternoon", "evening", "night")
_NAMED_TIMES = ("noon", "midnight", "lunchtime", "half past {h}", "quarter past {h}", "quarter to {h}", "around {h}")
_UNITS_OF_TIME = ("minutes", "hours", "days", "weeks", "nights", "months")
_MAIL_HOSTS = ("gmail.com", "outlook.com", "example.com", "mail.com", "yahoo.com")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def date(draw: Draw) -> str:
    """A day: “tomorrow”, “next friday”, “march 3rd”, “12 dec”, “12/24”, “the 5th”."""
    roll = draw.random()
    if roll < 0.27:
        return _SOON[draw.pick(len(_SOON))]
    if roll < 0.5:
        return ("", "", "next ", "this ", "this coming ")[draw.pick(5)] + WEEKDAYS[draw.pick(7)]
    if roll < 0.8:
        return _month_day(draw)
    if roll < 0.87:
        return f"{1 + draw.pick(12)}/{1 + draw.pick(28)}" + ("", "", "/2026", "/27")[draw.pick(4)]
    if roll < 0.95:
        return "the " + _nth_day(draw)
    return f"in {_few(draw, 2, 14)} {('days', 'weeks')[draw.pick(2)]}"


def _month_day(draw: Draw) -> str:
    form = draw.pick(6)
    month = (_SHORT_MONTHS if form in (2, 4) else MONTHS)[draw.pick(12)]
    day = 1 + draw.pick(28)
    if form in (0, 1):
        return f"{month} {_nth(draw, day)}"
    if form in (2, 3):
        return f"{month} {day}"
    return f"{day} {month}" if form == 4 else f"the {_nth(draw, day)} of {month}"


def _nth_day(draw: Draw) -> str:
    return _nth(draw, 1 + draw.pick(28))


def _nth(draw: Draw, day: int) -> str:
    return ordinal_in_words(day) if draw.random() < 0.2 else ordinal(day)


def time(draw: Draw) -> str:
    """A time of day: “7pm”, “5:30”, “9 am”, “noon”, “half past six”."""
    hour = 1 + draw.pick(12)
    half = ("am", "pm", " am", " pm", " a.m.", " p.m.")[draw.pick(6)]
    form = draw.pick(12)
    if form < 5:
        return f"{hour}{half}"
    if form < 9:
        minutes = ("00", "15", "30", "45", "10", "20")[draw.pick(6)]
        return f"{hour}:{minutes}" + ("" if form == 8 else half)
    if form == 9:
        return f"{in_words(hour)} o'clock"
    if form == 10:
        return _NAMED_TIMES[draw.pick(len(_NAMED_TIMES))].format(h=in_words(hour))
    return f"{hour} in the {_PARTS_OF_DAY[draw.pick(3)]}"


def datetime(draw: Draw) -> str:
    """A day and a time, in either order."""
    day, clock = date(draw), time(draw)
    return f"{day} at {clock}" if draw.random() < 0.7 else f"{clock} {day}"


def duration(draw: Draw) -> str:
    """A span of time: “3 days”, “two weeks”, “45 minutes”, “an hour”."""
    roll = draw.random()
    if roll < 0.15:
        return ("an hour", "half an hour", "a week", "a couple of days", "a few days", "an hour and a half")[
            draw.pick(6)
        ]
    if roll < 0.4:
        return f"{(5, 10, 15, 20, 25, 30, 40, 45, 50, 90)[draw.pick(10)]} {('minutes', 'mins', 'min')[draw.pick(3)]}"
    return f"{_few(draw, 2, 12)} {_UNITS_OF_TIME[1 + draw.pick(5)]}"


def price(draw: Draw) -> str:
    """A sum of money a person would spend: “$200”, “200 bucks”, “two hundred dollars”, “€80”."""
    amount = _round_sum(draw, 10, 900)
    form = draw.pick(10)
    if form < 5:
        return f"${amount:,}"
    if form == 5:
        return f"{in_words(amount)} dollars"
    if form < 9:
        return f"{amount} {('dollars', 'bucks', 'euros', 'usd')[draw.pick(4)]}"
    return f"{'€£'[draw.pick(2)]}{amount}"


def amount(draw: Draw) -> str:
    """A sum of money that is moved or paid, up to tens of thousands."""
    if draw.random() < 0.6:
        return price(draw)
    large = _round_sum(draw, 1_000, 40_000)
    form = draw.pick(5)
    if form == 0:
        return f"${large:,}"
    if form == 1:
        return f"{large} dollars"
    if form == 2:
        return f"{in_words(large)} dollars"
    return f"${large // 1000}k" if form == 3 else f"${draw.pick(900) + 1}.{draw.pick(100):02d}"


def _round_sum(draw: Draw, low: int, high: int) -> int:
    value = low + draw.pick(high - low)
    step = 50 if value >= 100 else 5
    return max(step, value // step * step)


def number(draw: Draw) -> str:
    """A whole number up to some thousands."""
    size = (10, 100, 100, 1_000, 10_000)[draw.pick(5)]
    value = 1 + draw.pick(size)
    return in_words(value) if value <= 100 and draw.random() < 0.15 else str(value)


def small_number(draw: Draw) -> str:
    """A count of people, rooms or things: one to twelve."""
    return _few(draw, 1, 12)


def _few(draw: Draw, low: int, high: int) -> str:
    value = low + draw.pick(high - low + 1)
    return in_words(value) if draw.random() < 0.4 else str(value)


def percent(draw: Draw) -> str:
    """A percentage: “15%”, “15 percent”."""
    value = (5, 10, 12, 15, 18, 20, 22, 25, 30, 33, 40, 50, 60, 75, 80)[draw.pick(15)]
    return f"{value}%" if draw.random() < 0.7 else f"{value} percent"


def email(draw: Draw) -> str:
    """An address at a few well-known hosts, with made-up names."""
    name = "".join(_LETTERS[draw.pick(26)] for _ in range(4 + draw.pick(5)))
    return f"{name}{draw.pick(100) or ''}@{_MAIL_HOSTS[draw.pick(len(_MAIL_HOSTS))]}"


def phone_number(draw: Draw) -> str:
    """A number from the 555-01xx range that is kept for fiction."""
    return ("555-01{:02d}", "(212) 555-01{:02d}", "212 555 01{:02d}")[draw.pick(3)].format(draw.pick(100))


def room(draw: Draw) -> str:
    """A hotel or meeting room."""
    return (f"room {100 + draw.pick(700)}", f"{100 + draw.pick(700)}", f"conference room {'abcd'[draw.pick(4)]}")[
        draw.pick(3)
    ]


def nth(draw: Draw) -> str:
    """“3rd”, “third”."""
    return _nth(draw, 1 + draw.pick(31))


def year_month(draw: Draw) -> str:
    """A month, with or without a year: “march”, “june 2025”, “last month”."""
    form = draw.pick(5)
    if form == 0:
        return ("last month", "this month", "the past month", "last quarter", "this year")[draw.pick(5)]
    month = MONTHS[draw.pick(12)]
    return f"{month} {2023 + draw.pick(4)}" if form == 1 else month


def gibberish(draw: Draw) -> str:
    """Keys struck without a word in mind: “asdkjf”, “qwpoe zzm”."""
    words = []
    for _ in range(1 + draw.pick(3)):
        keys = _KEY_ROWS[draw.pick(3)] if draw.random() < 0.6 else _LETTERS
        words.append("".join(keys[draw.pick(len(keys))] for _ in range(3 + draw.pick(7))))
    return " ".join(words)


TYPED: dict[str, Source] = {
    "date": date,
    "time": time,
    "datetime": datetime,
    "duration": duration,
    "price": price,
    "amount": amount,
    "number": number,
    "small_number": small_number,
    "people": small_number,
    "percent": percent,
    "email": email,
    "phone_number": phone_number,
    "room": room,
    "ordinal": nth,
    "year_month": year_month,
    "gibberish": gibberish,
}
