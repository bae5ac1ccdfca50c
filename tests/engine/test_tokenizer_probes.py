"""The thousand strings on which tokenizers are held against one another."""

from __future__ import annotations

import hashlib
import unicodedata

from arny_studio.engine.tokenizer_probes import probe_texts


def test_that_there_are_a_thousand_the_same_every_time_in_nfc() -> None:
    texts = probe_texts()
    assert len(texts) == 1000
    assert len(set(texts)) > 950
    assert all(unicodedata.is_normalized("NFC", text) for text in texts)
    assert texts == probe_texts()
    # A change of the strings makes every recorded digest worthless: it has to be meant.
    assert hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16] == "a20f6e2c4d43f0d1"


def test_that_all_scripts_white_space_emoji_and_control_tokens_are_in_them() -> None:
    joined = "".join(probe_texts())
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in joined if letter.isalpha()}
    assert {
        "LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "DEVANAGARI", "THAI", "HANGUL", "HIRAGANA",
        "KATAKANA", "CJK", "ETHIOPIC", "GEORGIAN", "TAMIL", "TIBETAN", "KHMER", "GOTHIC", "CUNEIFORM",
    } <= scripts  # fmt: skip
    for part in (
        "\t",
        "\r\n",
        "\u00a0",
        "\u3000",
        "\u200b",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "<|im_end|>",
        "<|im_start",
        '{"intent"',
    ):
        assert part in joined
