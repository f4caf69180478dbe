"""What is asked, read off the wording of the question; what a sentence speaks of, off its own."""

from __future__ import annotations

from typing import get_args

import pytest

from bot.errors import DataError
from bot.facets import Facets, ValueKind
from bot.language import read_toml


@pytest.fixture(scope="module")
def facets() -> Facets:
    return Facets.load()


@pytest.mark.parametrize(
    ("question", "facet"),
    [
        ("does it hurt", "pain"),
        ("HOW SORE IS IT", "pain"),
        ("how often", "interval"),
        ("how far apart are the sessions", "interval"),
        ("how soon can i go again", "interval"),
        ("what gap between treatments", "interval"),
        ("how many sessions do i need", "sessions"),
        ("is one enough", "sessions"),
        ("how long does a session take", "session_length"),
        ("how many minutes is it", "session_length"),
        ("how much does it cost", "cost"),
        ("is it expensive", "cost"),
        ("how deep do the needles go", "depth"),
        ("what needle length is used", "depth"),
        ("how long does the redness last", "healing"),
        ("downtime", "healing"),
        ("when can i wear makeup", "resume"),
        ("how soon can i swim", "resume"),
        ("who should not have it", "who_not"),
        ("is it normal to peel", "normal"),
        ("side effects", "side_effects"),
        ("what are the risks", "side_effects"),
        ("what is microneedling", "definition"),
        ("how does it work", "mechanism"),
        ("what are the benefits", "benefits"),
        ("can i do it at home", "home_use"),
        ("how long do results last", "lasting"),
        ("is it permanent", "lasting"),
        ("when do i see results", "onset"),
        ("which parts of the body", "areas"),
        ("who performs it", "performer"),
        ("is it hygienic", "hygiene_asked"),
        ("aftercare", "aftercare"),
        ("what should i avoid afterwards", "aftercare"),
        ("what happens during a session", "steps"),
        ("is there a needle free option", "alternatives"),
        ("are there studies", "evidence"),
        ("do they use a numbing cream", "numbing_used"),
    ],
)
def test_the_facet_of_a_question(facets: Facets, question: str, facet: str) -> None:
    assert facet in facets.asked(question)


@pytest.mark.parametrize(
    ("question", "facet"),
    [
        ("how often should i wash my face", "interval"),
        ("how soon can i go back to work", "interval"),
        ("how often should i change my pillow", "interval"),
        ("how much does it hurt", "cost"),
        ("how much time does it take", "cost"),
        ("how long does the redness last", "lasting"),
        ("how long does the redness last", "session_length"),
        ("how long do results last", "healing"),
        ("how many needles are there", "sessions"),
        ("how long until it heals", "session_length"),
        ("which painkiller may i take", "pain"),
        ("i need a deep cleanse", "depth"),
        ("what is bitcoin", "definition"),
        ("thanks a lot", "cost"),
        ("what are painless alternatives", "pain"),
    ],
)
def test_what_only_looks_like_the_facet(facets: Facets, question: str, facet: str) -> None:
    assert facet not in facets.asked(question)


@pytest.mark.parametrize(
    ("facet", "sentence", "expected"),
    [
        ("pain", "Most people feel little discomfort.", True),
        ("pain", "Sunscreen is worn daily.", False),
        ("interval", "Sessions are four weeks apart.", True),
        ("interval", "The redness lasts for four weeks.", False),
        ("interval", "Sunscreen is put on every 2 hours.", False),
        ("depth", "The needles reach 0.5 mm.", True),
        ("cost", "It costs $200.", True),
        ("cost", "It is over in an hour.", False),
        ("session_length", "It takes 30 minutes.", True),
        ("session_length", "It takes three months.", False),
        ("home_use", "Non-professional devices are risky.", True),
    ],
)
def test_a_sentence_speaks_of_the_facet(facets: Facets, facet: str, sentence: str, expected: bool) -> None:
    assert facets[facet].answered(sentence) is expected


@pytest.mark.parametrize("name", sorted(read_toml("facets.toml")))
def test_a_facet_is_complete_and_recognises_its_own_wording(facets: Facets, name: str) -> None:
    facet = facets[name]
    assert facet.ask
    assert facet.about
    assert facet.topic
    assert facet.value in get_args(ValueKind)
    assert set(facet.wins) <= set(facets.by_id)
    # The full wording also helps to find passages: it may bring other facets along, never miss its own.
    matches = facets.questions.find(facet.say)
    assert name in matches
    assert f"not {name}" not in matches


def test_a_facet_that_wins_drops_the_other() -> None:
    loaded = Facets.load(
        {
            "air": {"ask": ["air"], "about": ["bar"], "say": "How much air?", "topic": "air"},
            "leak": {"ask": ["leak"], "about": ["hole"], "say": "A leak?", "topic": "leak", "wins": ["air"]},
        }
    )
    assert loaded.asked("how much AIR") == ("air",)
    assert loaded.asked("does air leak") == ("leak",)
    assert loaded.asked("neither") == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"ask": ["("], "say": "x", "topic": "x"}, r"\[air\] ask: .*: mend the pattern"),
        ({"ask": ["x"], "say": "x", "topic": "x", "asks": []}, r"\[air\]: unknown \['asks'\]: use"),
    ],
    ids=["broken pattern", "unknown field"],
)
def test_a_bad_entry_is_named(entry: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=rf"facets\.toml: {said}"):
        Facets.load({"air": entry})
