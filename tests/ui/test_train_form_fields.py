"""The fields of the recipe form, as they are read from the struct."""

from __future__ import annotations

import math

import pytest

from arny_studio.ui.train.recipe_fields import CARRIED_FIELDS, MAIN_FIELDS, PICKED_FIELDS, advanced_groups, fields_of


def test_that_every_field_of_a_recipe_has_a_place_and_help():
    specs = fields_of()
    advanced = [name for _, group in advanced_groups() for name in group]
    assert sorted([*MAIN_FIELDS, *PICKED_FIELDS, *CARRIED_FIELDS, *advanced]) == sorted(specs)
    assert all(spec.help for spec in specs.values())


@pytest.mark.parametrize(
    ("field", "bounds"),
    [("lora_r", "1 to 512"), ("learning_rate", "above 0, up to 0.1"), ("lora_dropout", "0 or more, below 1"),
     ("seed", "0 or more"), ("packing", "")],
)  # fmt: skip
def test_that_bounds_are_said_in_words(field, bounds):
    assert fields_of()[field].bounds == bounds


@pytest.mark.parametrize(
    ("value", "is_fine"), [(0.0, False), (1e-4, True), (0.1, True), (0.2, False), (math.nan, False)]
)
def test_that_a_number_out_of_its_bounds_is_refused(value, is_fine):
    assert (fields_of()["learning_rate"].problem_of(value) == "") is is_fine
