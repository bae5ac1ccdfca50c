"""TensorBoard itself reads what is written for it."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from arny_studio.engine.tensorboard_log import TensorBoardLog, _masked_crc
from arny_studio.jobs.events import Gpu, Log, Metric, System


def read_back(folder: Path) -> dict[str, list[tuple[int, float]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        board = EventAccumulator(str(folder))
        board.Reload()
        return {tag: [(e.step, e.value) for e in board.Scalars(tag)] for tag in board.Tags()["scalars"]}


def test_that_the_checksum_is_that_of_the_standard():
    assert _masked_crc(b"123456789").hex() == (((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little").hex()  # fmt: skip


def test_that_tensorboard_reads_every_figure_at_its_step(tmp_path: Path):
    log = TensorBoardLog(tmp_path, time_s=1000.0)
    for step in (1, 2, 300):
        log.hear(Metric(step=step, loss=1.0 / step, learning_rate=2e-4, tokens=step))
    log.hear(Metric(step=300, json_valid=0.5))
    log.hear(Log(text="no figure"))
    gpu = Gpu(index=1, name="x", used_bytes=2_000_000_000, total_bytes=4_000_000_000, percent=50.0)
    log.hear(System(cpu_percent=12.5, ram_used_bytes=1_000_000_000, ram_total_bytes=2, gpus=[gpu]))
    log.close()
    found = read_back(tmp_path)
    assert found["train/loss"] == [(1, 1.0), (2, 0.5), (300, pytest.approx(1 / 300))]
    assert found["answers/json_valid"] == [(300, 0.5)]
    assert found["system/gpu1_percent"] == [(300, 50.0)]
    assert "system/gpu1_celsius" not in found


def test_that_a_resumed_run_drops_what_came_after_its_checkpoint(tmp_path: Path):
    first = TensorBoardLog(tmp_path, time_s=1000.0)
    for step in (1, 2, 3, 4):
        first.hear(Metric(step=step, loss=1.0, time_s=1000.0 + step))
    first.close()
    second = TensorBoardLog(tmp_path, time_s=2000.0, step=2)
    second.hear(Metric(step=3, loss=2.0, time_s=2001.0))
    second.close()
    assert read_back(tmp_path)["train/loss"] == [(1, 1.0), (2, 1.0), (3, 2.0)]
