"""`arny data …`: everything that is done to datasets, one file per command."""

from __future__ import annotations

import typer

from arny_studio.cli import generate
from arny_studio.cli.data import history
from arny_studio.cli.data.check import check
from arny_studio.cli.data.convert import convert
from arny_studio.cli.data.dedupe import dedupe
from arny_studio.cli.data.diff import diff
from arny_studio.cli.data.find import find
from arny_studio.cli.data.fix import bulk, fix
from arny_studio.cli.data.review import review
from arny_studio.cli.data.split import split
from arny_studio.cli.data.stats import stats

app = typer.Typer(help="Check, repair, search, split and write datasets.", no_args_is_help=True)
app.command("check")(check)
app.command("stats")(stats)
app.command("find")(find)
app.command("fix")(fix)
app.command("bulk")(bulk)
app.command("dedupe")(dedupe)
app.command("review")(review)
app.command("split")(split)
app.command("convert")(convert)
app.command("diff")(diff)
app.add_typer(history.app, name="history")
app.add_typer(generate.app, name="generate")
