"""A conversation to stand-alone queries: parts, follow-ups, corrections, changes of subject."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rewrite import MAX_PARTS, Query, Rewriter
from tests.conftest import Words


@pytest.fixture(scope="session")
def rewriter(shipped_words: Words) -> Rewriter:
    return shipped_words.rewriter


def last(rewriter: Rewriter, *messages: str) -> Query:
    """The only query of the last message."""
    (query,) = rewriter.queries(messages)
    return query


@pytest.mark.parametrize(
    ("message", "facet", "concepts"),
    [
        ("does it hurt", "pain", set()),
        ("HOW OFTEN??", "interval", set()),
        ("hw often b4 i see resluts", "onset", set()),
        ("will it help with the craters on my cheeks", "benefits", {"acne_scars"}),
        ("when can i put slap on", "resume", {"makeup"}),
        ("is it safe if im up the duff", "side_effects", {"pregnancy"}),
        ("numming creem?", "numbing_used", {"numbing"}),
        ("downtime", "healing", set()),
        ("dwntime??", "healing", set()),
        ("kelloids", "", {"keloid"}),
    ],
)
def test_a_question_is_read(rewriter: Rewriter, message: str, facet: str, concepts: set[str]) -> None:
    query = last(rewriter, message)
    assert query.concepts == concepts
    assert facet in query.facets if facet else query.facets == ()
    assert query.context == ""


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("hello, does it hurt", "does it hurt"),
        ("i was wondering if it hurts", "it hurts"),
        ("Could you please tell me how often it is done?", "how often it is done"),
        ("caller wants to know whether it hurts", "it hurts"),
        ("tell me about downtime", "downtime"),
        ("i want to know how deep the needles go", "how deep the needles go"),
        ("good morning, I am just curious if it is painful", "it is painful"),
        ("Hello", "hello"),
    ],
)
def test_preambles_are_dropped_from_what_is_searched(rewriter: Rewriter, message: str, text: str) -> None:
    assert last(rewriter, message).text == text


@pytest.mark.parametrize(
    ("message", "facets"),
    [
        ("does it hurt and how often", ["pain", "interval"]),
        ("How much is it? And how long does it take?", ["cost", "session_length"]),
        ("is it safe, does it hurt", ["side_effects", "pain"]),
        ("how often and is it safe at home", ["interval", "home_use"]),
        ("does it help scars?\nhow long until i see something?", ["benefits", "onset"]),
        ("does it hurt? also what does it cost; how deep do the needles go?", ["pain", "cost", "depth"]),
    ],
)
def test_each_question_of_a_message_is_a_query(rewriter: Rewriter, message: str, facets: list[str]) -> None:
    found = rewriter.queries([message])
    assert len(found) == len(facets)
    for query, facet in zip(found, facets, strict=True):
        assert facet in query.facets


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("does it hurt? does it hurt?", "does it hurt"),
        ("Does it hurt? Thanks!", "does it hurt"),
        ("I saw it on the telly. Does it hurt?", "does it hurt"),
        ("does it hurt or not", "does it hurt or not"),
        ("pain and downtime", "pain and downtime"),
    ],
    ids=["twice the same", "thanks", "a story", "or not", "key words"],
)
def test_what_asks_nothing_more_is_no_query_of_its_own(rewriter: Rewriter, message: str, text: str) -> None:
    assert last(rewriter, message).text == text


def test_at_most_three_questions_are_answered(rewriter: Rewriter) -> None:
    found = rewriter.queries(["how often? how deep? how long is a session? does it hurt? what is the cost?"])
    assert [q.text for q in found] == ["how often", "how deep", "how long is a session"]
    assert len(found) == MAX_PARTS


@pytest.mark.parametrize(
    ("messages", "facet", "concepts", "soft"),
    [
        (["does it hurt", "and for scars?"], "pain", {"scars"}, set()),
        (["how often", "what about acne scars"], "interval", {"acne_scars"}, set()),
        (["does it help with wrinkles", "what about stretch marks?"], "benefits", {"stretch_marks"}, set()),
        (["how long does redness last", "and swelling"], "healing", {"swelling"}, set()),
        (["who shouldnt have it", "what if im diabetic"], "who_not", {"diabetes"}, set()),
        (["how many sessions for acne scars", "how long between them"], "interval", set(), {"acne_scars"}),
        (["does microneedling help hair loss", "how many sessions for that"], "sessions", set(), {"hair_loss"}),
        (["can i wear makeup", "when?"], "", set(), {"makeup"}),
        (["does it hurt", "why"], "pain", set(), set()),
        (["does it work on hair loss", "sorry i meant stretch marks"], "benefits", {"stretch_marks"}, set()),
        (["how often", "and for scars", "and wrinkles?"], "interval", {"wrinkles"}, set()),
    ],
)
def test_a_follow_up_takes_what_it_leaves_out_from_the_question_before(
    rewriter: Rewriter, messages: list[str], facet: str, concepts: set[str], soft: set[str]
) -> None:
    query = last(rewriter, *messages)
    assert facet in query.facets if facet else query.facets == ()
    assert query.concepts == concepts
    assert soft <= query.soft


@pytest.mark.parametrize(
    "messages",
    [
        ["does it hurt", "how often"],
        ["how long does redness last", "no, how often"],
        ["how much is it", "sorry i meant how often"],
        ["does it help with hair loss", "oops", "how often"],
        ["is it safe with keloids", "ok thanks. how often is microneedling done"],
    ],
)
def test_a_whole_question_is_read_alone(rewriter: Rewriter, messages: list[str]) -> None:
    query = last(rewriter, *messages)
    assert query.facets[0] == "interval"
    assert "pain" not in query.facets
    assert not query.concepts


@pytest.mark.parametrize(
    "messages",
    [
        ["how long does it hurt after a session", "can i wear makeup the day after"],
        ["does it help with wrinkles", "can i wear makeup the day after"],
        ["can pregnant women have it done", "can i wear makeup the day after"],
    ],
)
def test_a_new_subject_leaves_the_old_one_behind(rewriter: Rewriter, messages: list[str]) -> None:
    query = last(rewriter, *messages)
    assert replace(query, before="") == last(rewriter, messages[-1])
    assert query.concepts == {"makeup"}


def test_a_pronoun_keeps_the_question_before_as_context(rewriter: Rewriter) -> None:
    assert last(rewriter, "does it help acne scars", "how many sessions is that").context == "does it help acne scars"


@pytest.mark.parametrize("last_message", ["", "   ", "!!!", "😀", "...?"])
@pytest.mark.parametrize("before", [[], ["does it hurt"]], ids=["alone", "after a question"])
def test_a_message_without_a_word_asks_nothing(rewriter: Rewriter, before: list[str], last_message: str) -> None:
    assert rewriter.queries([*before, last_message]) == ()


def test_no_messages_ask_nothing(rewriter: Rewriter) -> None:
    assert rewriter.queries([]) == ()


def test_an_empty_message_in_between_is_passed_over(rewriter: Rewriter) -> None:
    assert rewriter.queries(["how often", "", "and for scars?"]) == rewriter.queries(["how often", "and for scars?"])


@pytest.mark.parametrize(
    ("message", "unknown"),
    [
        ("what is bitcoin", ("bitcoin",)),
        ("do you sell kayaks and kayaks", ("kayaks",)),
        ("does it hurt", ()),
        ("how many sessions for keloids", ()),
        ("what is the weather tomorrow", ()),
    ],
)
def test_rare_words_that_no_article_has_are_named(rewriter: Rewriter, message: str, unknown: tuple[str, ...]) -> None:
    assert last(rewriter, message).unknown == unknown


MESSAGES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(["does it hurt", "and how often?", "what about it", "no i meant scars", "and", "or?", "hi"]),
    ),
    max_size=5,
)


@given(MESSAGES)
def test_any_conversation_gives_a_few_queries_and_always_the_same(rewriter: Rewriter, messages: list[str]) -> None:
    found = rewriter.queries(messages)
    assert len(found) <= MAX_PARTS
    assert all(query.asked for query in found)
    assert rewriter.queries(messages) == found


# ---- a question in a story ------------------------------------------------------------------------------------------


def test_a_question_cut_out_of_a_story_keeps_the_whole_as_a_second_reading(rewriter: Rewriter) -> None:
    story = "my cheeks have had wide pores since i was at school and no mask did a thing, would it change that"
    query = last(rewriter, story)
    assert query.text == "would it change that"
    assert query.whole is not None
    assert "pores" in query.whole.concepts | query.whole.soft
    assert query.whole.whole is None
    assert query.whole.embedded in query.embeddable


@pytest.mark.parametrize("message", ["does it hurt", "hello, does it hurt", "hi there! how often do i come back"])
def test_a_plain_question_has_one_reading(rewriter: Rewriter, message: str) -> None:
    assert last(rewriter, message).whole is None
