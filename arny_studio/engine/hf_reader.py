"""The trained model itself (base and adapter, in torch) as a `Reader`: what the F16 file has to be equal to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from arny_studio.engine.base_model import set_environment
from arny_studio.engine.quantize import default_threads
from arny_studio.engine.replay import MAX_TOKENS, Case, HeldOut, Logits, ReplayOrder, peak_resident_bytes
from arny_studio.errors import BadInput


class HfReader:
    """Reads with transformers on the CPU in float32; needs the train extra."""

    tokens_per_s: float | None = None

    def __init__(self, order: ReplayOrder) -> None:
        set_environment()
        from arny_studio.engine.hf_router import HfRouter

        base, adapter = Path(order.model), Path(order.adapter) if order.adapter else None
        self._router = HfRouter(
            adapter or base, base=base, max_tokens=MAX_TOKENS, threads=order.threads or default_threads()
        )
        self.vocab = self._router.vocab

    @property
    def peak_bytes(self) -> int | None:
        """Of this process, torch included."""
        return peak_resident_bytes()

    def decide(self, prompts: Sequence[HeldOut]) -> Iterator[tuple[str, int]]:
        """Greedy decisions."""
        for routed in self._router.route([prompt.messages for prompt in prompts]):
            yield routed.text, routed.tokens

    def cases(self, prompts: Sequence[HeldOut], answers: Sequence[str]) -> list[Case]:
        """The GGUF goes first and makes them."""
        raise BadInput("The trained model is measured against a GGUF, which has to be replayed first.")

    def read(self, cases: Sequence[Case]) -> Iterator[tuple[int, int, Logits]]:
        """One answer after the other."""
        for number, case in enumerate(cases):
            if case.places:
                ids = case.prompt + case.answer[: case.places[-1]]
                rows = self._router.logits(ids, [len(case.prompt) - 1 + place for place in case.places])
                yield from ((number, place, row) for place, row in enumerate(rows))
