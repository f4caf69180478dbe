"""Every text a visitor can read is plain: a reading age of about 11, and short where it is urgent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.texts import URGENT_KEYS, URGENT_WORDS
from tests.reading import FORMULA, HARDEST, HARDEST_URGENT, Row, grade, rows, summary

ROWS = rows()
CONTRIBUTING = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", [r for r in ROWS if r.key not in FORMULA], ids=lambda r: r.key)
def test_a_text_is_plain(row: Row) -> None:
    assert row.grade <= (HARDEST_URGENT if row.key in URGENT_KEYS else HARDEST)


@pytest.mark.parametrize("row", [r for r in ROWS if r.key in URGENT_KEYS], ids=lambda r: r.key)
def test_an_urgent_text_is_short(row: Row) -> None:
    assert row.words <= URGENT_WORDS


def test_the_exceptions_are_short_set_lines() -> None:
    assert all(row.words <= 8 for row in ROWS if row.key in FORMULA)


def test_the_measure_tells_easy_from_hard() -> None:
    """By hand: 10 words, 10 syllables, 2 sentences: 0.39 * 5 + 11.8 * 1 - 15.59 = -1.8."""
    assert grade("Call for help now please. Do not wait for us.") == pytest.approx(-1.8, abs=0.1)
    assert grade("Contraindications necessitate individualised dermatological consultation.") > 20


def test_contributing_shows_the_table() -> None:
    assert "\n".join(summary()) in CONTRIBUTING
