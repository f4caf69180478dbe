"""The page's own words: which language is chosen, and that each language has each text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import DataError
from bot.interface import ENGLISH, Words, choose, read, tables

SHARED = {"dir", "example", "conversation", "sources", "no", "passage", "date", "choices"}  # alike in some languages


def test_the_six_languages_are_there() -> None:
    assert list(tables()) == ["en", "es", "fr", "de", "sv", "pl"]


@pytest.mark.parametrize("code", [code for code in tables() if code != "en"])
def test_a_language_is_translated(code: str) -> None:
    english = tables()["en"]
    assert {key for key, text in tables()[code].items() if text == english[key]} <= SHARED


@pytest.mark.parametrize(
    ("asked", "accepted", "code"),
    [
        (None, None, "en"),
        ("", "", "en"),
        (None, "de-CH,de;q=0.9,en;q=0.8", "de"),
        (None, "ja,en;q=0.5,es;q=0.7", "es"),
        (None, "en;q=0.3, fr ; q=0.9", "fr"),
        (None, "sv;q=0, en;q=0.1", "en"),
        (None, "pl;q=much", "en"),
        (None, "*", "en"),
        (None, "," * 10_000 + "sv", "en"),
        ("sv", "de", "sv"),
        ("SV-fi", "de", "sv"),
        ("xx", "de", "de"),
        ('"><script>', None, "en"),
    ],
)
def test_the_language_is_the_address_s_then_the_browser_s(asked: str | None, accepted: str | None, code: str) -> None:
    assert choose(asked, accepted).code == code


def test_only_a_language_that_was_asked_for_is_carried_on() -> None:
    assert choose("sv", "en").query() == "?lang=sv"
    assert choose("sv", "en").query("&") == "&lang=sv"
    assert choose(None, "sv").query() == ""


def test_dates_are_written_as_the_language_writes_them() -> None:
    written = [Words(code).date(3, 5, 2024) for code in tables()]
    assert written == ["3 May 2024", "3 de mayo de 2024", "3 mai 2024", "3. Mai 2024", "3 maj 2024", "3 maja 2024"]


GOOD = '[en]\ndir = "ltr"\na = "one {n}"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[en", "can't be read"),
        ('[fr]\na = "b"', r"\[en\] is missing"),
        (GOOD + '[fr]\ndir = "ltr"', r"\[fr\] and \[en\] differ in 'a'"),
        (GOOD + '[fr]\ndir = "ltr"\na = "{n}"\nb = "c"', "differ in 'b'"),
        (GOOD + '[fr]\ndir = "ltr"\na = "un"', r"\[fr\] a must have the slots"),
        (GOOD + '[fr]\ndir = "ltr"\na = "{"', r"\[fr\] a must have the slots"),
        (GOOD + '[fr]\ndir = "ltr"\na = " "', r"\[fr\] a must be a text"),
        (GOOD + '[fr]\ndir = "ltr"\na = 5', r"\[fr\] a must be a text"),
        (GOOD + '[fr]\ndir = "ltr"\na = "<b>{n}"', r"\[fr\] a holds markup"),
        (GOOD + '[fr]\ndir = "down"\na = "{n}"', "must be ltr or rtl"),
        ('[en]\nmonths = "May June"', "twelve names"),
        ('en = "x"', r"\[en\] is missing"),
    ],
)
def test_a_wrong_text_is_named_with_file_and_language(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "interface.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=named) as caught:
        read(file)
    assert "interface.toml" in str(caught.value)


def test_a_language_from_the_right_says_so(tmp_path: Path) -> None:
    file = tmp_path / "interface.toml"
    file.write_text('[en]\ndir = "ltr"\n[ar]\ndir = "rtl"\n', encoding="utf-8")
    assert read(file)["ar"]["dir"] == "rtl"
    assert ENGLISH.html_attributes() == 'lang="en" dir="ltr"'
