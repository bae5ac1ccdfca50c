"""How strictly the files are held against F16: on which prompts, and with which limits."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QLineEdit, QWidget

from arny_studio.recipe import Limit, ParityLimits, ParitySettings
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.inputs import Number
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.text import button, label, plain_tooltip

# Field of the limits → what people call it, and its unit: a share shown in percent, or nats.
MEASURES: dict[str, tuple[str, str]] = {
    "json_lost": ("Valid decisions lost", "%"),
    "flips": ("Routing flips", "%"),
    "fields_changed": ("Fields changed", "%"),
    "kl": ("KL divergence", "nats"),
    "top_token_changed": ("Top token differs", "%"),
    "perplexity_rise": ("Perplexity risen", "%"),
}


class ParityCard(Card):
    """Holds the settings of the gate."""

    changed = Signal()
    file_requested = Signal()

    def __init__(self) -> None:
        super().__init__("Parity gate")
        defaults = ParitySettings()
        self.prompts = Number(0, 10_000, defaults.prompts)
        self.trainer_prompts = Number(0, 1000, defaults.trainer_prompts)
        self.data = QLineEdit()
        self.data.setPlaceholderText("The run's validation rows, else generated ones")
        self.data.setAccessibleName("File of held-out prompts")
        self._edges: dict[str, tuple[_Edge, _Edge]] = {}
        self.limits_button = button("Limits", "quiet")
        self.limits_button.setCheckable(True)
        self.head.addWidget(self.limits_button)
        self.add(
            label(
                "Every file answers held-out prompts and is held against F16 before it is ready.", "muted", wraps=True
            )
        )
        self.add(self._build_prompts())
        self._limits = self._build_limits()
        self._limits.hide()
        self.add(self._limits)
        self._connect()

    @property
    def settings(self) -> ParitySettings:
        """The gate as it is set."""
        limits = {name: Limit(amber=amber.share, red=red.share) for name, (amber, red) in self._edges.items()}
        return ParitySettings(
            prompts=self.prompts.value(), data=self.data.text().strip(), trainer_prompts=self.trainer_prompts.value(),
            limits=ParityLimits(**limits),
        )  # fmt: skip

    def show_settings(self, settings: ParitySettings) -> None:
        """Set the gate."""
        self.prompts.setValue(settings.prompts)
        self.trainer_prompts.setValue(settings.trainer_prompts)
        self.data.setText(settings.data)
        for name, edges in self._edges.items():
            limit: Limit = getattr(settings.limits, name)
            for edge, value in zip(edges, (limit.amber, limit.red), strict=True):
                edge.share = value

    def _build_prompts(self) -> QWidget:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("m"))
        grid.setColumnStretch(3, 1)
        browse = button("Browse…")
        browse.clicked.connect(self.file_requested)
        self.prompts.setAccessibleName("Held-out prompts")
        self.trainer_prompts.setAccessibleName("Prompts for the trained model")
        plain_tooltip(
            self.trainer_prompts, "F16 is held against the trained model itself; this loads torch. 0: not at all."
        )
        plain_tooltip(
            self.prompts, "0 leaves the gate out: the files are then verified, but nobody knows how they behave."
        )
        grid.addWidget(label("Held-out prompts"), 0, 0)
        grid.addWidget(self.prompts, 0, 1)
        grid.addWidget(label("Of them through the trained model"), 0, 2)
        grid.addWidget(self.trainer_prompts, 0, 3, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(label("From"), 1, 0)
        grid.addLayout(row(self.data, browse), 1, 1, 1, 3)
        return holder(grid)

    def _build_limits(self) -> QWidget:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("s"))
        grid.setColumnStretch(3, 1)
        for place, title in ((1, "Amber above"), (2, "Red above")):
            grid.addWidget(label(title, "overline"), 0, place)
        fields = {field.name: field for field in msgspec.inspect.type_info(ParityLimits).fields}  # pyright: ignore[reportAttributeAccessIssue]
        for line, (name, (words, unit)) in enumerate(MEASURES.items(), start=1):
            limit: Limit = getattr(ParityLimits(), name)
            edges = _Edge(f"{words}, amber above", unit, limit.amber), _Edge(f"{words}, red above", unit, limit.red)
            self._edges[name] = edges
            title = label(words)
            plain_tooltip(title, _help(fields[name]))
            grid.addWidget(title, line, 0)
            grid.addWidget(edges[0], line, 1)
            grid.addWidget(edges[1], line, 2)
        return holder(column(holder(grid)))

    def _connect(self) -> None:
        self.limits_button.toggled.connect(self._limits.setVisible)
        for number in (self.prompts, self.trainer_prompts):
            number.valueChanged.connect(self._on_changed)
        self.data.textChanged.connect(self._on_changed)
        for edges in self._edges.values():
            for edge in edges:
                edge.valueChanged.connect(self._on_changed)

    @Slot()
    def _on_changed(self) -> None:
        self.changed.emit()


class _Edge(QDoubleSpinBox):
    """One edge of a limit; shares are shown in percent. Leaves the wheel to the page."""

    def __init__(self, name: str, unit: str, value: float) -> None:
        super().__init__()
        self._factor = 100.0 if unit == "%" else 1.0
        self.setAccessibleName(name)
        self.setDecimals(1 if unit == "%" else 3)
        self.setRange(0.0, 100.0)
        self.setSingleStep(1.0 if unit == "%" else 0.01)
        self.setSuffix(f" {unit}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.share = value

    @property
    def share(self) -> float:
        """As the recipe has it."""
        return round(self.value() / self._factor, 6)

    @share.setter
    def share(self, value: float) -> None:
        self.setValue(value * self._factor)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()


def _help(field: Any) -> str:
    kind = field.type
    return str((getattr(kind, "extra_json_schema", None) or {}).get("description", ""))
