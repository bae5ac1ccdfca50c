"""Lines that are not UTF-8: what they were probably written in, and what they say then.

A line is decoded as a whole where nothing in it is UTF-8, else only the bytes that are not: files that were joined
from several sources hold both. What comes out is a proposal; the row before and after is shown to whoever decides.
"""

from __future__ import annotations

import codecs
import re

from arny_studio.dataset import encoding
from arny_studio.errors import BadInput, BadRecipe

WESTERN = "cp1252"
NAMES = {
    WESTERN: "Windows-1252 (Western European)", "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)",
    "koi8_r": "KOI8-R (Cyrillic)", "cp932": "Shift JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)", "big5": "Big5 (Chinese)", "cp949": "EUC-KR (Korean)",
}  # fmt: skip
"""What is looked for; anything else has to be named."""
_LEAST_LIKELY = 0.3  # share of characters that look out of place, of charset-normalizer
_NOT_UTF8 = re.compile("[\udc80-\udcff]+")  # as `surrogateescape` spells bytes that are not
_WESTERN_LETTERS = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüœßÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÙÚÜŒ’‘“”„–—…«»€£°·¿¡ºª§\xa0")
_NOT_ASCII, _MANY_ACCENTS = re.compile("[^\x00-\x7f]"), re.compile("[^\x00-\x7f]{3}")
_BEYOND_ASCII, _COMMON_PAIRS = re.compile(rb"[\x80-\xff]+"), re.compile(rb"([\xa1-\xd7][\xa1-\xfe])+")
_KANA, _IDEOGRAPHS = re.compile("[\u3040-\u30ff]"), re.compile("[\u4e00-\u9fff]")


def as_utf8(raw: bytes, source: str = "") -> bytes:
    """A line as UTF-8, decoded by `source`, or by what it seems to be. UTF-8 comes back as it is.

    Raises BadInput where no encoding makes sense of it, and where what comes out is garbled.
    """
    if is_utf8(raw):
        return raw
    try:
        text = _decoded(raw, source or encoding_of(raw))
    except UnicodeDecodeError as error:
        raise BadInput(f"Byte 0x{raw[error.start]:02x} has no meaning in {error.encoding}.") from error
    if encoding.has_mojibake(text) or encoding.has_control_characters(text):
        raise BadInput("The line stays garbled whatever encoding it is read in.")
    return text.encode()


def is_utf8(raw: bytes) -> bool:
    """Whether a line is UTF-8 throughout."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def encoding_of(raw: bytes) -> str:
    """What a line that is not UTF-8 was probably written in: a key of `NAMES`. Raises BadInput where nothing fits."""
    if _is_mixed(raw) or _is_western(raw):
        return WESTERN
    double = _double_byte_encoding(raw)
    if double:
        return double
    from charset_normalizer import from_bytes

    best = from_bytes(raw, cp_isolation=list(NAMES), threshold=_LEAST_LIKELY).best()
    if best is None:
        raise BadInput("The line is not UTF-8, and no other encoding makes sense of it.")
    return WESTERN if _reads_the_same(raw, best.encoding, WESTERN) else best.encoding


def checked_encoding(name: str) -> str:
    """The name of an encoding of texts as Python spells it; an empty one stays empty. Raises BadRecipe."""
    try:
        if name:
            "é".encode(name, "replace")
    except LookupError as error:
        hint = f"For example {', '.join(NAMES)}."
        raise BadRecipe(f"There is no encoding {name!r}.", hint=hint) from error
    return codecs.lookup(name).name if name else ""


def _decoded(raw: bytes, source: str) -> str:
    if not _is_mixed(raw):
        return raw.decode(source)
    escaped = raw.decode("utf-8", "surrogateescape")
    return _NOT_UTF8.sub(lambda found: found[0].encode("utf-8", "surrogateescape").decode(source), escaped)


def _is_mixed(raw: bytes) -> bool:
    """Whether most of what is beyond ASCII is UTF-8."""
    escaped = raw.decode("utf-8", "surrogateescape")
    foreign = sum(map(len, _NOT_UTF8.findall(escaped)))
    return sum(not letter.isascii() for letter in escaped) - foreign >= foreign


def _is_western(raw: bytes) -> bool:
    """Whether a line reads as a text with an accent here and there: too few for statistics, and by far most frequent."""
    text = raw.decode(WESTERN, "replace")
    return set(_NOT_ASCII.findall(text)) <= _WESTERN_LETTERS and _MANY_ACCENTS.search(text) is None


def _double_byte_encoding(raw: bytes) -> str:
    """Chinese, Korean or Japanese where all bytes beyond ASCII come in pairs of their common characters, else empty.

    A short line tells too little for statistics, but hardly any text in one byte a letter has only such pairs.
    """
    if not all(_COMMON_PAIRS.fullmatch(run) for run in _BEYOND_ASCII.findall(raw)):
        return ""
    if _KANA.search(raw.decode("euc_jp", "replace")):
        return "euc_jp"
    return "gb18030" if _IDEOGRAPHS.search(raw.decode("cp949", "replace")) else "cp949"


def _reads_the_same(raw: bytes, one: str, other: str) -> bool:
    try:
        return raw.decode(one) == raw.decode(other)
    except UnicodeDecodeError:
        return False
