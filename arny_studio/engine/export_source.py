"""What an export starts from, behind one face: base and adapter in safetensors, or an F16 GGUF that is there already."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from arny_studio.device.memory import ModelShape
from arny_studio.engine.gguf_check import GgufInfo, GgufTensor, check_gguf
from arny_studio.engine.gguf_naming import ModelLabels, label_gguf, label_model
from arny_studio.engine.gguf_shape import model_shape
from arny_studio.engine.gguf_tokenizer_check import Tokenization, tokenization_of_file, tokenization_of_gguf
from arny_studio.engine.gguf_vocabulary import Vocabulary, read_vocabulary
from arny_studio.engine.gguf_writer import (
    OnProgress,
    plan_tensors,
    predicted_f16_bytes,
    predicted_header_bytes,
    write_model,
)
from arny_studio.engine.merge import MergedModel, merged_tensors
from arny_studio.engine.model_folder import tokenizer_folder
from arny_studio.engine.output_files import disk_full_as_sentence, require_room
from arny_studio.engine.quant_types import FILE_TYPES
from arny_studio.errors import BadInput
from arny_studio.recipe import ExportRecipe

GGUF_SUFFIX = ".gguf"


class FolderSource(Struct, frozen=True, kw_only=True):
    """Base and, as a rule, adapter; open as long as the block of `open_source`."""

    base: Path
    adapter: Path | None
    model: MergedModel
    vocabulary: Vocabulary
    labels: ModelLabels
    tokenizer: Path
    stored: list[GgufTensor]  # the tensors of the F16 file, all but their place
    header_bytes: int
    f16_bytes: int

    @property
    def shape(self) -> ModelShape:
        """What the memory estimate asks of the F16 file."""
        config = self.model.config
        return ModelShape(
            name=self.labels.file_name("F16"), file_bytes=self.f16_bytes, layers=config.layers, hidden=config.hidden,
            heads=config.heads, kv_heads=config.kv_heads, head_dim=config.head_dim, ffn=config.ffn, vocab=config.vocab,
            quant="F16",
        )  # fmt: skip

    @property
    def files(self) -> tuple[Path, ...]:
        """What the weights are read from."""
        return self.model.sources

    @property
    def chat_template(self) -> str:
        return self.vocabulary.chat_template

    @property
    def parameters(self) -> int:
        return self.model.parameters

    def tokenization(self) -> Tokenization:
        """How the trained tokenizer splits the probes."""
        return tokenization_of_file(self.tokenizer / "tokenizer.json")

    def provide_f16(self, out: Path, on_progress: OnProgress) -> Path:
        """Write the F16 file."""
        write_model(self.model, self.vocabulary, self.labels, self.base, out, on_progress)
        return out


class GgufSource(Struct, frozen=True, kw_only=True):
    """An F16 GGUF, quantized as it is."""

    info: GgufInfo
    labels: ModelLabels
    keeps_f16: bool

    @property
    def stored(self) -> list[GgufTensor]:
        return list(self.info.tensors)

    @property
    def header_bytes(self) -> int:
        return self.info.data_start

    @property
    def f16_bytes(self) -> int:
        """What the F16 step adds to the disk: nothing, unless a copy is asked for."""
        return self.info.size_bytes if self.keeps_f16 else 0

    @property
    def shape(self) -> ModelShape:
        return model_shape(self.info)

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.info.path,)

    @property
    def chat_template(self) -> str:
        return self.info.text("tokenizer.chat_template")

    @property
    def parameters(self) -> int:
        return self.info.parameters

    def tokenization(self) -> Tokenization:
        """How this very file splits the probes: it is all that is known of the tokenizer."""
        return tokenization_of_gguf(self.info.path)

    def provide_f16(self, out: Path, on_progress: OnProgress) -> Path:
        """The file itself, or a copy of it where one is to be kept."""
        size = self.info.size_bytes
        if self.keeps_f16:
            require_room(out.parent, size, out.name)
            with disk_full_as_sentence(out, size, out.name):
                shutil.copyfile(self.info.path, out)
        on_progress(size, size)
        return out if self.keeps_f16 else self.info.path


Source = FolderSource | GgufSource


@contextmanager
def open_source(
    recipe: ExportRecipe, base: Path, adapter: Path | None, *, datasets: tuple[str, ...] = ()
) -> Iterator[Source]:
    """Open what the recipe names. Raises MissingFile or BadInput where it is missing, damaged or does not fit."""
    if base.suffix == GGUF_SUFFIX:
        yield _gguf_source(recipe, base, adapter)
        return
    with merged_tensors(base, adapter) as model:
        tokenizer = tokenizer_folder(base, adapter)
        vocabulary = read_vocabulary(tokenizer, size=model.config.vocab)
        planned = plan_tensors(model)
        finetune = recipe.tier or (recipe.title if adapter is not None else "")
        yield FolderSource(
            base=base,
            adapter=adapter,
            model=model,
            vocabulary=vocabulary,
            labels=label_model(
                base, adapter, parameters=model.parameters, name=recipe.name, finetune=finetune,
                license_id=recipe.license, tier=recipe.tier, datasets=datasets,
            ),
            tokenizer=tokenizer,
            stored=[tensor.as_stored() for tensor in planned],
            header_bytes=predicted_header_bytes(planned, vocabulary),
            f16_bytes=predicted_f16_bytes(planned, vocabulary),
        )  # fmt: skip


def _gguf_source(recipe: ExportRecipe, path: Path, adapter: Path | None) -> GgufSource:
    if adapter is not None:
        raise BadInput(
            f"{path.name} is a GGUF, into which no adapter can be merged.", hint="Give the base's safetensors folder."
        )
    if recipe.merged_folder or recipe.lora_gguf:
        raise BadInput(f"{path.name} is a GGUF: neither a merged folder nor a LoRA GGUF can be made of it.")
    info = check_gguf(path)
    if info.number("general.file_type") != FILE_TYPES["F16"]:
        raise BadInput(
            f"{path.name} is no F16 GGUF; quantizing what is quantized already would ruin it.",
            hint="Export from the F16 file, or from base and adapter.",
        )
    keeps_f16 = recipe.keep_f16 or "F16" in recipe.quants
    return GgufSource(info=info, labels=label_gguf(info, name=recipe.name, tier=recipe.tier), keeps_f16=keeps_f16)
