"""The base model: where its folder is, and how it is loaded on this machine.

Never runs code from a model folder (`trust_remote_code` stays False) and reads weights as safetensors only. torch and
transformers are imported where they are needed, so that finding a folder costs nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arny_studio.engine.model_folder import ORIGIN
from arny_studio.engine.ranks import local_rank
from arny_studio.engine.safetensors_reading import open_weights
from arny_studio.errors import BadInput, MissingExtra, MissingFile

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_DOWNLOADS = "ARNY_MODELS"
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "LICENSE*", "README.md"]


class Placement(Struct, frozen=True):
    """How a base is loaded and trained: device, numbers and optimizer, and what differs from the recipe and why."""

    device: str  # cpu or cuda
    dtype: str  # float32, bfloat16 or float16
    quantize: bool  # load 16-bit weights as NF4
    optimizer: str  # a name that transformers knows
    gradient_checkpointing: bool
    remarks: tuple[str, ...] = ()

    @property
    def bf16(self) -> bool:
        """Train in mixed precision with bfloat16."""
        return self.dtype == "bfloat16"

    @property
    def fp16(self) -> bool:
        """Train in mixed precision with float16 and a gradient scaler."""
        return self.dtype == "float16"


def resolve_base(base: str) -> Path:
    """The folder of a base model: `base` itself, or the snapshot of a Hub id, downloaded where it is not yet here.

    Raises MissingFile where it is neither, or where the Hub does not answer; BadInput where the Hub refuses.
    """
    folder = Path(base).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or not _HUB_ID.fullmatch(base):
        raise MissingFile(
            f"There is no base model at {base}.", hint="Give a model folder, or a Hub id such as Qwen/Qwen2.5-1.5B."
        )
    return _downloaded(base) or _snapshot(base)


def look_for_downloads_in(models: Path) -> None:
    """Take bases named by Hub id from this folder where `arny models download` has put them; for child processes too."""
    os.environ[_DOWNLOADS] = str(models)


def _downloaded(hub_id: str) -> Path | None:
    """The whole model that was brought by its id into the workspace."""
    named = os.environ.get(_DOWNLOADS)
    folder = Path(named, hub_id.replace("/", "--")) if named else None
    return folder if folder is not None and (folder / ORIGIN).is_file() else None


def local_base(base: str) -> Path | None:
    """The folder of a base that is on this machine already; None for a Hub id that would have to be downloaded.

    Raises MissingFile where `base` is neither a folder nor a Hub id.
    """
    folder = Path(base).expanduser()
    if folder.is_dir() or folder.is_absolute() or not _HUB_ID.fullmatch(base):
        return resolve_base(base)
    if (brought := _downloaded(base)) is not None:
        return brought
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(base, allow_patterns=_HUB_FILES, local_files_only=True))
    except (errors.LocalEntryNotFoundError, OSError):
        return None


def _snapshot(hub_id: str) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtra("huggingface_hub", "train", "Downloading a base model")
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(snapshot_download(hub_id, allow_patterns=_HUB_FILES))
    except errors.GatedRepoError as error:
        hint = f"Accept its licence on its Hub page, log in with `hf auth login`, and try again: {hub_id}"
        raise BadInput(f"{hub_id} is gated, and this machine has no access to it.", hint=hint) from error
    except errors.RepositoryNotFoundError as error:
        raise BadInput(f"The Hub has no model {hub_id}, or it is private.", hint="Check the spelling.") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        raise MissingFile(
            f"{hub_id} is not on this machine, and the Hub cannot be reached.",
            hint="Connect once to download it, or set the recipe's base to a local model folder.",
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """The model's config.json. Raises MissingFile without one, BadInput where it is no JSON object."""
    path = folder / "config.json"
    if not path.is_file():
        raise MissingFile(f"{folder} has no config.json, so it is no model folder.")
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise BadInput(f"{path} should hold a JSON object.")
    return config


def check_base(folder: Path) -> None:
    """Refuse, before anything heavy is imported, a folder that cannot be loaded: weights missing, cut short, pickled."""
    read_config(folder)
    with open_weights(folder):
        pass


def place(*, load_in_4bit: bool, optimizer_8bit: bool, gradient_checkpointing: bool, folder: Path) -> Placement:
    """Decide how to load and train on this machine; imports torch. Raises BadInput for NF4 weights without CUDA."""
    import torch

    has_cuda = torch.cuda.is_available()
    if has_cuda:
        torch.cuda.set_device(local_rank())
    return placement_on(
        has_cuda=has_cuda,
        has_bf16=has_cuda and torch.cuda.is_bf16_supported(including_emulation=False),
        load_in_4bit=load_in_4bit,
        optimizer_8bit=optimizer_8bit,
        gradient_checkpointing=gradient_checkpointing,
        folder=folder,
    )


def placement_on(
    *,
    has_cuda: bool,
    has_bf16: bool,
    load_in_4bit: bool,
    optimizer_8bit: bool,
    gradient_checkpointing: bool,
    folder: Path,
) -> Placement:
    """`place` for a machine that is already known; imports nothing. Raises as it does."""
    stored_in_4bit = "quantization_config" in read_config(folder)
    if not has_cuda:
        if stored_in_4bit:
            raise BadInput(
                f"{folder.name} is stored in 4 bits (bitsandbytes), which trains on CUDA only; this machine has none.",
                hint="Use a 16-bit base here, such as Qwen/Qwen2.5-1.5B, or the Demo preset.",
            )
        return Placement(
            "cpu", "float32", False, "adamw_torch_fused", False, _cpu_remarks(load_in_4bit, optimizer_8bit)
        )
    has_bitsandbytes = importlib.util.find_spec("bitsandbytes") is not None
    if stored_in_4bit and not has_bitsandbytes:
        raise MissingExtra("bitsandbytes", "cuda", "A base stored in 4 bits")
    return Placement(
        "cuda",
        "bfloat16" if has_bf16 else "float16",
        load_in_4bit and has_bitsandbytes and not stored_in_4bit,
        "adamw_8bit" if optimizer_8bit and has_bitsandbytes else "adamw_torch_fused",
        gradient_checkpointing,
        () if has_bitsandbytes else _missing_bitsandbytes_remarks(load_in_4bit, optimizer_8bit),
    )


def _cpu_remarks(load_in_4bit: bool, optimizer_8bit: bool) -> tuple[str, ...]:
    remarks = []
    if load_in_4bit:
        remarks.append("No CUDA device: the base is loaded in 32-bit floats instead of 4-bit NF4.")
    if optimizer_8bit:
        remarks.append("No CUDA device: AdamW is used instead of 8-bit AdamW.")
    return tuple(remarks)


def _missing_bitsandbytes_remarks(load_in_4bit: bool, optimizer_8bit: bool) -> tuple[str, ...]:
    remarks = []
    if load_in_4bit:
        remarks.append("bitsandbytes is not installed: the base is loaded in 16 bits instead of 4-bit NF4.")
    if optimizer_8bit:
        remarks.append("bitsandbytes is not installed: AdamW is used instead of 8-bit AdamW.")
    return tuple(remarks)


def load_base(folder: Path, placement: Placement, *, attention: str = "sdpa") -> PreTrainedModel:
    """Load the weights onto the device; `attention` is a name that transformers knows. Raises BadInput where the folder holds no causal language model."""
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": getattr(torch, placement.dtype), "attn_implementation": attention}
    if placement.quantize:
        options["quantization_config"] = _nf4(options["dtype"])
    if placement.device == "cuda":
        options["device_map"] = {"": torch.cuda.current_device()}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, **options
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # transformers raises whatever its many loaders raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadInput(f"{folder} cannot be loaded as a causal language model: {reason}") from error
    model.config.use_cache = False
    return model


def _nf4(dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def set_environment() -> None:
    """Progress bars, advice and telemetry of the training libraries off, waiting threads idle. Call before importing them."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    # Threads that spin while they wait for one another slow training tenfold when something else needs their core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
