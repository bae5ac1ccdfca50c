"""The phone as one can hold it: its RAM as a bar, predicted beside measured, and what happened to its memory."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QPlainTextEdit

from arny_studio.ui.chat.conversation import Happening, PhonePhase
from arny_studio.ui.chat.ram_bar import RamBar, RamPicture, slice_color
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import allow, button, elided, label
from arny_studio.ui.wording import bytes_in_words

_PHASES: dict[PhonePhase, tuple[str, Tone]] = {
    "off": ("off", "neutral"), "starting": ("switching on", "accent"), "ready": ("on", "success"),
    "killed": ("killed by the system", "danger"), "refused": ("does not fit", "warning"), "failed": ("failed", "danger"),
}  # fmt: skip
_MARKS = {"info": "", "warning": "! ", "error": "× "}
_LEAST_PHONE_PX = 210  # a window that is lower scrolls
HONESTLY = (
    "Memory and load policy are simulated. Speed is this computer's, not the phone's. "
    "Cloud results come from an offline sandbox."
)


class PhonePanel(Card):
    """Shows figures and events; wants nothing but the pressure button."""

    pressure_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Phone")
        self._theme = theme
        self._shown: tuple[Happening, ...] = ()
        self.phase = Chip()
        self.head.addWidget(self.phase)
        self.about = label(role="muted", wraps=True)
        self.bar = RamBar(theme)
        self.bar.setFixedWidth(92)
        self.bar.setMinimumHeight(_LEAST_PHONE_PX)
        self._legend = QGridLayout()
        self._legend.setHorizontalSpacing(space("s"))
        self._legend.setVerticalSpacing(space("xs"))
        self._legend.setColumnStretch(1, 1)
        self.figures = {name: label("–", "lead") for name in ("App uses", "Free for it", "Peak", "Cap")}
        self.pressure_button = button("Memory pressure")
        theme.dress(self.pressure_button, "memory", "text_muted")
        self.happenings = QPlainTextEdit()
        self.happenings.setReadOnly(True)
        self.happenings.setMaximumBlockCount(400)
        self.happenings.setProperty("look", "sunken")
        self.happenings.setAccessibleName("What happened in the phone's memory")
        self.happenings.setPlaceholderText("Loads, unloads and refusals are told here.")
        self.happenings.setMinimumHeight(72)
        figures = column(gap="s")
        for name, figure in self.figures.items():
            figures.addLayout(column(label(name, "overline"), figure, gap="xs"))
        figures.addStretch(1)
        figures.addWidget(self.pressure_button)
        memory = row(self.bar, gap="l")
        memory.addLayout(figures, 1)
        inside = column(self.about)
        inside.addLayout(memory, 3)
        inside.addLayout(self._legend)
        inside.addWidget(self.happenings, 2)
        inside.addWidget(label(HONESTLY, "caption", wraps=True))
        self.add(scrolled(holder(inside)), 1)
        self.pressure_button.clicked.connect(self.pressure_requested)
        theme.theme_changed.connect(self._on_theme_changed)
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

    def show_memory(self, picture: RamPicture) -> None:
        """The account of the phone's RAM."""
        self._picture = picture
        self.bar.show_picture(picture)
        self._show_legend(picture)
        for name, size in (("App uses", picture.used), ("Free for it", picture.free), ("Peak", picture.peak)):
            self.figures[name].setText(bytes_in_words(size) if picture.used else "–")
        self.figures["Cap"].setText(f"{bytes_in_words(picture.cap)} of {bytes_in_words(picture.ram)}")

    def show_happenings(self, happenings: tuple[Happening, ...]) -> None:
        """Add what is new, or begin anew."""
        if happenings[: len(self._shown)] != self._shown:
            self.happenings.clear()
            self._shown = ()
        for each in happenings[len(self._shown) :]:
            clock = datetime.fromtimestamp(each.time_s).strftime("%H:%M:%S")
            self.happenings.appendPlainText(f"{clock}  {_MARKS[each.level]}{elided(each.text, 2_000)}")
        self._shown = happenings

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
            self._legend.addWidget(
                label(bytes_in_words(each.predicted), "caption"), line, 2, Qt.AlignmentFlag.AlignRight
            )
            self._legend.addWidget(label(measured, "caption"), line, 3, Qt.AlignmentFlag.AlignRight)

    def _on_theme_changed(self, _theme: object) -> None:
        if self._picture is not None:
            self._show_legend(self._picture)
