"""One GGUF, loaded and ready to decode: llama.cpp's low-level interface behind plain Python types.

Holds a model, a context and, per sequence, the tokens that its KV cache stands for. Knows nothing of chat, contracts or
phones. Why not `llama_cpp.Llama`: it keeps a logits row per context position, repacks weights unasked (which nearly
doubles them) and feeds token by token where a batch would do.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.engine.gguf_check import GgufInfo, check_gguf, tokenizer_fingerprint
from arny_studio.engine.llama_batch import Batch, BatchRow
from arny_studio.engine.llama_library import LlamaFailure, give_back_freed, last_word, lib, start_backend
from arny_studio.engine.llama_log import route_llama_log
from arny_studio.engine.llama_vocabulary import LlamaVocabulary, logits_view, pieces_in, without_vocabulary
from arny_studio.errors import BadInput

KvType = Literal["f32", "f16", "q8_0", "q4_0"]
Part = tuple[int, Sequence[int]]  # a sequence and the tokens to append to it
WantedPart = tuple[int, Sequence[int], Sequence[int]]  # the same, and after which of the tokens logits are wanted
Logits = NDArray[np.float32]

_KV_TYPES = {
    "f32": lib.GGML_TYPE_F32, "f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0, "q4_0": lib.GGML_TYPE_Q4_0,
}  # fmt: skip
_CONTEXT_STEP = 256  # llama.cpp rounds the KV cache up to a multiple of this
_BYTES_PER_TOKEN_AT_MOST = 16  # on average; longer texts need not be tokenized to know that they do not fit


class ContextFull(BadInput):
    """More tokens than the context holds."""


class Interrupted(Exception):
    """A load or a decode ended early because `interrupt` was called or `should_stop` said so."""


class SequenceState(Struct, frozen=True):
    """The KV cache of one sequence and the tokens it stands for."""

    tokens: tuple[int, ...]
    data: bytes


class LlamaSession:
    """A loaded model. Use as a context manager, or call `close`; nothing native is held afterwards."""

    def __init__(
        self,
        path: Path,
        *,
        context: int = 1024,
        batch: int = 512,
        threads: int = 0,
        kv_type: KvType = "f16",
        use_extra_bufts: bool = False,
        sequences: int = 1,
        lender: LlamaSession | None = None,
        spells: bool = False,
        should_stop: Callable[[], bool] | None = None,
        on_stage: Callable[[Literal["weights", "kv"]], None] | None = None,
    ) -> None:
        """Check the header, then load. Prefer `open`.

        `context` is in tokens and per sequence; `threads` 0 leaves one core free. `lender` is a session that stays open
        for longer than this one; where its tokenizer is the same, the tables are shared instead of built again.
        One that `spells` reads every token's bytes while it loads; decoding under a schema needs them.
        `on_stage` is called when the weights and when the KV cache are in memory. Raises MissingFile or BadInput where the file is no usable GGUF,
        LlamaFailure where llama.cpp refuses it, Interrupted where `should_stop` said so.
        """
        self.path = path
        self.info: GgufInfo = check_gguf(path)
        self.context, self.threads = context, threads or default_threads()
        self.settings = f"kv={kv_type} batch={batch} repack={use_extra_bufts}"  # what a KV state depends on
        self._model: Any = None
        self._context: Any = None
        self._batch: Batch | None = None
        self._own_vocabulary: LlamaVocabulary | None = None
        self._flag = ctypes.create_string_buffer(2)
        self.sequences = sequences
        self._tokens: list[list[int]] = [[] for _ in range(sequences)]
        try:
            self._load(use_extra_bufts, _lent(lender, self.info), spells, should_stop)
            give_back_freed()
            _tell(on_stage, "weights")
            self._make_context(batch, kv_type, sequences)
            _tell(on_stage, "kv")
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: str | Path, **options: Any) -> Self:
        """Load a GGUF; options as in `__init__`."""
        return cls(Path(path), **options)

    def close(self) -> None:
        """Give back everything native. May be called twice."""
        if self._batch is not None:
            self._batch.free()
            self._batch = None
        if self._context is not None:
            lib.llama_free(self._context)
            self._context = None
        if self._model is not None:
            lib.llama_model_free(self._model)
            self._model = None
        if self._own_vocabulary is not None:
            self._own_vocabulary.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- text and tokens -------------------------------------------------------------------------------------------

    @property
    def chat_template(self) -> str:
        """The chat template's source; empty where the file has none."""
        return (lib.llama_model_chat_template(self._model, None) or b"").decode("utf-8", "replace")

    @property
    def bos_token(self) -> str:
        """How the token that begins a text is spelt; empty where there is none."""
        return self.vocabulary.bos_token

    @property
    def eos_token(self) -> str:
        """How the token that ends a turn is spelt; empty where there is none."""
        return self.vocabulary.eos_token

    @property
    def n_vocab(self) -> int:
        """How many tokens there are, which is how long a row of logits is."""
        return self.vocabulary.size

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids, without BOS. Raises ContextFull for a text that is far too long to be worth the work."""
        if len(text) > self.context * _BYTES_PER_TOKEN_AT_MOST:
            raise ContextFull(
                f"The text is {len(text):,} characters long; the context of {self.path.name} holds "
                f"{self.context:,} tokens.",
                hint="Shorten the text or choose a longer context.",
            )
        return self.vocabulary.tokenize(text, special=special)

    def control_token(self, text: str) -> int | None:
        """The id of the control token spelt like this, if there is one."""
        return self.vocabulary.control_token(text)

    def piece(self, token: int) -> bytes:
        """The bytes of a token; control tokens have none."""
        return self.vocabulary.piece(token)

    def is_end(self, token: int) -> bool:
        """Whether the token ends a turn."""
        return self.vocabulary.is_end(token)

    # -- decoding --------------------------------------------------------------------------------------------------

    def tokens(self, sequence: int = 0) -> tuple[int, ...]:
        """The tokens in a sequence's KV cache."""
        return tuple(self._tokens[sequence])

    def append(self, ids: Sequence[int], sequence: int = 0) -> Logits:
        """Decode `ids` (at least one) as one batch; logits after the last one: (vocab,)."""
        return self.append_all([(sequence, ids)])[0]

    def append_all(self, parts: Sequence[Part]) -> Logits:
        """Append tokens to several sequences at once; logits after the last token of each: (len(parts), vocab).

        Raises ContextFull before anything is decoded, Interrupted (with the KV cache as it was) after `interrupt`.
        """
        rows = self.append_wanted([(sequence, ids, (len(ids) - 1,)) for sequence, ids in parts])
        return np.stack([row.copy() for (row,) in rows])

    def append_wanted(self, parts: Sequence[WantedPart]) -> list[list[Logits]]:
        """Append tokens to several sequences at once; per part, logits after those of its tokens that are wanted.

        Where all tokens fit one batch the rows of shape (vocab,) are llama.cpp's own memory, valid until the next
        batch. Raises as `append_all` does.
        """
        for sequence, ids, _ in parts:
            self._refuse_overflow(len(self._tokens[sequence]) + len(ids))
        before = [len(tokens) for tokens in self._tokens]
        try:
            rows = self._decode(parts)
        except BaseException:
            for sequence, length in enumerate(before):
                self.truncate(length, sequence)
            raise
        for sequence, ids, _ in parts:
            self._tokens[sequence] += ids
        return rows

    def logits_of(self, ids: Sequence[int]) -> Logits:
        """Logits after every token of a text of its own, (len(ids), vocab); sequence 0 holds the text afterwards."""
        return np.concatenate(list(self.each_logits(ids)))

    def each_logits(self, ids: Sequence[int], *, rows: int = 32) -> Iterator[Logits]:
        """The same in slices of at most `rows` tokens: a row of 151,936 logits takes 0.6 MB."""
        self.truncate(0)
        for start in range(0, len(ids), rows):
            part = ids[start : start + rows]
            (found,) = self.append_wanted([(0, part, range(len(part)))])
            yield np.stack(found)

    def truncate(self, length: int, sequence: int = 0) -> None:
        """Forget everything after the first `length` tokens of a sequence."""
        if self._context is None:
            return
        lib.llama_memory_seq_rm(self._memory, sequence, length, -1)
        del self._tokens[sequence][length:]

    def copy_sequence(self, source: int, target: int) -> None:
        """Let `target` start out with the tokens of `source`; their cells are shared, not copied."""
        self.truncate(0, target)
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._tokens[target] = list(self._tokens[source])

    def save_sequence(self, sequence: int = 0) -> SequenceState:
        """The KV cache of one sequence as bytes (28 KiB per token for the 1.5B at f16)."""
        size = lib.llama_state_seq_get_size(self._context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = lib.llama_state_seq_get_data(self._context, buffer, size, sequence)
        return SequenceState(tokens=self.tokens(sequence), data=bytes(memoryview(buffer)[:written]))

    def restore_sequence(self, state: SequenceState, sequence: int = 0) -> None:
        """Put a saved KV cache back. Raises BadInput where it is not from a session like this one."""
        self.truncate(0, sequence)
        buffer = (ctypes.c_uint8 * len(state.data)).from_buffer_copy(state.data)
        if not lib.llama_state_seq_set_data(self._context, buffer, len(state.data), sequence):
            self.truncate(0, sequence)
            raise BadInput(f"The saved prompt state does not fit {self.path.name}.")
        self._tokens[sequence] = list(state.tokens)

    def interrupt(self) -> None:
        """End the decode that runs now, or the next one. May be called from any thread."""
        self._flag[0] = b"\x01"

    # -- inside ----------------------------------------------------------------------------------------------------

    def _load(
        self, use_extra_bufts: bool, lent: LlamaVocabulary | None, spells: bool, should_stop: Callable[[], bool] | None
    ) -> None:
        """The weights, and beside them the vocabulary where nobody lends one: it takes longer, on a core of its own."""
        start_backend()
        route_llama_log().clear()
        if lent is not None:
            self.vocabulary = lent
            self._load_weights(use_extra_bufts, should_stop)
            return
        with ThreadPoolExecutor(max_workers=1) as beside:
            reading = beside.submit(LlamaVocabulary, self.info)
            try:
                self._load_weights(use_extra_bufts, should_stop)
                spelt = pieces_in(self.info) if spells else None
            finally:
                self.vocabulary = self._own_vocabulary = reading.result()
            self.vocabulary.spelt = spelt

    def _load_weights(self, use_extra_bufts: bool, should_stop: Callable[[], bool] | None) -> None:
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 0
        params.load_mode = lib.LLAMA_LOAD_MODE_MMAP
        params.use_extra_bufts = use_extra_bufts
        params.kv_overrides = without_vocabulary(self.info)
        stopped: list[bool] = []

        def on_progress(_done: float, _data: object) -> bool:
            if should_stop is not None and should_stop():
                stopped.append(True)
            return not stopped

        params.progress_callback = lib.llama_progress_callback(on_progress)
        self._model = lib.llama_model_load_from_file(os.fsencode(self.path), params)
        if self._model is None:
            if stopped:
                raise Interrupted
            raise LlamaFailure(f"llama.cpp cannot load {self.path.name}: {last_word()}")

    def _make_context(self, batch: int, kv_type: KvType, sequences: int) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = padded_context(self.context) * sequences
        params.n_batch = params.n_ubatch = batch
        params.n_seq_max = sequences
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = self.threads
        params.type_k = params.type_v = _KV_TYPES[kv_type]
        if kv_type in ("q8_0", "q4_0"):  # a quantized V cache needs it
            params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.no_perf = True
        params.abort_callback = _first_byte_is_set()
        params.abort_callback_data = ctypes.cast(self._flag, ctypes.c_void_p)
        route_llama_log().clear()
        self._context = lib.llama_init_from_model(self._model, params)
        if self._context is None:
            raise LlamaFailure(f"llama.cpp cannot make a context of {self.context:,} tokens: {last_word()}")
        self._memory = lib.llama_get_memory(self._context)
        self._batch = Batch(batch)

    def _refuse_overflow(self, length: int) -> None:
        if length > self.context:
            raise ContextFull(
                f"This needs {length:,} tokens; the context of {self.path.name} holds {self.context:,}.",
                hint="Shorten the text or choose a longer context.",
            )

    def _decode(self, parts: Sequence[WantedPart]) -> list[list[Logits]]:
        batch = self._batch
        if batch is None:
            raise LlamaFailure(f"{self.path.name} is closed.")
        flat = [
            BatchRow(token, len(self._tokens[sequence]) + n, sequence, part if n in wanted else None)
            for part, (sequence, ids, asked) in enumerate(parts)
            for wanted in [frozenset(asked)]
            for n, token in enumerate(ids)
        ]
        rows: list[list[Logits]] = [[] for _ in parts]
        for start in range(0, len(flat), batch.size):
            chunk = flat[start : start + batch.size]
            batch.fill(chunk)
            self._run(batch)
            for n, row in enumerate(chunk):
                if row.wanted_by is not None:
                    logits = logits_view(self._context, n, self.n_vocab)
                    rows[row.wanted_by].append(logits.copy() if len(flat) > batch.size else logits)
        return rows

    def _run(self, batch: Batch) -> None:
        code = lib.llama_decode(self._context, batch.native)
        if code == 0:
            return
        if self._flag[0] == b"\x01":
            self._flag[0] = b"\x00"
            raise Interrupted
        if code == 1:
            raise ContextFull(f"The KV cache of {self.path.name} is full.", hint="Choose a longer context.")
        raise LlamaFailure(f"llama.cpp failed to decode with {self.path.name} (code {code}): {last_word()}")


def _first_byte_is_set() -> Any:
    """An abort callback in native code, asked at every node of the graph without taking the interpreter's lock.

    `strlen` of a two-byte buffer is 0 while its first byte is 0 and 1 once it is set: exactly the question.
    """
    strlen = ctypes.cast(ctypes.CDLL(None if os.name != "nt" else "msvcrt").strlen, ctypes.c_void_p).value
    return lib.ggml_abort_callback(strlen)


def _lent(lender: LlamaSession | None, info: GgufInfo) -> LlamaVocabulary | None:
    if lender is None or tokenizer_fingerprint(lender.info) != tokenizer_fingerprint(info):
        return None
    return lender.vocabulary


def default_threads() -> int:
    """One thread less than there are cores: two busy llama threads on two busy cores collapse to a tenth."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def padded_context(context: int) -> int:
    """The context as llama.cpp allocates it, in tokens."""
    return -(-context // _CONTEXT_STEP) * _CONTEXT_STEP


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    for n, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return n
    return min(len(first), len(second))


def _tell(on_stage: Callable[[Literal["weights", "kv"]], None] | None, stage: Literal["weights", "kv"]) -> None:
    if on_stage is not None:
        on_stage(stage)
