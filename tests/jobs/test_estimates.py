"""Estimates learn from what trainings on this machine took."""

from __future__ import annotations

from pathlib import Path

import pytest

from arny_studio.jobs.estimates import (
    RUNS_USED,
    PastEstimate,
    corrected_bytes,
    corrected_report,
    corrected_seconds,
    estimates_path,
    past_estimates,
    remember,
)
from arny_studio.recipe.preflight import Estimate, PreflightReport
from arny_studio.recipe.preflight_wording import estimate_findings


def past(took_s: float, *, raw_s: float = 10.0, shown_s: float = 10.0, device: str = "cpu") -> PastEstimate:
    return PastEstimate(
        device=device, engine="trl", raw_s=raw_s, shown_s=shown_s, took_s=took_s, raw_bytes=100.0, shown_bytes=100.0,
        peak_bytes=150.0,
    )  # fmt: skip


def test_that_the_first_estimate_is_the_formulas_and_says_so():
    assert corrected_seconds(30.0, []) == Estimate(value=30.0, raw=30.0)
    report = PreflightReport(findings=[], seconds=corrected_seconds(30.0, []))
    assert "first guess" in estimate_findings(report)[0].text


def test_that_what_happened_corrects_the_next_estimate_and_its_error_is_told():
    runs = [past(20.0), past(30.0), past(20.0, shown_s=25.0)]
    seconds = corrected_seconds(5.0, runs)
    assert (seconds.value, seconds.correction, seconds.past_runs) == (10.0, 2.0, 3)
    assert seconds.past_error == pytest.approx(0.5)  # the median of 10/20, 10/30 and 25/20 against 1
    assert corrected_bytes(200.0, runs).value == 300.0


def test_that_a_run_of_quite_another_size_teaches_nothing():
    assert corrected_seconds(1000.0, [past(20.0)]).past_error is None
    assert corrected_seconds(80.0, [past(20.0)]).value == 160.0


def test_that_the_past_is_kept_by_device_and_survives_a_torn_line(tmp_path: Path):
    path = tmp_path / "past.jsonl"
    for number in range(RUNS_USED + 3):
        remember(past(float(number + 1)), path)
    remember(past(1.0, device="NVIDIA T4"), path)
    with path.open("ab") as file:
        file.write(b'{"device":"cp')
    found = past_estimates("cpu", "trl", path)
    assert [run.took_s for run in found] == [float(number) for number in range(4, RUNS_USED + 4)]
    assert len(past_estimates("NVIDIA T4", "trl", path)) == 1
    assert past_estimates("cpu", "unsloth", path) == []
    assert past_estimates("cpu", "trl", tmp_path / "none") == []


def test_that_a_report_is_corrected_by_this_machines_past():
    remember(past(40.0))
    assert estimates_path().is_file()
    report = PreflightReport(
        findings=[], seconds=Estimate(value=10.0, raw=10.0), memory=Estimate(value=100.0, raw=100.0),
        memory_available_bytes=120,
    )  # fmt: skip
    report = corrected_report(report, "trl")
    assert report.seconds is not None
    assert report.seconds.value == 40.0
    time, memory = estimate_findings(report)
    assert "past error 75%" in time.text
    assert memory.level == "warning"
