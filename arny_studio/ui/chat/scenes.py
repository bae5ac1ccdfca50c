"""Scenes of the Chat tab for the pictures of the product: every way a request can take, two phones, a scripted run.

Nothing is staged: the phone is asked, two phones are compared, a file is run; a way that no request took is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from arny_studio.paths import DATA_DIR
from arny_studio.ui.chat.controller import ChatController
from arny_studio.ui.chat.tab import ChatTab

Until = Callable[[Callable[[], bool], str], Awaitable[None]]

QUERIES = (
    "hey there, good morning",
    "book me a flight",
    "from Boston to Denver next Friday",
    "what's my checking account balance",
    "explain the challenges of quantum computing",
)
COMPARED = "explain the challenges of quantum computing"
WAYS = ("answer", "clarify", "execute", "reason")


async def fill_chat(chat: ChatController, until: Until) -> None:
    """Talk to the phone, compare it with a smaller one, and run the demo's queries."""
    for query in QUERIES:
        chat.ask(query)
        await until(lambda: not chat.conversation.open_request, f"the phone did not answer {query!r}")
    chat.compare.run(COMPARED)
    await until(lambda: not chat.compare.is_running, "the two phones did not answer")
    chat.script.choose(Path(DATA_DIR / "demo" / "queries.jsonl"))
    chat.script.run()
    await until(lambda: not chat.script.is_running, "the scripted run did not end")


async def chat_scenes(tab: ChatTab, chat: ChatController) -> AsyncIterator[str]:
    """Shows one scene after the other; yields its name once it stands."""
    for action in WAYS:
        exchange = next((each for each in chat.conversation.exchanges if each.action == action), None)
        if exchange is not None:
            chat.talk.choose(exchange.request)
            yield action
    for page in ("compare", "script"):
        tab.show_page(page)
        yield page
    tab.show_page("talk")
