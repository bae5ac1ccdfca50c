"""What usually follows: the decisions of a training split, by query, from which the router's next words are guessed.

A guess never decides anything: the model confirms or replaces every token of it (`decision_writing`). It makes batches
out of single tokens, no more, so a router without a table says the same, only later. Rows vote by how much of the query
they share; a word counts for as much as it tells decisions apart, so that “Lisbon” counts little and “cancel” much.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson
import xxhash
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.atomic import replaced_file
from arny_studio.contract import Contract
from arny_studio.engine.decision_text import FieldValue, field_values
from arny_studio.errors import BadInput

SUFFIX = ".drafts"
MOST_ROWS = 20_000  # more rows guess hardly better and cost start-up time
MOST_LEARNT = 512

_FORMAT = "arny-drafts-1"
_LARGEST_FILE = 64 << 20
_SHARPNESS = 12.0  # how much more a close row's vote counts than a distant one's; 24 is too sure of itself (measured)
_UNSEEN = 0.1  # how often a word counts as seen with an intent that never came with it
_LEAST_LIKELY = -9.0  # as a logarithm: an intent the model said must outweigh what the words made likely
_TRUST = 0.67  # what is left of a likelihood: words are not as independent as it takes them to be (measured)
_LEAST_REACH = 0.05  # guesses that are likelier wrong than this are not worth making
_MOST_OPTIONS = 32
_OVERLAP = 10  # characters of a free text that must recur for its continuation to be a guess
_SAME_KIND, _OTHER = 0.1, 1e-9  # what is left of a row's vote where an earlier field has another text, or another value
_WORDS = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")

Codes = NDArray[np.int32]
Weights = NDArray[np.float64]


class _Stored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table as it stands in a file. Arrays are little-endian bytes."""

    format: str
    contract: str
    fields: list[str]
    values: list[list[str]]  # per field: its values as compact JSON
    codes: bytes  # uint16, (rows, fields): which value each row has
    features: bytes  # uint32, sorted hashes of words and pairs of words
    feature_weights: bytes  # float32, (features,)
    starts: bytes  # uint32, (features + 1,): where each feature's rows begin
    rows: bytes  # uint16


class _Index(Struct, frozen=True, kw_only=True):
    """Rows by feature."""

    codes: Codes  # (rows, fields)
    features: NDArray[np.uint32]
    weights: Weights  # (features,)
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    norms: Weights  # (rows,): the weight of all features of a row

    def votes(self, asked: NDArray[np.uint32]) -> Weights:
        """How similar each row is to a query of these features, 0–1 (Dice's coefficient over weights)."""
        at = self._known(asked)
        shared = np.zeros(self.norms.size)
        for feature in at:
            shared[self.rows[self.starts[feature] : self.starts[feature + 1]]] += self.weights[feature]
        return 2 * shared / (self.weights[at].sum() + self.norms + 1e-9)

    def likelihoods(self, asked: NDArray[np.uint32], kinds: Codes, count: int) -> Weights:
        """How likely, as a logarithm, each of `count` kinds of row is to be asked for in these features; (count,).

        Naive Bayes over multinomial counts, every feature for as much as it tells; `kinds` is (rows,).
        """
        at = self._known(asked)
        sizes = np.bincount(kinds[self.rows], minlength=count) + _UNSEEN * self.features.size
        scores = -self.weights[at].sum() * np.log(sizes)
        for feature in at:
            seen = np.bincount(kinds[self.rows[self.starts[feature] : self.starts[feature + 1]]], minlength=count)
            scores += self.weights[feature] * np.log1p(seen / _UNSEEN)
        return scores

    def _known(self, asked: NDArray[np.uint32]) -> NDArray[np.int64]:
        at = np.searchsorted(self.features, asked)
        at = at[at < self.features.size]
        return at[np.isin(self.features[at], asked)]


class _Values:
    """The values that one field has had, by code."""

    def __init__(self, texts: list[str]) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}
        self._kinds: list[int] = []
        self._kind_array = np.empty(0, np.int64)
        for text in texts:
            self.code(text)

    def code(self, text: str) -> int:
        """The code of a value, a new one where it was never seen."""
        if text not in self._codes:
            self._codes[text] = len(self.texts)
            self._kinds.append(_kind(text, len(self.texts)))
            self.texts.append(text)
        return self._codes[text]

    def agreement(self, text: str) -> Weights:
        """What is left of the vote of a row with each value, where the decision has this one; (values,)."""
        if self._kind_array.size != len(self._kinds):
            self._kind_array = np.array(self._kinds, np.int64)
        code = self._codes.get(text, -1)
        left = np.where(self._kind_array == _kind(text, code), _SAME_KIND, _OTHER)
        if code >= 0:
            left[code] = 1.0
        return left


class DraftTable:
    """Guesses how a decision goes on. `learns` says whether `observe` keeps what it is told."""

    def __init__(self, contract: Contract, *, learns: bool = False) -> None:
        self.contract, self.learns = contract, learns
        self._values = [_Values([]) for _ in contract.fields]
        self._index: _Index | None = None
        self._learnt: list[tuple[str, list[int]]] = []
        self._learnt_index: _Index | None = None
        roles = contract.roles
        self._telling = [contract.fields.index(roles.intent), contract.fields.index(roles.missing)]

    @classmethod
    def of(cls, contract: Contract, rows: Iterable[tuple[str, dict[str, Any]]]) -> DraftTable:
        """A table of (query, decision) rows; of many, `MOST_ROWS` spread evenly."""
        table = cls(contract)
        known = [(query, table._coded(decision)) for query, decision in rows if _is_whole(contract, decision)]
        step = max(1.0, len(known) / MOST_ROWS)
        kept = [known[int(number * step)] for number in range(min(len(known), MOST_ROWS))]
        table._index = _index(kept, table._telling) if kept else None
        return table

    @property
    def size(self) -> int:
        """Rows it knows, learnt ones included."""
        return (self._index.norms.size if self._index else 0) + len(self._learnt)

    def observe(self, query: str, decision: dict[str, Any]) -> None:
        """Learn a decision that was made, if the table learns at all; the oldest are forgotten."""
        if not self.learns or not _is_whole(self.contract, decision):
            return
        self._learnt.append((query, self._coded(decision)))
        del self._learnt[:-MOST_LEARNT]
        if len(self._learnt) in (1, 2, 4) or len(self._learnt) % 8 == 0:
            self._learnt_index = _index(self._learnt, self._telling)

    def drafter(self, query: str) -> Drafter:
        """Guesses for the decision about one query."""
        indexes = [index for index in (self._index, self._learnt_index) if index is not None]
        if not indexes:
            return Drafter(self.contract, self._values, np.empty((0, 0), np.int32), np.empty(0))
        asked = _features(query)
        similar = np.concatenate([index.votes(asked) for index in indexes])
        codes = np.concatenate([index.codes for index in indexes])
        votes = np.exp(_SHARPNESS * (similar - similar.max()))
        votes = self._shared_out(votes, codes[:, self._telling[0]], indexes[0], asked)
        return Drafter(self.contract, self._values, codes, votes)

    def _shared_out(self, votes: Weights, intents: Codes, index: _Index, asked: NDArray[np.uint32]) -> Weights:
        """The votes of similar rows, with as much for each intent as its words make it likely; (rows,)."""
        count = len(self._values[self._telling[0]].texts)
        scores = _TRUST * index.likelihoods(asked, index.codes[:, self._telling[0]], count)
        each = np.bincount(intents, votes, minlength=count)
        share = np.sqrt(each) * np.exp(np.maximum(scores - scores.max(), _LEAST_LIKELY))
        return votes * np.divide(share, each, out=np.zeros(count), where=each > 0)[intents]

    def save(self, path: Path) -> None:
        """Write what was built (not what was learnt)."""
        index = self._index
        if index is None:
            raise BadInput("A draft table without rows is not worth a file.")
        stored = _Stored(
            format=_FORMAT,
            contract=self.contract.id,
            fields=list(self.contract.fields),
            values=[values.texts for values in self._values],
            codes=index.codes.astype("<u2").tobytes(),
            features=index.features.astype("<u4").tobytes(),
            feature_weights=index.weights.astype("<f4").tobytes(),
            starts=index.starts.astype("<u4").tobytes(),
            rows=index.rows.astype("<u2").tobytes(),
        )
        with replaced_file(path) as file:
            file.write(zlib.compress(msgspec.msgpack.encode(stored), 9))

    @classmethod
    def load(cls, path: Path, contract: Contract) -> DraftTable:
        """A saved table. Raises BadInput where the file is none, or is of another contract."""
        stored = _read(path)
        if stored.fields != list(contract.fields):
            raise BadInput(f"{path.name} was made for the contract {stored.contract}, not for {contract.id}.")
        table = cls(contract)
        table._values = [_Values(texts) for texts in stored.values]
        table._index = _checked_index(stored, path)
        return table

    def _coded(self, decision: dict[str, Any]) -> list[int]:
        pairs = zip(self._values, self.contract.fields, strict=True)
        return [values.code(orjson.dumps(decision[name]).decode()) for values, name in pairs]


class Guessed(NamedTuple):
    """A guess at how a text goes on. `shares` are (length, share) in rising order: up to that many characters the guess
    is right with that probability, as far as the votes tell."""

    text: str = ""
    shares: tuple[tuple[int, float], ...] = ()


class Drafter:
    """Guesses for one query: rows with votes, whose say shrinks where the decision goes another way than theirs."""

    def __init__(self, contract: Contract, values: list[_Values], codes: Codes, votes: Weights) -> None:
        self._names, self._values, self._codes = contract.fields, values, codes
        self._after: list[tuple[str, Weights]] = [("", votes)]  # per field that is known: its value, the votes then

    def rest(self, raw: bytes) -> Guessed:
        """How the text `raw` probably goes on, to its end or to where nothing is known any more."""
        text = raw.decode("utf-8", "replace")
        known = field_values(raw, self._names)
        closed = [value for value in known if value.is_closed]
        begun = known[-1].text if len(known) > len(closed) else ""
        head = "".join(_opening(n, value.name) + value.text for n, value in enumerate(closed))
        if not self._codes.size or not (head + _opening(len(closed), self._next(closed)) + begun).startswith(text):
            return Guessed()
        whole, shares = self._guessed([value.text for value in closed], begun, head)
        return Guessed(whole[len(text) :], tuple((end - len(text), share) for end, share in shares if end > len(text)))

    def _next(self, closed: Sequence[FieldValue]) -> str:
        return self._names[len(closed)] if len(closed) < len(self._names) else ""

    def _guessed(self, closed: Sequence[str], begun: str, text: str) -> tuple[str, list[tuple[int, float]]]:
        """`text` gone on with by the fields after the closed ones; `begun` is the first one's value so far."""
        votes, reach = self._votes_after(closed), 1.0
        shares: list[tuple[int, float]] = []
        for field in range(len(closed), len(self._names)):
            options = self._options(field, votes, begun)
            if not options or reach < _LEAST_REACH:
                return text, shares
            text += _opening(field, self._names[field])
            shares += [(len(text) + length, reach * share) for length, share in _survival(options)]
            value, share = options[0]
            text, reach = text + value, reach * share
            votes = votes * self._agreement(field, value)
            begun = ""
        return text + "}", [*shares, (len(text) + 1, reach)]

    def _votes_after(self, closed: Sequence[str]) -> Weights:
        for field, value in enumerate(closed, start=1):
            if field < len(self._after) and self._after[field][0] != value:
                del self._after[field:]
            if field == len(self._after):
                self._after.append((value, self._after[-1][1] * self._agreement(field - 1, value)))
        return self._after[len(closed)][1]

    def _agreement(self, field: int, value: str) -> Weights:
        """What is left of each row's vote where this field has this value; (rows,)."""
        return self._values[field].agreement(value)[self._codes[:, field]]

    def _options(self, field: int, votes: Weights, begun: str) -> list[tuple[str, float]]:
        """Values that go on from `begun` and their shares of the votes, the likeliest first."""
        texts = self._values[field].texts
        totals = np.bincount(self._codes[:, field], votes, minlength=len(texts))
        best = np.argsort(-totals)[:_MOST_OPTIONS] if not begun else np.argsort(-totals)
        going_on = [(_continued(begun, texts[code]), float(totals[code])) for code in best if totals[code] > 0]
        options = [(text, votes) for text, votes in going_on if text][:_MOST_OPTIONS]
        whole = sum(votes for _, votes in options)
        return [(text, votes / whole) for text, votes in options]


def drafts_path(gguf: Path) -> Path:
    """Where the table of a model lies: beside it, one for all its formats (`name-Q4_K_M.gguf` → `name.drafts`)."""
    return gguf.with_name(re.sub(r"-(F16|BF16|F32|Q\d_\w+)$", "", gguf.stem) + SUFFIX)


def drafts_beside(gguf: Path, contract: Contract) -> DraftTable | None:
    """The table beside a model; None where there is none, or one that is damaged or of another contract."""
    path = drafts_path(gguf)
    if not path.is_file():
        return None
    try:
        return DraftTable.load(path, contract)
    except BadInput:  # it only ever saves time
        return None


def write_drafts_beside(gguf: Path, contract: Contract, rows: Iterable[tuple[str, dict[str, Any]]]) -> Path | None:
    """Make the table of a model from its training rows; None where no row is a whole decision."""
    table = DraftTable.of(contract, rows)
    if not table.size:
        return None
    table.save(drafts_path(gguf))
    return drafts_path(gguf)


def _continued(begun: str, value: str) -> str:
    """`begun` gone on with as `value` does: from its beginning, or, in free text, from where the last words stand."""
    if value.startswith(begun):
        return value
    last = begun[-_OVERLAP:]
    at = value.find(last) if begun[:1] == '"' and len(begun) > _OVERLAP else -1
    return begun + value[at + _OVERLAP :] if at >= 0 else ""


def _survival(options: Sequence[tuple[str, float]]) -> list[tuple[int, float]]:
    """(length, share of the options that begin with that much of the likeliest one), lengths rising."""
    best = options[0][0]
    alike = sorted((_common(best, text), share) for text, share in options)
    left, found = sum(share for _, share in alike), []
    for length, share in alike:
        found.append((length, left))
        left -= share
    return found


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    for n, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return n
    return min(len(one), len(other))


def _opening(field: int, name: str) -> str:
    return ("," if field else "{") + orjson.dumps(name).decode() + ":"


def _kind(text: str, code: int) -> int:
    """Two values are of one kind where both are free text, or both are lists of something; others are their own."""
    if text[:1] == '"' and " " in text:
        return -2
    return -3 if text[:1] == "[" and text != "[]" else code


def _is_whole(contract: Contract, decision: dict[str, Any]) -> bool:
    return all(name in decision for name in contract.fields)


def _features(query: str) -> NDArray[np.uint32]:
    """Hashes of the words of a query and of its pairs of neighbours; every number is the same word."""
    words = ["#" if word.isdigit() else word for word in _WORDS.findall(query.lower())]
    pairs = [f"{one} {other}" for one, other in zip(["^", *words], [*words, "$"], strict=True)]
    return np.unique(np.array([xxhash.xxh32_intdigest(text.encode()) for text in {*words, *pairs}], np.uint32))


def _index(rows: Sequence[tuple[str, list[int]]], telling: list[int]) -> _Index:
    """Rows by feature. Of many rows, features that only one has are left out: they tell nothing.

    `telling` are the fields whose values a feature is weighed by.
    """
    codes = np.array([row[1] for row in rows], np.int32)
    found = [_features(query) for query, _ in rows]
    hashes = np.concatenate(found)
    owners = np.repeat(np.arange(len(rows)), [each.size for each in found])
    features, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)])
    weights = _informativeness(codes[:, telling], owners[order], starts)
    keep = (counts > 1) | (len(rows) < MOST_LEARNT)
    kept = np.flatnonzero(keep)
    by_feature = owners[order][np.repeat(keep, counts)]
    kept_starts = np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64)
    return _with_norms(codes, features[kept], weights[kept], kept_starts, by_feature)


def _with_norms(
    codes: Codes,
    features: NDArray[np.uint32],
    weights: Weights,
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> _Index:
    norms = np.bincount(rows, np.repeat(weights, np.diff(starts)), minlength=len(codes)).astype(np.float64)
    return _Index(codes=codes, features=features, weights=weights, starts=starts, rows=rows, norms=norms)


def _informativeness(codes: Codes, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> Weights:
    """Per feature, the squared share of the decisions' entropy that knowing it takes away.

    Entropies carry the Miller–Madow correction, without which rare features would seem to tell everything.
    """
    kinds = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(kinds)
    whole = float(np.log(kinds.size) - (counts * np.log(np.maximum(counts, 1))).sum() / kinds.size)
    if whole <= 0:
        return np.ones(starts.size - 1)
    sizes = np.diff(starts)
    owners = np.repeat(np.arange(sizes.size), sizes)
    cells, each = np.unique(owners * counts.size + kinds[rows], return_counts=True)
    owner = cells // counts.size
    left = np.log(sizes) - np.bincount(owner, each * np.log(each), minlength=sizes.size) / sizes
    left += (np.bincount(owner, minlength=sizes.size) - 1) / (2 * sizes)
    return np.maximum(0.0, 1 - left / whole) ** 2


def _read(path: Path) -> _Stored:
    try:
        inflating = zlib.decompressobj()
        raw = inflating.decompress(path.read_bytes(), _LARGEST_FILE)
        stored = msgspec.msgpack.decode(raw, type=_Stored)
    except (zlib.error, msgspec.DecodeError) as error:
        raise BadInput(f"{path.name} is no draft table: {error}.") from error
    if stored.format != _FORMAT:
        raise BadInput(f"{path.name} is a draft table of another format ({stored.format}).")
    return stored


def _checked_index(stored: _Stored, path: Path) -> _Index:
    """The arrays of a file, which is foreign: every index is checked against what it points into."""
    try:
        codes = np.frombuffer(stored.codes, "<u2").astype(np.int32).reshape(-1, len(stored.fields))
        features = np.frombuffer(stored.features, "<u4").astype(np.uint32)
        weights = np.frombuffer(stored.feature_weights, "<f4").astype(np.float64)
        starts = np.frombuffer(stored.starts, "<u4").astype(np.int64)
        rows = np.frombuffer(stored.rows, "<u2").astype(np.int64)
    except ValueError as error:
        raise BadInput(f"{path.name} is a damaged draft table: {error}.") from error
    sizes = np.array([len(texts) for texts in stored.values])
    is_sound = (
        len(stored.values) == len(stored.fields)
        and len(codes) > 0
        and bool((codes < sizes).all())
        and all(text for texts in stored.values for text in texts)
        and starts.size == features.size + 1 == weights.size + 1
        and bool((np.diff(starts) >= 0).all())
        and (starts[0], starts[-1]) == (0, rows.size)
        and bool((rows < len(codes)).all())
        and bool(np.isfinite(weights).all())
    )
    if not is_sound:
        raise BadInput(f"{path.name} is a damaged draft table: its lists do not fit together.")
    return _with_norms(codes, features, weights, starts, rows)
