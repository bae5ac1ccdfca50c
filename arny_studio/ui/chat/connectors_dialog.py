"""Which services the phone may ask: one connector at a time, its host allowed by saving it, secrets by name."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QWidget,
)  # fmt: skip

from arny_studio.contract import Contract
from arny_studio.recipe.connectors import Connector, ConnectorSet, problem_of
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import allow, button, elided, label, plain_tooltip

ABOUT = (
    "What needs live data goes to the connector of its journey; a journey without one goes to the offline sandbox, "
    "whose results are samples. 5 s, 1 MB, allowed hosts only; payments always ask first."
)
_NEW = Connector(title="New connector", journeys=("flight",), url="https://api.example.com/search?q={query}")


class ConnectorsDialog(QDialog):
    """Edits a set of connectors. `saved` carries the whole set, `secret_given` a name and its value."""

    saved = Signal(object)  # ConnectorSet
    secret_given = Signal(str, str)

    def __init__(self, connectors: ConnectorSet, contract: Contract, theme: ThemeSwitcher, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Connectors")
        self.resize(840, 680)
        self._set = connectors
        self.list = QListWidget()
        self.list.setAccessibleName("Connectors")
        self.title, self.url = _line("Name"), _line("Address", "https://host/path?q={query}&intent={intent}")
        self.journey, self.method = Choice("Journey"), Choice("Method")
        self.journey.show_choices([(name.replace("_", " "), name) for name in contract.journeys])
        self.method.show_choices([("GET", "GET"), ("POST", "POST")])
        self.rows_at = _line("Where the rows are", "$.data.flights")
        self.headers, self.body = (
            _text("Headers", "Authorization: Bearer {secret:NAME}"),
            _text("Body", '{"q": "{query}"}'),
        )
        self.is_private = QCheckBox("This host may be at a private or local address")
        self.asks_first = QCheckBox("Ask me before anything is sent")
        self.secret_name, self.secret_value = _line("Name of the secret"), _line("Its value")
        self.secret_value.setEchoMode(QLineEdit.EchoMode.Password)
        self.problem = label(role="danger", wraps=True)
        self.add_button, self.remove_button = button("Add"), button("Remove")
        self.secret_button = button("Store the secret")
        self.save_button, self.close_button = button("Save", "primary"), button("Close")
        theme.dress(self.add_button, "plus", "text_muted")
        theme.dress(self.remove_button, "trash", "text_muted")
        self._build()
        self._list(0)

    @property
    def connectors(self) -> ConnectorSet:
        """The set as it stands."""
        return self._set

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("s"))
        grid.setColumnStretch(1, 1)
        lines: tuple[tuple[str, QWidget], ...] = (
            ("Name", self.title), ("Journey", self.journey), ("Method", self.method), ("Address", self.url),
            ("Headers", self.headers), ("Body (POST)", self.body), ("Rows at", self.rows_at), ("", self.is_private),
            ("", self.asks_first), ("Secret, by name", self.secret_name), ("Its value", self.secret_value),
        )  # fmt: skip
        for number, (title, widget) in enumerate(lines):
            grid.addWidget(label(title, "muted"), number, 0)
            grid.addWidget(widget, number, 1)
        grid.addWidget(self.secret_button, len(lines), 1)
        self._form = holder(column(grid, self.problem, 1))
        left = column(self.list, row(self.add_button, self.remove_button), gap="s")
        left_side = holder(left)
        left_side.setFixedWidth(220)
        middle = row(left_side, gap="l")
        middle.addWidget(scrolled(self._form), 1)
        body = column(label(ABOUT, "muted", wraps=True), gap="m", margin="l")
        body.addLayout(middle, 1)
        body.addLayout(row(1, self.close_button, self.save_button))
        self.setLayout(body)
        self.list.currentRowChanged.connect(self._on_chosen)
        self.add_button.clicked.connect(self._on_add_clicked)
        self.remove_button.clicked.connect(self._on_remove_clicked)
        self.secret_button.clicked.connect(self._on_secret_clicked)
        self.save_button.clicked.connect(self._on_save_clicked)
        self.close_button.clicked.connect(self.reject)

    def _list(self, chosen: int) -> None:
        blocked = self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems([elided(each.title, 80) for each in self._set.connectors])
        self.list.blockSignals(blocked)
        self.list.setCurrentRow(min(chosen, self.list.count() - 1))
        self._on_chosen(self.list.currentRow())

    @Slot(int)
    def _on_chosen(self, number: int) -> None:
        is_there = 0 <= number < len(self._set.connectors)
        self._form.setEnabled(is_there)
        allow(self.remove_button, is_there, "There is no connector.")
        allow(self.save_button, True)
        self.problem.setText(
            "" if is_there else "Everything goes to the offline sandbox. Add a connector to ask a real service."
        )
        if is_there:
            self._show(self._set.connectors[number])

    def _show(self, connector: Connector) -> None:
        self.title.setText(connector.title)
        self.journey.choose(connector.journeys[0])
        self.method.choose(connector.method)
        self.url.setText(connector.url)
        self.headers.setPlainText("\n".join(f"{name}: {value}" for name, value in connector.headers.items()))
        self.body.setPlainText(connector.body)
        self.rows_at.setText(connector.result)
        self.is_private.setChecked(connector.host in self._set.private_hosts)
        self.asks_first.setChecked(connector.asks_first)

    def _read(self, old: Connector) -> Connector:
        headers = [line.partition(":") for line in self.headers.toPlainText().splitlines() if line.strip()]
        return replace(
            old,
            title=self.title.text().strip() or "Connector",
            journeys=(str(self.journey.currentData()), *(name for name in old.journeys[1:])),
            method=self.method.currentData(),
            url=self.url.text().strip(),
            headers={name.strip(): value.strip() for name, _colon, value in headers},
            body=self.body.toPlainText(),
            result=self.rows_at.text().strip() or "$",
            asks_first=self.asks_first.isChecked(),
        )

    def _taken(self) -> ConnectorSet:
        """The set with what the form says; the hosts of its connectors, and no others, are allowed."""
        number = self.list.currentRow()
        if not 0 <= number < len(self._set.connectors):
            return self._set
        changed = self._read(self._set.connectors[number])
        connectors = (*self._set.connectors[:number], changed, *self._set.connectors[number + 1 :])
        private = {host for host in self._set.private_hosts if host != changed.host}
        private |= {changed.host} if self.is_private.isChecked() and changed.host else set()
        return self._allowing(connectors, private)

    def _allowing(self, connectors: tuple[Connector, ...], private: set[str]) -> ConnectorSet:
        """These connectors and their hosts; a host that was allowed for redirects alone stays allowed."""
        extra = set(self._set.allowed_hosts) - {each.host for each in self._set.connectors}
        hosts = tuple(sorted(extra | {each.host for each in connectors if each.host}))
        return ConnectorSet(
            allowed_hosts=hosts, private_hosts=tuple(sorted(private & set(hosts))), connectors=connectors
        )

    @Slot()
    def _on_save_clicked(self) -> None:
        taken = self._taken()
        problem = next((said for each in taken.connectors if (said := problem_of(each, taken))), "")
        self.problem.setText(problem)
        if not problem:
            self._set = taken
            self.saved.emit(taken)
            self._list(self.list.currentRow())

    @Slot()
    def _on_add_clicked(self) -> None:
        self._set = self._allowing((*self._set.connectors, _NEW), set(self._set.private_hosts))
        self._list(len(self._set.connectors) - 1)

    @Slot()
    def _on_remove_clicked(self) -> None:
        number = self.list.currentRow()
        kept = (*self._set.connectors[:number], *self._set.connectors[number + 1 :])
        self._set = self._allowing(kept, set(self._set.private_hosts))
        self.saved.emit(self._set)
        self._list(number)

    @Slot()
    def _on_secret_clicked(self) -> None:
        name, value = self.secret_name.text().strip(), self.secret_value.text()
        if name and value:
            self.secret_given.emit(name, value)
            self.secret_value.clear()


def _line(name: str, hint: str = "") -> QLineEdit:
    made = QLineEdit()
    made.setMaxLength(2_000)
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    return made


def _text(name: str, hint: str) -> QPlainTextEdit:
    made = QPlainTextEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    made.setFixedHeight(64)
    made.setTabChangesFocus(True)
    plain_tooltip(made, "Slots: {query}, every field of the decision; in headers also {secret:NAME}.")
    return made
