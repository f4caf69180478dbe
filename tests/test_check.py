"""``python -m bot check``: contacts that are not set, texts nobody has reviewed, and how a clinic signs."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from bot.check import FILE, check, record, reviews
from bot.errors import ConfigError
from tests.conftest import Command

SIGNED = ('name = ""', 'name = "A. Reader"'), ('role = ""', 'role = "nurse"'), ("0000-00-00", "2026-01-31")


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    (tmp_path / "clinic.toml").write_text('phone = "555-0100"\n', encoding="utf-8")
    return tmp_path


def sign(folder: Path) -> None:
    """What a clinic does: print the entry, fill it in, put it beside clinic.toml."""
    text = record(folder)
    for old, new in SIGNED:
        assert old in text
        text = text.replace(old, new)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(text)


def test_unset_contacts_are_named_with_what_visitors_read(clinic: Path) -> None:
    lines = check(clinic).lines()
    assert "contact not set: booking_url" in lines
    assert any(line.startswith("contact not set: emergency_number (visitors read: your local") for line in lines)
    assert not any("phone" in line for line in lines)


def test_nothing_is_reviewed_until_somebody_signs(clinic: Path) -> None:
    before = check(clinic)
    assert before.reviewed == 0 and {"emergency", "caution_pregnancy", "es.urgent", "hi.articles"} <= {
        *before.unreviewed
    }
    sign(clinic)
    after = check(clinic)
    assert not after.unreviewed and after.reviewed == len(before.unreviewed)
    assert reviews(clinic / FILE)[0].date == datetime.date(2026, 1, 31)


def test_a_text_that_changed_is_unreviewed_again(clinic: Path) -> None:
    sign(clinic)
    with (clinic / "clinic.toml").open("a", encoding="utf-8") as file:
        file.write('[texts]\ngreeting = "Hello there."\n')
    report = check(clinic)
    assert report.unreviewed == ("greeting",)
    assert "text not reviewed: greeting (changed since)" in report.lines()
    sign(clinic)
    assert not check(clinic).unreviewed
    assert len(reviews(clinic / FILE)) == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[review]\n", "can't be read"),
        ("[other]\n", "only"),
        ('[[review]]\nname = "A"\n', "review 1: needs"),
        ('[[review]]\nname = " "\nrole = "nurse"\ndate = 2026-01-31\n[review.texts]\n', "is not signed"),
        ('[[review]]\nname = "A"\nrole = "nurse"\ndate = "today"\n[review.texts]\n', "'date'"),
    ],
)
def test_a_wrong_signature_is_named(clinic: Path, text: str, named: str) -> None:
    (clinic / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=named):
        check(clinic)


def test_an_entry_that_is_not_filled_in_is_no_signature(clinic: Path) -> None:
    (clinic / FILE).write_text(record(clinic), encoding="utf-8")
    with pytest.raises(ConfigError, match=FILE):
        check(clinic)


def test_the_command_lists_what_is_open(command: Command) -> None:
    done = command("check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "contact not set: emergency_number" in done.stdout
    assert "text not reviewed: emergency" in done.stdout
    assert "texts reviewed" in done.stdout.splitlines()[-1]


def test_the_command_prints_the_entry_to_sign(command: Command) -> None:
    done = command("check", "corpus", "--record")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[[review]]" in done.stdout and '"emergency" = "' in done.stdout
