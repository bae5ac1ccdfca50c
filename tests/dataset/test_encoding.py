"""Encoding repair is ftfy's, and clean text never gets as far as ftfy."""

from __future__ import annotations

import ftfy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arny_studio.dataset import encoding

GARBLED = [
    "voilÃ le travail",
    "âœ” done",
    "â€œquoteâ€\x9d",
    "sÃ³",
    "Ã x",
    "a\nÃ x",
    "ï»¿bom",
    "schÃ¶n",
    "Â£5",
    "вЂ”",
    "à¤…",
]
_pieces = st.sampled_from(
    [*GARBLED, "a", " ", "\n", "é", "ß", "œ", "œ ", "Œ\n", "Ã", "Â", "Ã ", "\nÃ ", "&amp;", "<b>", "\u2019", "\u2028", "ﬁ", "Ａ",
     "\x1b[1m", "\x85", "\r\n", "\x00", "e\u0301", "한", "\ufeff", "\ufffd", "€", "™", "ñ€", "\u3000", "ʼ", "\U0001f600", "Š", "ПРИ"]
)  # fmt: skip
texts = st.lists(_pieces, max_size=8).map("".join) | st.text(max_size=30)


@given(texts)
@settings(max_examples=400, deadline=None)
@example("A\nÃ x")
@example("Ã x")
def test_that_repair_equals_ftfy_and_the_gate_lets_only_unchanged_text_pass(text):
    expected = ftfy.fix_text(text)
    assert encoding.repaired(text) == expected
    assert encoding.may_change(text) or text == expected


def test_that_the_gate_is_right_for_each_single_character_it_lets_pass():
    passed = [chr(code) for code in range(0x3400) if not encoding.may_change(chr(code))]
    passed += [chr(code) for code in range(0xF900, 0x10000) if not encoding.may_change(chr(code))]
    assert len(passed) > 10_000
    assert [text for text in passed if ftfy.fix_text(text) != text] == []


@pytest.mark.parametrize("text", ["Where to?", "café Zürich Łódź", "Привет, мир", "こんにちは 世界", "50 € for two"])
def test_that_clean_text_in_many_scripts_passes_without_ftfy(text):
    assert not encoding.may_change(text)
    assert not encoding.has_mojibake(text)


def test_that_plain_row_bytes_hold_nothing_to_repair_and_others_may():
    assert encoding.is_plain(b'{"content":"a \\"b\\" \\\\ c"}')
    for raw in (b"a & b", rb"\u00e9", rb"a\rb", rb"\b", b"\x7f", "é".encode()):
        assert not encoding.is_plain(raw)


@pytest.mark.parametrize("text", GARBLED)
def test_that_mojibake_is_found_and_repaired_for_good(text):
    assert encoding.has_mojibake(text)
    repaired = encoding.with_mojibake_repaired(text)
    assert not encoding.has_mojibake(repaired)


def test_that_only_mojibake_is_repaired_where_only_that_was_asked_for():
    assert encoding.with_mojibake_repaired("“schÃ¶n” & ﬁne") == "“schön” & ﬁne"
    assert encoding.without_control_characters("a\x07b\tc\nd\ufeff") == "ab\tc\nd"
    assert encoding.has_control_characters("a\x9fb") and not encoding.has_control_characters("a\tb\n\x0c\r")


def test_that_a_lost_character_counts_as_garbled_although_nobody_can_repair_it():
    assert encoding.has_mojibake("caf\ufffd")
    assert encoding.first_garbled("caf\ufffd") == 3
