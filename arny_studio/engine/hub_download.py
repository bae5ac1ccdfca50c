"""A model of the Hub into a folder: every file whole and checked by hash, and gone on with where it was cut off.

Built on huggingface_hub's own requests. Its downloader begins a file anew after a kill; gigabytes on a slow line are
worth going on with, so the part that is there is asked for no more.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from arny_studio.atomic import make_folder, sync_folder, write_text_atomically
from arny_studio.engine.model_folder import ORIGIN
from arny_studio.errors import ArnyError, BadInput, DiskFull, MissingFile

MODEL_FILES = (
    "*.json", "*.safetensors", "*.jinja", "*.gguf", "merges.txt", "vocab.txt", "LICENSE*", "README.md",
)  # fmt: skip
_BLOCK = 1 << 20

OnBytes = Callable[[int, int], None]  # bytes done, bytes in all
Asked = Callable[[], bool]


class HubFile(Struct, frozen=True, kw_only=True):
    """One file as the Hub lists it. `sha256` is of large files, `blob` (git's own hash) of the others."""

    name: str
    size: int
    sha256: str = ""
    blob: str = ""


class HubModel(Struct, frozen=True, kw_only=True):
    """A model at one commit."""

    id: str
    commit: str
    files: list[HubFile]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Interrupted(Exception):
    """Somebody wished to stop; what is there is kept."""


def find_model(hub_id: str, *, revision: str, patterns: tuple[str, ...], token: str | None) -> HubModel:
    """What the Hub has of a model. Raises BadInput (not found, private, gated), MissingFile (offline)."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi(token=token or False).model_info(hub_id, revision=revision, files_metadata=True)
    except (HfHubHTTPError, HFValidationError, OSError, *_network_errors()) as error:
        raise _named(error, hub_id, revision) from error
    wanted = patterns or MODEL_FILES
    files = [_hub_file(sibling) for sibling in info.siblings or []]
    files = [file for file in files if any(fnmatch.fnmatch(file.name, pattern) for pattern in wanted)]
    if not files:
        raise BadInput(f"{hub_id} has no file that a model needs.", hint=f"Looked for: {', '.join(wanted)}.")
    return HubModel(id=hub_id, commit=info.sha or revision, files=files)


def download_model(
    model: HubModel, folder: Path, *, token: str | None, on_bytes: OnBytes, asked_to_stop: Asked
) -> list[Path]:
    """Bring every file that is not there yet; gives their paths. A file gets its name only when its hash is right.

    Raises Interrupted where a stop was wished, DiskFull, BadInput where a hash is wrong, MissingFile where the line
    broke; what has come is kept for the next time.
    """
    make_folder(folder)
    done = 0
    for file in model.files:
        target = folder / file.name
        if not _is_whole(target, file):
            base = done
            _bring(
                model, file, target, token, lambda count, base=base: on_bytes(base + count, model.size), asked_to_stop
            )
        done += file.size
        on_bytes(done, model.size)
    origin = {"model": model.id, "commit": model.commit, "downloaded_s": round(time.time())}
    write_text_atomically(folder / ORIGIN, json.dumps(origin, indent=1) + "\n")
    sync_folder(folder)
    return [folder / file.name for file in model.files]


def _hub_file(sibling: Any) -> HubFile:
    lfs = getattr(sibling, "lfs", None)
    return HubFile(
        name=sibling.rfilename,
        size=int(sibling.size or 0),
        sha256=str(lfs.sha256) if lfs is not None else "",
        blob=str(sibling.blob_id or ""),
    )


def _bring(
    model: HubModel, file: HubFile, target: Path, token: str | None, on_count: Callable[[int], None], asked: Asked
) -> None:
    """One file, going on from what an earlier attempt left of this very version."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    if Path(file.name).is_absolute() or ".." in Path(file.name).parts:
        raise BadInput(f"{model.id} names a file outside its own folder: {file.name}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    version = (file.sha256 or file.blob)[:12]
    partial = target.with_name(f".{target.name}.{version}.partial")
    there = partial.stat().st_size if partial.is_file() else 0
    url = hf_hub_url(model.id, file.name, revision=model.commit)
    try:
        with partial.open("ab") as out:
            counted = _Counted(out, there, on_count, asked)
            http_get(
                url, counted, resume_size=there, headers=build_hf_headers(token=token or False),  # type: ignore[arg-type]
                expected_size=file.size,
            )  # fmt: skip
    except (HfHubHTTPError, OSError, *_network_errors()) as error:
        raise _named(error, model.id, model.commit) from error
    if not _is_whole(partial, file):
        partial.unlink()
        raise BadInput(
            f"{file.name} of {model.id} came damaged: its hash is not what the Hub states.", hint="Start it again."
        )
    partial.replace(target)


class _Counted:
    """The file that is written to, which counts and looks for a wish to stop; the rest is the file's own."""

    def __init__(self, file: Any, count: int, on_count: Callable[[int], None], asked: Asked) -> None:
        self._file = file
        self._count = count
        self._on_count = on_count
        self._asked = asked

    def write(self, data: bytes) -> int:
        """Write on."""
        if self._asked():
            raise Interrupted
        self._count += len(data)
        written = self._file.write(data)
        self._on_count(self._count)
        return written

    def seek(self, position: int) -> int:
        """The Hub did not go on where we asked it to: all is written anew."""
        self._count = position
        return self._file.seek(position)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _is_whole(path: Path, file: HubFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if not file.sha256 and not file.blob:
        return True
    # git hashes a blob with a header: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == (file.sha256 or file.blob)


def _network_errors() -> tuple[type[Exception], ...]:
    import httpx2

    return (httpx2.HTTPError, httpx2.InvalidURL)


def _named(error: Exception, hub_id: str, revision: str) -> ArnyError:
    """What the Hub or the line said, as one sentence."""
    import errno

    from huggingface_hub import errors

    match error:
        case errors.GatedRepoError():
            hint = (
                "Accept its licence on its page of the Hub, and store a token of your account as the secret HF_TOKEN."
            )
            return BadInput(f"{hub_id} is gated, and this machine has no access to it.", hint=hint)
        case errors.RepositoryNotFoundError() | errors.HFValidationError():
            hint = "Check the spelling; a private model needs a token, stored as the secret HF_TOKEN."
            return BadInput(f"The Hub has no model {hub_id}, or it is private.", hint=hint)
        case errors.RevisionNotFoundError():
            return BadInput(f"{hub_id} has no branch, tag or commit {revision}.")
        case errors.OfflineModeIsEnabled():
            sentence = f"{hub_id} cannot be brought: the Hub is switched off here (HF_HUB_OFFLINE)."
            return MissingFile(sentence, hint="Unset HF_HUB_OFFLINE, or copy the model into a folder and add that.")
        case errors.HfHubHTTPError():
            status = error.response.status_code
            return MissingFile(f"The Hub answered {status} for {hub_id}.", hint="Start it again later; it goes on.")
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return DiskFull(f"There is no room left for {hub_id}.", hint="Free some and start it again; it goes on.")
    sentence = f"The Hub cannot be reached, so {hub_id} has not come whole."
    return MissingFile(sentence, hint="Check the connection and start it again; it goes on where it was cut off.")
