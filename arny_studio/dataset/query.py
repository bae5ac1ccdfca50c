"""The query language of the search field: text → a tree of conditions. Knows nothing of rows.

    role:user paris                       a word in the user's turns; case does not count
    "new york"  /sea(food)?/i             a phrase, a regular expression
    journey:hotel,flight complexity>=60   fields; everything must hold
    intent:book* or -problem:*            wildcards, either, not; parentheses group
    status:accepted tag:hard is:asks      review and flags

`role:` counts for the words behind it, up to the next `role:` or the end of the group.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from msgspec import Struct

from arny_studio.dataset.problems import KINDS, SEVERITIES
from arny_studio.dataset.row_columns import CATEGORIES, FLAGS
from arny_studio.dataset.samples import ROLES
from arny_studio.errors import ArnyError
from arny_studio.spelling import did_you_mean

NUMBERS = (
    "complexity", "confidence", "turns", "characters", "bytes", "tokens", "journeys", "row",
    "duplicate_of", "near_group", "contradiction_group",
)  # fmt: skip
SCOPES = (*ROLES, "id")
STATUSES = ("accepted", "rejected", "flagged")
FIELDS = ("role", *CATEGORIES, *NUMBERS, "is", "problem", "status", "tag")
PROBLEM_WORDS = ("*", "none", *SEVERITIES, *(kind.id for kind in KINDS))
Comparison = Literal["=", "!=", "<", "<=", ">", ">="]


class QuerySyntax(ArnyError):
    """A query that cannot be read. `position` is where, in characters from 0."""

    exit_code = 2

    def __init__(self, sentence: str, position: int, *, hint: str = "") -> None:
        super().__init__(f"{sentence.rstrip('.')} (character {position + 1}).", hint=hint)
        self.position = position


class Everything(Struct, frozen=True, tag=True):
    """Holds for every row."""


class Text(Struct, frozen=True, tag=True):
    """A turn holds this text, case aside. Scope: a role, `id`, or empty for all turns but the system's, and the id.

    An empty text asks only whether there is such a turn.
    """

    needle: str
    scope: str = ""


class Pattern(Struct, frozen=True, tag=True):
    """A turn matches this regular expression."""

    pattern: str
    ignores_case: bool = False
    scope: str = ""


class Category(Struct, frozen=True, tag=True):
    """A column of words holds one of these; `*` stands for anything, `none` for nothing."""

    field: str
    words: tuple[str, ...]


class Number(Struct, frozen=True, tag=True):
    """A column of numbers compares so. None as the value: the row has no number there."""

    field: str
    comparison: Comparison
    value: float | None


class Between(Struct, frozen=True, tag=True):
    """A column of numbers lies in a range, both ends included."""

    field: str
    low: float
    high: float


class Flag(Struct, frozen=True, tag=True):
    """A flag of the row is set."""

    name: str


class Problem(Struct, frozen=True, tag=True):
    """The row has a problem of one of these kinds: ids, severities, `*` for any, `none` for no problem at all."""

    words: tuple[str, ...]


class Status(Struct, frozen=True, tag=True):
    """The row's review status is one of these; `none` is not reviewed, `*` reviewed."""

    words: tuple[str, ...]


class Tag(Struct, frozen=True, tag=True):
    """The row carries one of these tags; `*` any tag, `none` no tag."""

    words: tuple[str, ...]


class Not(Struct, frozen=True, tag=True):
    """The part does not hold."""

    part: Query


class And(Struct, frozen=True, tag=True):
    """All parts hold."""

    parts: tuple[Query, ...]


class Or(Struct, frozen=True, tag=True):
    """At least one part holds."""

    parts: tuple[Query, ...]


Query = (
    Everything | Text | Pattern | Category | Number | Between | Flag | Problem | Status | Tag | Not | And | Or
)  # fmt: skip


def parse(text: str) -> Query:
    """The tree of a query; an empty text holds for every row. Raises QuerySyntax with the place of the mistake."""
    return _Reader(list(_tokens(text)), len(text)).whole()


def as_text(query: Query) -> str:
    """A query in words; `parse` reads the same tree from it."""
    return _written(query, is_part=False)


def needs_text(query: Query) -> bool:
    """Whether the rows' own texts must be read to answer it."""
    match query:
        case Text() | Pattern():
            return True
        case Not(part):
            return needs_text(part)
        case And(parts) | Or(parts):
            return any(needs_text(part) for part in parts)
    return False


class _Token(NamedTuple):
    kind: Literal["open", "close", "not", "or", "field", "word", "phrase", "regex"]
    text: str  # of a field its value
    start: int
    name: str = ""  # of a field
    comparison: str = ""
    form: str = ""  # how a field's value is written: word, phrase or regex
    flags: str = ""  # of a regular expression


_SPACE = re.compile(r"\s+")
_FIELD = re.compile(r"([A-Za-z_]+)(>=|<=|!=|:|=|<|>)")
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/(i?)(?=[\s)]|$)")
_WORD = re.compile(r"[^\s()]+")


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        space = _SPACE.match(text, at)
        if space is not None:
            at = space.end()
            continue
        token, at = _token_at(text, at)
        yield token


def _token_at(text: str, at: int) -> tuple[_Token, int]:
    sign = text[at]
    if sign in "()":
        return _Token("open" if sign == "(" else "close", sign, at), at + 1
    if (sign == "-" and _WORD.match(text, at + 1)) or (sign == "-" and text[at + 1 : at + 2] == "("):
        return _Token("not", sign, at), at + 1
    found = _FIELD.match(text, at)
    if found is not None:
        return _field_token(text, found)
    token, end = _value_at(text, at)
    if token.kind == "word" and token.text.lower() in ("or", "not"):
        token = token._replace(kind=token.text.lower())
    return token, end


def _field_token(text: str, found: re.Match[str]) -> tuple[_Token, int]:
    name, at = found[1].lower(), found.end()
    if name not in FIELDS:
        hint = did_you_mean(name, FIELDS, otherwise="Put the text in quotes to search for it as it is.")
        raise QuerySyntax(f"There is no field {found[1]!r}.", found.start(), hint=hint)
    if not text[at : at + 1].strip() or text[at] in "()":
        raise QuerySyntax(f"The field {name} has no value.", at, hint=_VALUE_HINTS.get(name, ""))
    value, end = _value_at(text, at)
    field = _Token("field", value.text, at, name, found[2], value.kind, value.flags)
    return field, end


def _value_at(text: str, at: int) -> tuple[_Token, int]:
    """A word, a phrase in quotes or a regular expression."""
    if text[at] == '"':
        found = _PHRASE.match(text, at)
        if found is None:
            raise QuerySyntax("The quotation mark is never closed.", at)
        return _Token("phrase", re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), at), found.end()
    if text[at] == "/":
        found = _REGEX.match(text, at)
        if found is None:
            hint = "End it with / or put the text in quotes."
            raise QuerySyntax("The regular expression is never closed.", at, hint=hint)
        return _Token("regex", found[1].replace("\\/", "/"), at, flags=found[2]), found.end()
    found = _WORD.match(text, at)
    assert found is not None  # something stands here, and it is no parenthesis
    return _Token("word", found[0], at), found.end()


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._next = 0
        self._end = end

    def whole(self) -> Query:
        """Everything there is."""
        if not self._tokens:
            return Everything()
        query = self._either()
        if self._next < len(self._tokens):
            raise QuerySyntax("This parenthesis was never opened.", self._tokens[self._next].start)
        return query

    def _either(self) -> Query:
        parts = [self._all()]
        while self._kind() == "or":
            self._next += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Query:
        parts: list[Query] = []
        scope, is_unused = "", False
        while self._kind() not in ("", "close", "or"):
            token = self._tokens[self._next]
            if token.kind == "field" and token.name == "role":
                self._next += 1
                parts += [Text("", scope)] * is_unused
                scope, is_unused = _scope_of(token), True
            else:
                part = self._one(scope)
                is_unused = is_unused and not isinstance(part, Text | Pattern)
                parts.append(part)
        parts += [Text("", scope)] * is_unused
        if not parts:
            raise QuerySyntax("A condition is missing here.", self._place())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, scope: str) -> Query:
        token = self._tokens[self._next]
        self._next += 1
        match token.kind:
            case "not":
                if self._kind() in ("", "close", "or"):
                    raise QuerySyntax("There is nothing to negate.", token.start)
                return Not(self._one(scope))
            case "open":
                return self._group(token)
            case "field":
                return Text("", _scope_of(token)) if token.name == "role" else _condition(token)
            case "regex":
                return _pattern(token, scope)
        return Text(token.text, scope)

    def _group(self, opening: _Token) -> Query:
        query = self._either()
        if self._kind() != "close":
            raise QuerySyntax("This parenthesis is never closed.", opening.start)
        self._next += 1
        return query

    def _kind(self) -> str:
        """Kind of the next token; empty at the end."""
        return self._tokens[self._next].kind if self._next < len(self._tokens) else ""

    def _place(self) -> int:
        return self._tokens[self._next].start if self._next < len(self._tokens) else self._end


_COMPARISONS: dict[str, Comparison] = {
    ":": "=", "=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="
}  # fmt: skip
_VALUE_HINTS = {
    "role": f"One of {', '.join(SCOPES)}.",
    "is": f"One of {', '.join(FLAGS)}.",
    "problem": "A kind such as schema or near-duplicate, error, warning, * or none.",
    "status": f"One of {', '.join(STATUSES)}, none.",
    "complexity": "For example complexity>=60 or complexity:40..60.",
}


def _scope_of(token: _Token) -> str:
    return _known((token.text,), SCOPES, "role", token)[0]


def _condition(token: _Token) -> Query:
    """What a field and its value say."""
    if token.name in NUMBERS:
        return _number(token)
    if token.comparison not in (":", "=", "!="):
        raise QuerySyntax(f"The field {token.name} has no order.", token.start - 1, hint=f"Write {token.name}:…")
    condition = _word_condition(token)
    return Not(condition) if token.comparison == "!=" else condition


def _word_condition(token: _Token) -> Query:
    words = (token.text,) if token.form == "phrase" else tuple(word for word in token.text.split(",") if word)
    if not words:
        raise QuerySyntax(f"The field {token.name} has no value.", token.start)
    match token.name:
        case "is":
            return _flags(_known(words, tuple(FLAGS), "flag", token))
        case "problem":
            return Problem(_known(words, PROBLEM_WORDS, "kind of problem", token))
        case "status":
            return Status(_known(words, (*STATUSES, "none", "*"), "status", token))
        case "tag":
            return Tag(words)
    if token.form == "regex":
        raise QuerySyntax(f"The field {token.name} takes words.", token.start, hint="* stands for anything: book_*")
    return Category(token.name, words)


def _flags(names: tuple[str, ...]) -> Query:
    return Flag(names[0]) if len(names) == 1 else And(tuple(Flag(name) for name in names))


def _known(words: tuple[str, ...], known: tuple[str, ...], what: str, token: _Token) -> tuple[str, ...]:
    for word in words:
        if word not in known:
            hint = did_you_mean(word, known, otherwise=f"Known: {', '.join(known)}.")
            raise QuerySyntax(f"There is no {what} {word!r}.", token.start, hint=hint)
    return words


def _number(token: _Token) -> Query:
    comparison = _COMPARISONS[token.comparison]
    if token.text == "none" and comparison in ("=", "!="):
        return Number(token.name, comparison, None)
    low, dots, high = token.text.partition("..")
    try:
        if not dots:
            return Number(token.name, comparison, _finite(low))
        if comparison == "=":
            return Between(token.name, _finite(low), _finite(high))
    except ValueError:
        pass
    hint = f"For example {token.name}>=60, {token.name}:40..60 or {token.name}:none."
    raise QuerySyntax(f"{token.text!r} is no number for {token.name}.", token.start, hint=hint)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _pattern(token: _Token, scope: str) -> Pattern:
    try:
        re.compile(token.text)
    except re.error as error:
        place = token.start + 1 + (error.pos or 0)
        raise QuerySyntax(f"The regular expression is not right: {error.msg}", place) from error
    return Pattern(token.text, token.flags == "i", scope)


def _written(query: Query, *, is_part: bool) -> str:
    """A query in words, in parentheses where it stands beside others and would else be torn apart."""
    match query:
        case Everything():
            return ""
        case Text(needle, scope):
            return _scoped(_quoted(needle) if needle or not scope else "", scope)
        case Pattern(pattern, ignores_case, scope):
            return _scoped(f"/{_with_slashes_escaped(pattern)}/{'i' if ignores_case else ''}", scope)
        case Category(field, words):
            return f"{field}:{_listed(words)}"
        case Number(field, comparison, value):
            return f"{field}{comparison}{'none' if value is None else repr(value)}"
        case Between(field, low, high):
            return f"{field}:{low!r}..{high!r}"
        case Flag(name):
            return f"is:{name}"
        case Problem(words) | Status(words) | Tag(words):
            return f"{type(query).__name__.lower()}:{_listed(words)}"
        case Not(part):
            return f"-{_written(part, is_part=True)}"
        case And(parts):
            text = " ".join(_written(part, is_part=True) for part in parts)
        case Or(parts):
            text = " or ".join(_written(part, is_part=isinstance(part, Or)) for part in parts)
    return f"({text})" if is_part else text


def _scoped(text: str, scope: str) -> str:
    return f"(role:{scope}{' ' if text else ''}{text})" if scope else text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(words: tuple[str, ...]) -> str:
    is_plain = all(re.fullmatch(r"[^\s(),\"/]+", word) for word in words)
    return ",".join(words) if is_plain else _quoted(words[0])


def _with_slashes_escaped(pattern: str) -> str:
    """Every slash that no backslash precedes yet gets one."""
    return re.sub(r"\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], pattern, flags=re.DOTALL)
