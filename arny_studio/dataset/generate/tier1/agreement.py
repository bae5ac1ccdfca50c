"""Small words that agree with the value after them: “an air fryer”, “tomorrow” where a template says “on {date}”."""

from __future__ import annotations

import re

_AN = re.compile(
    r"8|1[18]\b|[ai]|e(?!u)|o(?!ne\b|nce)|u(?![ks2]\b|[tks]|rl|ni|ps\b| )"
    r"|hour|honest|heir|hp\b|h&m|xbox|x.?ray|l train|m15|(?:mri|nba|nfl|nhl|mlb|mls|ncaa|suv|rv|led|hdmi|sms)\b"
)
_DAY_WITHOUT_ON = re.compile(
    r"(?:today|tomorrow|tonight|tmrw|later today|the day after)\b|in \w+ (?:days|weeks)"
    r"|(?:this|next) (?:coming|week|weekend|month|morning|afternoon|evening|\w+day)\b"
)
_SPAN_WITHOUT_IN = re.compile(r"(?:last|this|the past) (?:month|quarter|year)")
_DAYS_AHEAD = re.compile(r"in \w+ (?:days|weeks)")
_WITHOUT = {
    "on": _DAY_WITHOUT_ON,
    "in": _SPAN_WITHOUT_IN,
    "for": _DAYS_AHEAD,
    "by": _DAYS_AHEAD,
    "to": re.compile(r"(?:home|here)$"),
}
_DETERMINERS = frozenset(("a", "an", "the", "my", "our", "this"))
_DETERMINED = re.compile(r"(?:a(?! train)|an|the|my|our|this) ")
_NEVER_TWICE = frozenset(("in", "on", "at", "to", "around", "flight", "new", "any", "that"))


def agreeing(text: str, following: str, *, is_value: bool) -> str:
    """`text`, which ends in a blank, with its last word as it must be before `following`, or without that word."""
    head, blank, last = text[:-1].rpartition(" ")
    if last in _DETERMINERS and _DETERMINED.match(following):
        return head + blank
    if last in ("a", "an"):
        return head + blank + ("an " if _AN.match(following) else "a ")
    if is_value and _is_idle(last, following):
        return head + blank
    return text


def _is_idle(word: str, value: str) -> bool:
    if word in _NEVER_TWICE and value.startswith(word + " "):
        return True
    return word in _WITHOUT and _WITHOUT[word].match(value) is not None
