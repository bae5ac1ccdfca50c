"""What the pickers of models offer, over files as exports leave them."""

from __future__ import annotations

import json

import pytest

from arny_studio import paths
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import ExportRecipe
from arny_studio.ui.chat.choices import reasoner_choices, router_choices
from arny_studio.ui.model_files import model_files, quant_of, tier_first
from arny_studio.ui.wording import moment_in_words

MADE_S = 1_795_417_858.0


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty workspace of an app with an embedded pair."""
    for name, quant in (("DEMO_TIER1", "router-Q8_0"), ("DEMO_TIER2", "reasoner-Q8_0")):
        path = tmp_path / f"embedded-{quant}.gguf"
        path.write_bytes(b"GGUF")
        monkeypatch.setattr(paths, name, path)
    return Workspace(tmp_path / "workspace")


def export(workspace: Workspace, title: str, tier: str, quants: tuple[str, ...]):
    """A run folder with files and their lineage; the names tell no tier."""
    folder = workspace.new_run("export", ExportRecipe(title=title, base="base", tier=tier))
    names = [f"some-model-{quant}.gguf" for quant in quants]
    for name in names:
        (folder.outputs / name).write_bytes(b"GGUF")
    lineage = {"made_s": MADE_S, "recipe": {"tier": tier}, "outputs": {name: {"kind": "gguf"} for name in names}}
    (folder.outputs / "lineage.json").write_text(json.dumps(lineage))
    return folder


def titles(entries) -> list[str]:
    return [title.split("  ·  ")[0] for title, _path in entries]


def test_that_without_exports_the_embedded_pair_comes_first(workspace):
    (workspace.models / "other.gguf").write_bytes(b"GGUF")
    files = model_files(workspace)
    assert titles(router_choices(files)) == ["Embedded demo router", "other.gguf", "Embedded demo reasoner"]
    assert titles(reasoner_choices(files)) == [
        "Embedded demo reasoner", "None (Lite)", "other.gguf", "Embedded demo router",
    ]  # fmt: skip


def test_that_what_exports_made_comes_first_by_the_tier_of_its_lineage(workspace):
    export(workspace, "A reasoner", "tier2", ("F16", "Q4_K_M", "Q8_0"))
    export(workspace, "A router", "tier1", ("F16", "Q4_K_M"))
    files = model_files(workspace)
    when = moment_in_words(MADE_S)
    assert router_choices(files)[0][0] == f"A router  ·  Q4_K_M  ·  {when}"
    assert reasoner_choices(files)[0][0] == f"A reasoner  ·  Q4_K_M  ·  {when}"
    assert [quant_of(file.path) for file in tier_first(files, 2)[:3]] == ["Q4_K_M", "F16", "Q8_0"]


def test_that_a_file_of_no_known_tier_is_no_default_reasoner(workspace, monkeypatch):
    monkeypatch.setattr(paths, "DEMO_TIER2", workspace.models / "gone.gguf")
    export(workspace, "A base", "", ("F16",))
    assert titles(reasoner_choices(model_files(workspace)))[0] == "None (Lite)"


@pytest.mark.parametrize("text", ["{", "[]", '{"outputs": {"another.gguf": {}}, "recipe": {"tier": "tier1"}}'])
def test_that_a_lineage_that_says_nothing_of_the_file_leaves_it_to_the_name(workspace, text):
    (workspace.models / "arny-TIER2-Q8_0.gguf").write_bytes(b"GGUF")
    (workspace.models / "lineage.json").write_text(text)
    own = next(file for file in model_files(workspace) if file.path.parent == workspace.models)
    assert (own.tier, own.title) == (2, "arny-TIER2-Q8_0.gguf")
