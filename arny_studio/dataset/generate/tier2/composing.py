"""From a topic sheet and a planner to answers: paragraphs of facts, held together by sentences about the topic."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from arny_studio.dataset.generate.tier2.phrasing import Lowering, capitalised, connectives, slots
from arny_studio.dataset.generate.tier2.plan import FactType, Layout, Paragraph, Pick, Planner
from arny_studio.dataset.generate.tier2.sheets import Fact, TopicSheet

_CONNECTIVE_SHARE = 0.4
_CARELESS_SHARE = 0.1


class Answer(NamedTuple):
    """An answer, the ids of its facts, its sentences as a bit set over those of its topic, its number of sentences and words."""

    text: str
    fact_ids: list[str]
    sentences: int
    length: int
    words: int


class _Sentence(NamedTuple):
    text: str
    after_connective: str | None
    bit: int
    words: int


class _PreparedFact(NamedTuple):
    order: int
    id: str
    type: FactType
    wordings: tuple[_Sentence, ...]


class TopicText:
    """One sheet, ready to compose from: every sentence it can say has a bit, whatever connective stands before it."""

    def __init__(self, sheet: TopicSheet, lowering: Lowering) -> None:
        self.sheet = sheet
        self.slots = slots(sheet)
        self._bits: dict[str, int] = {}
        self._facts = [self._prepared(order, fact, lowering) for order, fact in enumerate(sheet.facts)]

    def pool(self, pick: Pick) -> tuple[_PreparedFact, ...]:
        """The facts a pick may take, in the order of the sheet."""
        return tuple(fact for fact in self._facts if fact.type in pick.types)

    def sentence(self, text: str, after_connective: str | None = None) -> _Sentence:
        """A sentence with its bit, which is the same for the same text."""
        bit = self._bits.setdefault(text, 1 << len(self._bits))
        return _Sentence(text, after_connective, bit, len(text.split()))

    def _prepared(self, order: int, fact: Fact, lowering: Lowering) -> _PreparedFact:
        wordings = (self.sentence(text, lowering.after_connective(text)) for text in fact.wordings)
        return _PreparedFact(order, fact.id, fact.type, tuple(wordings))


class AnswerComposer:
    """Composes answers to one type of question about one topic."""

    def __init__(self, topic: TopicText, planner: Planner) -> None:
        self._layouts = planner.layouts
        self._frames = {
            group: tuple(topic.sentence(frame.format_map(topic.slots)) for frame in frames)
            for group, frames in planner.frames.items()
        }
        picks = {pick for layout in planner.layouts for paragraph in layout for pick in paragraph.picks}
        self._pools = {pick: topic.pool(pick) for pick in picks}

    def compose(self, rng: Random) -> Answer:
        """A random answer; the caller decides whether it is distinct enough from others."""
        draft = _Draft()
        layout: Layout = rng.choice(self._layouts)
        picked = [[fact for pick in part.picks for fact in self._picked(pick, draft, rng)] for part in layout]
        for paragraph, facts in zip(layout, _chronological(picked), strict=True):
            self._add_paragraph(draft, paragraph, facts, rng)
        return draft.answer()

    def _add_paragraph(self, draft: _Draft, paragraph: Paragraph, facts: list[_PreparedFact], rng: Random) -> None:
        if facts:
            draft.begin_paragraph()
            if paragraph.lead:
                draft.add_frame(rng.choice(self._frames[paragraph.lead]))
            for fact in facts:
                draft.add_fact(fact, rng)
        if paragraph.end:
            draft.add_frame(rng.choice(self._frames[paragraph.end]))

    def _picked(self, pick: Pick, draft: _Draft, rng: Random) -> list[_PreparedFact]:
        free = [fact for fact in self._pools[pick] if fact.order not in draft.used]
        wanted = pick.at_least if pick.at_least == pick.at_most else rng.randint(pick.at_least, pick.at_most)
        picked = sorted(rng.sample(free, min(wanted, len(free))))
        draft.used.update(fact.order for fact in picked)
        return picked


def _chronological(paragraphs: list[list[_PreparedFact]]) -> list[list[_PreparedFact]]:
    """The same paragraphs, with the facts of history in the order of the sheet, which is the order of time."""
    past = iter(sorted(fact for facts in paragraphs for fact in facts if fact.type == "history"))
    return [[next(past) if fact.type == "history" else fact for fact in facts] for facts in paragraphs]


class _Draft:
    """An answer while it is being written."""

    def __init__(self) -> None:
        self.used: set[int] = set()
        self._paragraphs: list[list[str]] = []
        self._fact_ids: list[str] = []
        self._sentences = 0
        self._length = 0
        self._words = 0
        self._previous: FactType | None = None
        self._connectives: set[str] = set()

    def begin_paragraph(self) -> None:
        self._paragraphs.append([])
        self._previous = None

    def add_frame(self, frame: _Sentence) -> None:
        self._add(frame, frame.text)
        self._previous = None

    def add_fact(self, fact: _PreparedFact, rng: Random) -> None:
        wording = rng.choice(fact.wordings)
        connective = self._connective(fact, rng) if wording.after_connective else ""
        self._add(wording, f"{connective}{wording.after_connective}" if connective else wording.text)
        self._fact_ids.append(fact.id)
        self._previous = fact.type

    def answer(self) -> Answer:
        text = "\n\n".join(" ".join(paragraph) for paragraph in self._paragraphs)
        return Answer(text, self._fact_ids, self._sentences, self._length, self._words)

    def _add(self, sentence: _Sentence, text: str) -> None:
        self._paragraphs[-1].append(text)
        self._sentences |= sentence.bit
        self._length += 1
        self._words += sentence.words

    def _connective(self, fact: _PreparedFact, rng: Random) -> str:
        options = [word for word in connectives(fact.type, self._previous) if word not in self._connectives]
        if not options or rng.random() >= _CONNECTIVE_SHARE:
            return ""
        chosen = rng.choice(options)
        self._connectives.add(chosen)
        return chosen


class QuestionPhrasing:
    """Asks one type of question about one topic, in the phrasings of a split."""

    def __init__(self, sheet: TopicSheet, templates: tuple[str, ...]) -> None:
        names = (sheet.topic, sheet.topic, *sheet.aliases)
        practice_names = names if sheet.practice == sheet.topic else (sheet.practice,)
        values = slots(sheet)
        self._questions = [
            template.format_map(values | _named(name, practice_name))
            for template in templates
            for name, practice_name in zip(names, practice_names * len(names), strict=False)
        ]

    def question(self, rng: Random) -> str:
        """A question, now and then typed carelessly: lower case, no mark at the end."""
        question = rng.choice(self._questions)
        return question.lower().rstrip("?.") if rng.random() < _CARELESS_SHARE else question


def _named(name: str, practice_name: str) -> dict[str, str]:
    return {
        "name": name,
        "Name": capitalised(name),
        "practice_name": practice_name,
        "Practice_name": capitalised(practice_name),
    }
