"""Questions about the letters of words, answered by looking at the word."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arny_studio.dataset.generate.tier1.draw import Draw, Source, one_of


def spelled(words: Sequence[str]) -> Source:
    """A word to be spelled; the answer is its letters: “zebra” gives Z-E-B-R-A."""
    pick = one_of(words)

    def source(draw: Draw) -> str:
        word = pick(draw)
        draw.answer = "-".join(word.upper())
        return word

    return source


def letters_in(words: Sequence[str]) -> Source:
    """“s's are in mississippi”: a letter of a word, and how often it stands there."""
    pick = one_of(words)

    def source(draw: Draw) -> str:
        word = pick(draw)
        letter = word[draw.pick(len(word))]
        draw.answer = str(word.count(letter))
        letters = (f"{letter}'s", f"{letter}s", f'"{letter}"s', f"letters {letter}")[draw.pick(4)]
        return f"{letters} {('are in', 'in', 'are there in', 'does it take to write')[draw.pick(4)]} {word}"

    return source


FROM_WORDS: dict[str, Callable[[Sequence[str]], Source]] = {"spelled": spelled, "letters_in": letters_in}
