"""Near duplicates: rows whose texts share most of their five-byte pieces.

Candidates come from minhash bands (rensa), and every pair is then verified by its exact Jaccard similarity, so a group
never rests on an estimate. With 48 permutations in 12 bands of 4, of which a candidate shares two, a pair at similarity
0.8 is found 98 times in a hundred, at 0.9 always. Imported only where a whole file is passed over; keeps 96 bytes a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
import orjson

THRESHOLD = 0.8
_PIECE = 5  # bytes: a piece fits 40 bits, which leaves 24 for the number of the row it stands in
_BANDS, _BAND_ROWS = 12, 4
_SHARED_BANDS = 2
_SEED = 7
_BATCH_PIECES, _BATCH_PAIRS = 2_000_000, 1 << 16
_KEPT_TEXTS = 1 << 16
_ODD = np.uint64(0x9E3779B97F4A7C15)

TextOf = Callable[[int], bytes]  # the comparable text of a row, by number


def comparable_text(raw: bytes) -> bytes:
    """What a row is compared by: its turns but the system's, a decision left out; case and spacing do not count.

    Empty where the row cannot be read.
    """
    try:
        turns = orjson.loads(raw)["messages"]
        said = [turn["content"] for turn in turns if turn["role"] != "system" and not _is_decision(turn)]
        return " ".join(" ".join(said).split()).casefold().encode()
    except (ValueError, TypeError, KeyError, UnicodeEncodeError):
        return b""


def band_keys(texts: Sequence[bytes]) -> np.ndarray:
    """(rows, 12) uint64: rows that agree in a column are candidates. A row without text gets zeros."""
    from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - a compiled module without stubs

    pieces, offsets = _pieces(texts)
    width = _BANDS * _BAND_ROWS
    digests = RMinHash.digest_matrix_from_flat_token_hashes(_mixed(pieces), offsets, width, _SEED)
    flat = np.fromiter(chain.from_iterable(digests.to_rows()), np.uint32, len(texts) * width)
    keys = _folded(flat.reshape(len(texts), _BANDS, _BAND_ROWS))
    keys[[not text for text in texts]] = 0
    return keys


def near_groups(
    keys: np.ndarray,
    text_of: TextOf,
    *,
    threshold: float = THRESHOLD,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """For each row the first row of its group, int64; -1 where a row is like no other. `keys` are `band_keys`."""
    text_of = lru_cache(_KEPT_TEXTS)(text_of)  # a row is a candidate in several bands
    roots = np.arange(len(keys))
    rejected = np.zeros(0, np.uint64)
    for band in range(_BANDS):
        if on_progress is not None:
            on_progress(band, _BANDS)
        pairs = _candidates(keys, band)
        pairs = pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]]
        pairs = pairs[np.count_nonzero(keys[pairs[:, 0]] == keys[pairs[:, 1]], axis=1) >= _SHARED_BANDS]
        codes = _codes(pairs)
        is_new = ~np.isin(codes, rejected)
        pairs, codes = pairs[is_new], codes[is_new]
        alike = _verified(pairs, text_of, threshold)
        rejected = np.concatenate((rejected, codes[~alike]))
        _join(roots, pairs[alike])
    sizes = np.bincount(roots, minlength=len(roots))
    return np.where(sizes[roots] > 1, roots, -1) if len(roots) else roots


def jaccard(first: bytes, second: bytes) -> float:
    """The exact similarity of two texts, 0–1."""
    return float(_similarities(np.array([[0, 1]]), [first, second])[0])


def _is_decision(turn: dict[str, str]) -> bool:
    return turn["role"] == "assistant" and turn["content"].lstrip()[:1] == "{"


def _pieces(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """All overlapping five-byte pieces of all texts, uint64, and where each text's begin (texts + 1, int64)."""
    padded = [text if len(text) >= _PIECE else text.ljust(_PIECE) for text in texts]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    data = np.frombuffer(b"".join(padded), np.uint8)
    count = max(0, len(data) - _PIECE + 1)
    pieces = np.zeros(count, np.uint64)
    for place in range(_PIECE):
        pieces |= data[place : place + count].astype(np.uint64) << np.uint64(8 * place)
    ends = np.cumsum(lengths)
    is_whole = np.ones(count, bool)
    for back in range(1, _PIECE):  # pieces that reach over the end of a text
        crossing = ends[:-1] - back
        is_whole[crossing[crossing < count]] = False
    offsets = np.concatenate(([0], np.cumsum(lengths - _PIECE + 1)))
    return pieces[is_whole], offsets


def _mixed(pieces: np.ndarray) -> np.ndarray:
    """Pieces spread over 64 bits."""
    spread = pieces * _ODD
    return spread ^ (spread >> np.uint64(29))


def _folded(bands: np.ndarray) -> np.ndarray:
    """(rows, bands, rows of a band) uint32 → (rows, bands) uint64, never 0."""
    keys = np.zeros(bands.shape[:2], np.uint64)
    for place in range(bands.shape[2]):
        keys = (keys ^ bands[:, :, place]) * _ODD
        keys ^= keys >> np.uint64(32)
    return keys | np.uint64(1)


def _candidates(keys: np.ndarray, band: int) -> np.ndarray:
    """(pairs, 2) int64: in every bucket of a band, neighbours and the first with each other.

    Inside a bucket rows are ordered by the next band, so that those most alike come to stand together.
    """
    here = keys[:, band]
    order = np.argsort(here)
    same = here[order[1:]] == here[order[:-1]]
    is_shared = np.concatenate((same, [False])) | np.concatenate(([False], same)) if len(order) else same
    order = order[is_shared & (here[order] != 0)]
    order = order[np.lexsort((order, keys[order, (band + 1) % _BANDS], here[order]))]
    ordered = here[order]
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    starts = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(ordered) else np.zeros(0, bool)
    first = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]] if len(order) else order
    neighbours = np.stack((order[same], order[same + 1]), 1)
    star = np.stack((first[same + 1], order[same + 1]), 1)
    pairs = np.sort(np.concatenate((neighbours, star)), axis=1)
    codes = _sorted_unique(_codes(pairs))
    return np.stack((codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)), 1).astype(np.int64)


def _codes(pairs: np.ndarray) -> np.ndarray:
    return (pairs[:, 0].astype(np.uint64) << np.uint64(32)) | pairs[:, 1].astype(np.uint64)


def _sorted_unique(values: np.ndarray) -> np.ndarray:
    """What `np.unique` gives, at a fraction of its time for 64-bit values that hardly repeat."""
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _verified(pairs: np.ndarray, text_of: TextOf, threshold: float) -> np.ndarray:
    """(pairs,) bool: which are alike, by their exact similarity."""
    alike = np.zeros(len(pairs), bool)
    for start, stop, texts, local in _batches(pairs, text_of):
        alike[start:stop] = _similarities(local, texts) >= threshold
    return alike


def _batches(pairs: np.ndarray, text_of: TextOf) -> Iterator[tuple[int, int, list[bytes], np.ndarray]]:
    """Slices of the pairs with the texts they are about, about two million pieces at a time."""
    start = 0
    while start < len(pairs):
        places: dict[int, int] = {}
        texts: list[bytes] = []
        local: list[tuple[int, int]] = []
        pieces = 0
        for first, second in pairs[start : start + _BATCH_PAIRS].tolist():
            for row in (first, second):
                if row not in places:
                    places[row] = len(texts)
                    texts.append(text_of(row))
            local.append((places[first], places[second]))
            pieces += len(texts[places[first]]) + len(texts[places[second]])
            if pieces >= _BATCH_PIECES:
                break
        yield start, start + len(local), texts, np.array(local)
        start += len(local)


def _similarities(pairs: np.ndarray, texts: list[bytes]) -> np.ndarray:
    """(pairs,) float: sizes of intersection and union of the texts' sets of pieces, which are compared byte for byte."""
    pieces, offsets = _pieces(texts)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), np.diff(offsets))
    unique = _sorted_unique((owner << np.uint64(40)) | pieces)
    bounds = np.searchsorted(unique >> np.uint64(40), np.arange(len(texts) + 1, dtype=np.uint64))
    sizes = np.diff(bounds)
    unique &= np.uint64((1 << 40) - 1)
    number = np.arange(len(pairs))
    both = np.sort(np.concatenate([_tagged(unique, bounds, sizes, pairs[:, side], number) for side in (0, 1)]))
    shared = np.bincount((both[:-1][both[1:] == both[:-1]] >> np.uint64(40)).astype(np.int64), minlength=len(pairs))
    return shared / (sizes[pairs[:, 0]] + sizes[pairs[:, 1]] - shared)


def _tagged(
    unique: np.ndarray, bounds: np.ndarray, sizes: np.ndarray, texts: np.ndarray, number: np.ndarray
) -> np.ndarray:
    """The pieces of each named text, with the number of its pair in front."""
    counts = sizes[texts]
    total = int(counts.sum())
    steps = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    pieces = unique[np.repeat(bounds[texts], counts) + steps]
    return (np.repeat(number, counts).astype(np.uint64) << np.uint64(40)) | pieces


def _join(roots: np.ndarray, pairs: np.ndarray) -> None:
    """Make each pair one group; every row's root stays the first row of its group."""
    while len(pairs):
        ends = np.sort(roots[pairs], axis=1)
        np.minimum.at(roots, ends[:, 1], ends[:, 0])
        while (roots[roots] != roots).any():
            roots[:] = roots[roots]
        pairs = pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]]
