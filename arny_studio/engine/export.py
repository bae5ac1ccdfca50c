"""An export from start to end: merge and F16, each quant, verification, names, lineage.

Everything is made in a folder beside the final names and gets those only when all of it is complete and verified, so a
failed or stopped export leaves nothing behind and an older export untouched.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arny_studio.contract import load_contract
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_naming import ModelLabels, label_model
from arny_studio.engine.gguf_tokenizer_check import check_tokenizer
from arny_studio.engine.gguf_vocabulary import Vocabulary, read_vocabulary
from arny_studio.engine.gguf_writer import plan_tensors, predicted_f16_bytes, predicted_header_bytes, write_model
from arny_studio.engine.lineage import lineage_of, sha256_of
from arny_studio.engine.llama_log import llama_cpp_library
from arny_studio.engine.merge import MergedModel, merged_tensors
from arny_studio.engine.merged_folder import merged_bytes, write_merged_folder
from arny_studio.engine.model_folder import tokenizer_folder
from arny_studio.engine.output_files import require_room
from arny_studio.engine.quant_types import predicted_bytes
from arny_studio.engine.quantize import quantize
from arny_studio.jobs.events import Artifact, Event, Log, Progress, Stage
from arny_studio.recipe import ExportRecipe, Quant

WORK_FOLDER = ".export.partial"
LINEAGE = "lineage.json"
_PROGRESS_STEPS = 200  # events a stage sends at most


class StopRequested(Exception):
    """The export was asked to end; nothing stands under a final name."""


class Exported(Struct, frozen=True, kw_only=True):
    """What an export made, under the final names, and the files it was made from."""

    files: tuple[Path, ...]
    sources: tuple[Path, ...]


class _Plan(Struct, frozen=True, kw_only=True):
    """What is going to be made, once it is known that it can be."""

    model: MergedModel
    vocabulary: Vocabulary
    labels: ModelLabels
    tokenizer: Path
    quants: tuple[Quant, ...]
    keeps_f16: bool
    needed_bytes: int


class Export:
    """One export. `run` does it all."""

    def __init__(
        self,
        recipe: ExportRecipe,
        outputs: Path,
        *,
        base: Path,
        adapter: Path | None,
        versions: dict[str, str],
        emit: Callable[[Event], None],
        asked_to_stop: Callable[[], bool],
    ) -> None:
        self.recipe = recipe
        self.outputs = outputs
        self.base = base
        self.adapter = adapter
        self.versions = versions
        self._emit = emit
        self._asked_to_stop = asked_to_stop
        self._work = outputs / WORK_FOLDER
        self._stages = 2 + sum(quant != "F16" for quant in _distinct(recipe.quants)) + recipe.merged_folder
        self._stage = 0

    def run(self) -> Exported:
        """Do it. Raises StopRequested, and what the steps raise; then nothing new is there."""
        contract = load_contract(self.recipe.contract)
        if any(quant != "F16" for quant in self.recipe.quants):
            llama_cpp_library("Quantizing")  # said before minutes of merging, not after
        with self._work_folder(), merged_tensors(self.base, self.adapter) as model:
            plan = self._plan(model)
            require_room(self.outputs, plan.needed_bytes, "the exported files")
            made = self._make(plan)
            hashes = self._verify(plan, made)
            files = tuple(self._finish(made[name], name, digest) for name, digest in hashes.items())
            lineage = lineage_of(
                self.recipe, base=self.base, adapter=self.adapter, contract=contract, labels=plan.labels,
                versions=self.versions, outputs={file.name: self._described(file, hashes[file.name]) for file in files},
            )  # fmt: skip
            return Exported(files=(*files, self._write_lineage(lineage)), sources=model.sources)

    def _plan(self, model: MergedModel) -> _Plan:
        recipe, tokenizer = self.recipe, tokenizer_folder(self.base, self.adapter)
        vocabulary = read_vocabulary(tokenizer, size=model.config.vocab)
        planned = plan_tensors(model)
        stored = [tensor.as_stored() for tensor in planned]
        header = predicted_header_bytes(planned, vocabulary)
        quants: tuple[Quant, ...] = tuple(quant for quant in _distinct(recipe.quants) if quant != "F16")
        finetune = recipe.tier or (recipe.title if self.adapter is not None else "")
        return _Plan(
            model=model,
            vocabulary=vocabulary,
            labels=label_model(
                self.base, self.adapter, parameters=model.parameters, name=recipe.name, finetune=finetune
            ),
            tokenizer=tokenizer,
            quants=quants,
            keeps_f16=recipe.keep_f16 or "F16" in recipe.quants,
            needed_bytes=predicted_f16_bytes(planned, vocabulary)
            + sum(predicted_bytes(stored, header, quant) for quant in quants)
            + (merged_bytes(model) if recipe.merged_folder else 0),
        )

    def _make(self, plan: _Plan) -> dict[str, Path]:
        """Everything, in the work folder, by final name."""
        made: dict[str, Path] = {}
        f16 = self._work / plan.labels.file_name("F16")
        self._enter("f16", "Merge the adapter and write F16" if self.adapter else "Write F16")
        write_model(plan.model, plan.vocabulary, plan.labels, self.base, f16, self._progress())
        check_tokenizer(f16, plan.tokenizer / "tokenizer.json")
        if plan.keeps_f16:
            made[f16.name] = f16
        for quant in plan.quants:
            self._enter(quant, f"Quantize to {quant}")
            out = self._work / plan.labels.file_name(quant)
            result = quantize(f16, out, quant, threads=self.recipe.threads, on_progress=self._progress())
            if result.fallbacks:
                self._emit(Log(level="warning", text=result.fallback_sentence(quant)))
            made[out.name] = out
        if self.recipe.merged_folder:
            self._enter("merged", "Write the merged model as safetensors")
            folder = self._work / plan.labels.file_name("F16").removesuffix("-F16.gguf")
            write_merged_folder(plan.model, plan.vocabulary, self.base, plan.tokenizer, folder, self._progress())
            made[folder.name] = folder
        return made

    def _verify(self, plan: _Plan, made: dict[str, Path]) -> dict[str, str]:
        """Hash every file, so that what was written is read once more; sha256 by name, empty for a folder."""
        self._enter("verify", "Read everything back")
        total = sum(_size(path) for path in made.values())
        progress, done = self._progress(), 0
        hashes: dict[str, str] = {}
        for name, path in made.items():
            if path.is_file():
                check_gguf(path)
                hashes[name] = sha256_of(path)
            else:
                with merged_tensors(path, None):  # names and shapes
                    hashes[name] = ""
            done += _size(path)
            progress(done, total)
        return hashes

    def _finish(self, made: Path, name: str, sha256: str) -> Path:
        final = self.outputs / name
        if final.is_dir():
            shutil.rmtree(final)
        made.replace(final)
        kind = "gguf" if sha256 else "merged"
        self._emit(Artifact(kind=kind, path=f"{self.outputs.name}/{name}", size_bytes=_size(final), sha256=sha256))
        return final

    def _described(self, file: Path, sha256: str) -> dict[str, Any]:
        if file.is_dir():
            return {"kind": "merged", "files": {part.name: sha256_of(part) for part in sorted(file.iterdir())}}
        info = check_gguf(file)
        return {
            "kind": "gguf",
            "file_type": info.number("general.file_type"),
            "bits_per_weight": round(info.bits_per_weight, 3),
            "size_bytes": info.size_bytes,
            "sha256": sha256,
        }

    def _write_lineage(self, lineage: dict[str, Any]) -> Path:
        path, work = self.outputs / LINEAGE, self._work / LINEAGE
        work.write_bytes(msgspec.json.format(msgspec.json.encode(lineage), indent=2) + b"\n")
        sha256 = sha256_of(work)
        work.replace(path)
        self._emit(
            Artifact(
                kind="lineage", path=f"{self.outputs.name}/{LINEAGE}", size_bytes=path.stat().st_size, sha256=sha256
            )
        )
        return path

    @contextmanager
    def _work_folder(self) -> Iterator[None]:
        shutil.rmtree(self._work, ignore_errors=True)  # of an export that was killed
        self._work.mkdir(parents=True)
        try:
            yield
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _enter(self, name: str, title: str) -> None:
        self._stage += 1
        self._emit(Stage(name=name, title=title, index=self._stage, total=self._stages))
        self._give_up_if_asked()

    def _progress(self) -> Callable[[int, int], None]:
        """A callback that sends a bounded number of events and answers a wish to stop."""
        said = -1

        def report(done: int, total: int) -> None:
            nonlocal said
            self._give_up_if_asked()
            step = done * _PROGRESS_STEPS // max(1, total)
            if step != said:
                said = step
                self._emit(Progress(done=done, total=total, unit="bytes"))

        return report

    def _give_up_if_asked(self) -> None:
        if self._asked_to_stop():
            raise StopRequested


def _distinct(quants: tuple[Quant, ...]) -> tuple[Quant, ...]:
    return tuple(dict.fromkeys(quants))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(part.stat().st_size for part in path.iterdir())
