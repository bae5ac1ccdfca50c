"""The mix of a generated Tier-1 dataset: shares of journeys, situations and ways of typing, read from the struct."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect as kinds
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QLineEdit, QWidget

from arny_studio.dataset.generate.tier1.mix import Tier1Mix
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import as_tooltip


class MixForm(QWidget):
    """One percentage per share; journeys as `hotel 3, flight 1`. `changed` holds what differs from the defaults."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, space("s"), 0)
        form.setHorizontalSpacing(space("m"))
        form.setVerticalSpacing(space("xs"))
        self.journeys = QLineEdit()
        self.journeys.setPlaceholderText("hotel 3, flight 1")
        self.journeys.setToolTip(as_tooltip("Weights of journeys; those that are not named keep their own."))
        form.addRow("Journeys", self.journeys)
        self.shares: dict[str, QDoubleSpinBox] = {}
        info = kinds.type_info(Tier1Mix)
        assert isinstance(info, kinds.StructType)
        for field in info.fields:
            if field.name != "journeys":
                self.shares[field.name] = _share(field)
                form.addRow(field.name.replace("_", " ").capitalize(), self.shares[field.name])

    @property
    def changed(self) -> dict[str, Any]:
        """Shares (0–1) and journey weights that differ from the defaults."""
        defaults = Tier1Mix()
        shares = {name: round(made.value() / 100, 4) for name, made in self.shares.items()}
        found: dict[str, Any] = {name: share for name, share in shares.items() if share != getattr(defaults, name)}
        weights = journey_weights(self.journeys.text())
        return {**found, "journeys": weights} if weights else found


def journey_weights(text: str) -> dict[str, float]:
    """`hotel 3, flight 1` as weights; what has no number is left out."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, figure = part.strip().rpartition(" ")
        try:
            found[name.strip()] = max(0.0, float(figure))
        except ValueError:
            continue
    return {name: weight for name, weight in found.items() if name}


def _share(field: kinds.Field) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    kind: Any = field.type
    about = (kind.extra_json_schema or {}).get("description", "") if isinstance(kind, kinds.Metadata) else ""
    inner: Any = kind.type if isinstance(kind, kinds.Metadata) else kind
    made.setRange(0, 100 * (getattr(inner, "le", None) or 1.0))
    made.setDecimals(1)
    made.setSuffix(" %")
    made.setValue(100 * float(msgspec.structs.asdict(Tier1Mix())[field.name]))
    made.setToolTip(as_tooltip(about))
    made.setAccessibleName(field.name.replace("_", " "))
    return made
