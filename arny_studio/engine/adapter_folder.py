"""The folder of a trained adapter: PEFT's files, and the base's tokenizer with the end of turn as its end of sequence."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from arny_studio.atomic import write_text_atomically
from arny_studio.engine.rendering import Renderer
from arny_studio.jobs.events import Artifact

ADAPTER = "adapter"  # its folder's name among the outputs
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "chat_template.jinja", "generation_config.json",
)  # fmt: skip


def write_adapter(
    outputs: Path, save: Callable[[Path], None], *, named: str, base: Path, renderer: Renderer
) -> Artifact:
    """Let `save` write the adapter beside its final name and rename it, so that the name never holds half an adapter.

    `named` is what the recipe calls the base, `base` its folder.
    """
    final = outputs / ADAPTER
    partial = outputs / f"{ADAPTER}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save(partial)
    copy_tokenizer_files(base, partial, renderer)
    _name_base(partial / "adapter_config.json", named, base)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    weights = final / "adapter_model.safetensors"
    size = sum(path.stat().st_size for path in final.iterdir())
    with weights.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(kind="adapter", path=f"{outputs.name}/{ADAPTER}", size_bytes=size, sha256=sha256)


def copy_tokenizer_files(base: Path, folder: Path, renderer: Renderer) -> None:
    """The base's tokenizer beside the adapter, with the token that closes a turn as its end of sequence.

    A base Qwen2.5 has `<|endoftext|>` there, and a model that was tuned to say `<|im_end|>` would never be heard to end.
    """
    for name in _TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
    _edit_json(folder / "tokenizer_config.json", eos_token=renderer.end_of_turn)
    generation = _read_object(folder / "generation_config.json")
    ends = generation.get("eos_token_id", [])
    others = [end for end in (ends if isinstance(ends, list) else [ends]) if end != renderer.end_of_turn_id]
    _edit_json(folder / "generation_config.json", eos_token_id=[renderer.end_of_turn_id, *others])
    if (folder / "special_tokens_map.json").is_file():
        _edit_json(folder / "special_tokens_map.json", eos_token=renderer.end_of_turn)


def _name_base(path: Path, named: str, folder: Path) -> None:
    """A Hub id stays one, so that the adapter can be used on another machine."""
    _edit_json(path, base_model_name_or_path=str(folder) if Path(named).expanduser().is_dir() else named)


def _read_object(path: Path) -> dict[str, object]:
    return json.loads(path.read_bytes()) if path.is_file() else {}


def _edit_json(path: Path, **changes: object) -> None:
    write_text_atomically(path, json.dumps(_read_object(path) | changes, indent=2, ensure_ascii=False) + "\n")
