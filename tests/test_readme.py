"""The README stays true: its tree, its commands and its pictures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_that_the_tree_has_one_true_line_for_every_module():
    done = subprocess.run([sys.executable, str(ROOT / "packaging" / "readme_tree.py"), "--check"])
    assert done.returncode == 0, "run `make readme`"


def test_that_every_picture_and_file_that_the_readme_links_to_exists():
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_that_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.M))
    assert {"demo", "test"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.M)] == []


def test_that_every_arny_command_in_the_readme_exists():
    commands = set(re.findall(r"^arny ([a-z]+)", README, re.M))
    known = subprocess.run([sys.executable, "-m", "arny_studio.cli.main", "--help"], capture_output=True, text=True)
    assert commands
    assert [command for command in commands if not re.search(rf"\b{command}\b", known.stdout)] == []
