"""`arny generate tier1|tier2`: write a dataset with the built-in generators."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import Tier, generated_rows, write_generated
from arny_studio.errors import BadRecipe

app = typer.Typer(help="Write a dataset with the built-in generators.", no_args_is_help=True)

Out = Annotated[Path, typer.Argument(help="JSONL file to write.", show_default=False)]
Rows = Annotated[int, typer.Option(min=1, help="How many samples.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same file on every machine.")]
Phrases = Annotated[
    str,
    typer.Option(
        "--phrases",
        help="`train`; `test`: held-out phrases and entities; for Tier-1 also `phrasings`: held-out phrases about the"
        " entities of training, and `shapes` (harder): held-out sentence shapes.",
    ),
]
ContractName = Annotated[
    str, typer.Option("--contract", help="Contract: a built-in id (router-v1, tools-v1) or a .json file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("tier1")
def tier1(
    out: Out,
    rows: Rows = 3000,
    seed: Seed = 7,
    phrases: Phrases = "train",
    contract: ContractName = "router-v1",
    as_json: AsJson = False,
) -> None:
    """Router samples: a query and the routing decision that follows from it."""
    _generate("tier1", out, rows, seed, phrases, contract, as_json)


@app.command("tier2")
def tier2(
    out: Out,
    rows: Rows = 3000,
    seed: Seed = 7,
    phrases: Phrases = "train",
    contract: ContractName = "router-v1",
    as_json: AsJson = False,
) -> None:
    """Reasoner samples: a question and an answer of several paragraphs."""
    _generate("tier2", out, rows, seed, phrases, contract, as_json)


def _generate(tier: Tier, out: Path, rows: int, seed: int, phrases: str, contract: str, as_json: bool) -> None:
    if phrases not in ("train", "phrasings", "test", "shapes"):
        raise BadRecipe(f"--phrases is 'train', 'test' or, for tier1, 'phrasings' or 'shapes', not {phrases!r}.")
    started = time.monotonic()
    stream = generated_rows(tier, rows, seed=seed, contract=load_contract(contract), phrases=phrases)
    with Console(stderr=True).status(f"Writing {rows:,} {tier} samples") as status:
        count = write_generated(out, stream, lambda done: status.update(f"{done:,} of {rows:,} samples"))
    elapsed_s = time.monotonic() - started
    if as_json:
        print(orjson.dumps({"path": str(out), "rows": count, "seconds": round(elapsed_s, 3)}).decode())
    else:
        print(f"{out}: {count:,} samples in {elapsed_s:.1f} s ({count / elapsed_s:,.0f}/s)")
