"""The formats a model can be exported to, with what the source document says of each, to be ticked."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from PySide6.QtCore import QObject, Qt, Signal

from arny_studio.recipe import Quant
from arny_studio.ui.widgets.items_model import AnyIndex, ItemsModel


class QuantFacts(Struct, frozen=True):
    """One line of the table; sizes are those of Qwen2.5 1.5B and 3B."""

    quant: Quant
    bits: str
    small: str
    large: str
    quality: str
    use: str


# Bits, quality and use of F16, Q8_0, Q5_K_M and Q4_K_M stand in the source document; the other two are llama.cpp's.
QUANTS = (
    QuantFacts("F16", "16", "2.9 GB", "5.8 GB", "Maximum", "Desktop, cloud"),
    QuantFacts("Q8_0", "8", "1.6 GB", "3.2 GB", "Near-lossless", "High-end mobile"),
    QuantFacts("Q6_K", "~6.6", "1.3 GB", "2.5 GB", "Excellent", "High-end mobile"),
    QuantFacts("Q5_K_M", "~5.5", "1.2 GB", "2.1 GB", "Very good", "Mid-range mobile"),
    QuantFacts("Q4_K_M", "~4.5", "941 MB", "1.8 GB", "Good", "Recommended for mobile"),
    QuantFacts("Q4_0", "~4.5", "938 MB", "1.8 GB", "Fair", "Oldest phones"),
)
_FIRST: frozenset[Quant] = frozenset({"Q4_K_M", "Q8_0"})


class QuantsModel(ItemsModel[QuantFacts]):
    """The table; the first column can be ticked."""

    columns = ("Format", "Bits / weight", "1.5B", "3B", "Quality", "Use")

    chosen_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items = QUANTS
        self._chosen = set(_FIRST)

    @property
    def chosen(self) -> tuple[Quant, ...]:
        """The ticked formats, largest first."""
        return tuple(facts.quant for facts in QUANTS if facts.quant in self._chosen)

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
        """The words."""
        if role == Qt.ItemDataRole.DisplayRole:
            return (item.quant, item.bits, item.small, item.large, item.quality, item.use)[column]
        return None

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
