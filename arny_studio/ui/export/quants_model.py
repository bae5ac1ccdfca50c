"""The formats a model can be exported to: what each is good for, how large it will be, and which phones hold it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from PySide6.QtCore import QObject, Qt, Signal

from arny_studio.device.profiles import built_in_profiles
from arny_studio.recipe import Quant
from arny_studio.recipe.plan import ExportPlan, PhoneFit
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, AnyIndex, ItemsModel
from arny_studio.ui.wording import bytes_in_words


class QuantFacts(Struct, frozen=True):
    """One line of the table; sizes are those of Qwen2.5 1.5B and 3B."""

    quant: Quant
    bits: str
    small: str
    large: str
    quality: str
    use: str


# Bits, sizes, quality and use of F16, Q8_0, Q5_K_M and Q4_K_M stand in the source document; the others are llama.cpp's.
QUANTS = (
    QuantFacts("F16", "16", "2.9 GB", "5.8 GB", "Maximum", "Desktop, cloud"),
    QuantFacts("Q8_0", "8", "1.6 GB", "3.2 GB", "Near-lossless", "High-end mobile"),
    QuantFacts("Q6_K", "~6.6", "1.3 GB", "2.5 GB", "Excellent", "High-end mobile"),
    QuantFacts("Q5_K_M", "~5.5", "1.2 GB", "2.1 GB", "Very good", "Mid-range mobile"),
    QuantFacts("Q4_K_M", "~4.5", "941 MB", "1.8 GB", "Good", "Recommended for mobile"),
    QuantFacts("Q4_0", "~4.5", "938 MB", "1.8 GB", "Fair", "Oldest phones"),
)
_FIRST: frozenset[Quant] = frozenset({"Q4_K_M", "Q8_0"})
_PHONES = tuple(built_in_profiles().values())
FORMAT, BITS, SIZE, FIRST_PHONE = range(4)
QUALITY = FIRST_PHONE + len(_PHONES)
USE = QUALITY + 1


class QuantsModel(ItemsModel[QuantFacts]):
    """The table; the first column can be ticked. Sizes and phones are known once a plan is."""

    columns = ("Format", "Bits / weight", "Size", *(phone.title for phone in _PHONES), "Quality", "Use")

    chosen_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items = QUANTS
        self._chosen = set(_FIRST)
        self._plan: ExportPlan | None = None

    @property
    def chosen(self) -> tuple[Quant, ...]:
        """The ticked formats, largest first."""
        return tuple(facts.quant for facts in QUANTS if facts.quant in self._chosen)

    def show_plan(self, plan: ExportPlan | None) -> None:
        """Show what the files of a model will be; None where no model is known."""
        self._plan = plan
        self.dataChanged.emit(self.index(0, 0), self.index(len(QUANTS) - 1, USE))

    def choose(self, quants: tuple[Quant, ...]) -> None:
        """Tick exactly these."""
        self._chosen = set(quants)
        self.dataChanged.emit(self.index(0, 0), self.index(len(QUANTS) - 1, 0))
        self.chosen_changed.emit()

    def toggle(self, line: int) -> None:
        """Tick or untick a line."""
        self._chosen ^= {QUANTS[line].quant}
        self.dataChanged.emit(self.index(line, 0), self.index(line, 0))
        self.chosen_changed.emit()

    def cell(self, item: QuantFacts, column: int, role: int) -> Any:
        """The words, and a chip per phone."""
        if FIRST_PHONE <= column < QUALITY:
            fit = self._fit(item, column)
            if role == CHIPS_ROLE and fit is not None:
                return [(bytes_in_words(fit.needed_bytes), "success" if fit.fits else "danger")]
            return ("…" if fit is None else "") if role == Qt.ItemDataRole.DisplayRole else None
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        planned = self._plan.file_of(item.quant) if self._plan is not None else None
        bits = item.bits if planned is None else f"{planned.bits_per_weight:.2f}"
        size = "…" if planned is None else bytes_in_words(planned.size_bytes)
        return {FORMAT: item.quant, BITS: bits, SIZE: size, QUALITY: item.quality, USE: item.use}[column]

    def tooltip(self, item: QuantFacts, column: int) -> str:
        """What a format is for, what a size means on a phone, and how large the real pair is."""
        if column == FORMAT:
            return f"Quality: {item.quality}. Use: {item.use}."
        if column == SIZE:
            return f"{item.small} for a 1.5B model, {item.large} for a 3B one."
        fit = self._fit(item, column) if FIRST_PHONE <= column < QUALITY else None
        if fit is None:
            return ""
        needed, cap = bytes_in_words(fit.needed_bytes), bytes_in_words(fit.cap_bytes)
        verb = "fits" if fit.fits else "does not fit"
        return f"Loaded it takes {needed} with its KV cache and compute buffers; that {verb} the {cap} of {fit.title}."

    def _fit(self, item: QuantFacts, column: int) -> PhoneFit | None:
        planned = self._plan.file_of(item.quant) if self._plan is not None else None
        return planned.phones[column - FIRST_PHONE] if planned is not None and planned.phones else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The words, and the tick."""
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0:
            is_chosen = self.items[index.row()].quant in self._chosen
            return Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked
        return super().data(index, role)

    def setData(self, index: AnyIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take a tick from the keyboard or the mouse."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != 0:
            return False
        is_wanted = Qt.CheckState(value) == Qt.CheckState.Checked
        if is_wanted != (QUANTS[index.row()].quant in self._chosen):
            self.toggle(index.row())
        return True

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """The first column can be ticked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else flags
