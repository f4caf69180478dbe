"""The language model counts what people asked, and says how likely a word is after another."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bigrams import START, Bigrams, sequence

ASKED = ["does it hurt", "Does it rust? does it squeak", "is it 4mm wide, or 5"] * 2


@pytest.fixture(scope="module")
def bigrams() -> Bigrams:
    return Bigrams.fit(ASKED)


def test_a_text_is_words_and_what_parts_them() -> None:
    assert sequence("Does it hurt? 4mm, u") == [START, "does", "it", "hurt", START, "mm", "", "you"]
    assert sequence("is it || and red") == [START, "is", "it", START, "and", "red"]


def test_words_and_pairs_are_counted(bigrams: Bigrams) -> None:
    assert bigrams.words["does"] == 6
    assert bigrams.after["does"] == {"it": 6}
    assert bigrams.after[START] == {"does": 6, "is": 2}
    assert "or" not in bigrams.after.get("wide", {})  # a comma parts them


def test_what_was_met_once_is_left_out() -> None:
    once = Bigrams.fit(["does it hurt"])
    assert (once.words, once.after) == ({}, {})


def test_a_word_is_likelier_where_it_often_follows(bigrams: Bigrams) -> None:
    alone = bigrams.share("it")
    assert bigrams.chance("it", "does", alone) > alone > bigrams.chance("it", START, alone) > 0


@given(st.lists(st.text("ab .?", max_size=12), max_size=8))
def test_the_chances_after_any_word_are_those_of_one(texts: list[str]) -> None:
    found = Bigrams.fit(texts * 2)
    words = [word for word in found.words if word != START]
    for before in [*words, START]:
        whole = sum(found.chance(word, before, found.share(word)) for word in words)
        assert whole <= 1 + 1e-9


def test_it_is_loaded_as_it_was_saved(bigrams: Bigrams, tmp_path: Path) -> None:
    bigrams.save(tmp_path / "bigrams.json")
    loaded = Bigrams.load(tmp_path / "bigrams.json")
    assert (loaded.words, loaded.after) == (bigrams.words, bigrams.after)


def test_of_nothing_every_word_is_as_likely_as_it_is_alone() -> None:
    assert Bigrams().chance("red", "is", 0.25) == 0.25
    assert Bigrams().share("red") == 0
