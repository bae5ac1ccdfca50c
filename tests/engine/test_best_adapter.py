"""The best adapter is kept whole, found again after a kill, and tells when waiting is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from arny_studio.engine.best_adapter import BestAdapter


class Saver:
    """Writes what stands for an adapter; its text tells which."""

    def __init__(self, text: str, *, dies: bool = False) -> None:
        self._text = text
        self._dies = dies

    def __call__(self, folder: Path) -> None:
        (folder / "adapter").write_text(self._text)
        if self._dies:
            raise KeyboardInterrupt


def kept(best: BestAdapter) -> str:
    assert best.kept is not None
    return (best.kept[1] / "adapter").read_text()


@pytest.mark.parametrize(
    "metric, values, winner", [("validation_loss", (2.0, 1.0, 1.5), 2), ("json_valid", (0.1, 0.9, 0.9), 2)]
)
def test_that_the_best_is_the_lowest_loss_or_the_highest_share_and_the_first_of_equals(
    metric: str, values: tuple[float, ...], winner: int, tmp_path: Path
):
    best = BestAdapter(tmp_path, metric, patience=0)
    for step, value in enumerate(values, start=1):
        best.judge(step, value, Saver(f"step {step}"))
    assert kept(best) == f"step {winner}"
    assert len(list(tmp_path.glob("best-*"))) == 1


def test_that_patience_ends_after_as_many_evaluations_without_a_better_one(tmp_path: Path):
    best = BestAdapter(tmp_path, "validation_loss", patience=2)
    waited = []
    for step, value in enumerate((3.0, 2.0, 2.5, 2.0), start=1):
        best.judge(step, value, Saver(""))
        waited.append(best.has_waited_enough)
    assert waited == [False, False, False, True]


def test_that_a_resumed_run_counts_as_if_it_had_never_ended(tmp_path: Path):
    best = BestAdapter(tmp_path, "validation_loss", patience=2)
    for step, value in ((2, 1.0), (4, 3.0), (6, 0.5)):
        best.judge(step, value, Saver(f"step {step}"))
    again = BestAdapter(tmp_path, "validation_loss", patience=2, resumed_step=4)  # the best lies ahead of it
    assert kept(again) == "step 6"
    assert not again.judge(6, 0.5, Saver("not better"))
    assert not again.has_waited_enough
    again.judge(8, 0.6, Saver(""))
    again.judge(10, 0.6, Saver(""))
    assert again.has_waited_enough
    assert kept(again) == "step 6"


def test_that_a_kill_while_the_best_is_written_leaves_the_one_before(tmp_path: Path):
    best = BestAdapter(tmp_path, "json_valid", patience=0)
    best.judge(1, 0.2, Saver("good"))
    with pytest.raises(KeyboardInterrupt):
        best.judge(2, 0.8, Saver("half", dies=True))
    again = BestAdapter(tmp_path, "json_valid", patience=0, resumed_step=1)
    assert kept(again) == "good"
    assert not list(tmp_path.glob("*.partial"))
    assert BestAdapter(tmp_path, "journey_accuracy", patience=0).kept is None


def test_that_a_damaged_best_adapter_is_set_aside(tmp_path: Path):
    best = BestAdapter(tmp_path, "json_valid", patience=0)
    best.judge(1, 0.2, Saver("good"))
    (tmp_path / "best-1" / "adapter").write_text("flipped")
    assert BestAdapter(tmp_path, "json_valid", patience=0, resumed_step=1).kept is None
    assert (tmp_path / "torn-best-1").is_dir()
