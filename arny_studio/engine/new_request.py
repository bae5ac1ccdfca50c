"""Whether words that follow a question of the phone answer it, or ask for something else.

A router that was trained to complete requests completes the open one with whatever comes. So two things must agree
before it is left: the words read as a request of their own, and the router, asked them alone, sends them elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from arny_studio.contract import Contract, Decoded, Routing, decode
from arny_studio.engine.chat_template import Message

_WORD = re.compile(r"[^\W_]+")
_LEAST_QUESTION_WORDS = 4  # “is that far?” is about the question before

# What may stand before a request without being one.
_OPENINGS = frozenset(
    "actually also and arny can could forget hello hey hi just kindly no now oh ok okay please so then wait would you".split()
)
_QUESTIONS = frozenset("are did do does how is what when where which who whom whose why was were".split())
_ABOUT_BEFORE = frozenset("about if it that this else there".split())  # “what about Friday”, “is it …”, “is there …”
_REQUESTS = frozenset(
    """add analyze analyse apply book browse buy calculate call cancel change check compare compose compute convert
    count create decline define delete describe design dim draft email evaluate explain find fix generate get give help
    increase invest list look lower message mute navigate open order pause pay plan play postpone read recommend record
    remind renew rent reply reserve reschedule save schedule search sell send set share show skip solve start stop
    suggest summarize summarise switch tell text track transfer translate turn update withdraw write""".split()
)


def reads_as_request(words: str) -> bool:
    """Whether a text, whatever came before it, asks for something: it begins with a verb of asking or is a question."""
    said = [word.lower() for word in _WORD.findall(words)]
    while said and said[0] in _OPENINGS:
        del said[0]
    if len(said) < 2:
        return False
    if said[0] in _REQUESTS:
        return True
    is_question = said[0] in _QUESTIONS and said[1] not in _ABOUT_BEFORE
    return is_question and len(said) >= _LEAST_QUESTION_WORDS


def goes_elsewhere(contract: Contract, alone: Decoded, open_turns: Sequence[Message], floor: float) -> bool:
    """Whether a decision about the newest words alone is one to act on, and about another journey than the open one."""
    before = [decode(contract, turn.content).decision for turn in open_turns if turn.role == "assistant"]
    open_journey = before[-1].get(contract.roles.journey) if before and before[-1] else None
    if open_journey is None or not alone.is_valid or alone.decision is None:
        return False
    now = Routing.of(contract, alone.decision)
    return now.confidence >= floor and open_journey not in (now.journey, *now.journeys)
