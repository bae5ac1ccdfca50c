"""An export from start to end: merge and F16, each quant, verification, the parity gate, names, lineage.

Everything is made in a folder beside the final names and gets those only when all of it is complete, verified and
judged, so a failed or stopped export leaves nothing behind and an older export untouched. A file that the parity gate
turns red is kept under a name that says so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arny_studio.contract import Contract, load_contract
from arny_studio.engine.export_plan import plan_export, wanted_quants
from arny_studio.engine.export_source import FolderSource, Source, open_source
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_tokenizer_check import Tokenization, check_tokenizer
from arny_studio.engine.held_out import held_out_prompts
from arny_studio.engine.lineage import LINEAGE, dataset_names, lineage_of, sha256_of, text_sha256, training_of
from arny_studio.engine.llama_log import llama_cpp_library
from arny_studio.engine.lora_gguf import write_lora_gguf
from arny_studio.engine.merge import merged_tensors
from arny_studio.engine.merged_folder import write_merged_folder
from arny_studio.engine.model_card import MODEL_CARD, model_card
from arny_studio.engine.output_files import disk_full_as_sentence, require_room
from arny_studio.engine.parity import PARITY, ParityGate, Replays, TrainerCheck, trainer_check
from arny_studio.engine.quantize import ExportFailed, quantize
from arny_studio.errors import MissingExtra
from arny_studio.evaluation.parity import FileParity, marked_red
from arny_studio.jobs.events import Artifact, Event, Log, Progress, Result, Stage
from arny_studio.recipe import ExportRecipe, Quant
from arny_studio.recipe.plan import ExportPlan

WORK_FOLDER = ".export.partial"
_PROGRESS_STEPS = 200  # events a stage sends at most


class StopRequested(Exception):
    """The export was asked to end; nothing stands under a final name."""


class Exported(Struct, frozen=True, kw_only=True):
    """What an export made, under the final names, and the files it was made from; sha256 by path of all of them."""

    files: tuple[Path, ...]
    sources: tuple[Path, ...]
    hashes: dict[str, str]
    verdicts: dict[str, str]  # by name of the file; empty where the gate was off


class _Order(Struct, frozen=True, kw_only=True):
    """What is going to be done, once it is known that it can be."""

    source: Source
    contract: Contract
    training: dict[str, Any] | None
    quants: tuple[Quant, ...]  # largest first, F16 among them where it is kept
    plan: ExportPlan
    trainer: TrainerCheck
    can_verify: bool  # llama.cpp is here


class Export:
    """One export. `run` does it all; `replays` runs a model over the held-out prompts."""

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
        replays: Replays,
    ) -> None:
        self.recipe = recipe
        self.outputs = outputs
        self.base = base
        self.adapter = adapter
        self.versions = versions
        self._emit = emit
        self._asked_to_stop = asked_to_stop
        self._replays = replays
        self.work = outputs / WORK_FOLDER
        self._stage = self._stages = 0

    def run(self) -> Exported:
        """Do it. Raises StopRequested, and what the steps raise; then nothing new is there."""
        training = training_of(self.adapter)
        if any(quant != "F16" for quant in self.recipe.quants):
            llama_cpp_library("Quantizing")  # said before minutes of merging, not after
        opened = open_source(self.recipe, self.base, self.adapter, datasets=dataset_names(training))
        with self._work_folder(), opened as source:
            order = self._ordered(source, training)
            require_room(self.outputs, order.plan.needed_bytes, "the exported files")
            made, f16 = self._make(order)
            hashes, tokenizer = self._verify(order, made, f16)
            gate = self._judge(order, made, f16)
            return self._finish(order, made, hashes, tokenizer, gate)

    # -- what is to be done ----------------------------------------------------------------------------------------

    def _ordered(self, source: Source, training: dict[str, Any] | None) -> _Order:
        recipe = self.recipe
        quants = wanted_quants(recipe)
        can_verify = self._has_llama_cpp()
        trainer = trainer_check(source, recipe.parity) if can_verify else TrainerCheck(is_possible=False)
        is_gated = can_verify and recipe.parity.prompts > 0
        extras = int(recipe.merged_folder) + int(recipe.lora_gguf and self.adapter is not None)
        rounds = 1 + int(trainer.is_possible) + sum(quant != "F16" for quant in quants)
        self._stages = 2 + sum(quant != "F16" for quant in quants) + extras + (rounds if is_gated else 0)
        return _Order(
            source=source,
            contract=load_contract(recipe.contract),
            training=training,
            quants=quants,
            plan=plan_export(source, recipe, self.outputs),
            trainer=trainer,
            can_verify=can_verify,
        )

    def _has_llama_cpp(self) -> bool:
        try:
            llama_cpp_library("Verifying a GGUF")
        except MissingExtra as error:
            self._warn(f"The file is not verified and not held against training: {error.sentence}")
            return False
        return True

    # -- making ----------------------------------------------------------------------------------------------------

    def _make(self, order: _Order) -> tuple[dict[str, Path], Path]:
        """Everything that was asked for, in the work folder, by name; and the F16 file, asked for or not."""
        source, labels = order.source, order.source.labels
        made: dict[str, Path] = {}
        title = "Merge the adapter and write F16" if self.adapter else "Write F16"
        self._enter("f16", title if isinstance(source, FolderSource) else "Take the F16 file")
        f16 = source.provide_f16(self.work / labels.file_name("F16"), self._progress())
        for quant in order.quants:
            if quant == "F16":
                made[labels.file_name(quant)] = f16
            else:
                out = self.work / labels.file_name(quant)
                made[out.name] = self._quantize(f16, out, quant)
        if isinstance(source, FolderSource):
            self._make_others(source, made)
        return made, f16

    def _quantize(self, f16: Path, out: Path, quant: Quant) -> Path:
        self._enter(quant, f"Quantize to {quant}")
        result = quantize(f16, out, quant, threads=self.recipe.threads, on_progress=self._progress())
        if result.fallbacks:
            self._warn(result.fallback_sentence(quant))
        return out

    def _make_others(self, source: FolderSource, made: dict[str, Path]) -> None:
        if self.recipe.merged_folder:
            self._enter("merged", "Write the merged model as safetensors")
            folder = self.work / source.labels.folder_name
            write_merged_folder(source.model, source.vocabulary, self.base, source.tokenizer, folder, self._progress())
            made[folder.name] = folder
        if self.recipe.lora_gguf and source.adapter is not None:
            self._enter("lora", "Write the adapter alone as a LoRA GGUF")
            out = self.work / source.labels.lora_file_name
            write_lora_gguf(source.adapter, source.labels, source.model.config.layers, out)
            made[out.name] = out

    # -- verifying and judging -------------------------------------------------------------------------------------

    def _verify(self, order: _Order, made: dict[str, Path], f16: Path) -> tuple[dict[str, str], dict[str, str]]:
        """Read everything back, once; sha256 by name (empty for a folder), and the digests of the tokenizer."""
        self._enter("verify", "Read everything back")
        expected = order.source.tokenization()
        digests = {"probes_sha256": expected.sha256, "template_sha256": text_sha256(order.source.chat_template)}
        total, done, progress = sum(_size(path) for path in made.values()), 0, self._progress()
        if f16 not in made.values():
            self._check(order, f16, expected)
        hashes: dict[str, str] = {}
        for name, path in made.items():
            if path.is_dir():
                with merged_tensors(path, None):  # names and shapes
                    hashes[name] = ""
            else:
                if name != getattr(order.source.labels, "lora_file_name", ""):
                    self._check(order, path, expected)
                hashes[name] = sha256_of(path)
            done += _size(path)
            progress(done, total)
        return hashes, digests

    def _check(self, order: _Order, path: Path, expected: Tokenization) -> None:
        """Header, shapes, tokenizer and chat template of a GGUF model. Its types were checked when it was written."""
        info = check_gguf(path)
        shapes = {tensor.name: tensor.shape for tensor in order.source.stored}
        if {tensor.name: tensor.shape for tensor in info.tensors} != shapes:
            raise ExportFailed(f"{path.name} does not hold the tensors of the model it was made from.")
        if info.text("tokenizer.chat_template") != order.source.chat_template:
            raise ExportFailed(f"The chat template in {path.name} is not the one that was trained with.")
        if order.can_verify:
            check_tokenizer(path, expected)

    def _judge(self, order: _Order, made: dict[str, Path], f16: Path) -> ParityGate | None:
        """Replay the held-out prompts on every GGUF. None where the gate is off or llama.cpp is not here."""
        recipe, labels = self.recipe, order.source.labels
        if not (order.can_verify and recipe.parity.prompts):
            return None
        prompts = held_out_prompts(
            recipe.parity.prompts, data=recipe.parity.data, tier=recipe.tier, contract=order.contract,
            training=order.training,
        )  # fmt: skip
        gate = ParityGate(
            recipe.parity, prompts, order.contract, self.work, contract_name=recipe.contract, threads=recipe.threads,
            replays=self._replays,
        )  # fmt: skip
        reference = labels.file_name("F16")
        self._enter("parity F16", "Replay held-out prompts on F16")
        self._tell(reference, gate.judge_reference(f16, reference, self._progress("prompts")))
        if order.trainer.is_possible and isinstance(order.source, FolderSource):
            self._enter("parity trainer", "Hold F16 against the trained model")
            self._tell(reference, gate.judge_trainer(order.source, reference, self._progress("prompts")))
        elif order.trainer.because:
            self._emit(Log(text=order.trainer.because))
        for quant in order.quants:
            if quant != "F16":
                name = labels.file_name(quant)
                self._enter(f"parity {quant}", f"Replay held-out prompts on {quant}")
                self._tell(name, gate.judge_file(made[name], name, self._progress("prompts")))
        return gate

    def _tell(self, name: str, parity: FileParity) -> None:
        if parity.verdict != "green":
            said = f"{name} is {parity.verdict}: {' '.join(parity.reasons)}"
            self._emit(Log(level="warning" if parity.verdict == "red" else "info", text=said))
        values = msgspec.to_builtins(msgspec.structs.replace(parity, prompts=[]))
        self._emit(Result(name=f"parity {name}", values=values))

    # -- names -----------------------------------------------------------------------------------------------------

    def _finish(
        self,
        order: _Order,
        made: dict[str, Path],
        hashes: dict[str, str],
        tokenizer: dict[str, str],
        gate: ParityGate | None,
    ) -> Exported:
        verdicts = {name: parity.verdict for name, parity in gate.files.items()} if gate is not None else {}
        names = {name: marked_red(name) if verdicts.get(name) == "red" else name for name in made}
        known = {str(path): sha256_of(path) for path in order.source.files}
        report = gate.report(names) if gate is not None else None
        outputs = {
            names[name]: self._described(path, hashes[name], gate.files.get(name) if gate is not None else None)
            for name, path in made.items()
        }
        parity = {"prompts": len(gate.prompts.held_out), "prompts_from": gate.prompts.source} if gate else None
        lineage = lineage_of(
            self.recipe, order.source, contract=order.contract, training=order.training, versions=self.versions,
            hashes=known, tokenizer=tokenizer, outputs=outputs, parity=parity,
        )  # fmt: skip
        records = {LINEAGE: _as_json(lineage), MODEL_CARD: model_card(lineage).encode()}
        if report is not None:
            records[PARITY] = _as_json(msgspec.to_builtins(report))
        written = [self._write(name, content) for name, content in records.items()]
        files = [self._rename(path, names[name], hashes[name]) for name, path in made.items()]
        files += [self._rename(path, path.name, sha256_of(path), kind=_record_kind(path.name)) for path in written]
        known |= {str(self.outputs / names[name]): digest for name, digest in hashes.items() if digest}
        told = {names.get(name, name): verdict for name, verdict in verdicts.items()}
        return Exported(files=tuple(files), sources=order.source.files, hashes=known, verdicts=told)

    def _write(self, name: str, content: bytes) -> Path:
        path = self.work / name
        with disk_full_as_sentence(path, len(content), name):
            path.write_bytes(content)
        return path

    def _rename(self, made: Path, name: str, sha256: str, kind: str = "") -> Path:
        final = self.outputs / name
        if final.is_dir():
            shutil.rmtree(final)
        made.replace(final)
        kind = kind or ("merged" if final.is_dir() else "gguf")
        self._emit(Artifact(kind=kind, path=f"{self.outputs.name}/{name}", size_bytes=_size(final), sha256=sha256))
        return final

    def _described(self, file: Path, sha256: str, parity: FileParity | None) -> dict[str, Any]:
        if file.is_dir():
            return {"kind": "merged", "files": {part.name: sha256_of(part) for part in sorted(file.iterdir())}}
        info = check_gguf(file)
        said: dict[str, Any] = {
            "kind": info.text("general.type") or "model",
            "file_type": info.number("general.file_type"),
            "bits_per_weight": round(info.bits_per_weight, 3),
            "size_bytes": info.size_bytes,
            "sha256": sha256,
        }
        if parity is not None:
            said |= {"verdict": parity.verdict, "reasons": parity.reasons, "against": parity.against}
            said["parity"] = msgspec.to_builtins(parity.scores)
        return said

    @contextmanager
    def _work_folder(self) -> Iterator[None]:
        shutil.rmtree(self.work, ignore_errors=True)  # of an export that was killed
        self.work.mkdir(parents=True)
        try:
            yield
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    # -- telling ---------------------------------------------------------------------------------------------------

    def _warn(self, text: str) -> None:
        self._emit(Log(level="warning", text=text))

    def _enter(self, name: str, title: str) -> None:
        self._stage += 1
        self._emit(Stage(name=name, title=title, index=self._stage, total=self._stages))
        self.give_up_if_asked()

    def _progress(self, unit: str = "bytes") -> Callable[[int, int], None]:
        """A callback that sends a bounded number of events and answers a wish to stop."""
        said = -1

        def report(done: int, total: int) -> None:
            nonlocal said
            self.give_up_if_asked()
            step = done * _PROGRESS_STEPS // max(1, total)
            if step != said:
                said = step
                self._emit(Progress(done=done, total=total, unit=unit))

        return report

    def give_up_if_asked(self) -> None:
        """Raise StopRequested where somebody asked for it."""
        if self._asked_to_stop():
            raise StopRequested


def _record_kind(name: str) -> str:
    return {LINEAGE: "lineage", PARITY: "parity", MODEL_CARD: "card"}[name]


def _as_json(value: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(part.stat().st_size for part in path.iterdir())
