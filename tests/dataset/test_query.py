"""The query language: what is read, what is refused and where, and that writing is the inverse of reading."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset import query as q
from arny_studio.dataset.row_columns import CATEGORIES, FLAGS


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", q.Everything()),
        ("paris", q.Text("paris")),
        ("role:user paris rome", q.And((q.Text("paris", "user"), q.Text("rome", "user")))),
        ("role:user journey:hotel x", q.And((q.Category("journey", ("hotel",)), q.Text("x", "user")))),
        ("a role:user b role:assistant c", q.And((q.Text("a"), q.Text("b", "user"), q.Text("c", "assistant")))),
        ("(role:user a) b", q.And((q.Text("a", "user"), q.Text("b")))),
        ("role:system", q.Text("", "system")),
        ("-role:system", q.Not(q.Text("", "system"))),
        ('"new york" /sea(food)?/i', q.And((q.Text("new york"), q.Pattern("sea(food)?", True)))),
        (r'"a \"b\""', q.Text('a "b"')),
        (r"/a\/b/", q.Pattern("a/b")),
        ("journey:hotel complexity>=60", q.And((q.Category("journey", ("hotel",)), q.Number("complexity", ">=", 60)))),
        ("journey:hotel,fl*", q.Category("journey", ("hotel", "fl*"))),
        ("JOURNEY!=hotel", q.Not(q.Category("journey", ("hotel",)))),
        ("complexity:40..60", q.Between("complexity", 40, 60)),
        ("complexity:none", q.Number("complexity", "=", None)),
        ("confidence:-1", q.Number("confidence", "=", -1)),
        ("is:asks,executes", q.And((q.Flag("asks"), q.Flag("executes")))),
        ("problem:*", q.Problem(("*",))),
        ("problem:error,leak", q.Problem(("error", "leak"))),
        ("status:accepted -tag:hard", q.And((q.Status(("accepted",)), q.Not(q.Tag(("hard",)))))),
        ("a or b c", q.Or((q.Text("a"), q.And((q.Text("b"), q.Text("c")))))),
        ("not (a or b)", q.Not(q.Or((q.Text("a"), q.Text("b"))))),
        ("well-known a/b 3.5 -", q.And((q.Text("well-known"), q.Text("a/b"), q.Text("3.5"), q.Text("-")))),
    ],
)
def test_that_a_query_is_read_as_it_is_meant(text, tree):
    assert q.parse(text) == tree
    assert q.parse(q.as_text(tree)) == tree


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("jorney:hotel", 0, "'journey'"),
        ("a http://x", 2, "quotes"),
        ("complexity:abc", 11, "complexity>=60"),
        ("complexity>=40..60", 12, "complexity"),
        ("complexity:nan", 11, "complexity"),
        ("problem:leek", 8, "'leak'"),
        ("status:acepted", 7, "'accepted'"),
        ("is:asking", 3, "'asks'"),
        ("role:usr x", 5, "'user'"),
        ("journey:", 8, ""),
        ("journey: x", 8, ""),
        ("journey:,", 8, ""),
        ("journey>hotel", 7, "journey:"),
        ("intent:/x/", 7, "book_*"),
        ('a "b', 2, ""),
        ("/b", 0, "quotes"),
        ("/a(/", 2, ""),
        ("(a", 0, ""),
        ("a)", 1, ""),
        ("()", 1, ""),
        ("a or", 4, ""),
        ("or a", 0, ""),
        ("a not", 2, ""),
    ],
)
def test_that_a_mistake_is_refused_with_its_place_and_a_way_out(text, position, hint):
    with pytest.raises(q.QuerySyntax) as refused:
        q.parse(text)
    assert refused.value.position == position
    assert f"character {position + 1}" in refused.value.sentence
    assert hint in refused.value.hint


_scopes = st.sampled_from(("", *q.SCOPES))
_word = st.text(
    st.characters(exclude_characters='\\/,"()*', exclude_categories=("Cs", "Z", "C")), min_size=1, max_size=8
)
_leaves = st.one_of(
    st.builds(q.Text, st.text(max_size=10), _scopes),
    st.builds(q.Pattern, st.sampled_from(["a", "x/y", r"\d+ \w", "(a|b) c", '"', r"\\/"]), st.booleans(), _scopes),
    st.builds(q.Category, st.sampled_from(CATEGORIES), st.lists(_word, min_size=1, max_size=2).map(tuple)),
    st.builds(q.Number, st.sampled_from(q.NUMBERS), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.floats(-1e6, 1e6)),
    st.builds(q.Number, st.sampled_from(q.NUMBERS), st.sampled_from(["=", "!="]), st.none()),
    st.builds(q.Between, st.sampled_from(q.NUMBERS), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
    st.builds(q.Flag, st.sampled_from(list(FLAGS))),
    st.builds(q.Problem, st.lists(st.sampled_from(q.PROBLEM_WORDS), min_size=1, max_size=2).map(tuple)),
    st.builds(q.Status, st.sampled_from([*q.STATUSES, "none", "*"]).map(lambda word: (word,))),
    st.builds(q.Tag, _word.map(lambda word: (word,))),
)  # fmt: skip
_trees = st.recursive(
    _leaves,
    lambda part: st.one_of(
        st.builds(q.Not, part),
        st.builds(q.And, st.lists(part, min_size=2, max_size=3).map(tuple)),
        st.builds(q.Or, st.lists(part, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@given(_trees)
@settings(max_examples=300, deadline=None)
def test_that_any_tree_is_read_back_from_its_own_words(tree):
    assert q.parse(q.as_text(tree)) == tree


@given(st.text(alphabet='ab:"/()-\\ or not<>=.*,journeyrole user', max_size=30))
@settings(max_examples=300, deadline=None)
def test_that_any_text_is_read_or_refused_with_a_place_inside_it(text):
    try:
        tree = q.parse(text)
    except q.QuerySyntax as refused:
        assert 0 <= refused.position <= len(text)
        assert refused.exit_code == 2
    else:
        assert q.parse(q.as_text(tree)) == tree
