"""Which phone, which router and which reasoner; and the switch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from arny_studio.ui.chat.choices import Entries, reasoner_choices, router_choices
from arny_studio.ui.model_files import ModelFile
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.text import label

_BROWSE = "browse"


class SetupBar(Card):
    """Three pickers side by side, or two where the phone's is placed elsewhere; each has an entry that asks for a file."""

    changed = Signal()
    file_requested = Signal(str)  # device | tier1 | tier2

    def __init__(self, *, shows_device: bool = True) -> None:
        super().__init__()
        self.device, self.tier1, self.tier2 = Choice("Phone"), Choice("Router model"), Choice("Reasoner model")
        self._last: dict[Choice, object] = {}
        self._settled: set[Choice] = set()  # somebody chose here: a newer file does not take the place
        titles = ((self.device, "Phone"), (self.tier1, "Tier-1 router"), (self.tier2, "Tier-2 reasoner"))
        layout = row(gap="m")
        for picker, title in titles if shows_device else titles[1:]:
            layout.addLayout(column(label(title, "overline"), picker, gap="xs"), 2 if picker is self.device else 3)
        self.add(layout)
        for picker in (self.device, self.tier1, self.tier2):
            picker.currentIndexChanged.connect(self._on_picked)
            picker.activated.connect(partial(self._on_chosen, picker))

    def show_choices(self, devices: Entries, models: list[ModelFile]) -> None:
        """Fill the pickers; what somebody chose stays, else the likely files are chosen."""
        self.show_devices(devices)
        self._fill(self.tier1, router_choices(models), "Choose a file…")
        self._fill(self.tier2, reasoner_choices(models), "Choose a file…")

    def show_devices(self, devices: Entries) -> None:
        """Fill the picker of phones anew."""
        self._fill(self.device, devices, "Profile file…")

    def show_value(self, which: str, value: str) -> None:
        """Choose a profile or a file, adding it where it is not offered."""
        picker = self._picker(which)
        self._settled.add(picker)
        if not picker.choose(value):
            picker.insertItem(0, Path(value).name, value)
            picker.setCurrentIndex(0)

    def value(self, which: str) -> str:
        """What a picker stands on; empty where nothing is chosen."""
        chosen = self._picker(which).currentData()
        return "" if chosen in (None, _BROWSE) else str(chosen)

    def lock(self, is_locked: bool) -> None:
        """While the phone is switching on, its parts stay; they are its parts from then on."""
        for picker in (self.device, self.tier1, self.tier2):
            self._settled.add(picker)
            picker.setEnabled(not is_locked)

    def _fill(self, picker: Choice, choices: Entries, browse: str) -> None:
        known = {value for _title, value in choices}
        current = picker.currentData()
        if picker in self._settled and current not in (None, _BROWSE) and current not in known:
            choices = [(picker.currentText(), current), *choices]
        blocked = picker.blockSignals(not choices)
        picker.show_choices([*choices, (browse, _BROWSE)])
        if not choices:  # nothing to offer: do not stand on the entry that asks for a file, nor ask for one
            picker.setCurrentIndex(-1)
        elif picker not in self._settled:
            picker.setCurrentIndex(0)
        picker.blockSignals(blocked)

    def _picker(self, which: str) -> Choice:
        return {"device": self.device, "tier1": self.tier1, "tier2": self.tier2}[which]

    def _on_chosen(self, picker: Choice, _index: int) -> None:
        self._settled.add(picker)

    @Slot()
    def _on_picked(self, *_: object) -> None:
        picker: QWidget | None = self.sender()  # pyright: ignore[reportAssignmentType]
        if not isinstance(picker, Choice):
            return
        if picker.currentData() == _BROWSE and picker.count() > 0:
            blocked = picker.blockSignals(True)
            if not picker.choose(self._last.get(picker)):
                picker.setCurrentIndex(-1)
            picker.blockSignals(blocked)
            which = next(name for name in ("device", "tier1", "tier2") if self._picker(name) is picker)
            self.file_requested.emit(which)
            return
        self._last[picker] = picker.currentData()
        picker.tell_whole()
        self.changed.emit()
