"""The ten planners: complete, coherent, and safe against answers that share too much by construction."""

import string

import pytest

from arny_studio.dataset.generate.tier2.phrasing import CONNECTIVES, Lowering, connectives, slots
from arny_studio.dataset.generate.tier2.plan import FACT_TYPES, QUESTION_TYPES
from arny_studio.dataset.generate.tier2.planners import PLANNERS
from arny_studio.dataset.generate.tier2.sheets import load_sheets

EVERY_PLANNER = pytest.mark.parametrize("planner", PLANNERS.values(), ids=PLANNERS.keys())
EVERY_SHEET = pytest.mark.parametrize("sheet", load_sheets(), ids=lambda sheet: sheet.topic)


def _slots_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_that_there_is_a_planner_for_each_of_the_ten_question_types():
    assert tuple(PLANNERS) == QUESTION_TYPES
    assert len(QUESTION_TYPES) == 10


@EVERY_PLANNER
def test_that_layouts_take_only_facts_that_fit_and_at_least_four(planner):
    for layout in planner.layouts:
        picks = [pick for paragraph in layout for pick in paragraph.picks]
        assert sum(pick.at_least for pick in picks) >= 4
        assert {fact_type for pick in picks for fact_type in pick.types} <= planner.fits


@EVERY_PLANNER
def test_that_facts_are_at_least_half_of_every_answer(planner):
    # Answers to different topics are never compared, because at most half of their sentences could be the same.
    for layout in planner.layouts:
        facts = sum(pick.at_least for paragraph in layout for pick in paragraph.picks)
        frames = sum(bool(paragraph.lead) + bool(paragraph.end) for paragraph in layout)
        assert frames <= facts


@EVERY_PLANNER
def test_that_layouts_name_only_frames_that_exist_and_every_frame_is_used(planner):
    named = {name for layout in planner.layouts for part in layout for name in (part.lead, part.end) if name}

    assert named == set(planner.frames)
    assert all(len(set(frames)) == len(frames) >= 5 for frames in planner.frames.values())


@EVERY_PLANNER
def test_that_frames_and_questions_use_only_known_slots(planner):
    known = set(slots(load_sheets()[0]))
    asked = known | {"name", "Name", "practice_name", "Practice_name"}

    assert all(_slots_in(frame) <= known for frames in planner.frames.values() for frame in frames)
    assert all(_slots_in(question) <= asked for question in planner.questions + planner.held_out_questions)


@EVERY_PLANNER
def test_that_questions_are_many_and_held_out_ones_are_others(planner):
    assert len(set(planner.questions)) >= 15
    assert len(set(planner.held_out_questions)) >= 4
    assert not set(planner.questions) & set(planner.held_out_questions)


def test_that_no_question_phrasing_belongs_to_two_types():
    phrasings = [
        question.replace("{practice_name}", "{name}")
        for planner in PLANNERS.values()
        for question in planner.questions + planner.held_out_questions
    ]

    assert len(set(phrasings)) == len(phrasings)


@EVERY_SHEET
def test_that_every_sheet_fills_every_pick_of_every_planner(sheet):
    for planner in PLANNERS.values():
        for layout in planner.layouts:
            taken: dict[str, int] = {}
            for pick in (pick for paragraph in layout for pick in paragraph.picks):
                if len(pick.types) == 1:
                    taken[pick.types[0]] = taken.get(pick.types[0], 0) + pick.at_least
                else:
                    assert sum(len(sheet.of_type(fact_type)) for fact_type in pick.types) >= pick.at_least
            assert all(len(sheet.of_type(fact_type)) >= count for fact_type, count in taken.items())


def test_that_a_first_fact_and_a_fact_of_history_have_no_connective():
    assert all(connectives(fact_type, None) == () for fact_type in FACT_TYPES)
    assert connectives("history", "history") == ()


def test_that_connectives_end_where_a_sentence_can_go_on():
    assert all(connective.endswith(", ") and connective[0].isupper() for connective in CONNECTIVES)
    assert set(connectives("limit", "mechanism")) | set(connectives("limit", "limit")) <= CONNECTIVES


@pytest.mark.parametrize(
    ("sentence", "goes_on"),
    [
        ("The grid must grow with demand.", "the grid must grow with demand."),
        ("Bitcoin miners earn new coins for their work.", "Bitcoin miners earn new coins for their work."),
        ("In 1994 Peter Shor published an algorithm.", None),
        ("Zebras run from lions every day.", None),
    ],
)
def test_that_a_sentence_is_lowered_only_where_its_first_word_is_known(sentence, goes_on):
    lowering = Lowering(["Where the sun shines, people trust Bitcoin and its grid."])

    assert lowering.after_connective(sentence) == goes_on
