"""Tables of a report."""

from __future__ import annotations

from arny_studio.contract import load_contract
from arny_studio.evaluation import Prediction, markdown_table, score_predictions, scores_table
from tests import pinned_contract as pinned


def test_that_a_table_is_markdown_and_its_cells_cannot_break_it():
    table = markdown_table(["query", "ms"], [["a|b\nc", 12], ["back\\slash", 3]], right=[1])
    assert table == "| query | ms |\n| --- | ---: |\n| a\\|b<br>c | 12 |\n| back\\\\slash | 3 |\n"


def test_that_scores_stand_side_by_side_and_an_unknown_one_is_a_dash():
    said = Prediction(
        id="x", query="q", expected=None, expected_journey="general", text="", decision=pinned.ANSWER, tokens=70
    )
    contract = load_contract()
    before = score_predictions(contract, [], elapsed_s=1)
    after = score_predictions(contract, [said], elapsed_s=1)
    lines = scores_table({"before": before, "after": after}).splitlines()
    assert lines[0] == "|  | before | after |"
    assert "| JSON valid | – | 100.0 % |" in lines
    assert "| Intent accuracy | – | – |" in lines
    assert "| Tokens per row | – | 70.0 |" in lines
    assert "| Rows | 0 | 1 |" in lines
