"""Contract → form: which widget each field of a decision gets. Pure; reads the schema, knows no widget."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from arny_studio.contract import Contract

FieldKind = Literal["choice", "flag", "score", "text", "list", "json"]


class FormField(Struct, frozen=True, kw_only=True):
    """One field of the form. `limit` is where a score starts to mean something else; None: nowhere."""

    name: str
    kind: FieldKind
    help: str = ""
    choices: tuple[str, ...] = ()
    is_nullable: bool = False
    is_long: bool = False
    is_integer: bool = False
    least: float = 0.0
    most: float = 1.0
    limit: float | None = None
    most_items: int = 1_000

    @property
    def title(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")

    def fits(self, value: Any) -> bool:
        """Whether the field's own widget can show a value; one that does not fit is edited as JSON."""
        if value is None:
            return self.is_nullable
        match self.kind:
            case "choice":
                return isinstance(value, str) and value in self.choices
            case "flag":
                return isinstance(value, bool)
            case "score":
                return isinstance(value, int | float) and not isinstance(value, bool) and self.holds(value)
            case "text":
                return isinstance(value, str)
            case "list":
                return isinstance(value, list) and all(isinstance(item, str) for item in value)
        return True

    def holds(self, value: float) -> bool:
        """Whether a number lies in the bounds and is whole where it must be."""
        return self.least <= value <= self.most and not (self.is_integer and value != int(value))

    @property
    def start(self) -> Any:
        """The value that a field begins with when it is added."""
        if self.is_nullable:
            return None
        least = int(self.least) if self.is_integer else self.least
        starts: dict[str, Any] = {"flag": False, "score": least, "text": "", "list": [], "json": None}
        return self.choices[0] if self.kind == "choice" else starts[self.kind]


def form_fields(contract: Contract) -> tuple[FormField, ...]:
    """The fields of a contract's form, in contract order."""
    limits = {contract.roles.score: float(contract.threshold), contract.roles.confidence: contract.confidence_floor}
    properties: dict[str, dict[str, Any]] = contract.schema["properties"]
    return tuple(_field(name, schema, limits.get(name)) for name, schema in properties.items())


def _field(name: str, schema: dict[str, Any], limit: float | None) -> FormField:
    kinds = schema.get("type", [])
    kinds = set(kinds if isinstance(kinds, list) else [kinds])
    is_nullable = "null" in kinds or None in schema.get("enum", ())
    shared: dict[str, Any] = {"name": name, "help": schema.get("description", ""), "is_nullable": is_nullable}
    choices = tuple(item for item in schema.get("enum", ()) if isinstance(item, str))
    if choices:
        return FormField(kind="choice", choices=choices, **shared)
    if kinds & {"integer", "number"} and "minimum" in schema and "maximum" in schema:
        return _score(schema, shared, limit, is_integer="integer" in kinds and "number" not in kinds)
    if "array" in kinds:
        return _list(schema, shared)
    if "boolean" in kinds:
        return FormField(kind="flag", **shared)
    if "string" in kinds:
        return FormField(kind="text", is_long=schema.get("maxLength", 1_000) > 100, **shared)
    return FormField(kind="json", **shared)


def _score(schema: dict[str, Any], shared: dict[str, Any], limit: float | None, *, is_integer: bool) -> FormField:
    bounds = {"least": float(schema["minimum"]), "most": float(schema["maximum"])}
    return FormField(kind="score", is_integer=is_integer, limit=limit, **bounds, **shared)


def _list(schema: dict[str, Any], shared: dict[str, Any]) -> FormField:
    items = schema.get("items", {})
    if items.get("type", "string") != "string":
        return FormField(kind="json", **shared)
    choices = tuple(item for item in items.get("enum", ()) if isinstance(item, str))
    return FormField(kind="list", choices=choices, most_items=schema.get("maxItems", 1_000), **shared)
