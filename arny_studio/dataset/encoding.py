"""Encoding repair: exactly what ftfy does, behind a gate that lets clean text pass without asking it.

The gate is ftfy's own conditions, read off its steps, as one search: text that meets none of them is what ftfy returns
unchanged. It errs only towards asking. Quotes, ligatures and widths count as repair only where the caller wants ftfy's
defaults (`repaired`); what is called a *problem* is mojibake and control characters alone.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# ASCII that some step of ftfy may touch beside HTML entities: terminal escapes, carriage returns, control characters.
_ASCII_SUSPECT = re.compile(r"[\x00-\x08\x0b\x0d-\x1f\x7f]")
# Bytes of a JSON row behind which anything else than plain printable ASCII may stand.
_ROW_SUSPECTS = (b"&", b"\\u", b"\\r", b"\\b", b"\x7f")
# Control characters: what ftfy removes, and C1, which are always a wrong decoding.
CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u206a-\u206f\ufeff\ufff9-\ufffc]")
# Every alternative of ftfy's badness has two characters beyond ASCII side by side, a C1 control, or one of these letters.
_MAYBE_BAD = re.compile("[^\x00-\x7f]{2}|[\x80-\x9fŒœÂÃ]")
REPLACEMENT = "\ufffd"
_LONGEST_SEGMENT = 1_000_000  # ftfy cuts longer ones in pieces


def is_plain(raw: bytes) -> bool:
    """Whether no text inside these JSON bytes (one row or many) can have anything to repair. Cheap; may say False."""
    return raw.isascii() and not any(suspect in raw for suspect in _ROW_SUSPECTS)


def may_change(text: str) -> bool:
    """False where `ftfy.fix_text` certainly returns the text as it is."""
    if text.isascii():
        return "&" in text or not (text.isprintable() or _ASCII_SUSPECT.search(text) is None)
    if len(text) > _LONGEST_SEGMENT or _suspect().search(text) is not None or _is_bad(text):
        return True
    return not unicodedata.is_normalized("NFC", text)


def repaired(text: str) -> str:
    """Exactly `ftfy.fix_text(text)`, without the cost where there is nothing to do."""
    if not may_change(text):
        return text
    import ftfy

    return ftfy.fix_text(text)


def has_mojibake(text: str) -> bool:
    """Whether the text was decoded with a wrong encoding somewhere: ftfy would decode it anew, or a character is lost."""
    if text.isascii():
        return False
    if REPLACEMENT in text:
        return True
    if not _is_bad(text):
        return False
    import ftfy

    return any(ftfy.fix_encoding(line) != line for line in text.split("\n"))


def first_garbled(text: str) -> int:
    """Where the first sign of a wrong encoding stands, in characters; 0 where there is none."""
    found = _badness().search(text)
    place = found.start() if found is not None else len(text)
    lost = text.find(REPLACEMENT)
    return min(place, lost if lost >= 0 else len(text)) % max(1, len(text))


def has_control_characters(text: str) -> bool:
    """Whether invisible control characters stand in the text; tab, line feed and form feed are none."""
    return CONTROL.search(text) is not None


def without_control_characters(text: str) -> str:
    """The text without them; nothing else is changed."""
    return CONTROL.sub("", text)


def with_mojibake_repaired(text: str) -> str:
    """The text decoded anew, line by line, where ftfy finds a wrong encoding; quotes, widths and the rest stay."""
    if not has_mojibake(text):
        return text
    import ftfy

    return "\n".join(ftfy.fix_encoding(line) for line in text.split("\n"))


def _is_bad(text: str) -> bool:
    return _MAYBE_BAD.search(text) is not None and _badness().search(text) is not None


@cache
def _badness() -> re.Pattern[str]:
    from ftfy.badness import BADNESS_RE

    return BADNESS_RE


@cache
def _suspect() -> re.Pattern[str]:
    """One class of all characters that a single-character step of ftfy may change, gathered from ftfy's own tables."""
    from ftfy.chardata import CONTROL_CHARS, LIGATURES, WIDTH_MAP

    touched = {*CONTROL_CHARS, *LIGATURES, *WIDTH_MAP, *map(ord, "&\r\x1b\x85\u2028\u2029")}
    touched |= {0x02BC, *range(0x2018, 0x2020), *range(0xD800, 0xE000), *range(0x80, 0xA0)}
    one_of = "[" + "".join(re.escape(chr(code)) for code in sorted(touched)) + "]"
    return re.compile(
        one_of + "|\n[ÃÂ] "
    )  # the latter: ftfy looks at each line for itself, and this is bad at its start
