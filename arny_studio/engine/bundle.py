"""Folders that another program takes as they are: Ollama, LM Studio, llama-cli, sideloading apps, the Flutter app.

A bundle is made beside its place and gets it whole. Models are linked where that is the same disk, else copied. What
generation needs (stop, context, temperature, system prompt) comes from the GGUF and the contract, never from habit.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from arny_studio.atomic import make_folder
from arny_studio.contract import Contract, load_contract
from arny_studio.device.profiles import built_in_profiles
from arny_studio.engine.export_plan import phone_fits
from arny_studio.engine.gguf_check import GgufInfo, check_gguf
from arny_studio.engine.gguf_shape import model_shape
from arny_studio.engine.lineage import lineage_beside, sha256_of
from arny_studio.engine.output_files import disk_full_as_sentence, require_room
from arny_studio.engine.parity import PARITY
from arny_studio.errors import BadInput, BadRecipe
from arny_studio.evaluation.parity import FileParity, ParityReport, is_marked_red
from arny_studio.recipe import BundleRecipe, BundleTarget

OnProgress = Callable[[int, int], None]
TierName = Literal["tier1", "tier2"]

BUNDLE_VERSION = 1
# Greedy for the router, as it is evaluated; the reasoner as the app's own phone has it.
_TEMPERATURES: dict[TierName, float] = {"tier1": 0.0, "tier2": 0.7}
_MAX_TOKENS: dict[TierName, int] = {"tier1": 256, "tier2": 512}
_TOP_P, _TOP_K = 0.95, 40
_TITLES: dict[TierName, str] = {"tier1": "Tier-1 router", "tier2": "Tier-2 reasoner"}


class BundledModel(Struct, frozen=True, kw_only=True):
    """One model of a bundle and what it is to be run with."""

    tier: TierName
    path: Path
    info: GgufInfo
    system: str
    stop: str
    context: int

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def template(self) -> str:
        return self.info.text("tokenizer.chat_template")

    @property
    def settings(self) -> dict[str, Any]:
        """How to generate, the same words in every bundle."""
        return {
            "temperature": _TEMPERATURES[self.tier], "top_k": _TOP_K, "top_p": _TOP_P, "max_tokens": _MAX_TOKENS[self.tier],
            "context": self.context, "stop": [self.stop], "system": self.system, "repeat_penalty": 1.0,
        }  # fmt: skip


def make_bundle(recipe: BundleRecipe, folder: Path, on_progress: OnProgress) -> list[Path]:
    """Fill `folder` as the recipe's target wants it; returns the files. Raises BadRecipe, BadInput or DiskFull.

    A red file is refused: it does not behave like the model that was trained.
    """
    contract = load_contract(recipe.contract)
    models = _models(recipe, contract)
    size = sum(model.info.size_bytes for model in models)
    require_room(folder, size, f"the {recipe.target} bundle")
    make_folder(folder)
    work = folder / f".bundle-{os.getpid()}.partial"
    shutil.rmtree(work, ignore_errors=True)
    try:
        with disk_full_as_sentence(work, size, f"the {recipe.target} bundle"):
            work.mkdir()
            _WRITERS[recipe.target](work, models, contract, on_progress)
            return _moved(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _models(recipe: BundleRecipe, contract: Contract) -> list[BundledModel]:
    named: tuple[tuple[TierName, str], ...] = (("tier1", recipe.tier1), ("tier2", recipe.tier2))
    models = [_model(tier, Path(path).expanduser(), recipe, contract) for tier, path in named if path]
    if not models:
        raise BadRecipe("Nothing to bundle: name a router, a reasoner, or both.")
    return models


def _model(tier: TierName, path: Path, recipe: BundleRecipe, contract: Contract) -> BundledModel:
    if is_marked_red(path.name):
        raise BadInput(f"{path.name} is red: it does not behave like F16, so it is not handed over.")
    info = check_gguf(path)
    template, end = info.text("tokenizer.chat_template"), info.number("tokenizer.ggml.eos_token_id")
    if not template or end is None:
        raise BadInput(f"{path.name} carries no chat template or no end token, so no program could prompt it.")
    trained = info.number(f"{info.architecture}.context_length") or recipe.context
    return BundledModel(
        tier=tier, path=path, info=info, system=contract.system_prompt(tier),
        stop=info.values("tokenizer.ggml.tokens")[end], context=min(recipe.context, trained),
    )  # fmt: skip


# -- the targets -------------------------------------------------------------------------------------------------------


def _ollama(work: Path, models: list[BundledModel], _contract: Contract, on_progress: OnProgress) -> None:
    """A folder per tier: `ollama create NAME -f Modelfile` inside it."""
    for model in models:
        folder = work / model.tier
        folder.mkdir()
        (folder / "Modelfile").write_text(modelfile(model), encoding="utf-8")
    _copy_models(models, lambda model: work / model.tier / model.name, on_progress)


def modelfile(model: BundledModel) -> str:
    """Ollama's Modelfile. TEMPLATE is ChatML in Go's template language, which Ollama does not derive from the GGUF."""
    settings = model.settings
    lines = [
        f"# {_TITLES[model.tier]}: ollama create arny-{model.tier} -f Modelfile",
        f"FROM ./{model.name}",
        f'TEMPLATE """{_go_template(model)}"""',
        f'SYSTEM """{model.system}"""',
        f'PARAMETER stop "{model.stop}"',
        f"PARAMETER num_ctx {settings['context']}",
        f"PARAMETER num_predict {settings['max_tokens']}",
        f"PARAMETER temperature {settings['temperature']:g}",
        f"PARAMETER top_k {settings['top_k']}",
        f"PARAMETER top_p {settings['top_p']:g}",
        f"PARAMETER repeat_penalty {settings['repeat_penalty']:g}",
    ]
    return "\n".join(lines) + "\n"


def _go_template(model: BundledModel) -> str:
    if "<|im_start|>" not in model.template:
        raise BadInput(f"{model.name} is not prompted in ChatML, for which alone a Modelfile template is known.")
    return (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ range .Messages }}"
        "{{ if ne .Role \"system\" }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}{{ end }}"
        "<|im_start|>assistant\n"
    )  # fmt: skip


def _lm_studio(work: Path, models: list[BundledModel], _contract: Contract, on_progress: OnProgress) -> None:
    """`models/PUBLISHER/MODEL/file.gguf`, the layout in which LM Studio finds models, and a preset per tier."""
    for model in models:
        folder = work / "models" / "arny" / model.path.stem
        folder.mkdir(parents=True)
        settings = model.settings
        fields = {
            "llm.prediction.systemPrompt": settings["system"], "llm.prediction.temperature": settings["temperature"],
            "llm.prediction.topKSampling": settings["top_k"], "llm.prediction.stopStrings": settings["stop"],
            "llm.prediction.maxPredictedTokens": {"checked": True, "value": settings["max_tokens"]},
        }  # fmt: skip
        preset = {
            "identifier": f"@local:arny-{model.tier}", "name": f"Arny {_TITLES[model.tier]}",
            "operation": {"fields": [{"key": key, "value": value} for key, value in fields.items()]},
            "load": {"fields": [{"key": "llm.load.contextLength", "value": settings["context"]}]},
        }  # fmt: skip
        _write_json(work / "config-presets" / f"arny-{model.tier}.preset.json", preset)
    text = "Copy `models` and `config-presets` into LM Studio's home folder (`~/.lmstudio`).\n"
    (work / "README.md").write_text(text, encoding="utf-8")
    _copy_models(models, lambda model: work / "models" / "arny" / model.path.stem / model.name, on_progress)


def _llama_cli(work: Path, models: list[BundledModel], _contract: Contract, on_progress: OnProgress) -> None:
    """The files, and one line per tier in a script that can be read aloud."""
    lines = [f"# {_TITLES[model.tier]}\n{llama_cli_line(model)}\n" for model in models]
    (work / "llama-cli.sh").write_text("#!/bin/sh\n" + "\n".join(lines), encoding="utf-8")
    (work / "llama-cli.sh").chmod(0o755)
    _copy_models(models, lambda model: work / model.name, on_progress)


def llama_cli_line(model: BundledModel) -> str:
    """A command for llama.cpp's own client; the template comes from the file (`--jinja`)."""
    settings = model.settings
    return (
        f"llama-cli -m '{model.name}' --jinja -cnv -sys {_quoted(model.system)} -c {settings['context']}"
        f" -n {settings['max_tokens']} --temp {settings['temperature']:g} --top-k {settings['top_k']}"
        f" --top-p {settings['top_p']:g} --repeat-penalty {settings['repeat_penalty']:g}"
    )


def _sideload(work: Path, models: list[BundledModel], contract: Contract, on_progress: OnProgress) -> None:
    """The files, and a sheet that says what to type where in PocketPal, ChatterUI and LLM Farm."""
    (work / "SIDELOAD.md").write_text(sideload_sheet(models, contract), encoding="utf-8")
    _copy_models(models, lambda model: work / model.name, on_progress)


def sideload_sheet(models: list[BundledModel], contract: Contract) -> str:
    """Markdown for a person with a phone in hand."""
    parts = [
        "# Sideloading\n",
        f"Contract {contract.id} {contract.version}. Copy the `.gguf` files to the phone, then:\n",
        "## PocketPal AI (Android, iOS)\n",
        "1. Models → + → Add local model → choose the file.\n"
        "2. Model settings: take the values below; chat template ChatML, BOS off, add generation prompt on.\n",
        "## ChatterUI (Android)\n",
        "1. Models → import → choose the file (Local mode).\n"
        "2. Formatting: ChatML; Sampler: the values below. In Settings turn on `Use built-in template`.\n",
        "## LLM Farm (iOS)\n",
        "1. Settings → Models → Add → choose the file.\n"
        "2. New chat → template ChatML; put the values below under Prediction and Sampling.\n",
    ]
    for model in models:
        parts += [f"## {_TITLES[model.tier]}: {model.name}\n", _settings_list(model)]
    return "\n".join(parts)


def _settings_list(model: BundledModel) -> str:
    settings = model.settings
    return (
        f"- System prompt: `{model.system}`\n- Stop: `{model.stop}`\n- Context: {settings['context']}\n"
        f"- New tokens at most: {settings['max_tokens']}\n- Temperature {settings['temperature']:g}, top-k {settings['top_k']},"
        f" top-p {settings['top_p']:g}, repeat penalty {settings['repeat_penalty']:g}\n- Size: {model.info.size_bytes:,} bytes,"
        f" SHA-256 `{sha256_of(model.path)}`\n"
    )


def _phone(work: Path, models: list[BundledModel], contract: Contract, on_progress: OnProgress) -> None:
    """Everything the Flutter app needs, and the decisions by which it can test itself."""
    _copy_models(models, lambda model: work / "models" / model.name, on_progress)
    _write_json(work / "contract.json", contract.schema)
    _write_json(work / "prompts.json", {model.tier: model.system for model in models})
    _write_json(work / "generation.json", {model.tier: _phone_settings(model) for model in models})
    _write_json(work / "devices.json", _device_table(models, contract))
    references = {model.tier: reference for model in models if (reference := _reference_of(model)) is not None}
    _write_json(work / "reference.json", references)
    _write_json(work / "manifest.json", _manifest(work, models, contract))


def _phone_settings(model: BundledModel) -> dict[str, Any]:
    return {"model": f"models/{model.name}", "chat_template": model.template, **model.settings}


def _device_table(models: list[BundledModel], contract: Contract) -> dict[str, Any]:
    """Per phone: what the app may hold, how it is to load the models, and what each takes."""
    table: dict[str, Any] = {}
    fits = {model.tier: phone_fits(model_shape(model.info), model.tier) for model in models}
    for number, (name, profile) in enumerate(built_in_profiles().items()):
        table[name] = {
            "title": profile.title, "ram_mib": profile.ram_mib, "app_budget_mib": profile.app_budget_mib,
            "mode": profile.wished_mode, "idle_s": profile.idle_s,
            "tiers": {
                tier: {
                    **msgspec.to_builtins(profile.settings(1 if tier == "tier1" else 2)),
                    "needed_bytes": fit[number].needed_bytes, "fits": fit[number].fits,
                }
                for tier, fit in fits.items()
            },
        }  # fmt: skip
    thresholds = {"complexity": contract.threshold, "confidence": contract.confidence_floor}
    return {"thresholds": thresholds, "devices": table}


def _reference_of(model: BundledModel) -> dict[str, Any] | None:
    """What this very file answered in the parity gate; None where it was exported without."""
    parity = parity_beside(model.path)
    if parity is None:
        return None
    prompts = [
        {"id": prompt.id, "query": prompt.query, "text": prompt.candidate, "route": prompt.route}
        for prompt in parity.prompts
    ]
    return {"file": model.name, "verdict": parity.verdict, "decoding": "greedy, unconstrained", "prompts": prompts}


def parity_beside(gguf: Path) -> FileParity | None:
    """The gate's record about a file."""
    try:
        report = msgspec.json.decode((gguf.parent / PARITY).read_bytes(), type=ParityReport)
    except (OSError, msgspec.MsgspecError):
        return None
    return report.files.get(gguf.name)


def _manifest(work: Path, models: list[BundledModel], contract: Contract) -> dict[str, Any]:
    files = {
        path.relative_to(work).as_posix(): {"sha256": sha256_of(path), "size_bytes": path.stat().st_size}
        for path in sorted(work.rglob("*"))
        if path.is_file()
    }
    lineages = {model.tier: lineage_beside(model.path) for model in models}
    return {
        "bundle_version": BUNDLE_VERSION, "made_s": round(time.time(), 3),
        "contract": {"id": contract.id, "version": contract.version},
        "models": {model.tier: f"models/{model.name}" for model in models},
        "lineage": {tier: {key: said.get(key) for key in ("name", "base", "dataset", "contract")} for tier, said in lineages.items() if said},
        "files": files,
    }  # fmt: skip


_WRITERS: dict[BundleTarget, Callable[[Path, list[BundledModel], Contract, OnProgress], None]] = {
    "ollama": _ollama,
    "lm-studio": _lm_studio,
    "llama-cli": _llama_cli,
    "sideload": _sideload,
    "phone": _phone,
}


# -- files -------------------------------------------------------------------------------------------------------------


def _copy_models(models: list[BundledModel], place: Callable[[BundledModel], Path], on_progress: OnProgress) -> None:
    total, done = sum(model.info.size_bytes for model in models), 0
    for model in models:
        target = place(model)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(model.path.resolve(), target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(model.path, target)
        done += model.info.size_bytes
        on_progress(done, total)


def _moved(work: Path, folder: Path) -> list[Path]:
    """Every file from the work folder to its place; an older one of that name is replaced."""
    made: list[Path] = []
    for path in sorted(path for path in work.rglob("*") if path.is_file()):
        target = folder / path.relative_to(work)
        make_folder(target.parent)
        path.replace(target)
        made.append(target)
    return made


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _quoted(text: str) -> str:
    """For a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"
