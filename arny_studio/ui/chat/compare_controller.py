"""Decides about the comparison: asks one phone, then the other, and keeps what became of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QObject, Slot

from arny_studio.errors import ArnyError
from arny_studio.jobs.events import Replied
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import AskSettings, PhoneRecipe
from arny_studio.ui.chat.compare_page import ComparePage
from arny_studio.ui.chat.comparison import Side, compared
from arny_studio.ui.chat.phone_choice import chosen_profile, recipe_of, with_ram_of
from arny_studio.ui.chat.phone_link import PhoneLink
from arny_studio.ui.tab import TabContext

_WAITS, _DONE = "waits", "done"


class CompareController(QObject):
    """Between the page and two phones, of which one is on at a time."""

    def __init__(self, page: ComparePage, context: TabContext, settings: Callable[[], AskSettings], own: Path) -> None:
        super().__init__(page)
        self._page, self._context, self._settings, self._own = page, context, settings, own
        self.contract = "router-v1"  # id or file
        self.sides: list[Side] = [Side(), Side()]
        self._links = [PhoneLink(context.jobs, self), PhoneLink(context.jobs, self)]
        self._recipes: list[PhoneRecipe] = []
        self._query = ""
        self._now: int | None = None  # the side that is being asked
        page.run_requested.connect(self.run)
        page.stop_requested.connect(self._on_stop_requested)
        for number, setup in enumerate(page.setups):
            setup.changed.connect(self._on_setup_changed)
            page.sliders[number].valueChanged.connect(self._on_slid)
        for link in self._links:
            link.changed.connect(self._show)
            link.replied.connect(self._on_replied)
            link.ended.connect(self._on_ended)

    @property
    def is_running(self) -> bool:
        """Whether one of them is being asked."""
        return self._now is not None

    @Slot(str)
    def run(self, query: str) -> None:
        """Ask both phones the same, with the same seed and settings."""
        if self.is_running:
            return
        try:
            self._recipes = [self._recipe(number) for number in (0, 1)]
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._query = query
        self.sides = [Side(title=_title(recipe), state=_WAITS) for recipe in self._recipes]
        self._begin(0)

    def _recipe(self, number: int) -> PhoneRecipe:
        setup = self._page.setups[number]
        profile = with_ram_of(chosen_profile(setup, self._own), self._page.sliders[number].ram_mib)
        settings = replace(self._settings(), seed=self._page.seed.value())
        return recipe_of(setup, profile, settings, contract=self.contract, connectors="")

    def _begin(self, number: int) -> None:
        link, recipe = self._links[number], self._recipes[number]
        self._now = number
        link.reset()
        try:
            link.start(recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            self._now = None
            self._show()
            return
        link.ask(self._query, earlier=[], settings=recipe.ask_settings)

    @Slot(object)
    def _on_replied(self, _replied: Replied) -> None:
        if self._now is not None and self.sender() is self._links[self._now]:
            self._links[self._now].stop()

    @Slot(object)
    def _on_ended(self, _outcome: Outcome) -> None:
        if self._now is None or self.sender() is not self._links[self._now]:
            return
        self._take(self._now)
        if self._now == 0 and self.sides[1].state == _WAITS:
            self._begin(1)
        else:
            self._now = None
        self._show()

    @Slot()
    def _on_stop_requested(self) -> None:
        if self._now is not None:
            self.sides[1] = replace(self.sides[1], state="stopped") if self._now == 0 else self.sides[1]
            self._links[self._now].stop()

    def _take(self, number: int) -> None:
        """Keep what a phone has said and done so far."""
        link = self._links[number]
        words = {"off": _DONE, "starting": "switching on", "ready": "asked"}.get(link.phase, link.phase)
        self.sides[number] = replace(self.sides[number], state=words, conversation=link.conversation)

    @Slot()
    def _show(self) -> None:
        if self._now is not None:
            self._take(self._now)
        left, right = self.sides
        self._page.show_sides(left, right, compared(left, right), is_running=self.is_running)

    @Slot()
    def _on_setup_changed(self) -> None:
        for number, setup in enumerate(self._page.setups):
            if setup is self.sender():
                self._show_profile_ram(number)

    def _show_profile_ram(self, number: int) -> None:
        try:
            profile = chosen_profile(self._page.setups[number], self._own)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._page.show_ram(number, profile.ram_mib)

    @Slot(int)
    def _on_slid(self, _step: int) -> None:
        for number, slider in enumerate(self._page.sliders):
            if slider is self.sender():
                self._page.show_ram(number, slider.ram_mib)


def _title(recipe: PhoneRecipe) -> str:
    ram = f"{recipe.profile.ram_mib / 1024:g} GB" if recipe.profile is not None else ""
    phone = recipe.title if ram in recipe.title else f"{recipe.title} with {ram}"
    reasoner = f" and {Path(recipe.tier2).name}" if recipe.tier2 else ""
    return f"{phone}: {Path(recipe.tier1).name}{reasoner}"
