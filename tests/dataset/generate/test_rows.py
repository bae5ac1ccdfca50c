"""The door to both generators."""

from __future__ import annotations

from itertools import islice

import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import generated_rows
from arny_studio.errors import BadRecipe


@pytest.mark.parametrize(
    ("tier", "phrases"),
    [
        ("tier1", "train"),
        ("tier1", "test"),
        ("tier1", "phrasings"),
        ("tier1", "shapes"),
        ("tier2", "train"),
        ("tier2", "test"),
    ],
)
def test_that_rows_are_of_the_tier_and_phrases_that_are_asked_for(tier, phrases):
    rows = list(islice(generated_rows(tier, 3, seed=5, contract=load_contract(), phrases=phrases), 3))
    assert [row["meta"]["split"] for row in rows] == [phrases] * 3
    assert all(row["id"].startswith(tier.replace("ier", "")) for row in rows)


@pytest.mark.parametrize("phrases", ["phrasings", "shapes"])
def test_that_tier2_without_such_phrases_says_so(phrases):
    with pytest.raises(BadRecipe, match=f"Tier-2 has no phrases '{phrases}': choose 'train' or 'test'"):
        generated_rows("tier2", 3, seed=5, contract=load_contract(), phrases=phrases)
