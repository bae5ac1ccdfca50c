"""Under which terms a base model stands, as far as its folder or its name tells: said before a training begins.

What the folder itself states comes first; a name is only taken for models whose licence we have read. Qwen2.5 is
Apache-2.0 except for the 3B (Qwen Research License: no commercial use) and the 72B (Qwen License).
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from arny_studio import paths

_NOTES = {
    "apache-2.0": "Free to use, also commercially.",
    "mit": "Free to use, also commercially.",
    "qwen-research": "Research only: commercial use needs a separate licence from Alibaba Cloud.",
    "qwen": "Free below 100 million monthly users; more need a licence from Alibaba Cloud.",
}
_NAMES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "qwen-research": "Qwen Research License", "qwen": "Qwen License"}
_QWEN25_SIZE = re.compile(r"qwen2\.5-(?:coder-|math-)?(\d+(?:\.\d+)?)b", re.IGNORECASE)
_QWEN25 = {"3": "qwen-research", "72": "qwen"}
_QWEN25_APACHE = {"0.5", "1.5", "7", "14", "32"}
_LICENCE_TEXTS = (
    ("qwen research license", "qwen-research"),
    ("tongyi qianwen license", "qwen"),
    ("qwen license agreement", "qwen"),
    ("apache license", "apache-2.0"),
    ("mit license", "mit"),
)
_READ_BYTES = 4096


class Licence(Struct, frozen=True):
    """An identifier as the Hub writes it, its name for people, what it means, and where it was found."""

    id: str = ""
    name: str = "unknown"
    note: str = "Its terms are not known here: look at the model's page before you use what you train."
    source: str = ""

    @property
    def is_restricted(self) -> bool:
        """Whether what is trained from it may not simply be used commercially."""
        return self.id in ("qwen-research", "qwen")


UNKNOWN = Licence()


def licence_of(base: str) -> Licence:
    """The licence of a model folder or Hub id; `UNKNOWN` where neither folder nor name tells."""
    folder = Path(base).expanduser()
    if folder.is_dir() and folder.resolve() == paths.DEMO_BASE.resolve():
        return licence_named("apache-2.0", "shipped with Arny Studio")
    if folder.is_dir():
        return _of_folder(folder)
    return _of_name(base)


def licence_named(identifier: str, source: str) -> Licence:
    """A licence by the identifier that a model card or GGUF states."""
    key = identifier.strip().lower()
    if not key:
        return UNKNOWN
    return Licence(key, _NAMES.get(key, identifier.strip()), _NOTES.get(key, ""), source)


def _of_folder(folder: Path) -> Licence:
    stated = _of_card(folder) or _of_text(folder)
    if stated is not None:
        return stated
    # A snapshot lies in …/models--owner--name/snapshots/<commit>, a download in …/owner--name.
    named = next((part for part in reversed(folder.parts) if "--" in part), folder.name)
    return _of_name(named.removeprefix("models--").replace("--", "/"))


def _of_card(folder: Path) -> Licence | None:
    """From the front matter of README.md: `license:`, or `license_name:` where that says `other`."""
    text = _beginning(folder / "README.md")
    head = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    if head is None:
        return None
    found = dict(re.findall(r"^(license|license_name):\s*[\"']?([^\"'\n]+?)[\"']?\s*$", head[1], re.MULTILINE))
    named = found.get("license", "")
    named = found.get("license_name", named) if named in ("other", "") else named
    return licence_named(named, "README.md") if named else None


def _of_text(folder: Path) -> Licence | None:
    for path in sorted(folder.glob("LICENSE*")):
        text = _beginning(path).lower()
        for sign, identifier in _LICENCE_TEXTS:
            if sign in text:
                return licence_named(identifier, path.name)
    return None


def _of_name(name: str) -> Licence:
    size = _QWEN25_SIZE.search(name)
    if size is None:
        return UNKNOWN
    identifier = _QWEN25.get(size[1], "apache-2.0" if size[1] in _QWEN25_APACHE else "")
    return licence_named(identifier, "known by its name")


def _beginning(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_READ_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
