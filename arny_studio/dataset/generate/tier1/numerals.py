"""Numbers as people write and say them."""

from __future__ import annotations

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip


def in_words(number: int) -> str:
    """`number` (0 up to below a billion) in English words, without hyphens: 342 is “three hundred forty two”."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
    for size, name in _SCALES:
        if number >= size:
            many, rest = divmod(number, size)
            return f"{in_words(many)} {name}" + (f" {in_words(rest)}" if rest else "")
    raise AssertionError("unreachable: every number from 100 on has a scale")


def ordinal(number: int) -> str:
    """1 is “1st”, 12 is “12th”, 23 is “23rd”."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def ordinal_in_words(number: int) -> str:
    """3 is “third”, 21 is “twenty first”."""
    head, _, last = in_words(number).rpartition(" ")
    if last in _ORDINALS:
        word = _ORDINALS[last]
    elif last.endswith("y"):
        word = last[:-1] + "ieth"
    else:
        word = last + "th"
    return f"{head} {word}".strip()


def plain(value: float) -> str:
    """A result with at most two decimals and no trailing zeros: 4.0 is “4”, 3.14159 is “3.14”."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
