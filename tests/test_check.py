"""``python -m bot check``: contacts that are not set, texts nobody has reviewed, and how a clinic signs."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from bot.check import FILE, check, findings, record, reviews
from bot.errors import ConfigError
from bot.findings import failed
from tests.conftest import Command

TODAY = datetime.date(2026, 11, 21)
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
    found = {f.message: f for f in check(clinic).findings(clinic)}
    unset = next(f for text, f in found.items() if text.startswith("emergency_number is not set (visitors read: your"))
    assert (unset.severity, unset.rule) == ("error", "contact")
    assert found["booking_url is not set"].severity == "note"
    assert not any("phone" in text for text in found)


def test_an_unset_contact_has_the_line_where_it_is_written(clinic: Path) -> None:
    (clinic / "clinic.toml").write_text('# Contacts\nphone = "555-0100"\nemail = ""\n# crisis_line = ""\n')
    lines = {f.message.split()[0]: f.line for f in check(clinic).findings(clinic) if f.rule in ("contact", "detail")}
    assert (lines["email"], lines["crisis_line"], lines["address"]) == (3, 4, 0)


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
    assert "text not reviewed: greeting (changed since)" in [f.message for f in report.findings(clinic)]
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
    assert "emergency_number is not set" in done.stdout
    assert "text not reviewed: " in done.stdout and "more like that (--json lists all)" in done.stdout
    assert "corpus/000-what-is-behind-the-trend.md:" in done.stdout
    assert "texts reviewed" in done.stdout.splitlines()[-1]


def test_everything_is_found_and_signed_off(clinic: Path) -> None:
    """From a folder as it comes to one that nothing is open in."""
    (clinic / "a.md").write_text("---\npublished: 2020-01-01\n---\n## How often?\n\nEvery week, for $5.\n")
    (clinic / "b.docx").write_bytes(b"")
    found = findings(clinic, TODAY)
    rules = {f.rule for f in found}
    assert {"unreadable", "contact", "detail", "review", "contact-of-others", "old", "unanswered"} == rules
    broken = next(f for f in found if f.rule == "unreadable")
    assert (broken.severity, broken.file, broken.line) == ("error", str(clinic / "b.docx"), 0)
    assert failed(found, "error") and failed(found, "warning")
    contacts = ["name", "email", "emergency_number", "urgent_advice_line", "crisis_line", "poison_line", "address",
                "opening_hours", "region_name"]  # fmt: skip
    lines = [f'{name} = "555-0100"' for name in ("phone", *contacts)]
    lines += [f'{name} = "https://clinic.example/{name}"' for name in ("booking_url", "privacy_url")]
    (clinic / "clinic.toml").write_text("\n".join([*lines, "minimum_age = 18"]), encoding="utf-8")
    (clinic / "a.md").write_text("## How often?\n\nEvery week.\n")
    (clinic / "b.docx").unlink()
    sign(clinic)
    found = findings(clinic, TODAY)
    assert {f.rule for f in found} == {"unanswered"}
    assert not failed(found, "warning")
    assert {f.rule for f in findings(clinic, TODAY.replace(year=2029))} == {"unanswered", "review-old"}


def test_the_command_prints_the_entry_to_sign(command: Command) -> None:
    done = command("check", "corpus", "--record")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[[review]]" in done.stdout and '"emergency" = "' in done.stdout
