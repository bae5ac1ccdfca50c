"""From a wrong answer to data: the corrected decision as a reviewed row that says where it comes from."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from arny_studio.atomic import make_folder
from arny_studio.contract import Contract, encode
from arny_studio.dataset.review import Review, ReviewBook
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.errors import BadInput, DiskFull


class Correction(Struct, frozen=True, kw_only=True):
    """What was said, what was decided, and what should have been. `turns` are (role, content) before the decision."""

    turns: tuple[tuple[str, str], ...]
    old_text: str
    decision: dict[str, Any]
    model: Path
    prompt: str
    note: str = ""


def keep_correction(dataset: Path, correction: Correction, contract: Contract) -> dict[str, Any]:
    """Append the corrected sample to a dataset, which may not exist yet, and accept it in its reviews.

    Returns the row. Raises BadInput where the decision breaks the contract or the file cannot be written.
    """
    problems = contract.check(correction.decision)
    if problems:
        raise BadInput(f"The corrected decision is not valid yet: {problems[0].sentence}")
    provenance = provenance_of(correction)
    row = _row(correction, contract, provenance)
    raw = orjson.dumps(row)
    _append(dataset, raw)
    book = ReviewBook(Sidecar(dataset).reviews)
    tags = ("from-chat",)
    book.put([row_hash(raw)], [Review(status="accepted", tags=tags, note=correction.note, provenance=provenance)])
    book.close()
    return row


def provenance_of(correction: Correction) -> dict[str, str]:
    """Where a correction comes from: the model by name and sha256, the exact prompt by sha256, the old decision."""
    with correction.model.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "source": "chat correction",
        "model": correction.model.name,
        "model_sha256": digest,
        "prompt": correction.prompt,
        "old_decision": correction.old_text,
    }


def _row(correction: Correction, contract: Contract, provenance: dict[str, str]) -> dict[str, Any]:
    decision, roles = correction.decision, contract.roles
    messages = [{"role": "system", "content": contract.system_prompt("tier1")}]
    messages += [{"role": role, "content": content} for role, content in correction.turns]
    messages.append({"role": "assistant", "content": encode(contract, decision)})
    meta = {"journey": decision[roles.journey], "intent": decision[roles.intent], "provenance": provenance}
    name = hashlib.sha256(orjson.dumps([messages, provenance["model_sha256"]])).hexdigest()[:16]
    return {"id": f"chat-{name}", "messages": messages, "meta": meta}


def _append(dataset: Path, raw: bytes) -> None:
    """Add a line, after a line break where the last line lacks one, and see it onto the disk."""
    make_folder(dataset.parent)
    try:
        with dataset.open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(raw + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        kind = DiskFull if error.errno == errno.ENOSPC else BadInput
        raise kind(f"{dataset} cannot be written: {error.strerror}.") from error
