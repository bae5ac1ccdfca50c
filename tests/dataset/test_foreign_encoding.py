"""Lines that are not UTF-8 and what they say: found out, named by hand, or left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract import load_contract
from arny_studio.dataset.bulk import operation_of
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.fixes import fixed_row
from arny_studio.dataset.foreign_encoding import as_utf8, checked_encoding, encoding_of
from arny_studio.dataset.problems import mask_of
from arny_studio.errors import BadInput, BadRecipe
from tests.dataset.rows import conversation

CONTRACT = load_contract()
QUERIES = {
    "cp1252": "Réserve une chambre à Genève – “vite”", "cp1250": "Zażółć gęślą jaźń, już się robi",
    "cp1251": "Забронируй отель в Москве", "cp1253": "Κλείσε ένα ξενοδοχείο στην Αθήνα",
    "cp932": "ホテルを予約してください", "gb18030": "请帮我预订酒店", "cp949": "호텔을 예약해 주세요",
    "euc_jp": "ホテルを予約してください",
}  # fmt: skip


def line(text):
    return conversation(("system", "You are a router."), ("user", text), ("assistant", "All right, it is done."))


@pytest.mark.parametrize(
    ("source", "query"),
    [
        *QUERIES.items(),
        ("cp1252", "From Genève to a café"),
        ("cp1252", "No idea… “yes”"),
        ("cp1250", "Příliš žluťoučký kůň"),
    ],
)
def test_that_a_line_in_another_encoding_is_recognised_and_converted(source, query):
    foreign = line(query).decode().encode(source)
    assert encoding_of(foreign) == source
    assert as_utf8(foreign) == as_utf8(foreign, source) == line(query)


def test_that_only_the_foreign_bytes_of_a_mixed_line_are_read_anew():
    assert as_utf8(line("naïve Größe ###").replace(b"###", b"caf\xe9")) == line("naïve Größe café")


@given(st.text(max_size=40))
def test_that_a_line_in_utf8_is_left_as_it_is(text):
    assert as_utf8(text.encode("utf-8", "replace"), "cp1252") == text.encode("utf-8", "replace")


@given(st.binary(max_size=40))
def test_that_whatever_comes_out_is_utf8_and_anything_else_is_refused(raw):
    try:
        as_utf8(raw).decode()
    except BadInput as refusal:
        assert "line" in refusal.sentence or "Byte" in refusal.sentence


def test_that_a_named_encoding_must_exist_and_fit():
    with pytest.raises(BadRecipe, match="no encoding 'klingon'"):
        checked_encoding("klingon")
    with pytest.raises(BadRecipe, match="no encoding 'base64'"):
        checked_encoding("base64")
    with pytest.raises(BadInput, match="0x81 has no meaning in"):
        as_utf8(b"\x81\x81", "cp1252")


def test_that_the_fix_makes_a_foreign_line_readable_and_leaves_broken_json_alone():
    foreign = line("café à Genève").decode().encode("cp1252")
    assert RowChecker(CONTRACT).columns_of(foreign).problems == mask_of("unreadable")
    assert fixed_row("unreadable", foreign, CONTRACT) == line("café à Genève")
    assert fixed_row("unreadable", foreign[:-1], CONTRACT) is None
    assert fixed_row("unreadable", b'{"messages": [', CONTRACT) is None


def test_that_encoding_is_repaired_in_bulk_from_a_named_encoding():
    foreign = line("Готово").decode().encode("koi8_r")
    repair = operation_of("repair_encoding", {"written_in": "koi8-r"}).rewriter(CONTRACT)
    assert repair(foreign) == line("Готово") and repair(line("Готово")) == line("Готово")
    with pytest.raises(BadRecipe, match="no encoding"):
        operation_of("repair_encoding", {"written_in": "nope"}).rewriter(CONTRACT)
