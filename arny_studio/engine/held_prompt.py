"""The system message as a session holds it: read once, in a batch of its own, and kept on disk between starts."""

from __future__ import annotations

from collections.abc import Sequence

from arny_studio.engine.chat_template import ChatTemplate, Message
from arny_studio.engine.llama_session import LlamaSession, common_length
from arny_studio.engine.prompt_cache import PromptCache
from arny_studio.engine.prompting import prompt_ids


class HeldPrompt:
    """Keeps sequence 0 of a session at what conversations begin with. `recalled` counts the states that came from disk."""

    def __init__(self, session: LlamaSession, template: ChatTemplate, prompts: PromptCache | None = None) -> None:
        self._session, self._template, self._prompts = session, template, prompts
        self._prefixes: dict[str, tuple[int, ...]] = {}
        self.recalled = 0

    def prefix_of(self, system: Message) -> tuple[int, ...]:
        """The tokens that every conversation with this system message begins with; none for another role."""
        if system.role != "system":
            return ()
        if system.content not in self._prefixes:
            one, other = (prompt_ids(self._session, self._template, [system, Message("user", text)]) for text in "x?")
            self._prefixes[system.content] = tuple(one[: common_length(one, other)])
        return self._prefixes[system.content]

    def hold(self, prefix: tuple[int, ...]) -> None:
        """Sequence 0 is the prefix, read in one batch of its own: its KV values are then the same every time."""
        session = self._session
        if session.tokens(0)[: len(prefix)] != prefix and not self._recall(prefix):
            session.truncate(0)
            session.append(prefix)
            if self._prompts is not None:
                self._prompts.keep(session)
        session.truncate(len(prefix))

    def begin(self, messages: Sequence[Message], ids: Sequence[int]) -> Sequence[int]:
        """Hold the system message of a conversation and nothing else; returns the tokens that are still to be fed."""
        prefix = self.prefix_of(messages[0])
        if tuple(ids[: len(prefix)]) != prefix:
            prefix = ()
        self.hold(prefix)
        return ids[len(prefix) :]

    def _recall(self, prefix: tuple[int, ...]) -> bool:
        found = self._prompts is not None and self._prompts.recall(self._session, prefix)
        self.recalled += found
        return found
