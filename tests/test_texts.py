"""Every text a visitor can read: filled, short where urgent, plain, and free of promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.clinic import Clinic
from bot.errors import ConfigError, DataError
from bot.texts import URGENT_KEYS, URGENT_WORDS, Texts, read_texts

BARE = Texts.load(Clinic())
KEYS = sorted(read_texts())
LONGEST_TEXT = 60  # words of a text that is not urgent
READING_AGE = 12.5  # Flesch-Kincaid grade + 5; one syllable count differs from another by about a year


def grade(text: str) -> float:
    """Flesch-Kincaid grade by a rough syllable count; enough to notice a text for experts."""
    words = re.findall(r"[A-Za-z']+", text)
    sentences = max(len(re.findall(r"[.!?](?:\s|$)", text)), 1)
    syllables = sum(max(len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", w.lower()))), 1) for w in words)
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


@pytest.mark.parametrize("key", KEYS)
def test_every_text_is_filled_and_short(key: str) -> None:
    text = BARE[key]
    assert text.strip() == text
    assert "{" not in text and "}" not in text and "  " not in text
    assert len(text.split()) <= (URGENT_WORDS if key in URGENT_KEYS else LONGEST_TEXT)


@pytest.mark.parametrize("key", KEYS)
def test_no_text_promises_permits_or_doses(key: str) -> None:
    assert not re.search(r"pain-?free|painless|guaranteed|100 ?%|you can have it|safe for you|\d ?mg", BARE[key], re.I)


@pytest.mark.parametrize("key", URGENT_KEYS)
def test_urgent_texts_are_plain_and_do_not_reassure(key: str) -> None:
    text = BARE[key]
    assert grade(text) + 5 <= READING_AGE
    assert "?" not in text
    assert not re.search(r"normal|usually|book", text, re.I)


def test_the_clinic_s_own_words_win() -> None:
    texts = Texts.load(Clinic(texts={"greeting": "Hi, {contact} here."}, phone="555-0100"))
    assert texts["greeting"] == "Hi, the clinic (phone 555-0100) here."
    assert texts.own == {"greeting"}


@pytest.mark.parametrize(("texts", "named"), [({"nope": "x"}, "nope"), ({"greeting": "{who}"}, "who")])
def test_a_wrong_text_of_the_clinic_is_named(texts: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Texts.load(Clinic(texts=texts))


@pytest.mark.parametrize(
    ("content", "named"), [('a = "{who}"', "a: unknown slot"), ('a = "{"', "a: "), ("a = 1", "a must"), ("a", "read")]
)
def test_a_wrong_text_of_ours_is_named(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "texts.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=named):
        Texts.load(Clinic(), file)
