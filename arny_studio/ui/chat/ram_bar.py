"""The phone's RAM as a stacked bar: who holds what, what is free under the cap, and the cap itself."""

from __future__ import annotations

from msgspec import Struct
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from arny_studio.device import DeviceProfile
from arny_studio.jobs.events import Ledger, LedgerLine
from arny_studio.ui.theme import ThemeSwitcher

_LEAST_PX = 3.0  # so that a model of a few MiB is still seen on a phone of gigabytes
_TITLES = {
    ("os", "reserve"): "System", ("app", "host"): "App", ("tier1", "weights"): "Tier-1 weights",
    ("tier1", "kv"): "Tier-1 KV", ("tier1", "compute"): "Tier-1 compute", ("tier2", "weights"): "Tier-2 weights",
    ("tier2", "kv"): "Tier-2 KV", ("tier2", "compute"): "Tier-2 compute",
}  # fmt: skip
_STRENGTH = {"weights": 1.0, "kv": 0.66, "compute": 0.38}


class RamSlice(Struct, frozen=True, kw_only=True):
    """One part of the bar, in bytes. `measured` is None where there is only a prediction."""

    title: str
    owner: str
    part: str
    predicted: int
    measured: int | None

    @property
    def shown(self) -> int:
        """What the bar shows: the measurement, before it the prediction."""
        return self.predicted if self.measured is None else self.measured


class RamPicture(Struct, frozen=True, kw_only=True):
    """Everything the bar shows, in bytes. The cap limits the app, the system's reserve lies beside it."""

    slices: tuple[RamSlice, ...]
    ram: int
    reserve: int
    cap: int
    used: int
    peak: int

    @property
    def is_measured(self) -> bool:
        """Whether there is a measurement to stand beside the prediction."""
        return any(each.measured is not None for each in self.slices)

    @property
    def free(self) -> int:
        """What the app may still take."""
        return max(0, self.cap - self.used)


def picture_of(profile: DeviceProfile, ledger: Ledger | None) -> RamPicture:
    """The phone's memory by its ledger; before there is one, the empty phone."""
    reserve = profile.os_reserve_mib << 20
    lines = ledger.lines if ledger is not None else [LedgerLine(owner="os", part="reserve", predicted_bytes=reserve)]
    return RamPicture(
        slices=tuple(_slice(line) for line in lines),
        ram=profile.ram_mib << 20,
        reserve=reserve,
        cap=ledger.cap_bytes if ledger is not None else profile.cap_bytes,
        used=ledger.used_bytes if ledger is not None else 0,
        peak=ledger.peak_bytes if ledger is not None else 0,
    )


def _slice(line: LedgerLine) -> RamSlice:
    title = _TITLES.get((line.owner, line.part), f"{line.owner} {line.part}")
    return RamSlice(
        title=title, owner=line.owner, part=line.part, predicted=line.predicted_bytes, measured=line.measured_bytes
    )


def slice_color(theme: ThemeSwitcher, owner: str, part: str) -> QColor:
    """A hue per owner, a strength per part."""
    role = {"os": "border_strong", "app": "series_3", "tier1": "series_1", "tier2": "series_4"}[owner]
    color = QColor(theme.color(role))
    surface = theme.color("surface")
    share = _STRENGTH.get(part, 1.0)
    return QColor.fromRgbF(*(share * a + (1 - share) * b for a, b in zip(_rgb(color), _rgb(surface), strict=True)))


def _rgb(color: QColor) -> tuple[float, float, float]:
    return color.redF(), color.greenF(), color.blueF()


class RamBar(QWidget):
    """Paints the picture from the bottom (the system) to the top (what the phone has)."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self._theme = theme
        self._picture: RamPicture | None = None
        self._is_killed = False
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)
        theme.theme_changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """As wide as a phone's screen in small."""
        return QSize(120, 240)

    def show_picture(self, picture: RamPicture, *, is_killed: bool = False) -> None:
        """Show other figures."""
        self._picture, self._is_killed = picture, is_killed
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The phone's body, then its memory."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        color = self._theme.color
        painter.setPen(QPen(color("danger" if self._is_killed else "border_strong"), 2))
        painter.setBrush(color("surface_sunken"))
        painter.drawRoundedRect(body, 16, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("border_strong"))
        painter.drawRoundedRect(QRectF(body.center().x() - 16, body.top() + 6, 32, 4), 2, 2)
        if self._picture is not None:
            self._memory(painter, body.adjusted(8, 16, -8, -8), self._picture)
        painter.end()

    def _memory(self, painter: QPainter, screen: QRectF, picture: RamPicture) -> None:
        clip = QPainterPath()
        clip.addRoundedRect(screen, 8, 8)
        painter.save()
        painter.setClipPath(clip)
        painter.fillRect(screen, self._theme.color("surface"))
        per_byte = screen.height() / max(1, picture.ram)
        gap = 2 if picture.is_measured else 0
        width = (screen.width() - gap) / (2 if picture.is_measured else 1)
        self._stack(painter, QRectF(screen.left(), screen.top(), width, screen.height()), picture, per_byte, False)
        if picture.is_measured:
            right = QRectF(screen.left() + width + gap, screen.top(), width, screen.height())
            self._stack(painter, right, picture, per_byte, True)
        painter.restore()
        self._marks(painter, screen, picture, per_byte)

    def _stack(
        self, painter: QPainter, column: QRectF, picture: RamPicture, per_byte: float, is_measured: bool
    ) -> None:
        """The slices one upon the other: predicted in a column at the left, measured at the right."""
        bottom = column.bottom()
        for each in picture.slices:
            size = each.shown if is_measured else each.predicted
            height = max(_LEAST_PX, size * per_byte) if size else 0.0
            ground = QRectF(column.left(), bottom - height, column.width(), height)
            painter.fillRect(ground, slice_color(self._theme, each.owner, each.part))
            bottom -= height

    def _marks(self, painter: QPainter, screen: QRectF, picture: RamPicture, per_byte: float) -> None:
        cap = screen.bottom() - (picture.reserve + picture.cap) * per_byte
        painter.setPen(QPen(self._theme.color("danger"), 2))
        painter.drawLine(int(screen.left()) - 4, int(cap), int(screen.right()) + 4, int(cap))
        if picture.peak:
            peak = screen.bottom() - (picture.reserve + picture.peak) * per_byte
            painter.setPen(QPen(self._theme.color("warning"), 1.4, Qt.PenStyle.DashLine))
            painter.drawLine(int(screen.left()), int(peak), int(screen.right()), int(peak))

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()
