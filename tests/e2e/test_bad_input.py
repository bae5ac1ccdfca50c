"""Bad input and bad luck, met through the command as a user meets them: each ends in one sentence and its exit code."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import generated_rows, write_generated
from arny_studio.jobs.event_log import last_event
from arny_studio.jobs.events import Log, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from tests.jobs.driving import wait_until
from tests.tiny_models import make_tiny_adapter, make_tiny_base, make_tiny_gguf

BAD_LINES = b'{"messages": [}\n\xff\n{"messages": [{"role": "robot", "content": "x"}]}\n'
GOOD_ROWS = 12

# Put on the path of an interpreter, this makes it one in which nothing of the extras is installed.
WITHOUT_EXTRAS = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "trl", "peft", "llama_cpp", "llguidance"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, an adapter, a GGUF and a dataset in order, and beside them one broken in each of the ways people meet."""
    folder = tmp_path_factory.mktemp("inputs")
    base = make_tiny_base(folder / "base", layers=1)
    make_tiny_adapter(folder / "adapter", base)
    torn = make_tiny_adapter(folder / "half-adapter", base) / "adapter_model.safetensors"
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    gguf = make_tiny_gguf(folder / "router.gguf", layers=1).read_bytes()
    (folder / "half.gguf").write_bytes(gguf[: len(gguf) // 2])
    (folder / "hostile.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 1 << 40) + bytes(64))
    for name, lacks in (("no-tokenizer", "tokenizer.json"), ("no-weights", "model.safetensors")):
        shutil.copytree(base, folder / name)
        (folder / name / lacks).unlink()
    shutil.copytree(base, folder / "half-weights")
    with (folder / "half-weights" / "model.safetensors").open("r+b") as file:
        file.truncate(100_000)
    write_generated(folder / "good.jsonl", generated_rows("tier1", GOOD_ROWS, seed=1, contract=load_contract()), print)
    (folder / "bad.jsonl").write_bytes((folder / "good.jsonl").read_bytes() + BAD_LINES)
    (folder / "queries.jsonl").write_bytes(b'{"query": "hi"}\n{"query": "caf\xe9"}\n')
    (folder / "phone.toml").write_text('title = "M"\nram_mib = 4096\nos_reserve_mib = 0\napp_budget = 2048\n')
    (folder / "typo.toml").write_text('kind = "train"\nbase = "base"\ntrain_data = "good.jsonl"\nlearning_rat = 0.1\n')
    (folder / "a-file").write_text("no folder")
    return folder


def arny(folder: Path, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`, in a process of its own."""
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, timeout=120, **options)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "arny_studio.cli.main", *map(str, arguments)]


def assert_refused(done: subprocess.CompletedProcess[str], exit_code: int, *said: str) -> None:
    """One sentence in plain words that holds all of `said`, said once, and the exit code."""
    assert done.returncode == exit_code, done.stderr
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith(("error:", "Failed:"))]
    for words in said:
        assert words in done.stderr
    assert said[0] in sentence
    assert "Traceback" not in done.stderr


def files_with_final_names(folder: Path) -> list[str]:
    """What models, adapters and predictions lie below a folder, finished or seemingly so."""
    return [path.name for pattern in ("*.gguf", "*.safetensors", "*.jsonl") for path in folder.rglob(pattern)
            if path.name != "events.jsonl"]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        ("inspect half.gguf", 1, ["half.gguf is cut short", "export the file again"]),
        ("verify half.gguf", 1, ["half.gguf is cut short"]),
        ("route hi --tier1 half.gguf", 1, ["half.gguf is cut short"]),
        ("eval half.gguf good.jsonl", 1, ["half.gguf is cut short"]),
        ("inspect hostile.gguf", 1, ["claims to have 1,099,511,627,776 tensors"]),
        ("route hi --tier1 hostile.gguf", 1, ["claims to have 1,099,511,627,776 tensors"]),
        ("inspect good.jsonl", 1, ["is not a GGUF file"]),
        ("export --base no-tokenizer --quant Q8_0", 1, ["no-tokenizer has no tokenizer.json"]),
        ("export --base no-weights --quant Q8_0", 1, ["no-weights holds no weights"]),
        ("export --base half-weights --quant Q8_0", 1, ["model.safetensors is cut short"]),
        ("export --base base --adapter base", 1, ["no adapter at"]),
        ("export --base base --adapter half-adapter", 1, ["adapter_model.safetensors is cut short"]),
        ("train --preset demo-tier1 --data gone.jsonl", 1, ["There is no dataset at", "gone.jsonl"]),
        ("train --preset demo-tier1 --data good.jsonl --base base --python ls", 1, ["is not a Python 3 interpreter"]),
        ("export --base base --quant Q8_0 --out a-file", 1, ["a-file should be a folder"]),
        ("export --base base --quant Q8_0 --workspace a-file", 1, ["a-file cannot be written", "--workspace"]),
        ("export nothing", 1, ["There is no run 'nothing'", "arny runs list"]),
        ("runs show nothing", 1, ["There is no run 'nothing'", "arny runs list"]),
        ("runs list --workspace a-file/below", 1, ["cannot be written"]),
        ("phone run queries.jsonl --tier1 router.gguf", 1, ["queries.jsonl:2:15: Byte 0xe9 is not UTF-8"]),
        ("route hi --tier1 router.gguf --device phone.toml", 2, ["unknown field `app_budget`", "'app_budget_mib'"]),
        ("route hi --tier1 router.gguf --device 7gb", 1, ["no device profile '7gb'", "6gb"]),
        ("train typo.toml", 2, ["typo.toml: There is no field learning_rat", "'learning_rate'"]),
        ("train --preset demo-tier1 --data good.jsonl --set lora_rr=8", 2, ["no field lora_rr", "'lora_r'"]),
        ("train --preset teir1 --data good.jsonl", 2, ["There is no preset 'teir1'", "'tier1'"]),
        ("train --preset demo-tier1 --data good.jsonl --base no-tokenizer", 1, ["no-tokenizer has no tokenizer.json"]),
        ("train --preset demo-tier1 --data good.jsonl --base half-weights", 1, ["model.safetensors is cut short"]),
        ("generate tier1 a-file/x.jsonl", 1, ["a-file should be a folder"]),
    ],
)  # fmt: skip
def test_that_bad_input_is_one_sentence_and_an_exit_code(
    arguments: str, exit_code: int, said: list[str], inputs: Path, tmp_path: Path
):
    assert_refused(arny(inputs, *arguments.split()), exit_code, *said)
    assert files_with_final_names(tmp_path) == []


def test_that_a_log_is_only_named_where_it_can_be_read(inputs: Path):
    routed = arny(inputs, "route", "hi", "--tier1", "half.gguf")
    assert "Log:" not in routed.stderr
    evaluated = arny(inputs, "eval", "half.gguf", "good.jsonl")
    [log] = [line for line in evaluated.stderr.splitlines() if line.startswith("Log: ")]
    assert "half.gguf is cut short" in Path(log.removeprefix("Log: ")).read_text()


def test_that_bad_lines_are_found_with_their_place_and_the_rest_stays_usable(inputs: Path, tmp_path: Path):
    checked = arny(inputs, "data", "check", "bad.jsonl")
    assert checked.returncode == 4
    for place, expected in (
        (":13:15", "This is not JSON"),
        (":14:1", "Byte 0xff is not UTF-8"),
        (":15", "none of system"),
    ):
        [line] = [line for line in checked.stdout.splitlines() if f"bad.jsonl{place}:" in line]
        assert expected in line
    assert f"15 rows, {GOOD_ROWS} usable, 3 with errors" in checked.stdout
    split = arny(inputs, "data", "split", "bad.jsonl", "--out", tmp_path, "--json")
    assert sum(side["rows"] for side in json.loads(split.stdout).values()) == GOOD_ROWS


@contextmanager
def file_system(folder: Path, options: str) -> Iterator[Path]:
    """A file system of our own at `folder`; the test is skipped where we may not mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_that_a_workspace_that_may_not_be_written_is_one_sentence(inputs: Path, tmp_path: Path):
    with file_system(tmp_path / "disk", "size=1m,ro") as disk:
        done = arny(inputs, "export", "--base", "base", "--quant", "Q8_0", "--workspace", disk)
        assert_refused(done, 1, f"The workspace {disk} cannot be written: Read-only file system.", "ARNY_WORKSPACE")
        done = arny(inputs, "data", "split", "good.jsonl", "--out", disk)
        assert_refused(done, 1, "good.train.jsonl cannot be written: Read-only file system.")


def test_that_a_full_disk_during_an_export_leaves_no_file_with_a_final_name(inputs: Path, tmp_path: Path):
    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    arguments = ("export", "--base", "base", "--adapter", "adapter", "--quant", "Q8_0", "--workspace", tmp_path)
    assert_refused(arny(inputs, *arguments, preexec_fn=limit_file_size), 1, "more than one file may hold", "disk")
    assert files_with_final_names(tmp_path) == []
    [run] = Workspace(tmp_path).runs_by_time()
    assert not run.is_complete
    assert list(run.outputs.iterdir()) == []


def test_that_a_disk_that_is_really_full_is_one_sentence(inputs: Path, tmp_path: Path):
    with file_system(tmp_path / "disk", "size=1m") as disk:
        exported = arny(inputs, "export", "--base", "base", "--quant", "Q8_0", "--workspace", disk)
        assert_refused(exported, 1, "There is no room for", "Free some room")
        generated = arny(inputs, "generate", "tier1", disk / "rows.jsonl", "--rows", 3000)
        assert_refused(generated, 1, "rows.jsonl was not written", "Free some room")
        assert files_with_final_names(disk) == []


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("route hi --tier1 router.gguf", "infer"),
        ("export --base base --quant Q8_0", "infer"),
        ("train --preset demo-tier1 --data good.jsonl --base base", "train"),
    ],
)
def test_that_a_missing_extra_is_named_with_the_command_that_installs_it(
    arguments: str, extra: str, inputs: Path, tmp_path: Path
):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(WITHOUT_EXTRAS)
    search = os.pathsep.join([str(tmp_path / "bare"), str(Path(__file__).parents[2])])
    done = arny(inputs, *arguments.split(), env=os.environ | {"PYTHONPATH": search})
    assert_refused(done, 1, "which is not installed", f'pip install "arny-studio[{extra}]"')
    assert files_with_final_names(tmp_path) == []


def training(inputs: Path, workspace: Path) -> tuple[object, ...]:
    settings = {
        "max_steps": 10_000, "epochs": 100, "lora_r": 4, "batch_size": 1, "gradient_accumulation": 1,
        "max_minutes": 10, "validation_data": "",
    }  # fmt: skip
    pairs = [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    start = ("train", "--preset", "demo-tier1", "--base", "base", "--data", "bad.jsonl", "--workspace", workspace)
    return (*start, *pairs)


def until(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines of stderr up to the first one that holds `words`."""
    lines: list[str] = []
    for line in process.stderr or ():
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines))


@pytest.fixture(scope="module")
def interrupted(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], int, RunFolder]:
    """A training on a file with bad lines, interrupted while it trains: what it said, its exit code, its folder."""
    workspace = tmp_path_factory.mktemp("interrupted")
    words = command(*training(inputs, workspace))
    with subprocess.Popen(words, cwd=inputs, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = until(process, " steps ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    [run] = Workspace(workspace).runs_by_time()
    return [*said, *err.splitlines(), *out.splitlines()], process.returncode, run


def test_that_training_goes_on_with_the_good_rows_and_says_what_it_skipped(
    interrupted: tuple[list[str], int, RunFolder],
):
    said = "\n".join(interrupted[0])
    for place in ("bad.jsonl:13:15: This is not JSON", "bad.jsonl:14:1: Byte 0xff is not UTF-8", "bad.jsonl:15:"):
        assert f"Skipped {place}" in said
    assert f"{GOOD_ROWS} rows of bad.jsonl, 3 skipped" in said
    state = interrupted[2].state()
    assert state.curve.last_step >= 1
    assert [log for log in state.log if isinstance(log, Log) and "Skipped bad.jsonl:13" in log.text]


def test_that_ctrl_c_stops_a_training_saved_and_says_how_to_go_on(interrupted: tuple[list[str], int, RunFolder]):
    said, exit_code, run = interrupted
    assert exit_code == 3
    assert "Stopping after saving." in "\n".join(said)
    assert said[-1] == f"Go on with: arny train --resume {run.name}"
    ended = last_event(run.events_path)
    assert isinstance(ended, Stopped) and ended.resumable
    assert [path.name for path in run.checkpoints.iterdir()] == [f"checkpoint-{run.state().curve.last_step}"]
    assert not run.is_complete
    assert not any(run.outputs.iterdir())


def test_that_a_worker_that_is_killed_ends_the_command_with_one_sentence(
    interrupted: tuple[list[str], int, RunFolder], inputs: Path
):
    run = interrupted[2]
    words = command("train", "--resume", run.name, "--workspace", run.path.parents[1])
    with subprocess.Popen(words, cwd=inputs, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = until(process, "Load libraries")
        owner = run.lock.living_owner()
        assert owner is not None
        os.kill(owner.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert_refused(subprocess.CompletedProcess(words, process.returncode, out, "".join(said) + err), 1, "SIGKILL")
    assert not run.is_running
    shown = json.loads(arny(inputs, "runs", "show", run.name, "--json", "--workspace", run.path.parents[1]).stdout)
    assert (shown["status"], shown["state"]["outcome"]["failure"]) == ("failed", "out_of_memory")
    assert list(run.checkpoints.iterdir()), "what was saved before stays"


def test_that_ctrl_c_leaves_no_half_written_dataset(tmp_path: Path):
    words = command("generate", "tier1", tmp_path / "rows.jsonl", "--rows", 10_000_000)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_ctrl_c) as process:
        wait_until(lambda: list(tmp_path.glob(".rows.jsonl*")), "the file that is being written")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (3, "Stopped.")
    assert [path.name for path in tmp_path.iterdir()] == []


def listen_to_ctrl_c() -> None:
    """A test run in the background of a shell ignores it, and its children would too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
