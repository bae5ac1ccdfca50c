"""Worker: one simulated phone. `python -m arny_studio.workers.phone FOLDER`; with `queries` in the recipe it runs them
in order and ends, otherwise it answers commands until it is stopped or its standard input ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from arny_studio.atomic import write_text_atomically
from arny_studio.dataset.reading import BOM, syntax_problem
from arny_studio.errors import BadInput, MissingFile
from arny_studio.evaluation.phone_report import ScriptedRun, phone_report
from arny_studio.jobs.commands import AnyCommand, Ask, CancelReply, Confirm, MemoryPressure, Stop
from arny_studio.jobs.events import Artifact, Finished, Progress, Replied, Stage, Stopped, Turn
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.jobs.replies import reply_line
from arny_studio.recipe import PhoneRecipe

if TYPE_CHECKING:
    from arny_studio.engine.phone import Phone

REPLIES, REPORT = "replies.jsonl", "report.md"
QUERY_LINE = 'Every line is a JSON object such as {"query": "Book a flight"}.'
TICK_S = 0.25  # how often an idle phone looks at its cap and at Tier-2's idle time


class ScriptedQuery(Struct, frozen=True, kw_only=True):
    """A line of a query file. `continues` makes it the answer to the question before."""

    query: str
    continues: bool = False


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Switch the phone on, then run the recipe's queries or wait for commands."""
    recipe = folder.recipe(PhoneRecipe)
    queries = list(read_queries(Path(recipe.queries))) if recipe.queries else None
    emit(Stage(name="load", title="Switching the phone on", index=1, total=2))
    from arny_studio.engine.phone import Phone

    desk = Desk(inbox)
    with Phone(recipe, emit=emit, interrupted=desk.interruption, can_confirm=queries is None) as phone:
        emit(Stage(name="serve", title=f"{phone.profile.title}, {phone.mode}", index=2, total=2))
        if queries is None:
            return _serve(phone, desk)
        return _run(phone, desk, queries, Record(folder, phone, recipe, emit))


def read_queries(path: Path) -> Iterator[ScriptedQuery]:
    """The lines of a query file. Raises MissingFile, or BadInput with file, line and, where it has one, column."""
    if not path.is_file():
        raise MissingFile(f"There is no query file at {path}.")
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        line = line.removeprefix(BOM) if number == 1 else line
        if not line.strip():
            continue
        problem = syntax_problem(line, path.name, number)
        if problem is not None:
            raise BadInput(str(problem), hint=QUERY_LINE)
        try:
            yield msgspec.json.decode(line, type=ScriptedQuery)
        except msgspec.DecodeError as error:
            raise BadInput(f"{path.name}:{number}: {error}.", hint=QUERY_LINE) from error


class Desk:
    """Sorts commands: what cannot wait reaches the phone in mid-answer, the rest keeps its order."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._waiting: deque[AnyCommand] = deque()
        self._serving = ""

    def next_command(self) -> AnyCommand | None:
        """The next command, or None after a tick without one. A wish to stop goes before all that waits."""
        if self._inbox.stop_requested:
            return Stop(mode=self._inbox.stop_mode)
        command = self._waiting.popleft() if self._waiting else self._inbox.next_command(TICK_S)
        self._serving = command.request if isinstance(command, Ask) else ""
        return command

    def serve(self, request: str) -> None:
        """Which request is being answered."""
        self._serving = request

    def interruption(self) -> Literal["cancel", "pressure", "stop", "yes", "no"] | None:
        """What has come in that the answer in progress must hear of."""
        if self._inbox.stop_requested:
            return "stop"
        while (command := self._inbox.next_command(0)) is not None:
            match command:
                case CancelReply() if command.request == self._serving:
                    return "cancel"
                case CancelReply():
                    self._waiting = deque(ask for ask in self._waiting if not _is_ask(ask, command.request))
                case MemoryPressure():
                    return "pressure"
                case Confirm():
                    if command.request == self._serving:
                        return "yes" if command.is_confirmed else "no"
                case Stop():
                    return "stop"
                case _:
                    self._waiting.append(command)
        return None


def _is_ask(command: AnyCommand, request: str) -> bool:
    return isinstance(command, Ask) and command.request == request


def _serve(phone: Phone, desk: Desk) -> Finished | Stopped:
    answered = 0
    while True:
        match desk.next_command():
            case Ask() as command:
                phone.ask(
                    command.request, command.query, earlier=command.earlier, may_begin_anew=command.may_begin_anew,
                    settings=command.settings,
                )  # fmt: skip
                answered += 1
            case MemoryPressure():
                phone.relieve_pressure()
            case Stop():
                return Stopped(summary=f"The phone was switched off after {answered} requests.")
            case None:
                phone.tick()


class Record:
    """What a scripted run leaves behind: a line per reply as it comes, and a report at the end."""

    def __init__(self, folder: RunFolder, phone: Phone, recipe: PhoneRecipe, emit: Emit) -> None:
        self.emit = emit
        self._outputs, self._phone = folder.outputs, phone
        self._models = tuple(Path(name).name for name in (recipe.tier1, recipe.tier2) if name)
        self._lines: list[dict[str, Any]] = []
        (self._outputs / REPLIES).unlink(missing_ok=True)

    def keep(self, replied: Replied) -> None:
        """Append a reply."""
        self._lines.append(reply_line(replied))
        with (self._outputs / REPLIES).open("ab") as file:
            file.write(msgspec.json.encode(self._lines[-1]) + b"\n")

    def close(self) -> None:
        """Write the report about what was kept, and say where both files are."""
        if not self._lines:
            return
        profile, mode = self._phone.profile, self._phone.mode
        cap_mib = profile.cap_bytes / 2**20
        run = ScriptedRun(phone=profile.title, mode=mode, models=self._models, cap_mib=cap_mib, lines=self._lines)
        write_text_atomically(self._outputs / REPORT, phone_report(run))
        for kind, name in (("predictions", REPLIES), ("report", REPORT)):
            size = (self._outputs / name).stat().st_size
            self.emit(Artifact(kind=kind, path=f"{self._outputs.name}/{name}", size_bytes=size))


def _run(phone: Phone, desk: Desk, queries: list[ScriptedQuery], record: Record) -> Finished | Stopped:
    open_turns: list[Turn] = []
    try:
        for number, line in enumerate(queries, start=1):
            desk.serve(f"q{number}")
            replied = phone.ask(f"q{number}", line.query, earlier=open_turns if line.continues else ())
            open_turns = replied.open_turns
            record.keep(replied)
            record.emit(Progress(done=number, total=len(queries), unit="queries"))
            if desk.interruption() == "stop":
                return Stopped(summary=f"Stopped after {number} of {len(queries)} queries.")
    finally:
        record.close()
    return Finished(summary=f"Answered {len(queries)} queries.")


if __name__ == "__main__":
    run_program("phone", main)
