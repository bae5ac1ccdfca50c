"""The two limits that routing turns on, to be moved: what would go elsewhere is said at once, a replay makes it so."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QGridLayout, QSlider, QWidget

from arny_studio.contract import Contract, Thresholds, decide, decode
from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import allow, button, label

SLIDER_PX = 20  # less would cut the handle


class _Limit(QSlider):
    """A slider of whole steps that leaves the wheel to the page."""

    def __init__(self, name: str, most: int) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, most)
        self.setMinimumHeight(SLIDER_PX)
        self.setAccessibleName(name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()


class LimitsView(QWidget):
    """Sliders for score and confidence, the sentence of what they would change, and the replay."""

    changed = Signal(object)  # Thresholds
    replay_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.score, self.confidence = _Limit("Score limit", 101), _Limit("Confidence limit", 100)
        self._score_words, self._confidence_words = label("", "caption"), label("", "caption")
        self.preview = label(role="caption", wraps=True)
        self.replay_button = button("Replay the conversation")
        grid = QGridLayout()
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("xs"))
        grid.setColumnStretch(1, 1)
        for line, (title, slider, words) in enumerate(
            (("To Tier-2 from score", self.score, self._score_words),
             ("Asks below confidence", self.confidence, self._confidence_words))
        ):  # fmt: skip
            grid.addWidget(label(title, "caption"), line, 0)
            grid.addWidget(slider, line, 1)
            grid.addWidget(words, line, 2, Qt.AlignmentFlag.AlignRight)
        self.setLayout(column(label("Limits", "overline"), grid, self.preview, row(self.replay_button, 1), gap="s"))
        for slider in (self.score, self.confidence):
            slider.valueChanged.connect(self._on_moved)
        self.replay_button.clicked.connect(self.replay_requested)
        self.show_limits(Thresholds())

    @property
    def thresholds(self) -> Thresholds:
        """Where the sliders stand."""
        return Thresholds(complexity=self.score.value(), confidence=self.confidence.value() / 100)

    def show_limits(self, thresholds: Thresholds) -> None:
        """Stand at these limits without saying so."""
        for slider, value in ((self.score, thresholds.complexity), (self.confidence, 100 * thresholds.confidence)):
            blocked = slider.blockSignals(True)
            slider.setValue(round(value))
            slider.blockSignals(blocked)
        self._say()

    def show_preview(self, sentence: str, *, can_replay: bool, reason: str) -> None:
        """What the limits would change in this conversation."""
        self.preview.setText(sentence)
        self.preview.setVisible(bool(sentence))
        allow(self.replay_button, can_replay, reason, tooltip="Asks the same questions again, with these limits.")

    def _say(self) -> None:
        self._score_words.setText(f"{self.score.value()}")
        self._confidence_words.setText(f"{self.confidence.value() / 100:.2f}")

    @Slot(int)
    def _on_moved(self, _value: int) -> None:
        self._say()
        self.changed.emit(self.thresholds)


def preview_of(contract: Contract, exchanges: Sequence[Exchange], thresholds: Thresholds, *, can_reason: bool) -> str:
    """Which requests would take another way under other limits, judged from the decisions that were made."""
    judged = [(exchange, exchange.decided) for exchange in exchanges if exchange.decided and exchange.decided.text]
    moved: list[str] = []
    for number, (_exchange, decided) in enumerate(judged, start=1):
        then = decided.action if decided is not None else ""
        decoded = decode(contract, decided.text if decided is not None else "", threshold=thresholds.complexity)
        now = decide(contract, decoded, thresholds=thresholds, can_reason=can_reason).kind
        if now != then:
            moved.append(f"request {number}: {then.replace('_', ' ')} → {now.replace('_', ' ')}")
    if not judged:
        return ""
    if not moved:
        return "With these limits every request goes the way it went."
    shown = "; ".join(moved[:4]) + (f"; and {len(moved) - 4} more" if len(moved) > 4 else "")
    return f"With these limits {len(moved)} of {len(judged)} would go elsewhere: {shown}."
