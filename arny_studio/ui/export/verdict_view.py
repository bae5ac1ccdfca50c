"""The verdict about one file: what it says, and every measure beside its limits."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from arny_studio.evaluation.parity import FileParity, ParityScores, judge
from arny_studio.recipe import Limit, ParityLimits
from arny_studio.ui.export.files_model import VERDICT_TONES, VERDICT_WORDS
from arny_studio.ui.export.parity_card import MEASURES
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import clear, column, row, space
from arny_studio.ui.widgets.text import breakable, label
from arny_studio.ui.wording import bytes_in_words, count_in_words

_HEADS = ("Measure", "This file", "Amber over", "Red over", "")
_SENTENCES = {
    "green": "It behaves like {against}.",
    "amber": "It differs from {against}: look before you ship it.",
    "red": "It does not behave like {against}. It is kept, but it is not ready.",
}
_REFERENCE = "The other files are held against this one, and this one against training where torch is installed."
_NOTHING = "Choose a file that was held against F16."
_NONE_YET = "No file has been held against F16 here."


class VerdictView(QWidget):
    """Shows one FileParity."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.chip = Chip()
        self.sentence = label(_NONE_YET, "lead", wraps=True)
        self.reasons = label(role="muted", wraps=True, selectable=True)
        self.about = label(role="caption", wraps=True)
        self._measures = QGridLayout()
        self._measures.setHorizontalSpacing(space("s"))
        self._measures.setVerticalSpacing(space("s"))
        self._measures.setColumnStretch(len(_HEADS) - 1, 1)
        head = row(gap="m")
        head.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.sentence, 1)
        self.setLayout(column(head, self.reasons, self._measures, self.about, 1, gap="m", margin="m"))
        self.show_nothing()

    def show_nothing(self, *, has_files: bool = False) -> None:
        """No judged file is chosen, or none is there yet."""
        self.chip.hide()
        self.sentence.setText(_NOTHING if has_files else _NONE_YET)
        for part in (self.reasons, self.about):
            part.setText("")
            part.hide()
        clear(self._measures)

    def show_parity(
        self, name: str, parity: FileParity, limits: ParityLimits, trainer: FileParity | None = None
    ) -> None:
        """The verdict on the file `name`, why, and the measures; for the reference, those against the trained model."""
        is_reference = name == parity.against
        sentence = _REFERENCE if is_reference and parity.verdict != "red" else _SENTENCES[parity.verdict]
        against = parity.against if not is_reference else "the model that was trained"
        self.chip.show()
        self.chip.show_as(VERDICT_WORDS[parity.verdict], VERDICT_TONES[parity.verdict])
        self.sentence.setText(breakable(sentence.format(against=against)))
        self.reasons.setText(breakable("\n".join(parity.reasons)))
        self.reasons.setVisible(bool(parity.reasons))
        measured = trainer if is_reference and trainer is not None else parity
        scores = measured.scores
        self.about.setText(
            f"{count_in_words(scores.prompts, 'prompt')}, {scores.positions:,} places of their answers; perplexity "
            f"{_figure(scores.perplexity)} against {_figure(scores.reference_perplexity)}."
            f"{_cost(measured.scores)}"
        )
        self.about.show()
        clear(self._measures)
        for place, title in enumerate(_HEADS):
            side = Qt.AlignmentFlag.AlignRight if 0 < place < len(_HEADS) - 1 else Qt.AlignmentFlag.AlignLeft
            self._measures.addWidget(label(title, "overline"), 0, place, side)
        for line, measure in enumerate(MEASURES, start=1):
            self._add_measure(line, measure, measured, limits)

    def _add_measure(self, line: int, name: str, parity: FileParity, limits: ParityLimits) -> None:
        words, unit = MEASURES[name]
        value: float | None = getattr(parity.scores, name)
        limit: Limit = getattr(limits, name)
        alone = ParityLimits(
            **{other: Limit(amber=1e9, red=1e9) for other in MEASURES if other != name}, **{name: limit}
        )
        verdict = judge(parity.scores, alone)[0] if value is not None else "green"
        self._measures.addWidget(label(words), line, 0)
        for place, figure in enumerate((value, limit.amber, limit.red), start=1):
            shown = label(_with_unit(figure, unit), "body" if place == 1 else "muted")
            self._measures.addWidget(shown, line, place, Qt.AlignmentFlag.AlignRight)
        chip = Chip(
            "unjudged" if value is None else verdict,
            "neutral" if value is None else VERDICT_TONES[verdict],
        )
        self._measures.addWidget(chip, line, len(_HEADS) - 1)


def _with_unit(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.4f}"


def _cost(scores: ParityScores) -> str:
    """How fast the model was here and what it took; empty where that was not measured."""
    speed = f"{scores.tokens_per_s:,.0f} tokens/s" if scores.tokens_per_s else ""
    memory = f"{bytes_in_words(scores.peak_bytes)} of memory at its peak" if scores.peak_bytes else ""
    said = ", ".join(part for part in (speed, memory) if part)
    return f" {said} on this computer." if said else ""


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
