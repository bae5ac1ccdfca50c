"""What a model can write and no event can carry is no decision."""

from __future__ import annotations

import msgspec
import pytest

from arny_studio.contract import decode, load_contract


@pytest.mark.parametrize("text", ['{"intent":"\\ud83d"}', '{"complexity_score":' + "9" * 70 + "}", '{"a":1e999}'])
def test_that_a_decision_can_always_be_written_again(text: str):
    decoded = decode(load_contract(), text)
    assert not decoded.is_valid
    assert msgspec.json.encode(decoded)
