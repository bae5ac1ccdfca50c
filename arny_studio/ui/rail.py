"""The navigation rail at the left: one item per tab, wide with names or narrow with icons."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QSizePolicy, QToolButton, QVBoxLayout

from arny_studio.ui.icons import app_icon
from arny_studio.ui.tab import TabPlace
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import row, space
from arny_studio.ui.widgets.text import label

_WIDE_PX, _NARROW_PX, _ICON_PX = 188, 64, 20


class NavigationRail(QFrame):
    """Says which tab is wanted; shows which one is there."""

    tab_requested = Signal(str)

    def __init__(self, places: Iterable[TabPlace], theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setObjectName("rail")
        self._theme = theme
        self._items: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._brand = label("Arny Studio")
        self._brand.setObjectName("brand")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space("m"), space("l"), space("m"), space("m"))
        layout.setSpacing(space("xs"))
        layout.addLayout(row(_mark(), self._brand, 1))
        layout.addSpacing(space("l"))
        for number, place in enumerate(places, start=1):
            layout.addWidget(self._item(place, number))
        layout.addStretch(1)
        self._group.buttonClicked.connect(self._on_item_clicked)
        theme.theme_changed.connect(self._on_theme_changed)
        self.set_narrow(False)

    def show_tab(self, key: str) -> None:
        """Mark the tab that is in front."""
        self._items[key].setChecked(True)
        self._on_theme_changed()

    def set_narrow(self, is_narrow: bool) -> None:
        """Icons only, or icons with names."""
        self.is_narrow = is_narrow
        self.setFixedWidth(_NARROW_PX if is_narrow else _WIDE_PX)
        self._brand.setVisible(not is_narrow)
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if is_narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for item in self._items.values():
            item.setToolButtonStyle(style)

    def _item(self, place: TabPlace, number: int) -> QToolButton:
        item = QToolButton()
        item.setObjectName("railItem")
        item.setText(f"  {place.title}")
        item.setToolTip(f"{place.title} (Ctrl+{number})")
        item.setAccessibleName(place.title)
        item.setCheckable(True)
        item.setIconSize(QSize(_ICON_PX, _ICON_PX))
        item.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        item.setProperty("key", place.key)
        item.setProperty("icon_name", place.icon)
        item.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._group.addButton(item)
        self._items[place.key] = item
        return item

    @Slot(QToolButton)
    def _on_item_clicked(self, item: QToolButton) -> None:
        self.tab_requested.emit(item.property("key"))

    @Slot(object)
    def _on_theme_changed(self, _theme: object = None) -> None:
        for item in self._items.values():
            role = "accent_text" if item.isChecked() else "text_muted"
            item.setIcon(self._theme.icon(item.property("icon_name"), role))


def _mark() -> QLabel:
    mark = QLabel()
    mark.setPixmap(app_icon().pixmap(28, 28))
    return mark
