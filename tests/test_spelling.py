"""Complaints in words for people."""

from __future__ import annotations

import msgspec
import pytest

from arny_studio.recipe import TrainRecipe
from arny_studio.spelling import in_plain_words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lora_r": 0}, "lora_r: expected a whole number of at least 1"),
        ({"lora_r": "x"}, "lora_r: expected a whole number, got a text"),
        ({"learning_rate": 9}, "learning_rate: expected a number of at most 0.1"),
        ({"epochs": -1}, "epochs: expected a number above 0.0"),
        ({"scheduler": "foo"}, "scheduler: 'foo' is none of the values it may have"),
        ({"packing": 3}, "packing: expected true or false, got a whole number"),
        ({"target_modules": [1]}, "target_modules[0]: expected a text, got a whole number"),
        ({"kind": "data"}, "kind: 'data' is not what belongs here"),
        ({"learning_rat": 1}, "There is no field learning_rat"),
    ],
)
def test_that_a_complaint_about_a_recipe_reads_like_a_sentence(changes, words):
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"kind": "train", "base": "b", "train_data": "d", **changes}, TrainRecipe)
    assert in_plain_words(str(caught.value)) == words


def test_that_other_words_stay_as_they_are():
    assert in_plain_words("Something else") == "Something else"
