"""Every text that rows were ever given in a session, by number: those typed in memory, those of patches in their files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from arny_studio.dataset.patch_file import PatchFile

AS_OPENED = -1  # the number that stands for "the row as it is in the opened file"


class TextStore:
    """Texts are only ever added, so that undo finds all of them."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # first number of each segment, ascending
        self._segments: list[list[bytes] | PatchFile] = []
        self._count = 0

    def add(self, texts: Iterable[bytes]) -> np.ndarray:
        """Keep texts; returns their numbers, int64."""
        segment = self._segments[-1] if self._segments else None
        if not isinstance(segment, list):
            segment = []
            self._begin(segment)
        first = self._count
        segment.extend(texts)
        self._count = self._starts[-1] + len(segment)
        return np.arange(first, self._count, dtype=np.int64)

    def add_patch(self, patch: PatchFile) -> np.ndarray:
        """Take in a patch as it lies on the disk; returns the numbers of its entries, int64."""
        self._begin(patch)
        self._count += patch.count
        return np.arange(self._starts[-1], self._count, dtype=np.int64)

    def get(self, number: int) -> bytes:
        """A text by its number."""
        place = bisect_right(self._starts, number) - 1
        segment, offset = self._segments[place], number - self._starts[place]
        return segment[offset] if isinstance(segment, list) else segment.text(offset)

    def close(self) -> None:
        """Let go of the patches."""
        for segment in self._segments:
            if isinstance(segment, PatchFile):
                segment.close()

    def _begin(self, segment: list[bytes] | PatchFile) -> None:
        self._starts.append(self._count)
        self._segments.append(segment)
