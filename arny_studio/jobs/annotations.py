"""What people write about a run: tags and a note, in a file of its own beside what the worker writes."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from arny_studio.atomic import write_text_atomically
from arny_studio.errors import BadInput
from arny_studio.jobs.folder import RunFolder

FILE = "annotations.json"


class Annotations(Struct, frozen=True, kw_only=True):
    """Tags in the order they were given, and free text."""

    tags: list[str] = []
    note: str = ""


def read_annotations(folder: RunFolder) -> Annotations:
    """What was written about a run; empty where nothing was. Raises BadInput where the file is damaged."""
    path = folder.path / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Annotations)
    except FileNotFoundError:
        return Annotations()
    except msgspec.DecodeError as error:
        raise BadInput(f"{path} holds no tags and note: {error}.", hint="Delete it, or write it anew.") from error


def write_annotations(folder: RunFolder, annotations: Annotations) -> None:
    """Replace what was written about a run. Tags lose their margins, empty ones and repetitions."""
    tags = list(dict.fromkeys(tag.strip() for tag in annotations.tags if tag.strip()))
    tidy = Annotations(tags=tags, note=annotations.note)
    write_text_atomically(folder.path / FILE, msgspec.json.format(msgspec.json.encode(tidy).decode(), indent=2) + "\n")
