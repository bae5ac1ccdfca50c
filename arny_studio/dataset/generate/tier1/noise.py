"""The surface of a query as it is typed: case, punctuation, apostrophes, abbreviations, typos, politeness.

Values of slots keep their letters: what the decision repeats must stand in the query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

_OPENERS = ("hey ", "ok ", "hi ", "so ", "hey arny ", "arny ", "hello ", "um ", "ok so ", "yo ", "alright ", "hi arny ")
_CLOSERS = (" please", " thanks", " pls", " thank you", " please", " asap", " if you can", " for me please")
_HELD_OUT_OPENERS = ("quick one ", "listen ", "excuse me ", "well ")
_HELD_OUT_CLOSERS = (" thx", " if possible", " please and thank you")
_SHORT = {
    "please": "pls", "you": "u", "tomorrow": "tmrw", "thanks": "thx", "are": "r", "your": "ur", "because": "cuz",
    "want to": "wanna", "going to": "gonna", "what is": "whats", "tonight": "2nite", "with": "w/",
    "minutes": "mins", "about": "abt", "appointment": "appt", "account": "acct", "got to": "gotta",
    "do not": "dont", "let me": "lemme", "give me": "gimme", "between": "btwn", "without": "w/o", "people": "ppl",
}  # fmt: skip
_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
_WORD = re.compile(r"[a-z]{4,}")
_QUESTION_WORDS = frozenset(
    "what what's whats how how's who who's where where's when when's why which is are am do does did can could will "
    "would should has have had may was were whose isn't aren't don't doesn't".split()
)
_TALK_WORDS = frozenset(("hey", "ok", "hi", "so", "arny", "hello", "um", "yo", "well", "alright"))
_LONE_I = re.compile(r"\bi(?=\b|')")
_SHORT_PATTERN = re.compile(r"\b(" + "|".join(map(re.escape, _SHORT)) + r")\b")


class Surface(Struct, frozen=True):
    """What was typed in the end, and whether a word in it is misspelt."""

    text: str
    has_typos: bool


class NoiseShares(Struct, frozen=True):
    """How often (share of all queries) each trait of typing occurs."""

    cased: float
    shouted: float
    typos: float
    abbreviations: float
    wrapped: float


def typed(
    text: str,
    values: Iterable[str],
    random: Callable[[], float],
    shares: NoiseShares,
    *,
    names: Mapping[str, str],
    held_out: bool = False,
    wrap: bool = True,
) -> Surface:
    """`text` as somebody would type it. `values` are left alone except for the capitals of `names`."""
    values = tuple(values)
    if wrap and random() < shares.wrapped:
        text = _wrapped(text, random, held_out)
    has_typos = random() < shares.typos
    if has_typos:
        changed = _with_typo(text, values, random)
        has_typos, text = changed != text, changed
    if random() < shares.abbreviations:
        text = _abbreviated(text, values)
    return Surface(_case_and_marks(text, values, random, shares, names), has_typos)


def _wrapped(text: str, random: Callable[[], float], held_out: bool) -> str:
    openers = _HELD_OUT_OPENERS if held_out else _OPENERS
    closers = _HELD_OUT_CLOSERS if held_out else _CLOSERS
    if random() < 0.5:
        return openers[int(random() * len(openers))] + text
    if text.endswith(("please", "thanks")):
        return text
    return text + closers[int(random() * len(closers))]


def _case_and_marks(
    text: str, values: tuple[str, ...], random: Callable[[], float], shares: NoiseShares, names: Mapping[str, str]
) -> str:
    roll = random()
    if roll < shares.cased:
        return _proper(text, values, names) + _mark(text, random, 0.8)
    if roll > 1 - shares.shouted:
        return text.upper()
    if random() < 0.25:
        text = text.replace("'", "")
    if random() < 0.05:
        text = text.replace("'", "’")
    return text + _mark(text, random, 0.12)


def _proper(text: str, values: tuple[str, ...], names: Mapping[str, str]) -> str:
    for value in values:
        if value in names:
            text = text.replace(value, names[value])
    text = _LONE_I.sub("I", text)
    return text[:1].upper() + text[1:]


def _mark(text: str, random: Callable[[], float], share: float) -> str:
    if text[-1:] in "?!." or random() >= share:
        return ""
    return "?" if is_question(text) else ("!" if random() < 0.04 else ".")


def is_question(text: str) -> bool:
    """Whether a sentence opens like a question, words of address aside."""
    for word in text.lower().split(" "):
        if word not in _TALK_WORDS:
            return word in _QUESTION_WORDS
    return False


def _abbreviated(text: str, values: tuple[str, ...]) -> str:
    def shorten(match: re.Match[str]) -> str:
        return match[0] if _inside_value(match, values) else _SHORT[match[0]]

    return _SHORT_PATTERN.sub(shorten, text)


def _with_typo(text: str, values: tuple[str, ...], random: Callable[[], float]) -> str:
    words = [match for match in _WORD.finditer(text) if not _inside_value(match, values)]
    if not words:
        return text
    word = words[int(random() * len(words))]
    return text[: word.start()] + misspelt(word[0], random) + text[word.end() :]


def _inside_value(match: re.Match[str], values: tuple[str, ...]) -> bool:
    return any(match[0] in value for value in values)


def misspelt(word: str, random: Callable[[], float]) -> str:
    """A word of at least four letters with one slip of the fingers; its first letter stays."""
    at = 1 + int(random() * (len(word) - 2))
    slip = int(random() * 4)
    if slip == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == 1:
        return word[:at] + word[at + 1 :]
    if slip == 2:
        return word[:at] + word[at] + word[at:]
    near = _NEIGHBOURS[word[at]]
    return word[:at] + near[int(random() * len(near))] + word[at + 1 :]
