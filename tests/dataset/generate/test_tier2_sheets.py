"""The topic sheets that are shipped, and what happens to one that is broken."""

import re
from collections import Counter

import pytest

from arny_studio.dataset.generate.tier2.plan import FACT_TYPES
from arny_studio.dataset.generate.tier2.sheets import SHEETS_DIR, load_sheets, read_sheet
from arny_studio.errors import BadInput

SHEETS = load_sheets()
EVERY_SHEET = pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.topic)

_WORD = re.compile(r"[a-z0-9]+")


def _wordings(sheets=SHEETS):
    return [(fact, wording) for sheet in sheets for fact in sheet.facts for wording in fact.wordings]


def test_that_there_are_44_topics_from_four_fields():
    assert len({sheet.topic for sheet in SHEETS}) == len(SHEETS) == 44
    assert min(Counter(sheet.field for sheet in SHEETS).values()) >= 10


def test_that_the_topics_of_the_source_document_are_there():
    named = {
        "quantum computing", "machine learning", "blockchain", "cybersecurity", "cloud computing", "edge computing",
        "neuroscience", "immunology", "dark matter", "quantum entanglement", "ocean acidification",
        "digital transformation", "cryptocurrency", "supply chain management", "behavioral economics",
        "climate change", "renewable energy", "mental health", "online learning", "AR/VR in education",
    }  # fmt: skip

    assert named <= {sheet.topic for sheet in SHEETS}


@EVERY_SHEET
def test_that_a_sheet_has_at_least_12_facts_and_two_of_every_common_type(sheet):
    counts = Counter(fact.type for fact in sheet.facts)

    assert len(sheet.facts) >= 12
    assert counts["definition"] >= 1
    assert counts["figure"] + counts["example"] >= 1
    rest = set(FACT_TYPES) - {"definition", "figure", "example"}
    assert all(counts[fact_type] >= 2 for fact_type in rest)


@EVERY_SHEET
def test_that_every_wording_is_one_whole_sentence(sheet):
    for _, wording in _wordings([sheet]):
        assert wording[0].isupper() or wording[0].isdigit()
        assert wording.endswith(".")
        assert not re.search(r"[.!?]\s", wording), wording
        assert 6 <= len(wording.split()) <= 32, wording


@EVERY_SHEET
def test_that_the_wordings_of_a_fact_are_real_rewordings(sheet):
    for fact in sheet.facts:
        first, second = (_WORD.findall(wording.lower()) for wording in fact.wordings[:2])
        assert first[:4] != second[:4], fact.id
        assert not " ".join(second).endswith(" ".join(first)), fact.id


def test_that_no_wording_stands_on_two_facts():
    counts = Counter(wording for _, wording in _wordings())

    assert counts.most_common(1)[0][1] == 1


def test_that_fact_ids_are_unique_and_name_sheet_type_and_fact():
    ids = [fact.id for sheet in SHEETS for fact in sheet.facts]

    assert len(set(ids)) == len(ids)
    assert "quantum_computing/mechanism/interference" in ids


@EVERY_SHEET
def test_that_the_years_of_history_go_forward(sheet):
    years = [re.search(r"\b1[5-9]\d\d|\b20\d\d", fact.wordings[0]) for fact in sheet.of_type("history")]
    found = [int(year.group()) for year in years if year]

    assert found == sorted(found)


def test_that_the_wordings_of_a_fact_never_name_different_years():
    for sheet in SHEETS:
        for fact in sheet.facts:
            years = [set(re.findall(r"\b(?:1[5-9]|20)\d\d\b", wording)) for wording in fact.wordings]
            assert max(years, key=len) == set.union(*years), fact.id


def _broken_sheet(tmp_path, old: str, new: str):
    text = (SHEETS_DIR / "5g.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "broken.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('field = "technology"', 'field = "magic"', "magic"),
        ("[ethics]", "[ethic]", "ethic"),
        ('topic = "5G"', "topic = 5", "topic"),
        ("[definition]", "[definition", "line"),
        ('audience = "network operators, factories and phone users"', "", "audience"),
    ],
)
def test_that_a_broken_sheet_is_refused_with_its_path_and_the_reason(tmp_path, old, new, named):
    path = _broken_sheet(tmp_path, old, new)
    with pytest.raises(BadInput) as refused:
        read_sheet(path)

    assert str(path) in refused.value.sentence
    assert named in refused.value.sentence


def test_that_a_fact_with_a_single_wording_is_refused(tmp_path):
    path = tmp_path / "short.toml"
    path.write_text(_with_one_wording((SHEETS_DIR / "5g.toml").read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(BadInput, match="definition"):
        read_sheet(path)


def _with_one_wording(text: str) -> str:
    return re.sub(r"(generation = \[\n.*\n).*\n", r"\1", text, count=1)


def test_that_bytes_that_are_not_utf8_are_refused(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes(b'topic = "caf\xe9"')
    with pytest.raises(BadInput, match=re.escape(str(path))):
        read_sheet(path)


def test_that_a_folder_without_sheets_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no topic sheets"):
        load_sheets(tmp_path)
