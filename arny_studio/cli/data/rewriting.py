"""Changes to a file from the terminal: prepared as a patch, shown, and saved as the window saves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import orjson
import typer
from rich.console import Console
from rich.text import Text

from arny_studio.contract import load_contract
from arny_studio.dataset.bulk import AnyOperation
from arny_studio.dataset.bulk_patch import PatchReport, RowChange, as_values, write_patch
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change
from arny_studio.dataset.row_source import FileRows
from arny_studio.errors import BadInput
from arny_studio.jobs.outcome import EXIT_FOUND_PROBLEMS

_SHOWN_CHANGES = 10
_AROUND = 40


def rewrite(
    file: Path,
    operation: AnyOperation,
    contract: str,
    *,
    only: np.ndarray | None = None,
    out: Path | None = None,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Run an operation over a file and save it; with `out` write another file instead, which may be read meanwhile.

    With `dry_run` only show what would change (exit code 4 if any). Where the file itself is saved, a snapshot is kept
    beside it. Raises MissingFile, BadInput (also where the app has the file open), DiskFull.
    """
    with tempfile.TemporaryDirectory(prefix="arny-") as folder:
        patch = Path(folder) / "changes.patch"
        if dry_run:
            report = _prepared(FileRows.open(file), operation, contract, patch, only, as_json)
        elif out is not None:
            report = _copied(file, operation, contract, patch, only, as_json, out)
        else:
            report = _saved(file, operation, contract, patch, only, as_json)
    _print(file, report, out=None if dry_run else out, dry_run=dry_run, as_json=as_json)
    if dry_run and not report.is_empty:
        raise typer.Exit(EXIT_FOUND_PROBLEMS)


def _saved(
    file: Path, operation: AnyOperation, contract: str, patch: Path, only: np.ndarray | None, quiet: bool
) -> PatchReport:
    document = Document.open(file)
    try:
        refuse_if_in_use(document)
        report = _prepared(document, operation, contract, patch, only, quiet)
        if not report.is_empty:
            document.take_snapshot(f"Before: {report.title}", "bulk")
            document.apply(Change(report.title, (ApplyPatch(str(patch)),)))
            document.save()
        return report
    finally:
        document.close()


def _copied(
    file: Path, operation: AnyOperation, contract: str, patch: Path, only: np.ndarray | None, quiet: bool, out: Path
) -> PatchReport:
    document = Document.open(file, read_only=True)
    try:
        report = _prepared(document, operation, contract, patch, only, quiet)
        document.write_copy(out, patch=patch)
        return report
    finally:
        document.close()


def refuse_if_in_use(document: Document) -> None:
    """Raise BadInput where the app has the file open, or has left edits that were never saved."""
    if document.is_read_only:
        raise BadInput(f"{document.path.name} is open in another window.", hint="Close it there first.")
    if document.is_changed:
        raise BadInput(
            f"{document.path.name} has edits from the app that were never saved.",
            hint="Open it in the app and save or undo them first.",
        )


def _prepared(
    source: Document | FileRows,
    operation: AnyOperation,
    contract: str,
    patch: Path,
    only: np.ndarray | None,
    quiet: bool,
) -> PatchReport:
    with Console(stderr=True, quiet=quiet).status(operation.title) as status:
        return write_patch(
            source, operation, load_contract(contract), patch, only=only,
            on_progress=lambda done, total: status.update(f"{operation.title}: {done:,} of {total:,} rows"),
        )  # fmt: skip


def _print(file: Path, report: PatchReport, *, out: Path | None, dry_run: bool, as_json: bool) -> None:
    if as_json:
        said = {"path": str(file), "out": str(out) if out is not None else None, "dry_run": dry_run}
        print(orjson.dumps(as_values(report) | said).decode())
        return
    console = Console(highlight=False, soft_wrap=True)
    if dry_run:
        for change in report.first[:_SHOWN_CHANGES]:
            console.print(_diff(change))
        if len(report.first) > _SHOWN_CHANGES:
            console.print("…")
    verb = "would change" if dry_run else "changed"
    console.print(
        f"{report.title}: {report.changed:,} rows {verb}, {report.removed:,} {'would go' if dry_run else 'removed'}"
    )
    if out is not None:
        console.print(f"Written to {out}; {file.name} is as it was.", markup=False)
    if report.failed:
        console.print(
            f"{report.failed:,} rows could not be changed ({report.why_failed})", style="yellow", markup=False
        )


def _diff(change: RowChange) -> Text:
    """The line, and of the row only the part that differs, with its neighbourhood."""
    text = Text(f"line {change.line}\n", style="dim")
    if change.after is None:
        return text.append(f"- {change.before[: 4 * _AROUND]}", style="red")
    start, before_end, after_end = _differing_part(change.before, change.after)
    left = max(0, start - _AROUND)
    for sign, whole, end, style in (("-", change.before, before_end, "red"), ("+", change.after, after_end, "green")):
        text.append(f"{sign} {'…' if left else ''}{whole[left:start]}")
        part = whole[start:end]
        text.append(part if len(part) <= 4 * _AROUND else f"{part[: 4 * _AROUND]} … ", style=style)
        text.append(f"{whole[end : end + _AROUND]}{'…' if end + _AROUND < len(whole) else ''}" + "\n" * (sign == "-"))
    return text


def _differing_part(before: str, after: str) -> tuple[int, int, int]:
    """Where the texts begin to differ, and where in each of them the part that differs ends."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    same = next(
        (count for count in range(shorter - start) if before[-1 - count] != after[-1 - count]), shorter - start
    )  # fmt: skip
    return start, len(before) - same, len(after) - same
