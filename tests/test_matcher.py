"""Looking for many patterns at once finds what looking for each finds."""

from __future__ import annotations

import re

import pytest

from bot.facets import Facets
from bot.matcher import Matcher, openings
from bot.polarity import compile_all
from bot.rules import Rulebook

MESSAGES = [
    "no, my lips are swelling and i cant breathe , my lips are huge",
    "how much is it , and when are you open ? how much",
    "i am 14 . is it safe at home with a roller",
    "2 weeks after , 0.5 mm deep and ٣ days later",
    "no puedo respirar",
    "मुझे सांस नहीं आ रही",
    "لا استطيع التنفس",
    "DOES İT STİNG, is it ſore, how long until the Kelvin lasts?",
    "",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("lips?", {"lips", "lip"}),
        ("(?:tongue|lips) swelling", {"tong", "lips"}),
        ("(?:my )?lips", {"my l", "lips"}),
        ("[ab]us", {"aus", "bus"}),
        (r"red\w*", {"red"}),
        ("(?<!no )pus(?! oil)", {"pus"}),
        (r"\d mm|[3-9] cm", {"0 mm", "0 cm"}),
        (r"\w+ lips", None),
        ("(?i:lips)", None),
        ("(?:very )*", None),
    ],
)
def test_what_a_match_can_begin_with(pattern: str, expected: set[str] | None) -> None:
    assert openings(compile_all([pattern], {}, "here")) == (expected if expected is None else frozenset(expected))


@pytest.mark.parametrize("text", MESSAGES)
def test_the_safety_patterns_are_found_as_each_would_be(text: str) -> None:
    book = Rulebook.load()
    patterns = {name: term.pattern for name, term in book.terms.items()}
    patterns |= {rule.id: rule.pattern for rule in book.rules if rule.pattern}
    found = {name: [match.span() for match in matches] for name, matches in book.matcher.find(text).items()}
    expected = {name: [match.span() for match in pattern.finditer(text)] for name, pattern in patterns.items()}
    assert found == {name: spans for name, spans in expected.items() if spans}


@pytest.mark.parametrize("text", MESSAGES)
def test_patterns_that_begin_inside_a_word_and_in_any_case_are_found(text: str) -> None:
    facets = Facets.load().by_id
    named = [(name, pattern) for name, facet in facets.items() for pattern in (*facet.ask, *facet.about)]
    assert Matcher(named).find(text).keys() == {name for name, pattern in named if pattern.search(text)}


def test_matches_do_not_overlap() -> None:
    pattern = re.compile("aba?|ba")
    assert [match.span() for match in Matcher([("it", pattern)]).find("ababa aba")["it"]] == [(0, 3), (3, 5), (6, 9)]
