"""Turns pip's installation report into constraints: `pip install --dry-run --report FILE …`, then `pin.py FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HEAD = "# Made by `make constraints`: the newest versions that pyproject.toml admits, torch held at its CPU build.\n"


def constraints(report: dict) -> str:
    """One `name==version` line per package that pip would install; local version labels such as +cpu are dropped."""
    names = {item["metadata"]["name"]: item["metadata"]["version"].partition("+")[0] for item in report["install"]}
    names.pop("arny-studio", None)
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(names.items(), key=lambda x: x[0].lower()))


if __name__ == "__main__":
    target = Path(__file__).with_name("constraints.txt")
    target.write_text(constraints(json.loads(Path(sys.argv[1]).read_text())))
