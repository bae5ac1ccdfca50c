"""The forks of a conversation: every edit, repetition and replay begins one, and none is lost."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.ui.chat.conversation import Conversation


class Branches(Struct, frozen=True, kw_only=True):
    """All forks, oldest first; the one at `shown` is the phone's at the moment and is kept elsewhere meanwhile."""

    kept: tuple[Conversation, ...] = (Conversation(),)
    shown: int = 0

    @property
    def words(self) -> str:
        """`2 of 3`; empty where there is only one."""
        return f"{self.shown + 1} of {len(self.kept)}" if len(self.kept) > 1 else ""

    def forked(self, now: Conversation) -> Branches:
        """One more fork, shown from now on; `now` is what the shown one has become."""
        kept = self._with(now)
        return Branches(kept=(*kept, now), shown=len(kept))

    def turned(self, now: Conversation, step: int) -> tuple[Branches, Conversation]:
        """Another fork, `step` further round, and what it says; what happened to the phone is the same in all."""
        kept = self._with(now)
        shown = (self.shown + step) % len(kept)
        return Branches(kept=kept, shown=shown), replace(kept[shown], happenings=now.happenings)

    def _with(self, now: Conversation) -> tuple[Conversation, ...]:
        return (*self.kept[: self.shown], now, *self.kept[self.shown + 1 :])
