"""The RAM account of a phone."""

from __future__ import annotations

import pytest

from arny_studio.device import Footprint, RamLedger

FOOTPRINT = Footprint(weights=100, kv=20, compute=5)


def test_that_loading_and_unloading_comes_back_to_the_same_account():
    empty = RamLedger(cap=1000, host=50)
    loaded = empty.loaded(2, FOOTPRINT)
    assert (loaded.held, loaded.free) == (175, 825)
    assert loaded.unloaded(2) == empty


def test_that_a_part_measured_larger_than_predicted_counts_as_measured():
    ledger = RamLedger(cap=1000, host=50).loaded(1, FOOTPRINT).measured(1, "compute", 30).measured(1, "weights", 90)
    assert ledger.held == 50 + 100 + 20 + 30


def test_that_every_part_is_a_line_with_prediction_and_measurement():
    ledger = RamLedger(cap=1000, host=50, os_reserve=400).loaded(1, FOOTPRINT).measured(1, "kv", 21)
    lines = [(line.owner, line.part, line.predicted, line.measured) for line in ledger.slices()]
    assert lines == [
        ("os", "reserve", 400, None),
        ("app", "host", 50, 50),
        ("tier1", "weights", 100, None),
        ("tier1", "kv", 20, 21),
        ("tier1", "compute", 5, None),
    ]


def test_that_an_absent_model_cannot_be_measured():
    with pytest.raises(KeyError, match="tier 2 is not resident"):
        RamLedger(cap=1000, host=50).measured(2, "kv", 1)
