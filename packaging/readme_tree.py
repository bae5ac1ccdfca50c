"""Writes the README's tree from the first line of every module's docstring: `make readme`.

With `--check` it changes nothing and ends with 1 where the README is out of date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "arny_studio"
START, END = "<!-- tree: made by `make readme` -->", "<!-- end of tree -->"
WIDTH = 150


def tree_lines(folder: Path, depth: int = 0) -> Iterator[str]:
    """One line per module, folders first described by their package's docstring."""
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    packages = sorted(path.parent for path in folder.glob("*/__init__.py"))
    for path in modules:
        yield _line(path.name, path, depth)
    for package in packages:
        yield _line(f"{package.name}/", package / "__init__.py", depth)
        yield from tree_lines(package, depth + 1)


def _line(name: str, module: Path, depth: int) -> str:
    head = "  " * (depth + 1) + name
    return f"{head:<34} {_first_sentence(module)}".rstrip()[:WIDTH]


def _first_sentence(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".")


def with_tree(readme: str) -> str:
    """The README's text with its tree made anew."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    tree = "\n".join(["arny_studio/", *tree_lines(PACKAGE)])
    return f"{before}{START}\n```\n{tree}\n```\n{END}{after}"


def main() -> int:
    """Rewrite the README, or check it."""
    readme = ROOT / "README.md"
    now = readme.read_text(encoding="utf-8")
    new = with_tree(now)
    if "--check" in sys.argv:
        return int(new != now)
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
