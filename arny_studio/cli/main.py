"""The `arny` command: its sub-commands in one place, and the one frame that turns errors into sentences."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from arny_studio import __version__
from arny_studio.cli import (
    bundle,
    compare,
    data,
    demo,
    engines,
    evaluate,
    export,
    generate,
    inspect,
    models,
    phone,
    queue,
    route,
    runs,
    train,
)
from arny_studio.errors import ArnyError, BadInput
from arny_studio.jobs.outcome import EXIT_STOPPED

_INTERRUPTED = 130  # how typer ends at Ctrl-C

_ORDER = (
    "demo",
    "generate",
    "data",
    "models",
    "train",
    "queue",
    "engines",
    "export",
    "inspect",
    "verify",
    "eval",
    "route",
    "phone",
    "runs",
)


class _InOrderOfWork(TyperGroup):
    """Lists the commands as one comes to need them."""

    def list_commands(self, ctx: Any) -> list[str]:  # typer hides the class of its contexts
        """Every command; one that has no place in the order comes last."""
        return sorted(
            super().list_commands(ctx), key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)
        )


app = typer.Typer(
    cls=_InOrderOfWork,
    help="Make, fine-tune, export and try the two on-device models of Arny. Begin with: arny demo",
    epilog="Exit codes: 0 finished, 1 failed, 2 bad recipe or usage, 3 stopped, 4 finished and found problems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(generate.app, name="generate")
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
runs.app.command("compare")(compare.compare)
runs.app.command("tag")(compare.tag)
runs.app.command("note")(compare.note)
app.add_typer(queue.app, name="queue")
app.add_typer(models.app, name="models")
app.add_typer(phone.app, name="phone")
app.command("train")(train.train)
app.command("engines")(engines.engines)
app.command("export")(export.export)
app.command("bundle")(bundle.bundle)
app.command("inspect")(inspect.inspect)
app.command("verify")(inspect.verify)
app.command("eval")(evaluate.evaluate)
app.command("route")(route.route)
app.command("demo")(demo.demo)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that every command shares."""


def main() -> None:
    """Run the command; an error of ours ends as one sentence on stderr and its exit code."""
    try:
        app()
    except ArnyError as error:
        _refuse(error)
    except BrokenPipeError:  # `arny … | head`
        sys.stderr.close()
        sys.exit(1)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            sys.stderr.write("Stopped.\n")
            sys.exit(EXIT_STOPPED)
        raise
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(BadInput(f"{error.filename} cannot be used: {error.strerror}."))


def _refuse(error: ArnyError) -> NoReturn:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("error:", style="bold red", end=" ")
    console.print(error.sentence, markup=False)
    if error.hint:
        console.print(error.hint, markup=False, style="dim")
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
