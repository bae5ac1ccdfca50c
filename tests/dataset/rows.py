"""Rows for the tests of whole-file passes: good ones, and ones with chosen faults."""

from __future__ import annotations

import json

from hypothesis import strategies as st

ANSWER = {
    "intent": "greeting", "primary_journey": "general", "journeys": ["general"], "direct_answer": "Hello!",
    "missing_fields": [], "needs_clarification": False, "clarification": None, "needs_execution": False,
    "execution_type": None, "complexity_score": 2, "routing_confidence": 0.95, "formatting_style": "plain",
}  # fmt: skip


def decided(query="hi", spaced=False, **fields):
    """A routing row as bytes; fields change the decision, None-named ones are left out by `without`."""
    separators = (", ", ": ") if spaced else (",", ":")
    return conversation(("user", query), ("assistant", json.dumps(ANSWER | fields, separators=separators)))


def without(*names, query="hi"):
    short = {name: value for name, value in ANSWER.items() if name not in names}
    return conversation(("user", query), ("assistant", json.dumps(short, separators=(",", ":"))))


def conversation(*turns, **keys):
    value = {**keys, "messages": [{"role": role, "content": content} for role, content in turns]}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write_rows(path, *rows):
    path.write_bytes(b"".join(row + b"\n" for row in rows))
    return path


_texts = st.text(max_size=12) | st.sampled_from(
    [
        "hi",
        "",
        "  ",
        "voilÃ le travail",
        "a\x07b",
        "Zażółć",
        "café \u2019",
        "{",
        "[1]",
        "\ufffd",
        "& co",
        "\x7f",
        "ï¬\x81",
    ]
)
_values = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | _texts
    | st.lists(_texts, max_size=3)
)  # fmt: skip


@st.composite
def decision_texts(draw):
    """Decisions near the contract: some fields wrong, missing, double, extra or escaped, or the text damaged."""
    fields = ANSWER | draw(st.dictionaries(st.sampled_from(list(ANSWER)), _values, max_size=2))
    good = st.fixed_dictionaries(
        {}, optional={
            "primary_journey": st.sampled_from(["hotel", "flight", "hotels"]), "journeys": st.just(["hotel", "general"]),
            "needs_clarification": st.just(True), "missing_fields": st.just(["city"]), "clarification": st.just("Where?"),
            "direct_answer": st.none() | _texts, "complexity_score": st.integers(-1, 101),
        },
    )  # fmt: skip
    fields |= draw(good)
    for name in draw(st.lists(st.sampled_from(list(ANSWER)), max_size=2)):
        fields.pop(name, None)
    fields |= draw(st.dictionaries(st.sampled_from(["extra", "intent "]), _values, max_size=1))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
    text = json.dumps(fields, ensure_ascii=draw(st.booleans()), separators=separators)
    if draw(st.booleans()) and draw(st.booleans()):
        text = text[:-1] + ',"intent":"twice"}'
    return draw(st.sampled_from([text, text, text, text[:-1], " " + text, "```json\n" + text + "\n```"]))


@st.composite
def raw_rows(draw):
    """Lines of a dataset, most of them conversations, some hostile."""
    role = st.sampled_from(["system", "user", "assistant", "assistant", "tool"])
    system = st.sampled_from(
        [[], [("system", "s")], [("system", "You are Arny's Tier-1 Router Model. Output strict JSON only.")]]
    )
    pair = st.tuples(
        st.tuples(st.just("user"), _texts), st.tuples(st.just("assistant"), decision_texts() | _texts)
    ).map(list)
    turns = draw(system) + draw(pair | st.lists(st.tuples(role, decision_texts() | _texts), max_size=4))
    value = {"messages": [{"role": role, "content": content} for role, content in turns]}
    value |= draw(st.dictionaries(st.sampled_from(["id", "meta", "messages"]), _values, max_size=1))
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    )
    end = draw(
        st.sampled_from(["", "", "", "", ',"id":1,"id":2', ',"\\u0022:":1', ',"a" :1,"a":2', ',"b":{"c":1,"c":1}'])
    )
    raw = (text[:-1] + end + "}").encode("utf-8", "surrogatepass")
    return draw(
        st.sampled_from(
            [raw] * 8 + [raw[:-1], raw + b"\r", b"[]", b"7", b"\xff", b'{"messages":{}}', b'{"messages":[[1]]}']
        )
    )
