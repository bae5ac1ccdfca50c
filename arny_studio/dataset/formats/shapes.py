"""The shapes in which others write conversations, each with its way to `messages` and back; unknown keys survive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from arny_studio.dataset.samples import ROLES

Row = dict[str, Any]


class ShapeError(ValueError):
    """A row that is not of its shape. `path` says where, as a JSON path."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
        self.sentence = sentence


class Shape(Struct, frozen=True):
    """One way to write a conversation."""

    id: str
    title: str
    keys: tuple[frozenset[str], ...]  # a row is of this shape if it has all keys of one of these sets
    to_messages: Callable[[Row], Row]
    from_messages: Callable[[Row], Row]

    def fits(self, row: Row) -> bool:
        """Whether a row has the keys of this shape."""
        return any(row.keys() >= keys for keys in self.keys)


_SHAREGPT_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "model": "assistant",
    "bot": "assistant", "chatgpt": "assistant", "system": "system",
}  # fmt: skip
_TO_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}
_CHATML_TURN = re.compile(r"\s*<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", re.DOTALL)
_CHATML_MARKS = ("<|im_start|>", "<|im_end|>")


def _messages_of(row: Row) -> Row:
    turns = row["messages"]
    if not isinstance(turns, list) or not turns:
        raise ShapeError("$.messages", "messages is a list of turns.")
    for index, turn in enumerate(turns):
        path = f"$.messages[{index}]"
        if not isinstance(turn, dict):
            raise ShapeError(path, "A turn is an object with role and content.")
        if turn.get("role") not in ROLES:
            raise ShapeError(f"{path}.role", f"The role {turn.get('role')!r} is none of {', '.join(ROLES)}.")
        _text(turn.get("content"), f"{path}.content")
    return row


def _messages_to(row: Row) -> Row:
    return row


def _from_sharegpt(row: Row) -> Row:
    turns = row["conversations"]
    if not isinstance(turns, list) or not turns:
        raise ShapeError("$.conversations", "conversations is a list of turns.")
    messages = [_from_sharegpt_turn(turn, f"$.conversations[{index}]") for index, turn in enumerate(turns)]
    rest = _without(row, "conversations", "system")
    if row.get("system"):
        messages.insert(0, {"role": "system", "content": _text(row["system"], "$.system")})
    return {"messages": messages} | rest


def _from_sharegpt_turn(turn: Any, path: str) -> Row:
    if not isinstance(turn, dict) or not ("from" in turn or "role" in turn):
        raise ShapeError(path, "A turn has from and value.")
    said_by = turn.get("from", turn.get("role"))
    if said_by not in _SHAREGPT_ROLES:
        raise ShapeError(f"{path}.from", f"Nobody is called {said_by!r}; known are {', '.join(_SHAREGPT_ROLES)}.")
    name = "value" if "value" in turn else "content"
    content = _text(turn.get(name), f"{path}.{name}")
    return {"role": _SHAREGPT_ROLES[said_by], "content": content} | _without(turn, "from", "role", name)


def _to_sharegpt(row: Row) -> Row:
    turns = [
        {"from": _TO_SHAREGPT[turn["role"]], "value": turn["content"]} | _without(turn, "role", "content")
        for turn in row["messages"]
    ]
    return {"conversations": turns} | _without(row, "messages")


def _from_alpaca(row: Row) -> Row:
    messages = _system_turn(row.get("system"))
    for index, pair in enumerate(row.get("history") or ()):
        path = f"$.history[{index}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise ShapeError(path, "The history is a list of pairs: what was asked and answered.")
        messages += _asked_and_answered(_text(pair[0], path), _text(pair[1], path))
    query = _text(row["instruction"], "$.instruction")
    if row.get("input"):
        query = f"{query}\n\n{_text(row['input'], '$.input')}"
    messages += _asked_and_answered(query, _text(row["output"], "$.output"))
    return {"messages": messages} | _without(row, "instruction", "input", "output", "system", "history")


def _to_alpaca(row: Row) -> Row:
    system, pairs = _pairs(row["messages"], "Alpaca")
    *history, (query, answer) = pairs
    made: Row = {"instruction": query, "input": "", "output": answer}
    if system is not None:
        made["system"] = system
    if history:
        made["history"] = [list(pair) for pair in history]
    return made | _without(row, "messages")


def _from_prompt_completion(row: Row) -> Row:
    messages: list[Row] = _system_turn(row.get("system"))
    for name, role in (("prompt", "user"), ("completion", "assistant")):
        part = row[name]
        if isinstance(part, list):
            messages += _messages_of({"messages": part})["messages"]
        else:
            messages.append({"role": role, "content": _text(part, f"$.{name}")})
    return {"messages": messages} | _without(row, "prompt", "completion", "system")


def _to_prompt_completion(row: Row) -> Row:
    *prompt, answer = row["messages"]
    if answer["role"] != "assistant":
        raise ShapeError("$.messages", "The last turn must be the assistant's, since it becomes the completion.")
    rest = _without(row, "messages")
    if [turn.keys() for turn in (*prompt, answer)] == [{"role", "content"}] * 2 and prompt[0]["role"] == "user":
        return {"prompt": prompt[0]["content"], "completion": answer["content"]} | rest
    return {"prompt": prompt, "completion": [answer]} | rest


def _from_chatml(row: Row) -> Row:
    text = _text(row["text"], "$.text")
    messages, end = [], 0
    for turn in _CHATML_TURN.finditer(text):
        if turn.start() != end:
            break
        if turn[1] not in ROLES:
            raise ShapeError("$.text", f"The role {turn[1]!r} is none of {', '.join(ROLES)}.")
        messages.append({"role": turn[1], "content": turn[2]})
        end = turn.end()
    if text[end:].strip() or not messages:
        raise ShapeError("$.text", f"At character {end + 1} no turn <|im_start|>role … <|im_end|> begins.")
    return {"messages": messages} | _without(row, "text")


def _to_chatml(row: Row) -> Row:
    for index, turn in enumerate(row["messages"]):
        if any(mark in turn["content"] for mark in _CHATML_MARKS):
            raise ShapeError(f"$.messages[{index}].content", "The content itself holds a mark of ChatML.")
    text = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in row["messages"])
    return {"text": text} | _without(row, "messages")


def _pairs(messages: list[Row], shape: str) -> tuple[str | None, list[tuple[str, str]]]:
    """The system message and the pairs of question and answer that a conversation consists of."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else None
    turns = messages[0 if system is None else 1 :]
    roles = [turn["role"] for turn in turns]
    if not turns or roles != ["user", "assistant"] * (len(turns) // 2):
        raise ShapeError("$.messages", f"{shape} holds pairs of question and answer; here the turns do not alternate.")
    return system, [(turns[n]["content"], turns[n + 1]["content"]) for n in range(0, len(turns), 2)]


def _asked_and_answered(query: str, answer: str) -> list[Row]:
    return [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]


def _system_turn(text: Any) -> list[Row]:
    return [{"role": "system", "content": _text(text, "$.system")}] if text else []


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise ShapeError(path, f"A text is expected, not {'nothing' if value is None else type(value).__name__}.")
    return value


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _sets(*groups: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group.split()) for group in groups)


SHAPES: tuple[Shape, ...] = (
    Shape("messages", "messages (OpenAI, TRL)", _sets("messages"), _messages_of, _messages_to),
    Shape("sharegpt", "ShareGPT conversations", _sets("conversations"), _from_sharegpt, _to_sharegpt),
    Shape("alpaca", "Alpaca instructions", _sets("instruction output"), _from_alpaca, _to_alpaca),
    Shape(
        "prompt_completion", "prompt and completion", _sets("prompt completion"),
        _from_prompt_completion, _to_prompt_completion,
    ),
    Shape("chatml", "rendered ChatML text (Unsloth)", _sets("text"), _from_chatml, _to_chatml),
)  # fmt: skip


def shape_ids() -> tuple[str, ...]:
    """Ids of all shapes."""
    return tuple(shape.id for shape in SHAPES)


def shape_of(shape_id: str) -> Shape:
    """A shape by its id; raises StopIteration for another one (see `shape_ids`)."""
    return next(shape for shape in SHAPES if shape.id == shape_id)


def fitting(rows: Iterator[Row]) -> Shape | None:
    """The first shape that fits the first row that any shape fits."""
    return next((shape for row in rows for shape in SHAPES if shape.fits(row)), None)
