"""A thousand strings on which two tokenizers have to agree: all scripts, emoji, white space, digits, code, specials.

Generated, and the same on every machine. In NFC, because Qwen2's tokenizer normalizes and llama.cpp does not (prompts
are normalized before llama.cpp sees them, `engine/prompting.py`).
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

COUNT = 1000
_SEED = 2_5_15

_SCRIPTS = (
    (0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x17F), (0x250, 0x2AF), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x587),
    (0x5D0, 0x5EA), (0x620, 0x64A), (0x710, 0x72C), (0x904, 0x939), (0x985, 0x9B9), (0xA05, 0xA39), (0xA85, 0xAB9),
    (0xB05, 0xB39), (0xB83, 0xBB9), (0xC05, 0xC39), (0xC85, 0xCB9), (0xD05, 0xD39), (0xD85, 0xDC6), (0xE01, 0xE3A),
    (0xE81, 0xEB0), (0xF40, 0xF6C), (0x1000, 0x102A), (0x10A0, 0x10FF), (0x1100, 0x115F), (0x1200, 0x1248),
    (0x13A0, 0x13F4), (0x1401, 0x1500), (0x1780, 0x17B3), (0x1820, 0x1877), (0x1E00, 0x1EFF), (0x1F00, 0x1FFC),
    (0x2C00, 0x2C5F), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x3105, 0x312F), (0x3400, 0x3500), (0x4E00, 0x9FA5),
    (0xA000, 0xA48C), (0xAC00, 0xD7A3), (0xFF21, 0xFF5A), (0x10330, 0x1034A), (0x12000, 0x12399), (0x20000, 0x2A6D6),
)  # fmt: skip
_EMOJI = (
    "😀", "🎉", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "🇯🇵", "❤️", "☎", "1️⃣", "🧑🏿‍🚀", "🫠", "✈️", "⏰", "🔥", "💶",
)  # fmt: skip
_SPACES = (" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u200b", "\u2028")
_SPECIALS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start", "|im_end|>", "<|unknown|>", "< |im_end|>")
_MARKS = tuple(".,;:!?…—–-_()[]{}<>/\\|@#$%^&*+=~`'\"«»„“”‘’§°€£¥±×÷√∞≈≠½™")
_WORDS = (
    "Book", "a", "flight", "from", "Berlin", "to", "Lisbon", "on", "3", "May", "please", "I'll", "don't", "they've",
    "WE'RE", "you'd", "it's", "naïve", "Łódź", "İstanbul", "straße", "café", "Ångström", "coöperate", "24/7", "9:30am",
)  # fmt: skip
_CODE = (
    "def f(x):\n    return x ** 2", "SELECT * FROM t WHERE a != 'b';", "https://example.org/a?b=c&d=%20#e", "a@b.co",
    '{"intent":"book_flight","journeys":["flight"],"complexity_score":35,"direct_answer":null}', "C:\\Users\\x\\y.txt",
    "<div class=\"a\">&nbsp;</div>", "x = [1, 2, 3]  # comment", "0xDEADBEEF 1e-9 -3.14 1,234,567.89", "i+=1;\t//ok",
)  # fmt: skip


def probe_texts(count: int = COUNT) -> list[str]:
    """The strings, in NFC, each different from what another family of strings gives."""
    drawn = random.Random(_SEED)
    families: tuple[Callable[[random.Random], str], ...] = (
        _script, _mixed, _prose, _digits, _spaced, _emoji, _punctuated, _chat, _code, _anything
    )  # fmt: skip
    return [unicodedata.normalize("NFC", families[number % len(families)](drawn)) for number in range(count)]


def _script(drawn: random.Random) -> str:
    return " ".join(_word(drawn, drawn.choice(_SCRIPTS)) for _ in range(drawn.randint(1, 6)))


def _word(drawn: random.Random, script: tuple[int, int]) -> str:
    letters = (chr(drawn.randint(*script)) for _ in range(drawn.randint(1, 9)))
    return "".join(letter for letter in letters if unicodedata.category(letter)[0] == "L") or "x"


def _mixed(drawn: random.Random) -> str:
    return "".join(_word(drawn, drawn.choice(_SCRIPTS)) for _ in range(drawn.randint(2, 8)))


def _prose(drawn: random.Random) -> str:
    return " ".join(drawn.choice(_WORDS) for _ in range(drawn.randint(1, 14))) + drawn.choice((".", "?", "!", ""))


def _digits(drawn: random.Random) -> str:
    number = str(drawn.randint(0, 10 ** drawn.randint(1, 15)))
    return drawn.choice(("{}", "{}.5", "-{}", "${}", "{}%", "{} km", "x{}y", "{}{}")).format(number, number[::-1])


def _spaced(drawn: random.Random) -> str:
    parts = (drawn.choice(_SPACES) + drawn.choice((*_WORDS, "", "", "\t")) for _ in range(drawn.randint(1, 8)))
    return "".join(parts) + drawn.choice(("", *_SPACES))


def _emoji(drawn: random.Random) -> str:
    return "".join(drawn.choice(_EMOJI) + drawn.choice(("", "", " ", "ok")) for _ in range(drawn.randint(1, 6)))


def _punctuated(drawn: random.Random) -> str:
    return "".join(drawn.choice((*_MARKS, drawn.choice(_WORDS), " ")) for _ in range(drawn.randint(1, 16)))


def _chat(drawn: random.Random) -> str:
    turn = f"<|im_start|>{drawn.choice(('system', 'user', 'assistant'))}\n{_prose(drawn)}<|im_end|>\n"
    return turn + drawn.choice(_SPECIALS) + drawn.choice(("", " ", "x", *_SPECIALS))


def _code(drawn: random.Random) -> str:
    return drawn.choice(("", " ", "\n", "    ")) + drawn.choice(_CODE) + drawn.choice(_SPACES) + drawn.choice(_CODE)


def _anything(drawn: random.Random) -> str:
    families = (_script, _digits, _emoji, _punctuated, _spaced, _prose)
    return drawn.choice(("", " ", "\n")).join(drawn.choice(families)(drawn) for _ in range(drawn.randint(2, 4)))
