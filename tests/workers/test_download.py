"""The download worker against a Hub on the loopback interface: whole, cut off, damaged, gated, offline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arny_studio.cli.main import app
from arny_studio.jobs.events import AnyEvent, Progress, Result
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.supervisor import Job, start_job
from arny_studio.recipe import DownloadRecipe
from tests.loopback_hub import Hub, loopback_hub
from tests.tiny_models import make_tiny_base

pytestmark = pytest.mark.skipif("sys.platform == 'win32'")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    base = make_tiny_base(tmp_path_factory.mktemp("hub") / "base", layers=1)
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Tiny")
    (base / "training.bin").write_bytes(b"pickled, not wanted")
    return {path.name: path.read_bytes() for path in base.iterdir()}


@pytest.fixture
def hub(model: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with loopback_hub() as served:
        served.files = dict(model)
        served.large = {"model.safetensors"}
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield served


class Download:
    """Downloads into one folder, attempt after attempt."""

    def __init__(self, tmp_path: Path, *, token: str = "") -> None:
        self.target = tmp_path / "models" / "owner--model"
        recipe = DownloadRecipe(model="owner/model", folder=str(self.target), token=token)
        self.run = RunFolder.create(tmp_path / "run", recipe)
        self.heard: list[AnyEvent] = []

    def attempt(self, meanwhile: Callable[[Job], None] | None = None) -> Outcome:
        async def run() -> Outcome:
            job = await start_job("download", self.run, on_event=self.heard.append)
            if meanwhile is not None:
                await asyncio.to_thread(meanwhile, job)
            return await job.wait()

        return asyncio.run(run())


def test_that_a_model_comes_whole_with_progress_and_only_what_it_needs(
    hub: Hub, model: dict[str, bytes], tmp_path: Path
):
    download = Download(tmp_path)
    assert download.attempt().exit_code == 0
    for name, data in model.items():
        if name != "training.bin":
            assert (download.target / name).read_bytes() == data
    assert not (download.target / "training.bin").exists()
    assert not list(download.target.glob(".*partial"))
    progress = [event for event in download.heard if isinstance(event, Progress)]
    assert progress[-1].done == progress[-1].total == sum(map(len, model.values())) - len(model["training.bin"])
    (entry,) = [event.values for event in download.heard if isinstance(event, Result)]
    assert (entry["name"], entry["source"], entry["licence"]) == ("model", "owner/model", "Apache-2.0")
    hub.ranges.clear()
    assert download.attempt().exit_code == 0
    assert hub.ranges == []  # nothing that is there whole is asked for again


def test_that_a_killed_download_goes_on_where_it_was_cut_off(hub: Hub, model: dict[str, bytes], tmp_path: Path):
    weights = model["model.safetensors"]
    hub.stop_after["model.safetensors"] = len(weights) // 2
    download = Download(tmp_path)

    def kill_when_hung(job: Job) -> None:
        assert hub.hung.wait(60)
        partial = next(iter(download.target.glob(".model.safetensors.*.partial")))
        assert partial.stat().st_size <= len(weights) // 2
        assert job.pid is not None
        import os
        import signal

        os.kill(job.pid, signal.SIGKILL)

    assert download.attempt(kill_when_hung).kind == "failed"
    assert not (download.target / "model.safetensors").exists()
    # The worker's last blocks may still have been in its buffers; give it a beginning of its own to go on from.
    partial = next(iter(download.target.glob(".model.safetensors.*.partial")))
    partial.write_bytes(weights[: len(weights) // 3])
    hub.ranges.clear()
    assert download.attempt().exit_code == 0
    assert ("model.safetensors", f"bytes={len(weights) // 3}-") in hub.ranges
    assert (download.target / "model.safetensors").read_bytes() == weights


def test_that_damaged_bytes_never_get_the_files_name(hub: Hub, tmp_path: Path):
    hub.spoilt = {"model.safetensors"}
    download = Download(tmp_path)
    outcome = download.attempt()
    assert outcome.sentence.startswith("model.safetensors of owner/model came damaged")
    assert not (download.target / "model.safetensors").exists()
    hub.spoilt = set()
    assert download.attempt().exit_code == 0


@pytest.mark.parametrize(
    "status, code, sentence",
    [
        (403, "GatedRepo", "owner/model is gated, and this machine has no access to it."),
        (401, "RepoNotFound", "The Hub has no model owner/model, or it is private."),
        pytest.param(404, "RevisionNotFound", "owner/model has no branch, tag or commit main.", marks=pytest.mark.slow),
        pytest.param(500, "", "The Hub answered 500 for owner/model.", marks=pytest.mark.slow),
    ],
)
def test_that_each_refusal_of_the_hub_is_its_own_sentence(
    status: int, code: str, sentence: str, hub: Hub, tmp_path: Path
):
    hub.refusal = (status, code)
    assert Download(tmp_path).attempt().sentence == sentence


def test_that_a_hub_that_is_away_or_switched_off_is_said(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "switched off here" in Download(tmp_path / "off").attempt().sentence
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "The Hub cannot be reached" in Download(tmp_path / "away").attempt().sentence


def test_that_the_token_is_read_by_name_and_stands_in_no_file(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MY_HUB_SECRET", "hf_very_secret")
    download = Download(tmp_path, token="MY_HUB_SECRET")
    assert download.attempt().exit_code == 0
    assert hub.tokens == {"Bearer hf_very_secret"}
    written = b"".join(path.read_bytes() for path in download.run.path.rglob("*") if path.is_file())
    assert b"hf_very_secret" not in written


def test_that_the_command_downloads_and_lists(hub: Hub, tmp_path: Path):
    root = tmp_path / "workspace"

    def arny(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False, env={"COLUMNS": "300"})
        assert result.exit_code == 0, result.output
        return result.stdout

    folder = arny("download", "owner/model", "--workspace", str(root)).strip()
    assert folder == str(root / "models" / "owner--model")
    entries = json.loads(arny("list", "--json", "--kind", "base", "--workspace", str(root)))
    assert [entry["name"] for entry in entries] == ["model", "demo-base"]
    own = tmp_path / "own"
    make_tiny_base(own / "mine", layers=1)
    arny("add", str(own))
    assert "mine" in arny("list", "--workspace", str(root))
    arny("remove", str(own))
    assert "mine" not in arny("list", "--workspace", str(root))
