"""`arny data history …`: the snapshots of a dataset: list, take, go back to, remove."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from arny_studio.cli.data.options import AsJson, File
from arny_studio.dataset.document import Document
from arny_studio.dataset.row_diff import change_to
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.snapshots import Snapshot, Snapshots
from arny_studio.errors import BadInput

app = typer.Typer(help="Snapshots of a dataset: list, take, go back to, remove.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(help="Id, title, or beginning of the content hash; or `latest`.", show_default=False)
]


@app.command("list")
def list_snapshots(file: File, as_json: AsJson = False) -> None:
    """List the snapshots of a dataset, the newest first."""
    found = Snapshots(Sidecar(file).snapshots).all()
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    for snapshot in found:
        print(_line(snapshot))
    if not found:
        print(f"{file.name} has no snapshots.")


@app.command("take")
def take(file: File, title: Annotated[str, typer.Argument(help="What to call it.", show_default=False)]) -> None:
    """Take a snapshot and give it a name; named ones are kept until they are removed."""
    document = _opened(file)
    try:
        print(_line(document.take_snapshot(title)))
    finally:
        document.close()


@app.command("restore")
def restore(file: File, snapshot: Name) -> None:
    """Make the rows those of a snapshot and save. What the file says now is kept as a snapshot first."""
    document = _opened(file)
    try:
        wanted = document.snapshots.find(snapshot)
        other = Document.open(document.snapshots.content(wanted), read_only=True)
        kept = document.take_snapshot(f"Before going back to {wanted.title}", "bulk")
        document.apply(change_to(document, other, f"Go back to {wanted.title}"))
        other.close()
        document.save()
        print(f"{file.name} is as in “{wanted.title}”. Take it back with: arny data history restore {file} {kept.id}")
    finally:
        document.close()


@app.command("remove")
def remove(file: File, snapshot: Name) -> None:
    """Remove a snapshot."""
    snapshots = Snapshots(Sidecar(file).snapshots)
    found = snapshots.find(snapshot)
    snapshots.remove([found])
    print(f"Removed {_line(found)}")


def _opened(file: File) -> Document:
    document = Document.open(file)
    if document.is_read_only:
        document.close()
        raise BadInput(f"{file.name} is open in another window.", hint="Close it there first.")
    return document


def _line(snapshot: Snapshot) -> str:
    when = snapshot.at.astimezone().strftime("%Y-%m-%d %H:%M")
    rows = f"{snapshot.rows:,} rows, " if snapshot.rows is not None else ""
    return f"{snapshot.id}  {when}  {rows}{snapshot.size:,} bytes  {snapshot.content_hash[:12]}  {snapshot.title}"
