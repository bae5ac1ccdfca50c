"""Checking thousands of rows together: the very columns of `RowChecker.columns_of`, at half its cost a row.

What is done with a row is done with a hundred at once by calls that loop in C, as few rows as stay in the processor's
cache, conversations of one course of roles side by side. What is known of an answer is kept once and goes by a number.
A row that does not read as a conversation is found by halving and left to the checker of single rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, filterfalse, repeat
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np
import orjson
import xxhash

from arny_studio.contract import Contract
from arny_studio.dataset.checking import CountTokens, RowChecker
from arny_studio.dataset.decision_facts import NO_DECISION, NOT_A_DECISION, DecisionFacts
from arny_studio.dataset.duplicate_keys import written_without_a_key
from arny_studio.dataset.problems import mask_of
from arny_studio.dataset.row_columns import CATEGORIES, DTYPES, arrays_of, new_codes
from arny_studio.dataset.row_hash import row_hashes
from arny_studio.dataset.row_problems import Limits, tokens_estimated
from arny_studio.dataset.turn_courses import LOOKS_WELL, SEPARATOR, SHAPE, Course, query_hash, text_bits

_TOGETHER = 128  # rows: measured best from 64 to 256; parsed, more of them no longer fit the cache
_MOST_REMEMBERED = 1 << 16
_REPEATED, _TRUNCATED = mask_of("duplicate-key"), mask_of("truncated")
_TURNS, _ROLE, _CONTENT = itemgetter("messages"), itemgetter("role"), itemgetter("content")
_NO_DECISIONS = (NO_DECISION, NOT_A_DECISION)  # the first answers: numbers from here on are decisions
T = TypeVar("T")
_LISTED = ("content", "query", "turns", "characters", "problems")


class Page(NamedTuple):
    """What was seen of some rows: arrays of shape (rows,), and the number of each row's answer, int64."""

    arrays: dict[str, np.ndarray]
    answers: np.ndarray


class PageChecker:
    """Looks at rows under one contract, many at a time. Use one from one thread."""

    def __init__(
        self, contract: Contract, limits: Limits | None = None, count_tokens: CountTokens | None = None
    ) -> None:
        self._checker = RowChecker(contract, limits, count_tokens)
        self._limits = self._checker.limits
        self._answers = _Answers()

    def look(self, rows: Sequence[bytes]) -> Page:
        """See what there is to see of some rows, each by itself."""
        seen = _Seen([], [], [], [], [], [], [], [])
        for start in range(0, len(rows), _TOGETHER):
            self._look(rows[start : start + _TOGETHER], start, seen)
        order = np.array(seen.places, np.int64)
        arrays = {"row_hash": row_hashes(rows, len(rows)), "bytes": _array("bytes", map(len, rows), len(rows))}
        for name in _LISTED:
            arrays[name] = _placed(_array(name, getattr(seen, name), len(rows)), order)
        if self._checker.count_tokens is not None:
            arrays["tokens"] = _placed(_array("tokens", seen.tokens, len(rows)), order)
        else:
            arrays["tokens"] = tokens_estimated(arrays["characters"], arrays["turns"])
        return Page(arrays, _placed(np.array(seen.answers, np.int64), order))

    def columns(self, pages: Sequence[Page]) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
        """Every column of `DTYPES` over the rows of some pages, and the vocabularies of those that are words."""
        names = ("row_hash", "bytes", "tokens", *_LISTED)
        arrays = {name: _stacked([page.arrays[name] for page in pages], DTYPES[name]) for name in names}
        facts = self._answers.columns(_stacked([page.answers for page in pages], np.dtype(np.int64)))
        arrays["problems"] |= facts.pop("problems") | self._too_long(arrays["tokens"], arrays["characters"])
        return {**arrays, **facts}, self._answers.vocabularies

    def _too_long(self, tokens: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """(rows,) uint32: the bit of those that training would cut. What is no conversation has a length of 0."""
        is_cut = np.zeros(len(tokens), bool)
        for lengths, most in ((tokens, self._limits.max_tokens), (characters, self._limits.max_characters)):
            if most is not None:
                is_cut |= lengths > most
        return np.where(is_cut, np.uint32(_TRUNCATED), np.uint32(0))

    def _look(self, rows: Sequence[bytes], first: int, seen: _Seen) -> None:
        """See some rows, the first of which has the place `first`."""
        try:
            values = list(map(orjson.loads, rows))
            dumped = list(map(orjson.dumps, values))
            groups = [(self._checker.courses[group.roles], group) for group in _groups(list(map(_TURNS, values)))]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            self._look_closer(rows, first, seen)
            return
        repeating = _repeating(rows, dumped)
        for course, group in groups:
            places = [first + place for place in group.places]
            if course.problems & SHAPE:
                self._look_alone([rows[place] for place in group.places], places, seen)
            else:
                seen.places.extend(places)
                self._see(course, group, repeating, seen)

    def _look_closer(self, rows: Sequence[bytes], first: int, seen: _Seen) -> None:
        if len(rows) == 1:
            self._look_alone(rows, (first,), seen)
            return
        half = len(rows) // 2
        self._look(rows[:half], first, seen)
        self._look(rows[half:], first + half, seen)

    def _look_alone(self, rows: Iterable[bytes], places: Iterable[int], seen: _Seen) -> None:
        for raw, place in zip(rows, places, strict=True):
            row = self._checker.columns_of(raw)
            seen.places.append(place)
            seen.answers.append(self._answers.number(DecisionFacts(0, *row[3:12])))
            seen.tokens.append(row.tokens)
            for name in _LISTED:
                getattr(seen, name).append(getattr(row, name))

    def _see(self, course: Course, group: _Group, repeating: frozenset[int], seen: _Seen) -> None:
        """See conversations of one course; `repeating` are the places of those that name a key twice."""
        count, turns = len(group.places), len(group.roles)
        answers = self._numbers_of(course, group)
        problems = [course.problems] * count
        for place in _suspects(course, group, answers):
            problems[place] |= text_bits(
                group.roles, group.said(place), course.answer if answers[place] >= len(_NO_DECISIONS) else -1
            )
        if repeating:
            problems = [
                bits | _REPEATED if place in repeating else bits
                for place, bits in zip(group.places, problems, strict=True)
            ]
        seen.problems.extend(problems)
        seen.answers.extend(answers)
        seen.content.extend(map(xxhash.xxh3_64_intdigest, map(str.encode, group.joined), repeat(course.seed)))
        seen.query.extend(_queries(course, group))
        seen.turns.extend(repeat(turns, count))
        seen.characters.extend([length - turns + 1 for length in map(len, group.joined)])
        if self._checker.count_tokens is not None:
            said = map(group.said, range(count))
            seen.tokens.extend(self._checker.count_tokens(list(zip(group.roles, texts, strict=True))) for texts in said)

    def _numbers_of(self, course: Course, group: _Group) -> list[int]:
        """The number of each conversation's answer."""
        texts = group.texts[course.answer] if course.answer >= 0 else [""] * len(group.places)
        numbers = list(map(self._answers.numbers.get, texts))
        for place, number in enumerate(numbers) if None in numbers else ():
            if number is None:
                numbers[place] = self._new_number(texts[place], group.said(place), course)
        return numbers  # pyright: ignore[reportReturnType] - none is None any more

    def _new_number(self, text: str, said: Sequence[str], course: Course) -> int:
        facts = self._checker.answer_facts(text, said, course)
        if not facts.flags:  # it may be expected to be a decision elsewhere
            return self._answers.number(facts)
        return self._answers.remember(text, facts)


class _Seen(NamedTuple):
    """Lists that grow row by row, in the order in which rows are come by; `places` says which row it was."""

    places: list[int]
    answers: list[int]
    content: list[int]
    query: list[int]
    turns: list[int]
    characters: list[int]
    tokens: list[int]  # of all rows only where something counts them
    problems: list[int]


class _Group(NamedTuple):
    """Conversations with the same roles in the same order."""

    roles: tuple[str, ...]
    places: Sequence[int]  # (conversations,) where they stand among the rows that were read together
    texts: Sequence[Sequence[str]]  # (turns, conversations): what is said in the first turn of each, in the second …
    joined: Sequence[str]  # (conversations,) their texts in one

    @classmethod
    def of(cls, roles: tuple[str, ...], places: Sequence[int], texts: Sequence[Sequence[str]]) -> _Group:
        """Raises TypeError where a text is none."""
        return cls(roles, places, texts, list(map(SEPARATOR.join, zip(*texts, strict=True))))

    def said(self, place: int) -> list[str]:
        """The texts of one conversation."""
        return [texts[place] for texts in self.texts]


def _groups(turns: Sequence[list[dict[str, str]]]) -> Iterator[_Group]:
    """Conversations by their roles. Raises TypeError or KeyError where turns lack a role or a text."""
    counts = list(map(len, turns))
    for count in dict.fromkeys(counts):
        places = range(len(turns)) if counts.count(count) == len(turns) else _where(counts, count)
        flat = list(chain.from_iterable(_chosen(turns, places)))
        roles, texts = list(map(_ROLE, flat)), list(map(_CONTENT, flat))
        yield from _by_roles(places, [roles[n::count] for n in range(count)], [texts[n::count] for n in range(count)])


def _by_roles(places: Sequence[int], roles: list[list[str]], texts: list[list[str]]) -> Iterator[_Group]:
    """Conversations of as many turns by their roles; both lists are (turns, conversations)."""
    if all(column.count(column[0]) == len(column) for column in roles):
        yield _Group.of(tuple(column[0] for column in roles), places, texts)
        return
    sequences = list(zip(*roles, strict=True))
    for sequence in dict.fromkeys(sequences):
        chosen = _where(sequences, sequence)
        yield _Group.of(sequence, _chosen(places, chosen), [_chosen(column, chosen) for column in texts])


def _where(values: Sequence[object], wanted: object) -> list[int]:
    return [place for place, value in enumerate(values) if value == wanted]


def _chosen(values: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    return values if len(places) == len(values) else [values[place] for place in places]


class _Answers:
    """Answers by number, and what the columns hold of each. The texts are forgotten when they become too many."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._by_facts = {facts: number for number, facts in enumerate(_NO_DECISIONS)}
        self._new: list[DecisionFacts] = list(_NO_DECISIONS)
        self._codes = new_codes()
        self._columns = arrays_of(DecisionFacts._fields, [], self._codes)
        self._count = len(_NO_DECISIONS)

    def remember(self, text: str, facts: DecisionFacts) -> int:
        """A new number for the answer `text`."""
        if len(self.numbers) > _MOST_REMEMBERED:
            self.numbers.clear()
        number = self.numbers[text] = self._added(facts)
        return number

    def number(self, facts: DecisionFacts) -> int:
        """A number for what is known of an answer whose text need not be remembered."""
        known = self._by_facts.get(facts)
        if known is None:
            if len(self._by_facts) > _MOST_REMEMBERED:
                self._by_facts = {facts: number for number, facts in enumerate(_NO_DECISIONS)}
            known = self._by_facts[facts] = self._added(facts)
        return known

    def _added(self, facts: DecisionFacts) -> int:
        self._new.append(facts)
        self._count += 1
        return self._count - 1

    def columns(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """The fields of `DecisionFacts` for the answers of these numbers, (rows,) int64."""
        new = arrays_of(DecisionFacts._fields, self._new, self._codes)
        self._columns = {name: np.concatenate((array, new[name])) for name, array in self._columns.items()}
        self._new.clear()
        return {name: array[numbers] for name, array in self._columns.items()}

    @property
    def vocabularies(self) -> dict[str, tuple[str, ...]]:
        """The words of the columns that are words, all there are so far."""
        return {name: self._codes[name].words for name in CATEGORIES}


def _repeating(rows: Sequence[bytes], dumped: Sequence[bytes]) -> frozenset[int]:
    """Places of the rows that name a key twice; `dumped` is how orjson writes what it read."""
    if dumped == rows:
        return frozenset()
    pairs = enumerate(zip(rows, dumped, strict=True))
    return frozenset(place for place, (raw, written) in pairs if written_without_a_key(raw, written))


def _suspects(course: Course, group: _Group, answers: Sequence[int]) -> set[int]:
    """Places in a group of conversations that may have an empty or badly encoded turn."""
    suspects: set[int] = set()
    for turn, texts in enumerate(group.texts):
        places: Sequence[int] = range(len(texts))
        if turn == course.answer:  # a decision has been looked at already
            places = [place for place, answer in enumerate(answers) if answer < len(_NO_DECISIONS)]
            texts = _chosen(texts, places)
        if odd := set(chain.from_iterable(filterfalse(looks_well, texts) for looks_well in LOOKS_WELL)):
            suspects.update(place for place, text in zip(places, texts, strict=True) if text in odd)
    return suspects


def _queries(course: Course, group: _Group) -> Iterable[int]:
    """The hash of what each conversation asks, as `query_hash` takes it."""
    asked = group.texts[course.asked]
    if len(asked) != 1:
        return [query_hash(texts) for texts in zip(*asked, strict=True)] if asked else repeat(0, len(group.places))
    words: Iterable[list[str]] = map(str.split, asked[0])
    return map(xxhash.xxh3_64_intdigest, map(str.encode, map(str.casefold, map(" ".join, words))))


def _array(name: str, values: Iterable[int], count: int) -> np.ndarray:
    return np.fromiter(values, DTYPES[name], count)


def _placed(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The values, each at the place that `order` says."""
    placed = np.empty_like(values)
    placed[order] = values
    return placed


def _stacked(arrays: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)
