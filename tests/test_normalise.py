"""What people type, made plain: each case is one trick or slip and the words that must come out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rules import Rulebook

NORMALISER = Rulebook.load().normaliser


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        pytest.param("I can't breathe", "i cant breathe", id="apostrophe"),
        pytest.param("I can\u2019t breathe", "i cant breathe", id="curly apostrophe"),
        pytest.param("i cannot breathe", "i cant breathe", id="one word"),
        pytest.param("i can not breathe", "i cant breathe", id="two words"),
        pytest.param("CANT BREATHE", "cant breathe", id="capitals"),
        pytest.param("cant breeeeathe", "cant breathe", id="letter run"),
        pytest.param("cant br\u200beathe", "cant breathe", id="zero width"),
        pytest.param("cant <b>bre</b>athe", "cant breathe", id="markup"),
        pytest.param("can't br**ea**the", "cant breathe", id="markdown"),
        pytest.param("c a n t breathe", "cant breathe", id="spaced letters"),
        pytest.param("c\u0430nt br\u0435athe", "cant breathe", id="Cyrillic look-alikes"),
        pytest.param("ｃａｎｔ breathe", "cant breathe", id="full width"),
        pytest.param("cant br3athe", "cant breathe", id="digit for letter"),
        pytest.param("my 😭lips😭 swelling", "my lips swelling", id="emoji"),
        pytest.param("🤰 ok?", "pregnant ok ?", id="an emoji that says something"),
        pytest.param("i'll go, im ill", "i will go , i am ill", id="I'll is not ill"),
        pytest.param("nie mogę oddychać", "nie moge oddychac", id="accents"),
        pytest.param("j'arrive plus", "j arrive plus", id="elision"),
        pytest.param("my tounge is sweling", "my tongue is swelling", id="misspellings"),
        pytest.param("on apixiban", "on apixaban", id="misspelt medicine"),
        pytest.param("0.5mm on 38.5", "0.5 mm on 38.5", id="numbers stay whole"),
    ],
)
def test_plain_form(typed: str, plain: str) -> None:
    assert NORMALISER.plain(typed) == plain


@pytest.mark.parametrize("word", ["octopus", "feverfew", "therapist", "weather", "never", "breach", "scare", "shell"])
def test_real_words_are_left_alone(word: str) -> None:
    assert NORMALISER.plain(word) == word


def test_the_words_a_rule_saw_are_shown_as_typed() -> None:
    text = NORMALISER.read("Help! My TOUNGE is sweling 😭 now")
    start = text.plain.index("tongue")
    assert text.words(start, start + len("tongue is swelling")) == "TOUNGE is sweling"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_plain_form_whose_words_point_into_it(message: str) -> None:
    text = NORMALISER.read(message)
    assert text.plain == text.plain.lower()
    for start in text.starts:
        first, last = text.source(start, start + 1)
        assert 0 <= first < last <= len(text.original)
