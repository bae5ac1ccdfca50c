"""Every number of a phone, to be changed, saved as one's own, or filled in from a real phone's benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QDialog, QDoubleSpinBox, QFileDialog, QGridLayout, QLineEdit, QWidget

from arny_studio.device import DeviceProfile, TierSettings
from arny_studio.device.benchmark import load_speeds
from arny_studio.device.profiles import check_profile
from arny_studio.errors import ArnyError, BadRecipe
from arny_studio.ui.widgets.inputs import Choice, Number
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import button, label, plain_tooltip

_NUMBERS = (
    ("ram_mib", "RAM, MiB", 512, 262_144), ("os_reserve_mib", "The system keeps, MiB", 0, 262_144),
    ("app_budget_mib", "The app may hold, MiB", 64, 262_144), ("threads", "Threads (0: one core is left free)", 0, 256),
)  # fmt: skip
_TIER_NUMBERS = (("context", "Context, tokens", 128, 131_072), ("batch", "Batch, tokens", 16, 4_096))
_MODES = [("By RAM", "auto"), ("Lite", "lite"), ("Full Local", "full_local"), ("Both Resident", "both_resident")]
_KV_TYPES = [(name, name) for name in ("f32", "f16", "q8_0", "q4_0")]


class ProfileEditor(QDialog):
    """Shows a profile. `used` and `saved` carry one whose numbers hold together."""

    used = Signal(object)  # DeviceProfile
    saved = Signal(object)  # DeviceProfile

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Numbers of the phone")
        self._speeds: tuple[Any, ...] = ()
        self._inputs: dict[str, QWidget] = {}
        self.title = QLineEdit()
        self.title.setMaxLength(80)
        self.title.setAccessibleName("Name of the phone")
        self.problem = label(role="danger", wraps=True)
        self.problem.hide()
        self.speeds = label(role="caption", wraps=True)
        self.import_button = button(
            "Import a benchmark…", tooltip="CSV or JSON: model, quant, prefill and decode tok/s."
        )
        self.use_button = button("Use it", "primary")
        self.save_button = button("Save as my phone")
        cancel = button("Cancel")
        grid = self._build_grid()
        buttons = row(cancel, 1, self.save_button, self.use_button)
        speeds = row(gap="m")
        speeds.addWidget(self.speeds, 1)
        speeds.addWidget(self.import_button)
        self.setLayout(column(grid, speeds, self.problem, buttons, gap="l", margin="l"))
        self.setMinimumWidth(560)
        cancel.clicked.connect(self.reject)
        self.use_button.clicked.connect(self._on_use_clicked)
        self.save_button.clicked.connect(self._on_save_clicked)
        self.import_button.clicked.connect(self._on_import_clicked)

    def show_profile(self, profile: DeviceProfile) -> None:
        """Fill the form."""
        self.title.setText(profile.title)
        values = msgspec.structs.asdict(profile)
        for key, target in self._inputs.items():
            tier, _, name = key.rpartition(".")
            source = msgspec.structs.asdict(values[tier]) if tier else values
            _write(target, source[name])
        self._speeds = profile.speeds
        self._show_speeds()

    @property
    def profile(self) -> DeviceProfile:
        """What the form says. Raises BadRecipe where its numbers contradict each other."""
        plain: dict[str, Any] = {"title": self.title.text().strip(), "tier1": {}, "tier2": {}}
        for key, source in self._inputs.items():
            tier, _, name = key.rpartition(".")
            (plain[tier] if tier else plain)[name] = _read(source)
        plain["speeds"] = msgspec.to_builtins(self._speeds)
        try:
            profile = msgspec.convert(plain, DeviceProfile)
        except msgspec.ValidationError as error:
            raise BadRecipe(f"This is no phone yet: {error}.") from error
        check_profile(profile, profile.title)
        return profile

    def import_speeds(self, path: Path) -> None:
        """Take the speeds of a benchmark; the form says which. Shows what is wrong with the file, if anything is."""
        try:
            self._speeds = load_speeds(path)
        except ArnyError as error:
            self._tell(error)
            return
        self.problem.hide()
        self._show_speeds()

    def _build_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("s"))
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        grid.addWidget(label("Name", "muted"), 0, 0)
        grid.addWidget(self.title, 0, 1, 1, 2)
        line = 1
        for name, title, least, most in _NUMBERS:
            line = self._place(grid, line, title, **{name: Number(least, most)})
        idle = QDoubleSpinBox()
        idle.setRange(0, 86_400)
        line = self._place(grid, line, "Tier-2 is released after, s idle", idle_s=idle)
        line = self._place(grid, line, "Which models stay", mode=_choice("Which models stay", _MODES))
        for place, head in ((1, "Tier-1 router"), (2, "Tier-2 reasoner")):
            grid.addWidget(label(head, "overline"), line, place)
        line += 1
        for name, title, least, most in _TIER_NUMBERS:
            both = {f"tier{tier}.{name}": Number(least, most) for tier in (1, 2)}
            line = self._place(grid, line, title, **both)
        kinds = {f"tier{tier}.kv_type": _choice("KV cache", _KV_TYPES) for tier in (1, 2)}
        line = self._place(grid, line, "KV cache", **kinds)
        repacks = {f"tier{tier}.repack": QCheckBox("faster, more memory") for tier in (1, 2)}
        self._place(grid, line, "Repacked weights", **repacks)
        return grid

    def _place(self, grid: QGridLayout, line: int, title: str, **inputs: QWidget) -> int:
        """One line of the form; returns the next."""
        grid.addWidget(label(title, "muted"), line, 0)
        for place, (key, source) in enumerate(inputs.items(), start=1):
            self._inputs[key] = source
            source.setAccessibleName(f"{title} {key.partition('.')[0]}" if "." in key else title)
            plain_tooltip(source, _help_of(key))
            grid.addWidget(source, line, place, 1, 1 if len(inputs) > 1 else 2)
        return line + 1

    def _show_speeds(self) -> None:
        if not self._speeds:
            self.speeds.setText("No benchmark of the real phone: times are this computer's.")
            return
        rows = [f"{speed.model} {speed.quant}: reads {speed.prefill:g}, writes {speed.decode:g} tok/s".replace("  ", " ")
                for speed in self._speeds[:6]]  # fmt: skip
        self.speeds.setText("Benchmark: " + "; ".join(rows))

    def _tell(self, error: ArnyError) -> None:
        self.problem.setText(f"{error.sentence} {error.hint}".strip())
        self.problem.show()

    def _take(self, signal: Any) -> None:
        try:
            profile = self.profile
        except ArnyError as error:
            self._tell(error)
            return
        signal.emit(profile)
        self.accept()

    @Slot()
    def _on_use_clicked(self) -> None:
        self._take(self.used)

    @Slot()
    def _on_save_clicked(self) -> None:
        self._take(self.saved)

    @Slot()
    def _on_import_clicked(self) -> None:
        dialog = QFileDialog(self, "Import a benchmark", "", "Benchmarks (*.csv *.json)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_file_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_file_chosen(self, name: str) -> None:
        self.import_speeds(Path(name))


def _choice(name: str, entries: list[tuple[str, str]]) -> Choice:
    made = Choice(name)
    made.show_choices([(title, value) for title, value in entries])
    return made


def _help_of(key: str) -> str:
    tier, _, name = key.rpartition(".")
    fields = msgspec.json.schema(TierSettings if tier else DeviceProfile)["$defs"]
    kind = "TierSettings" if tier else "DeviceProfile"
    return fields[kind]["properties"][name].get("description", "")


def _write(target: QWidget, value: Any) -> None:
    match target:
        case Number():
            target.setValue(int(value))
        case QDoubleSpinBox():
            target.setValue(float(value))
        case Choice():
            target.choose(value)
        case QCheckBox():
            target.setChecked(bool(value))


def _read(source: QWidget) -> Any:
    match source:
        case Number() | QDoubleSpinBox():
            return source.value()
        case Choice():
            return source.currentData()
        case QCheckBox():
            return source.isChecked()
    raise AssertionError(source)
