"""Hostile GGUF headers: each lie is one sentence, and no input whatever brings the process down."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arny_studio.engine.gguf_check import GgufArray, GgufInfo, check_gguf
from arny_studio.errors import BadInput, MissingFile
from tests.tiny_models import make_tiny_gguf


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str | bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


ARCHITECTURE = entry("general.architecture", 8, text("qwen2"))


def header(
    entries: list[bytes] | None = None,
    tensors: list[bytes] | None = None,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    entry_count: int | None = None,
    tensor_count: int | None = None,
    data: int = 4096,
) -> bytes:
    entries, tensors = [ARCHITECTURE, *(entries or [])], tensors or []
    counts = struct.pack(
        "<QQ",
        len(tensors) if tensor_count is None else tensor_count,
        len(entries) if entry_count is None else entry_count,
    )
    return magic + struct.pack("<I", version) + counts + b"".join(entries) + b"".join(tensors) + bytes(data)


def check(tmp_path: Path, content: bytes) -> GgufInfo:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return check_gguf(path)


def refusal(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        check(tmp_path, content)
    assert "model.gguf" in caught.value.sentence
    return caught.value.sentence


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", layers=1)


def test_that_a_sound_file_reads_as_the_gguf_package_reads_it(sound: Path) -> None:
    info, reference = check_gguf(sound), gguf.GGUFReader(sound)
    found = [(t.name, t.shape, t.type, t.start, t.nbytes) for t in info.tensors]
    assert found == [
        (t.name, tuple(int(n) for n in t.shape), t.tensor_type.name, t.data_offset, t.n_bytes)
        for t in reference.tensors
    ]
    for key, field in reference.fields.items():
        if key.startswith("GGUF."):
            continue
        value = info.metadata[key]
        assert (info.values(key) if isinstance(value, GgufArray) else value) == field.contents()


def test_that_a_minimal_header_is_enough(tmp_path: Path) -> None:
    info = check(tmp_path, header(tensors=[tensor("a.weight", (4, 2))]))
    assert info.architecture == "qwen2"
    assert info.tensors[0].nbytes == 32
    assert info.parameters == 8


def test_that_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no GGUF file"):
        check_gguf(tmp_path / "nothing.gguf")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99999])
def test_that_a_file_cut_off_anywhere_is_refused(tmp_path: Path, sound: Path, share: float) -> None:
    content = sound.read_bytes()
    assert refusal(tmp_path, content[: int(len(content) * share)])


HUGE = (1 << 64) - 1
HOSTILE: dict[str, tuple[bytes, str]] = {
    "magic": (header(magic=b"GGML"), "not a GGUF file"),
    "version": (header(version=1), "version is 1"),
    "big endian": (header(version=3 << 24), "big-endian"),
    "tensor count": (header(tensor_count=HUGE), "tensors"),
    "entry count": (header(entry_count=1 << 40), "metadata entries"),
    "more entries than there are": (header(entry_count=3, data=0), "after the end"),
    "key length": (header([struct.pack("<Q", HUGE) + b"x"]), "claims to be"),
    "empty key": (header([entry("", 4, bytes(4))]), "empty"),
    "key with zero byte": (header([entry("a\0b", 4, bytes(4))]), "zero byte"),
    "key that is not UTF-8": (header([entry(b"\xff\xfe", 4, bytes(4))]), "not UTF-8"),
    "same key twice": (header([entry("a", 4, bytes(4)), entry("a", 4, bytes(4))]), "twice"),
    "unknown type": (header([entry("a", 13, bytes(8))]), "unknown type 13"),
    "bool": (header([entry("a", 7, b"\x02")]), "neither true nor false"),
    "string length": (header([entry("a", 8, struct.pack("<Q", HUGE))]), "claims to be"),
    "array length": (header([entry("a", 9, struct.pack("<IQ", 4, HUGE))]), "after the end"),
    "string array length": (header([entry("a", 9, struct.pack("<IQ", 8, 1 << 50))]), "claims to have"),
    "string in an array": (header([entry("a", 9, struct.pack("<IQQ", 8, 1, HUGE))]), "after the end"),
    "nested array": (header([entry("a", 9, struct.pack("<IQ", 9, 1))]), "nested"),
    "alignment zero": (header([entry("general.alignment", 4, struct.pack("<I", 0))]), "general.alignment"),
    "alignment three": (header([entry("general.alignment", 4, struct.pack("<I", 24))]), "power of two"),
    "alignment as text": (header([entry("general.alignment", 8, text("32"))]), "general.alignment"),
    "tensor name": (header(tensors=[tensor("x" * 64, (1,))]), "claims to be"),
    "no dimensions": (header(tensors=[tensor("a", ())]), "0 dimensions"),
    "five dimensions": (header(tensors=[tensor("a", (1,) * 5)]), "5 dimensions"),
    "extent zero": (header(tensors=[tensor("a", (0, 4))]), "shape"),
    "extent overflow": (header(tensors=[tensor("a", (1 << 39, 1 << 39, 1 << 39, 1 << 39))]), "cut short"),
    "unknown tensor type": (header(tensors=[tensor("a", (4,), kind=999)]), "unknown type 999"),
    "rows that do not fit": (header(tensors=[tensor("a", (100, 4), kind=12)]), "Q4_K cannot hold"),
    "offset": (header(tensors=[tensor("a", (4,), offset=32)]), "begin at 32"),
    "offset far away": (header(tensors=[tensor("a", (4,), offset=HUGE)]), "begin at"),
    "overlapping tensors": (header(tensors=[tensor("a", (16,)), tensor("b", (16,), offset=32)]), "begin at 32"),
    "same tensor twice": (header(tensors=[tensor("a", (8,)), tensor("a", (8,), offset=32)]), "twice"),
    "data": (header(tensors=[tensor("a", (4096, 4096))]), "cut short"),
    "no heads": (header([entry("qwen2.attention.head_count", 4, bytes(4))]), "head_count is 0"),
    "layers as text": (header([entry("qwen2.block_count", 8, text("two"))]), "not a whole number"),
    "split": (header([entry("split.count", 2, struct.pack("<H", 3))]), "one part of a split model"),
    "tokens": (header([entry("tokenizer.ggml.tokens", 4, bytes(4))]), "no list of strings"),
}  # fmt: skip


@pytest.mark.parametrize("lie", HOSTILE)
def test_that_a_hostile_header_is_refused_by_what_is_off(tmp_path: Path, lie: str) -> None:
    content, said = HOSTILE[lie]
    assert said in refusal(tmp_path, content)


def test_that_a_file_without_architecture_is_refused(tmp_path: Path) -> None:
    assert "architecture" in refusal(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(64))


def vocabulary(*extra: bytes, kinds: int = 2, rows: int = 2) -> bytes:
    tokens = entry("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b"))
    types = entry("tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, kinds) + bytes(4 * kinds))
    return header([tokens, types, *extra], [tensor("token_embd.weight", (4, rows))])


def test_that_a_vocabulary_has_to_agree_with_itself(tmp_path: Path) -> None:
    assert check(tmp_path, vocabulary()).values("tokenizer.ggml.tokens") == ["a", "b"]
    assert "one token type" in refusal(tmp_path, vocabulary(kinds=1))
    assert "but there are 2 tokens" in refusal(tmp_path, vocabulary(rows=3))
    end = entry("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 2))
    assert "eos_token_id is 2" in refusal(tmp_path, vocabulary(end))


SCALARS: list[tuple[int, str, Any]] = [
    (0, "B", 200), (1, "b", -3), (2, "H", 60000), (3, "h", -300), (4, "I", 1 << 31), (5, "i", -5), (6, "f", 0.5),
    (7, "?", True), (10, "Q", 1 << 63), (11, "q", -(1 << 40)), (12, "d", 0.1),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "form", "value"), SCALARS)
def test_that_every_kind_of_value_is_read_alone_and_in_a_list(
    tmp_path: Path, kind: int, form: str, value: object
) -> None:
    single = entry("single", kind, struct.pack(f"<{form}", value))
    several = entry("several", 9, struct.pack(f"<IQ3{form}", kind, 3, value, value, value))
    info = check(tmp_path, header([single, several]))
    assert info.metadata["single"] == value
    assert info.values("several") == [value] * 3


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_that_a_damaged_header_is_refused_or_read_but_never_crashes(
    tmp_path: Path, sound: Path, data: st.DataObject
) -> None:
    content = bytearray(sound.read_bytes())
    end = check_gguf(sound).data_start
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, end - 1))
        damage = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 8, bytes(8)])))
        content[at : at + len(damage)] = damage
    _judge(tmp_path, bytes(content[: data.draw(st.sampled_from([len(content), end, end // 2]))]))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
@example(b"GGUF\x03\0\0\0" + b"\xff" * 100)
def test_that_any_bytes_after_the_magic_are_refused_or_read_but_never_crash(tmp_path: Path, content: bytes) -> None:
    _judge(tmp_path, content)
    _judge(tmp_path, b"GGUF\x03\0\0\0" + content)


def _judge(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    try:
        info = check_gguf(path)
    except BadInput:
        return
    assert all(found.start + found.nbytes <= len(content) for found in info.tensors)
    for key, value in info.metadata.items():
        if isinstance(value, GgufArray):
            assert len(info.values(key)) == value.count
