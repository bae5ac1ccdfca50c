"""Bulk operations: each a frozen value with a title and a pure function from a row's bytes to its new bytes.

None as the new row means that it goes. Which rows are meant, previews and undo are other people's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from arny_studio.contract import Contract, encode, load_contract
from arny_studio.contract.json_text import renamed_field, with_field, without_field
from arny_studio.dataset import encoding
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.contract_conversion import converted_row
from arny_studio.dataset.fixes import FIX_ORDER, fixed_row, has_fix
from arny_studio.dataset.foreign_encoding import as_utf8, checked_encoding
from arny_studio.dataset.problems import KINDS, kind_of
from arny_studio.dataset.rewriting import decision_of, fields_of, with_texts
from arny_studio.dataset.samples import ROLES
from arny_studio.dataset.turns import with_content
from arny_studio.errors import BadInput, BadRecipe
from arny_studio.spelling import did_you_mean, unknown_field_hint

Where = Literal["decision", "row"]
NewRow = Callable[[bytes], bytes | None]


class Operation(Struct, frozen=True, kw_only=True, tag_field="operation", forbid_unknown_fields=True):
    """What every bulk operation has. `may_remove` says that rows can go."""

    may_remove: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """What the undo step is called."""
        raise NotImplementedError

    def rewriter(self, contract: Contract) -> NewRow:
        """The function from a row to its new bytes. Raises BadRecipe where the operation makes no sense."""
        raise NotImplementedError


class Replace(Operation, tag="replace", frozen=True, kw_only=True):
    """Find and replace in the texts of turns, or of one field of the decision."""

    find: Annotated[str, Meta(min_length=1, description="What to look for.")]
    replacement: Annotated[str, Meta(description="What to put there; with a regex \\1 is its first group.")] = ""
    scope: Annotated[str, Meta(description="`all`, a role, or a field of the decision.")] = "all"
    is_regex: Annotated[bool, Meta(description="Read what to look for as a regular expression.")] = False
    ignores_case: Annotated[bool, Meta(description="Take upper and lower case for the same.")] = False

    @property
    def title(self) -> str:
        place = "" if self.scope == "all" else f" in {self.scope}"
        return f"Replace “{_short(self.find)}” by “{_short(self.replacement)}”{place}"

    def rewriter(self, contract: Contract) -> NewRow:
        pattern = compiled(self.find, is_regex=self.is_regex, ignores_case=self.ignores_case)
        replacement = self.replacement if self.is_regex else self.replacement.replace("\\", "\\\\")
        _try_out(pattern, replacement)
        roles, field = _scope(self.scope, contract)

        def replaced(text: str) -> str:
            return pattern.sub(replacement, text)

        return lambda raw: with_texts(raw, replaced, contract, roles=roles, field=field)


class SetField(Operation, tag="set_field", frozen=True, kw_only=True):
    """Give a field the same value in every row."""

    field: Annotated[str, Meta(min_length=1, description="Name of the field.")]
    value: Annotated[str, Meta(description="Its value as JSON; what is no JSON is taken as a text.")]
    where: Annotated[Where, Meta(description="In the decision, or in the row beside the turns.")] = "decision"

    @property
    def title(self) -> str:
        return f"Set {self.field} to {_short(self.value)}"

    def rewriter(self, contract: Contract) -> NewRow:
        try:
            value = msgspec.json.decode(self.value)
        except msgspec.DecodeError:
            value = self.value
        order = contract.fields if self.where == "decision" else ()

        def set_in(text: str) -> str:
            fields = fields_of(text)
            is_there = fields is not None and self.field in fields and _is_same(fields[self.field], value)
            return text if is_there else with_field(text, self.field, value, order)

        return _rewriter_of(self.where, self.field, set_in)


class RenameField(Operation, tag="rename_field", frozen=True, kw_only=True):
    """Call a field by another name; its place and value stay."""

    field: Annotated[str, Meta(min_length=1, description="Its name now.")]
    to: Annotated[str, Meta(min_length=1, description="Its new name.")]
    where: Annotated[Where, Meta(description="In the decision, or in the row beside the turns.")] = "decision"

    @property
    def title(self) -> str:
        return f"Rename {self.field} to {self.to}"

    def rewriter(self, contract: Contract) -> NewRow:
        def renamed(text: str) -> str:
            fields = fields_of(text)
            if fields is not None and self.field in fields and self.to in fields:
                raise BadInput(f"The row has both {self.field} and {self.to}.")
            return renamed_field(text, self.field, self.to)

        return _rewriter_of(self.where, self.field, renamed)


class RemoveField(Operation, tag="remove_field", frozen=True, kw_only=True):
    """Take a field out."""

    field: Annotated[str, Meta(min_length=1, description="Name of the field.")]
    where: Annotated[Where, Meta(description="In the decision, or in the row beside the turns.")] = "decision"

    @property
    def title(self) -> str:
        return f"Remove {self.field}"

    def rewriter(self, contract: Contract) -> NewRow:
        return _rewriter_of(self.where, self.field, lambda text: without_field(text, self.field))


class Normalise(Operation, tag="normalise", frozen=True, kw_only=True):
    """Write decisions as they are trained and decoded: compact JSON in contract order."""

    @property
    def title(self) -> str:
        return "Normalise JSON"

    def rewriter(self, contract: Contract) -> NewRow:
        def normal(text: str) -> str:
            fields = fields_of(text)
            return text if fields is None else encode(contract, fields)

        return lambda raw: _with_decision_text(raw, normal)


class RepairEncoding(Operation, tag="repair_encoding", frozen=True, kw_only=True):
    """Decode garbled text anew and remove control characters, as ftfy does; convert lines that are not UTF-8."""

    thorough: Annotated[
        bool, Meta(description="All that ftfy repairs: also curly quotes, HTML entities, ligatures and widths.")
    ] = False
    written_in: Annotated[
        str,
        Meta(description="What lines that are not UTF-8 were written in, such as cp1252; empty: found out for each."),
    ] = ""

    @property
    def title(self) -> str:
        return "Repair encoding"

    def rewriter(self, contract: Contract) -> NewRow:
        change = encoding.repaired if self.thorough else _plainly_repaired
        source = checked_encoding(self.written_in)

        def repaired(raw: bytes) -> bytes:
            return raw if encoding.is_plain(raw) else with_texts(as_utf8(raw, source), change, contract)

        return repaired


class FixProblems(Operation, tag="fix", frozen=True, kw_only=True):
    """Repair problems, wherever a repair is known."""

    kind: Annotated[str, Meta(description="Ids of the kinds, such as `missing-field,rule`; `*`: all of them.")] = "*"

    @property
    def title(self) -> str:
        kinds = self.kind.split(",")
        return "Fix problems" if len(kinds) > 1 or "*" in kinds else f"Fix: {kind_of(self.kind).title.lower()}"

    def rewriter(self, contract: Contract) -> NewRow:
        fixable = [kind for kind in KINDS if has_fix(kind.id)]
        wanted = [kind.id for kind in fixable] if self.kind == "*" else self.kind.split(",")
        for name in wanted:
            if name not in {kind.id for kind in fixable}:
                known = [kind.id for kind in fixable]
                hint = did_you_mean(name, known, otherwise=f"Known: {', '.join(known)}.")
                raise BadRecipe(f"There is no repair for {name!r}.", hint=hint)
        order = [kind for name in FIX_ORDER for kind in fixable if kind.id == name and name in wanted]
        checker = RowChecker(contract)

        def fixed(raw: bytes) -> bytes:
            for kind in order:
                if checker.columns_of(raw).problems & kind.mask:
                    raw = fixed_row(kind.id, raw, contract) or raw
            return raw

        return fixed


class ConvertContract(Operation, tag="convert_contract", frozen=True, kw_only=True):
    """Rewrite decisions, and the system prompt, for another contract."""

    contract: Annotated[str, Meta(min_length=1, description="The contract they are to keep: an id or a file.")]

    @property
    def title(self) -> str:
        return f"Convert to {self.contract}"

    def rewriter(self, contract: Contract) -> NewRow:
        target = load_contract(self.contract)
        return lambda raw: converted_row(raw, contract, target)


class Delete(Operation, tag="delete", frozen=True, kw_only=True):
    """Remove rows."""

    may_remove: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return "Delete rows"

    def rewriter(self, contract: Contract) -> NewRow:
        return lambda raw: None


class DropDuplicates(Operation, tag="drop_duplicates", frozen=True, kw_only=True):
    """Of rows that say the same keep one. Which rows go is decided over all of them (`dropping.py`)."""

    may_remove: ClassVar[bool] = True
    keep: Annotated[Literal["first", "last", "most_complete"], Meta(description="Which row of a group stays.")] = (
        "first"
    )
    near: Annotated[bool, Meta(description="Also rows that are almost the same.")] = False

    @property
    def title(self) -> str:
        return f"Drop {'near ' if self.near else ''}duplicates, keep the {self.keep.replace('_', ' ')}"

    def rewriter(self, contract: Contract) -> NewRow:
        return lambda raw: None


AnyOperation = (
    Replace | SetField | RenameField | RemoveField | Normalise | RepairEncoding | FixProblems | ConvertContract
    | Delete | DropDuplicates
)  # fmt: skip
OPERATIONS: dict[str, type[Operation]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        Replace, SetField, RenameField, RemoveField, Normalise, RepairEncoding, FixProblems, ConvertContract, Delete,
        DropDuplicates,
    )
}  # fmt: skip


def operation_of(name: str, arguments: Mapping[str, str]) -> AnyOperation:
    """An operation from its name and its arguments as texts. Raises BadRecipe with what was expected."""
    kind = OPERATIONS.get(name)
    if kind is None:
        hint = did_you_mean(name, OPERATIONS, otherwise=f"Known: {', '.join(OPERATIONS)}.")
        raise BadRecipe(f"There is no bulk operation {name!r}.", hint=hint)
    try:
        return msgspec.convert({"operation": name, **arguments}, AnyOperation, strict=False)
    except msgspec.ValidationError as error:
        hint = unknown_field_hint(str(error), kind.__struct_fields__)
        raise BadRecipe(f"The operation {name}: {error}.", hint=hint) from error


def compiled(find: str, *, is_regex: bool, ignores_case: bool) -> re.Pattern[str]:
    """The pattern that a search stands for. Raises BadRecipe with the place of the mistake."""
    try:
        return re.compile(find if is_regex else re.escape(find), re.IGNORECASE if ignores_case else 0)
    except re.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        raise BadRecipe(f"The regular expression is not right{place}: {error.msg}.") from error


def _try_out(pattern: re.Pattern[str], replacement: str) -> None:
    try:
        re.compile("|" + pattern.pattern, pattern.flags).sub(replacement, "", count=1)
    except (re.error, IndexError) as error:
        raise BadRecipe(
            f"The replacement is not right: {error}.", hint=r"\1 is the first group of the regex."
        ) from error


def _scope(scope: str, contract: Contract) -> tuple[frozenset[str], str]:
    """Roles and decision field that a scope names."""
    if scope == "all":
        return frozenset(), ""
    if scope in ROLES:
        return frozenset((scope,)), ""
    if scope in contract.fields:
        return frozenset(), scope
    known = ("all", *ROLES, *contract.fields)
    raise BadRecipe(
        f"There is no scope {scope!r}.", hint=did_you_mean(scope, known, otherwise=f"Known: {', '.join(known)}.")
    )


def _rewriter_of(where: Where, field: str, change: Callable[[str], str]) -> NewRow:
    """A change of one object's text, made in the decision or in the row itself."""
    if where == "decision":
        return lambda raw: _with_decision_text(raw, change)
    if field == "messages":
        raise BadRecipe("The turns cannot be set, renamed or removed as a field.")

    def rewritten(raw: bytes) -> bytes:
        try:
            return change(raw.decode()).encode()
        except ValueError as error:
            raise BadInput("The row is no JSON object.") from error

    return rewritten


def _with_decision_text(raw: bytes, change: Callable[[str], str]) -> bytes:
    found = decision_of(raw)
    if found is None:
        return raw
    index, text, _ = found
    new = change(text)
    return raw if new == text else with_content(raw, index, new)


def _plainly_repaired(text: str) -> str:
    return encoding.without_control_characters(encoding.with_mojibake_repaired(text))


def _is_same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and first == second


def _short(text: str, most: int = 24) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
