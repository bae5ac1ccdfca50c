"""The lineage of exported files as a page for people: `MODEL_CARD.md` beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arny_studio.evaluation.report import markdown_table

MODEL_CARD = "MODEL_CARD.md"
_MIB = 1 << 20
_SHARES = {"json_valid": "Valid JSON", "journey_accuracy": "Journey right", "field_agreement": "Fields right"}


def model_card(lineage: dict[str, Any]) -> str:
    """Markdown, made of nothing but the lineage."""
    return "\n".join(_sections(lineage))


def _sections(lineage: dict[str, Any]) -> Iterator[str]:
    yield f"# {lineage['name']}\n"
    if lineage["description"]:
        yield f"{lineage['description']}\n"
    yield "## Files\n"
    yield markdown_table(
        ["file", "verdict", "MiB", "bits/weight", "sha256"], map(_file_row, lineage["outputs"].items()), right=[2, 3]
    )
    if lineage["parity"] is not None:
        yield from _parity(lineage)
    yield "## Where they come from\n"
    yield from (f"- {name}: {value}" for name, value in _origins(lineage) if value)
    yield "\n## Made with\n"
    yield ", ".join(f"{name} {version}" for name, version in lineage["versions"].items()) + "\n"
    yield "Everything here, and the hash of every file that went in, stands in `lineage.json`.\n"


def _file_row(item: tuple[str, dict[str, Any]]) -> list[object]:
    name, output = item
    size, bits = output.get("size_bytes"), output.get("bits_per_weight")
    return [
        name, output.get("verdict", "not judged"), f"{size / _MIB:,.1f}" if size else "", bits or "",
        str(output.get("sha256", ""))[:16],
    ]  # fmt: skip


def _parity(lineage: dict[str, Any]) -> Iterator[str]:
    parity = lineage["parity"]
    yield f"## Held against F16\n\nOn {parity['prompts']} prompts: {parity['prompts_from']}.\n"
    columns = ("JSON valid", "routing flips", "fields changed", "KL", "same top token", "perplexity", "tokens/s")
    yield markdown_table(["file", *columns], _parity_rows(lineage["outputs"]), right=range(1, 8))
    for name, output in lineage["outputs"].items():
        for reason in output.get("reasons", ()):
            yield f"- {name}: {reason}"
    yield ""


def _parity_rows(outputs: dict[str, dict[str, Any]]) -> Iterator[list[object]]:
    for name, output in outputs.items():
        scores = output.get("parity")
        if not scores:
            continue
        same = scores.get("top_token_changed")
        yield [
            name, _percent(scores.get("json_valid")), _percent(scores.get("flips")),
            _percent(scores.get("fields_changed")), _number(scores.get("kl"), "{:.4f}"),
            _percent(None if same is None else 1 - same), _number(scores.get("perplexity"), "{:.3f}"),
            _number(scores.get("tokens_per_s"), "{:.0f}"),
        ]  # fmt: skip


def _origins(lineage: dict[str, Any]) -> Iterator[tuple[str, str]]:
    base, training, contract = lineage["base"], lineage["training"] or {}, lineage["contract"]
    owner = f"{base['organization']}/" if base["organization"] else ""
    yield "Base", f"{owner}{base['name']}" + (f", snapshot {base['snapshot']}" if base.get("snapshot") else "")
    yield "Licence", base["license"] or "not stated by the base"
    yield "Contract", f"{contract['id']} {contract['version']}"
    yield "Training run", training.get("run", "")
    recipe = training.get("recipe") or {}
    if recipe:
        yield "Adapter", f"LoRA r={recipe.get('lora_r', 16)}, alpha={recipe.get('lora_alpha', 16)}"
    yield "Seed", str(training.get("seed") if training.get("seed") is not None else "")
    for side, file in (lineage["dataset"] or {}).items():
        kept = f", snapshot {file['snapshot']}" if file.get("snapshot") else ""
        yield f"Dataset, {side}", f"{file['file']} (sha256 {file['sha256'][:16]}{kept})"
    losses = training.get("evaluation") or {}
    if losses.get("validation_loss") is not None:
        yield "Validation loss", f"{losses['validation_loss']:.4f}"
    for key, words in _SHARES.items():
        if losses.get(key) is not None:
            yield words, f"{_percent(losses[key])} of the held-out prompts, in training"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
