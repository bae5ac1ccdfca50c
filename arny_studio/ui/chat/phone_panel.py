"""The phone as one can hold it: how much RAM it has, who holds what, predicted beside measured, and what happened."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QPlainTextEdit, QSlider

from arny_studio.ui.chat.conversation import Happening, PhonePhase
from arny_studio.ui.chat.forecast import Forecast
from arny_studio.ui.chat.ram_bar import RamBar, RamPicture, slice_color
from arny_studio.ui.chat.timeline import Timeline
from arny_studio.ui.chat.timeline_view import TimelineView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import allow, button, elided, label, set_property
from arny_studio.ui.wording import bytes_in_words

_PHASES: dict[PhonePhase, tuple[str, Tone]] = {
    "off": ("off", "neutral"), "starting": ("switching on", "accent"), "ready": ("on", "success"),
    "killed": ("killed by the system", "danger"), "refused": ("does not fit", "warning"), "failed": ("failed", "danger"),
}  # fmt: skip
_MARKS = {"info": "", "warning": "! ", "error": "× "}
_PHONE_PX = 200
STEPS_PER_GIB = 2
SLIDER_PX = 20  # less would cut the handle
HONESTLY = (
    "Memory and load policy are simulated. Speed is this computer's, not the phone's, unless a benchmark of the phone "
    "was imported. Cloud results come from an offline sandbox where no connector is set."
)


class RamSlider(QSlider):
    """From 2 to 16 GiB in halves; leaves the wheel to the page."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(2 * STEPS_PER_GIB, 16 * STEPS_PER_GIB)
        self.setPageStep(2 * STEPS_PER_GIB)
        self.setMinimumHeight(SLIDER_PX)
        self.setAccessibleName("RAM of the phone")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()

    def show_ram(self, ram_mib: int) -> None:
        """Stand at a size without saying so."""
        blocked = self.blockSignals(True)
        self.setValue(round(ram_mib * STEPS_PER_GIB / 1024))
        self.blockSignals(blocked)

    @property
    def ram_mib(self) -> int:
        """Where it stands."""
        return self.value() * 1024 // STEPS_PER_GIB


class PhonePanel(Card):
    """Shows figures and events; wants other RAM, other numbers, a remedy, or memory pressure."""

    pressure_requested = Signal()
    ram_chosen = Signal(int)  # MiB
    edit_requested = Signal()
    remedy_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Phone")
        self._theme = theme
        self._shown: tuple[Happening, ...] = ()
        self.phase = Chip()
        self.edit_button = button("Edit…", "quiet", tooltip="Every number of this phone; save it as your own.")
        self.head.addWidget(self.edit_button)
        self.head.addWidget(self.phase)
        self.about = label(role="muted", wraps=True)
        self.slider = RamSlider()
        self.ram = label("", "lead")
        self.forecast = label(role="caption", wraps=True)
        self.remedy_button = button("Apply what would fit", "quiet")
        self.bar = RamBar(theme)
        self.bar.setFixedSize(96, _PHONE_PX)
        self._columns = label("predicted", "caption")
        self._legend = QGridLayout()
        self._legend.setHorizontalSpacing(space("s"))
        self._legend.setVerticalSpacing(space("xs"))
        self._legend.setColumnStretch(1, 1)
        self.figures = {name: label("–", "lead") for name in ("App uses", "Free for it", "Peak", "Cap")}
        self.pressure_button = button("Memory pressure")
        self.timeline = TimelineView(theme)
        self.happenings = QPlainTextEdit()
        self.happenings.setReadOnly(True)
        self.happenings.setMaximumBlockCount(400)
        self.happenings.setProperty("look", "sunken")
        self.happenings.setAccessibleName("What happened in the phone's memory")
        self.happenings.setPlaceholderText("Loads, unloads and refusals are told here.")
        self.happenings.setMinimumHeight(84)
        self._build()
        self._picture: RamPicture | None = None
        self.show_phase("off")

    def show_phase(self, phase: PhonePhase, about: str = "") -> None:
        """Whether the phone is on, and in which mode."""
        self.phase.show_as(*_PHASES[phase])
        if about:
            self.about.setText(about)
        pressure = "The phone's system asks for memory: Tier-2 goes at once, in mid-answer too."
        allow(self.pressure_button, phase == "ready", "The phone is not on.", tooltip=pressure)
        if self._picture is not None:
            self.bar.show_picture(self._picture, is_killed=phase == "killed")

    def show_forecast(self, forecast: Forecast, ram_mib: int) -> None:
        """The phone that the slider and the pickers stand for, and what would happen on it."""
        self.slider.show_ram(ram_mib)
        self.ram.setText(f"{ram_mib / 1024:g} GB")
        words = (forecast.sentence, forecast.problem, forecast.remedy)
        self.forecast.setText(" ".join(part for part in words if part))
        set_property(self.forecast, "role", "warning" if forecast.problem else "caption")
        self.remedy_button.setVisible(forecast.settings is not None)

    def show_memory(self, picture: RamPicture) -> None:
        """The account of the phone's RAM."""
        if picture == self._picture:
            return
        self._picture = picture
        self.bar.show_picture(picture)
        self._columns.setText("predicted | measured" if picture.is_measured else "predicted")
        self._show_legend(picture)
        for name, size in (("App uses", picture.used), ("Free for it", picture.free), ("Peak", picture.peak)):
            self.figures[name].setText(bytes_in_words(size) if picture.used else "–")
        self.figures["Cap"].setText(bytes_in_words(picture.cap))

    def show_timeline(self, timeline: Timeline) -> None:
        """Memory over time."""
        self.timeline.show_timeline(timeline)

    def show_happenings(self, happenings: tuple[Happening, ...]) -> None:
        """Add what is new, or begin anew."""
        if happenings[: len(self._shown)] != self._shown:
            self.happenings.clear()
            self._shown = ()
        for each in happenings[len(self._shown) :]:
            clock = datetime.fromtimestamp(each.time_s).strftime("%H:%M:%S")
            self.happenings.appendPlainText(f"{clock}  {_MARKS[each.level]}{elided(each.text, 2_000)}")
        self._shown = happenings

    def _build(self) -> None:
        figures = column(gap="xs")
        for name, figure in self.figures.items():
            figures.addLayout(column(label(name, "overline"), figure, gap="xs"))
        figures.addStretch(1)
        figures.addWidget(self.pressure_button)
        memory = row(column(self.bar, self._columns, gap="xs"), gap="m")
        memory.addLayout(figures, 1)
        sliding = row(label("RAM", "overline"), gap="s")
        sliding.addWidget(self.slider, 1)
        sliding.addWidget(self.ram)
        inside = column(
            self.about, sliding, self.forecast, row(self.remedy_button, 1), memory, self.timeline, self._legend
        )
        inside.addWidget(self.happenings, 1)
        inside.addWidget(label(HONESTLY, "caption", wraps=True))
        inside.setContentsMargins(0, 0, space("s"), 0)
        self.add(scrolled(holder(inside)), 1)
        self.pressure_button.clicked.connect(self.pressure_requested)
        self.edit_button.clicked.connect(self.edit_requested)
        self.remedy_button.clicked.connect(self.remedy_requested)
        self.slider.valueChanged.connect(self._on_slid)
        self._theme.theme_changed.connect(self._on_theme_changed)

    def _show_legend(self, picture: RamPicture) -> None:
        clear(self._legend)
        for column_, title in ((2, "predicted"), (3, "measured")):
            head = label(title, "caption")
            self._legend.addWidget(head, 0, column_, Qt.AlignmentFlag.AlignRight)
        for line, each in enumerate(reversed(picture.slices), start=1):
            swatch = QFrame()
            swatch.setFixedSize(10, 10)
            color = slice_color(self._theme, each.owner, each.part)
            swatch.setStyleSheet(f"background: {color.name()}; border-radius: 3px;")
            measured = "–" if each.measured is None else bytes_in_words(each.measured)
            self._legend.addWidget(swatch, line, 0)
            self._legend.addWidget(label(each.title, "caption"), line, 1)
            predicted = label(bytes_in_words(each.predicted), "caption")
            self._legend.addWidget(predicted, line, 2, Qt.AlignmentFlag.AlignRight)
            self._legend.addWidget(label(measured, "caption"), line, 3, Qt.AlignmentFlag.AlignRight)

    @Slot(int)
    def _on_slid(self, _step: int) -> None:
        self.ram_chosen.emit(self.slider.ram_mib)

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        if self._picture is not None:
            self._show_legend(self._picture)
