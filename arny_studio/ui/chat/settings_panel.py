"""How requests are sampled: seed, and per tier temperature and longest text; folded away until somebody asks."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QWidget

from arny_studio.contract import built_in_contracts
from arny_studio.recipe import AskSettings
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.inputs import Choice, Number
from arny_studio.ui.widgets.layout import holder, row, space
from arny_studio.ui.widgets.text import button, label, plain_tooltip

SOURCE_DOCUMENT = AskSettings(router_temperature=0.3, router_max_tokens=256, reasoner_temperature=0.7)

_INPUT_PX, _INPUT_WIDTH_PX = 30, 96


class Temperature(QDoubleSpinBox):
    """A temperature from 0 (greedy) to 2 that leaves the wheel to the page."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setRange(0.0, 2.0)
        self.setSingleStep(0.1)
        self.setDecimals(2)
        self.setSpecialValueText("0 (greedy)")
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()


class SettingsPanel(Card):
    """Holds the settings of the next request. The limits of routing are the inspector's; they pass through."""

    changed = Signal()
    connectors_requested = Signal()
    contract_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.seed = Number(0, 2_147_483_647, 1)
        self.seed.setAccessibleName("Seed")
        self.router_temperature, self.reasoner_temperature = Temperature("Router"), Temperature("Reasoner")
        self.router_tokens, self.reasoner_tokens = Number(1, 4096, 256), Number(1, 8192, 512)
        self.constrained = QCheckBox("Decode under the contract's schema")
        self.contract = Choice("Contract")
        self.contract.show_choices([(name, name) for name in built_in_contracts()])
        self._others = AskSettings()
        self.source_button = button("As in the source document", tooltip="Router 0.3 and 256, reasoner 0.7 and 512.")
        self.default_button = button("Defaults", tooltip="The router greedy; else as in the source document.")
        self.connectors_button = button("Connectors…", tooltip="Who executes what needs live data.")
        self.add(self._build_grid())
        self.add(row(self.constrained, 1))
        contract = row(label("Contract", "muted"), gap="m")
        contract.addWidget(self.contract, 1)
        self.add(contract)
        self.add(holder(FlowLayout(self.source_button, self.default_button, self.connectors_button, gap="s")))
        self._connect()
        self.show_settings(AskSettings())

    @property
    def settings(self) -> AskSettings:
        """What the next request is asked with."""
        return AskSettings(
            complexity_threshold=self._others.complexity_threshold,
            confidence_floor=self._others.confidence_floor,
            constrained=self.constrained.isChecked(),
            router_temperature=round(self.router_temperature.value(), 2),
            router_max_tokens=self.router_tokens.value(),
            reasoner_temperature=round(self.reasoner_temperature.value(), 2),
            reasoner_max_tokens=self.reasoner_tokens.value(),
            seed=self.seed.value(),
        )

    def show_settings(self, settings: AskSettings) -> None:
        """Show settings; `changed` follows once."""
        self._others = settings
        for target, value in (
            (self.seed, settings.seed), (self.router_temperature, settings.router_temperature),
            (self.router_tokens, settings.router_max_tokens), (self.reasoner_temperature, settings.reasoner_temperature),
            (self.reasoner_tokens, settings.reasoner_max_tokens),
        ):  # fmt: skip
            blocked = target.blockSignals(True)
            target.setValue(value)  # pyright: ignore[reportArgumentType]
            target.blockSignals(blocked)
        blocked = self.constrained.blockSignals(True)
        self.constrained.setChecked(settings.constrained)
        self.constrained.blockSignals(blocked)
        self.changed.emit()

    def _build_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("xs"))
        for place, title in ((1, "Temperature"), (2, "Longest, in tokens"), (3, "Seed")):
            grid.addWidget(label(title, "overline"), 0, place)
        lines: tuple[tuple[str, QWidget, QWidget], ...] = (
            ("Router", self.router_temperature, self.router_tokens),
            ("Reasoner", self.reasoner_temperature, self.reasoner_tokens),
        )
        for line, (title, temperature, tokens) in enumerate(lines, start=1):
            tokens.setAccessibleName(f"{title}: longest text in tokens")
            for place, widget in enumerate((label(title, "muted"), temperature, tokens)):
                grid.addWidget(widget, line, place)
        grid.addWidget(self.seed, 1, 3)
        for place in (1, 2, 3):
            grid.setColumnStretch(place, 1)
        return grid

    def _connect(self) -> None:
        for made in (self.seed, self.router_tokens, self.reasoner_tokens, self.router_temperature,
                     self.reasoner_temperature):  # fmt: skip
            made.setMinimumWidth(_INPUT_WIDTH_PX)
            made.setMinimumHeight(_INPUT_PX)  # a low window scrolls instead of pushing them into each other
        for number in (self.seed, self.router_tokens, self.reasoner_tokens):
            number.valueChanged.connect(self.changed)
        for temperature in (self.router_temperature, self.reasoner_temperature):
            temperature.valueChanged.connect(self.changed)
        plain_tooltip(self.constrained, "Off: the model writes freely; what it writes is still checked.")
        self.constrained.toggled.connect(self.changed)
        self.source_button.clicked.connect(self._on_source_clicked)
        self.default_button.clicked.connect(self._on_default_clicked)
        self.connectors_button.clicked.connect(self.connectors_requested)
        self.contract.currentIndexChanged.connect(self._on_contract_chosen)

    @Slot(int)
    def _on_contract_chosen(self, _number: int) -> None:
        self.contract_chosen.emit(str(self.contract.currentData()))

    @Slot()
    def _on_source_clicked(self) -> None:
        self._take(SOURCE_DOCUMENT)

    @Slot()
    def _on_default_clicked(self) -> None:
        self._take(AskSettings())

    def _take(self, settings: AskSettings) -> None:
        """Sampling from these settings; limits and seed stay."""
        now = self.settings
        self.show_settings(
            replace(
                settings, seed=now.seed, complexity_threshold=now.complexity_threshold,
                confidence_floor=now.confidence_floor,
            )
        )  # fmt: skip
