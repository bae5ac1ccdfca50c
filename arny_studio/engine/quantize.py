"""F16 GGUF → a quantized one, by llama.cpp's own `llama_model_quantize`.

The call runs in a thread of its own (it holds no GIL) while this one watches the output grow: that is the progress, and
it lets a stop request be answered at once.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.llama_log import llama_cpp_library, route_llama_log
from arny_studio.engine.output_files import disk_full, finished_file, missing_bytes
from arny_studio.engine.quant_types import FILE_TYPES, PredictedTensor, predicted_bytes, predicted_tensors
from arny_studio.errors import ArnyError, BadInput
from arny_studio.recipe import Quant

OnProgress = Callable[[int, int], None]  # bytes written, bytes in all

_POLL_S = 0.1
_BUFFER_BYTES = 512 << 20  # rows llama.cpp keeps in memory at once; its own default is 8 GiB


class ExportFailed(ArnyError):
    """A library could not do its part, or did something else than asked; its own words are in the hint."""

    kind = "library"


class Quantized(Struct, frozen=True, kw_only=True):
    """What came out. `fallbacks` are the tensors whose rows did not fit the format, so that they take more room."""

    path: Path
    size_bytes: int
    fallbacks: tuple[PredictedTensor, ...]

    def fallback_sentence(self, quant: Quant) -> str:
        """What to tell a person about the fallbacks; empty where there are none."""
        if not self.fallbacks:
            return ""
        first = self.fallbacks[0]
        return (
            f"{quant}: the rows of {len(self.fallbacks)} of the tensors are no multiple of 256 values, so llama.cpp did"
            f" not store them as the format has it ({first.name} became {first.type.name} instead of"
            f" {first.wanted.name}); the file is larger for it."
        )


def quantize(source: Path, out: Path, quant: Quant, *, threads: int, on_progress: OnProgress) -> Quantized:
    """Quantize the F16 file `source` to `out`, which appears only when it is complete and read back.

    `threads` 0 means one less than there are cores. `on_progress` may raise to give up: the file is then removed, while
    llama.cpp's thread ends with the process. Raises BadInput, DiskFull, MissingExtra or ExportFailed.
    """
    if quant == "F16":
        raise BadInput("F16 is what quantizing starts from; copy the file instead.")
    info = check_gguf(source)
    if info.number("general.file_type") != FILE_TYPES["F16"]:
        raise BadInput(f"{source} is no F16 file; quantizing what is quantized already would ruin it.")
    expected = predicted_bytes(info.tensors, info.data_start, quant)
    with finished_file(out, expected) as partial:
        _run(source, partial, quant, threads or default_threads(), expected, on_progress)
        predicted = predicted_tensors(info.tensors, quant)
        _verify(partial, quant, predicted)
        size = partial.stat().st_size
    return Quantized(path=out, size_bytes=size, fallbacks=tuple(p for p in predicted if p.is_fallback))


def default_threads() -> int:
    """One less than there are cores, so that the machine stays usable."""
    return max(1, (os.cpu_count() or 2) - 1)


def _run(source: Path, partial: Path, quant: Quant, threads: int, expected: int, on_progress: OnProgress) -> None:
    lines = route_llama_log()
    lines.clear()
    status: list[int] = []
    call = threading.Thread(target=lambda: status.append(_call(source, partial, quant, threads)), daemon=True)
    call.start()
    while call.is_alive():
        call.join(_POLL_S)
        written = partial.stat().st_size if partial.exists() else 0
        on_progress(min(written, expected), expected)
    if status != [0]:
        raise _failure(source, partial, quant, expected, lines)


def _call(source: Path, partial: Path, quant: Quant, threads: int) -> int:
    llama = llama_cpp_library("Quantizing")
    parameters = llama.llama_model_quantize_default_params()
    parameters.nthread = threads
    parameters.ftype = int(FILE_TYPES[quant])
    parameters.max_buf_size = _BUFFER_BYTES
    return llama.llama_model_quantize(os.fsencode(source), os.fsencode(partial), ctypes.byref(parameters))


def _failure(source: Path, partial: Path, quant: Quant, expected: int, lines: list[str]) -> ArnyError:
    """llama.cpp reports a full disk as a failed stream only, so the disk itself is asked."""
    missing = missing_bytes(partial, expected)
    written = partial.stat().st_size if partial.exists() else 0
    if missing > 1 or (0 < written < expected and _is_stream_error(lines)):
        return disk_full(partial.parent, missing if missing > 1 else expected - written, partial.stem)
    return ExportFailed(f"llama.cpp could not quantize {source} to {quant}.", hint=" ".join(lines[-3:]))


def _is_stream_error(lines: list[str]) -> bool:
    return any("iostream" in line or "basic_ios" in line for line in lines)


def _verify(partial: Path, quant: Quant, predicted: list[PredictedTensor]) -> None:
    info = check_gguf(partial)
    found = sorted((tensor.name, tensor.type) for tensor in info.tensors)
    if found != sorted((tensor.name, tensor.type.name) for tensor in predicted):
        expected = {tensor.name: tensor.type.name for tensor in predicted}
        odd = next((name for name, kind in found if expected.get(name) != kind), "a tensor is missing")
        raise ExportFailed(f"The {quant} file does not hold the tensors it should hold ({odd}).")
    if info.number("general.file_type") != FILE_TYPES[quant]:
        raise ExportFailed(f"The {quant} file does not say that it is {quant}.")
