"""Loading contracts, and checking decisions against schema and rules."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract import built_in_contracts, load_contract
from arny_studio.contract.schema import CONTRACTS_DIR
from arny_studio.errors import BadInput, MissingFile

HOTEL = {
    "intent": "hotel_search",
    "primary_journey": "hotel",
    "journeys": ["hotel", "value_assurance"],
    "direct_answer": None,
    "missing_fields": ["check_in_date", "budget"],
    "needs_clarification": True,
    "clarification": "What are your dates and budget?",
    "needs_execution": True,
    "execution_type": "cloud_agent",
    "complexity_score": 45,
    "routing_confidence": 0.88,
    "formatting_style": "list",
}


def broken(**changes):
    return [problem.rule for problem in load_contract().check(HOTEL | changes)]


def test_that_every_built_in_contract_loads_under_its_own_id():
    assert built_in_contracts() == ["router-v1", "tools-v1"]
    assert [load_contract(name).id for name in built_in_contracts()] == built_in_contracts()


def test_that_the_router_has_the_sixteen_agents_and_general_and_twelve_fields():
    contract = load_contract("router-v1")
    assert len(contract.journeys) == 17
    assert "general" in contract.journeys
    assert len(contract.fields) == 12


def test_that_the_example_of_the_source_document_is_valid():
    assert load_contract().check(HOTEL) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"primary_journey": "flight"}, "primary-in-journeys"),
        ({"journeys": ["hotel", "hotel"]}, "journeys-unique"),
        ({"clarification": None}, "clarification-together"),
        ({"needs_clarification": False}, "clarification-together"),
        ({"missing_fields": []}, "clarification-together"),
        ({"execution_type": None}, "execution-together"),
        ({"direct_answer": "Yes."}, "answer-alone"),
    ],
)
def test_that_a_broken_rule_is_named(changes, rule):
    assert rule in broken(**changes)


def test_that_a_simple_request_without_anything_needs_an_answer_only_below_the_threshold():
    quiet = {
        "missing_fields": [],
        "needs_clarification": False,
        "clarification": None,
        "needs_execution": False,
        "execution_type": None,
    }
    assert broken(**quiet, complexity_score=59) == ["answer-required"]
    assert broken(**quiet, complexity_score=60) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"complexity_score": 101}, "$.complexity_score"),
        ({"routing_confidence": -0.1}, "$.routing_confidence"),
        ({"journeys": ["hotel", "spaceship"]}, "$.journeys[1]"),
        ({"intent": "Book A Hotel"}, "$.intent"),
        ({"extra": 1}, "$"),
    ],
)
def test_that_a_schema_error_carries_its_json_path(changes, path):
    problems = load_contract().check(HOTEL | changes)
    assert path in [problem.path for problem in problems if problem.rule == "schema"]


def test_that_a_missing_field_is_an_error_in_a_decision_and_a_warning_in_imported_data():
    short = {name: value for name, value in HOTEL.items() if name != "formatting_style"}
    [strict] = load_contract().check(short)
    [imported] = load_contract().check(short, strict=False)
    assert (strict.severity, imported.severity) == ("error", "warning")
    assert strict.path == "$.formatting_style"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(changes=st.dictionaries(st.sampled_from(list(HOTEL)), json_values, max_size=6))
def test_that_checking_never_crashes_whatever_stands_in_the_fields(changes):
    problems = load_contract().check(HOTEL | changes)
    assert all(problem.sentence and problem.path.startswith("$") for problem in problems)


@given(value=json_values)
def test_that_anything_but_an_object_is_one_problem(value):
    if not isinstance(value, dict):
        assert len(load_contract().check(value)) == 1


def write_contract(folder, change):
    schema = json.loads((CONTRACTS_DIR / "router-v1.json").read_text())
    change(schema)
    path = folder / "own.json"
    path.write_text(json.dumps(schema))
    return path


def test_that_a_keyword_the_decoder_cannot_carry_is_refused_with_its_place(tmp_path):
    path = write_contract(tmp_path, lambda schema: schema["properties"]["journeys"].update({"uniqueItems": True}))
    with pytest.raises(BadInput, match=r"uniqueItems.*\$\.journeys"):
        load_contract(path)


def test_that_a_contract_that_names_an_unknown_field_is_refused(tmp_path):
    path = write_contract(tmp_path, lambda schema: schema["x-arny"]["deciding"].append("mood"))
    with pytest.raises(BadInput, match="mood"):
        load_contract(path)


def test_that_a_file_that_is_no_contract_is_refused(tmp_path):
    for name, text in {"a.json": "{", "b.json": "[]", "c.json": '{"properties": {}}'}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(BadInput, match=name):
            load_contract(tmp_path / name)


def test_that_an_unknown_contract_names_the_built_in_ones():
    with pytest.raises(MissingFile) as caught:
        load_contract("router-v9")
    assert "router-v1" in caught.value.hint
