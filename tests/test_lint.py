"""Each rule of the check: what it finds, where, and what looks like it and is left alone."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from bot.check import findings
from bot.config import Config
from bot.findings import SEVERITIES, Finding, failed, finding, ordered, table
from tests.conftest import Command
from tests.documents import WRITERS

TODAY = datetime.date(2026, 11, 21)
OPEN = ("contact", "detail", "review", "unanswered")


def lint(folder: Path, **files: str) -> list[Finding]:
    """What is found in Markdown articles of these texts, the clinic's own open points aside."""
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return [f for f in findings(folder, TODAY) if f.rule not in OPEN]


def one(folder: Path, sentence: str) -> list[str]:
    """The rules that a sentence in the middle of a section breaks."""
    return [f.rule for f in lint(folder, a=f"## What is it?\n\nA treatment of the skin. {sentence}\n")]


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("Leave a comment", "furniture"),
        ("The treatment is pain-free.", "claim"),
        ("A good result is guaranteed.", "claim"),
        ("The method is 100% safe.", "claim"),
        ("It cures melasma.", "claim"),
        ("The result is permanent.", "claim"),
        ("The peel eliminates wrinkles.", "claim"),
        ("Its name sounds scarier than the treatment.", "claim"),
        ("The peel is suitable for all skin types.", "claim"),
        ("There is no downtime afterwards.", "claim"),
        ("A session costs $250 on average.", "contact-of-others"),
        ("A session costs 90 euros.", "contact-of-others"),
        ("Write to care@other.example for more.", "contact-of-others"),
        ("See www.other-clinic.example for more.", "contact-of-others"),
        ("Call +44 20 7946 0958 for advice.", "contact-of-others"),
        ("Please book online with our team.", "contact-of-others"),
        ("The offer is valid until March 2024.", "past"),
        ("As of 2019, no device is approved.", "past"),
        ("The skin heals quikly afterwards.", "typo"),
        ("The practitoner cleans the skin.", "typo"),
    ],
)
def test_a_sentence_is_found(tmp_path: Path, sentence: str, rule: str) -> None:
    text = f"## What is it?\n\nA treatment of the skin.\n\n{sentence}\n"
    found = lint(tmp_path, a=text)
    assert [f.rule for f in found] == [rule]
    assert (found[0].file, found[0].line) == (str(tmp_path / "a.md"), 5)
    assert found[0].remedy


@pytest.mark.parametrize(
    "sentence",
    [
        "The treatment is not pain-free.",
        "There is no known cure for rosacea.",
        "Some studies report that the result is permanent.",
        "Most customers straight away book a full course of 3 treatments.",
        "The article cites 4 publications from 2019, by several authors.",
        "Sunscreen of factor 50 is worn from 2027 on.",
        "The clinic moves at the end of 2030.",
        "The needles reach 0.5-2.5 mm deep, about 1000 times a minute.",
        "Her favorite colour is gray, not grey.",
        "The Dermapen was made in Sydney.",
        "The hyaluronic acid and the glycosaminoglycans bind water.",
        "Call the clinic if the skin is hot after 48 hours.",
        "Comments from clients are read with care.",
        "It usually takes 30 minutes.",
    ],
)
def test_what_looks_like_it_is_left_alone(tmp_path: Path, sentence: str) -> None:
    assert one(tmp_path, sentence) == []


def test_the_clinics_own_contacts_may_stand_in_its_articles(tmp_path: Path) -> None:
    (tmp_path / "clinic.toml").write_text(
        'phone = "+44 20 7946 0958"\nemail = "us@clinic.example"\nbooking_url = "https://clinic.example/book"\n'
    )
    assert one(tmp_path, "Call +44 20 7946 0958, write to us@clinic.example or see https://clinic.example/book.") == []


def test_a_section_that_begins_in_the_middle(tmp_path: Path) -> None:
    (found,) = lint(tmp_path, a="## Care\n\nThis soothes the skin. It helps.\n\n## More\n\nA cream helps. It cools.\n")
    assert (found.rule, found.line, found.severity) == ("leaning", 3, "note")
    assert 'begins a section with "This"' in found.message


def test_a_heading_without_text(tmp_path: Path) -> None:
    (found,) = lint(tmp_path, a="# Care\n\n## Where?\n\n## When?\n\n### In winter\n\nA cream helps.\n")
    assert (found.rule, found.line) == ("empty", 3)


def test_near_copies_are_found_across_files_and_wordings(tmp_path: Path) -> None:
    text = "The face is washed with lukewarm water twice a day and patted dry with a clean towel afterwards."
    found = lint(
        tmp_path,
        a=f"## Washing\n\n{text}\n",
        b=f"## Cleaning\n\nIn short: {text.replace('twice', 'once')}\n",
        c="## Drying\n\nThe towel is washed at 60 degrees after each day, and hung up to dry in the open air.\n",
    )
    assert [(f.rule, f.file) for f in found] == [("duplicate", str(tmp_path / "b.md"))]
    assert f"{tmp_path / 'a.md'}:3" in found[0].message


def test_articles_that_contradict_each_other(tmp_path: Path) -> None:
    found = lint(
        tmp_path,
        a="## How far apart are the sessions?\n\nThe sessions are done every 6 weeks.\n",
        b="## How often?\n\nThe sessions are done every 4 weeks.\n",
        c="## How often is sunscreen put on?\n\nSunscreen is put on every 2 hours.\n",
    )
    assert [f.rule for f in found] == ["differ"]
    assert "interval between sessions: " in found[0].message
    assert f"6 weeks ({tmp_path / 'a.md'}:3); every 4 weeks" in found[0].message.replace("; 4", "; every 4")
    assert "c.md" not in found[0].message


def test_articles_that_agree_do_not_differ(tmp_path: Path) -> None:
    same = "## How often?\n\nThe {} are done every {}.\n"
    assert not lint(tmp_path, a=same.format("sessions", "6 weeks"), b=same.format("treatments", "six weeks"))


def test_what_nobody_answers_is_told_by_its_topic(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("## Does it hurt?\n\nSome find that it stings.\n")
    told = [f.message for f in findings(tmp_path, TODAY) if f.rule == "unanswered"]
    assert "no article speaks of bleeding" in told
    assert "no article speaks of pain" not in told


def test_an_old_article_is_told(tmp_path: Path) -> None:
    text = "---\npublished: {}\n---\nA cream helps.\n"
    found = lint(tmp_path, a=text.format("2020-05-01"), b=text.replace("helps", "cools").format("2025-05-01"))
    assert [(f.rule, f.file) for f in found] == [("old", str(tmp_path / "a.md"))]


def test_a_pdf_is_told_by_its_page_and_a_table_by_its_row(tmp_path: Path) -> None:
    WRITERS["pdf"](tmp_path / "a.pdf")
    (tmp_path / "faq.csv").write_text("question,answer\nHow?,By hand.\nWhy?,The result is permanent.\n")
    found = [f for f in findings(tmp_path, TODAY) if f.rule not in OPEN]
    assert [f.place for f in found if f.rule == "claim"] == [f"{tmp_path / 'faq.csv'}:3"]
    assert finding("past", "a.pdf", page=3, quote="x").place == "a.pdf, page 3"


def test_the_shipped_articles_hold_no_furniture_claims_or_copies() -> None:
    """What is left there was read one by one: CONTRIBUTING tells how much of it is right."""
    rules = {f.rule for f in findings(Config().corpus, TODAY)}
    assert rules == {"contact", "detail", "review", "differ", "contact-of-others", "old"}


def test_the_table_counts_and_puts_the_worst_first() -> None:
    found = [
        finding("typo", "b.md", 3, word="teh", meant="the"),
        finding("contact", "c.toml", name="phone", instead=""),
    ]
    found += [finding("review", "r.toml", name=str(n), changed="") for n in range(8)]
    lines = table(found)
    assert [line.split()[0] for line in lines[:-1]] == ["error"] * 7 + ["note"]
    assert "and 3 more like that" in lines[6]
    assert lines[-1] == "9 errors, 0 warnings, 1 note"
    assert [f.severity for f in ordered(found)] == sorted((f.severity for f in found), key=SEVERITIES.index)
    assert failed(found, "error") and not failed(found[:1], "warning")


def test_the_command_gives_json_and_its_exit_code_is_for_ci(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("## What is it?\n\nA treatment that is pain-free.\n")
    done = command("check", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1  # contacts are not set, and nobody has reviewed the texts
    (claim,) = [f for f in found if f["rule"] == "claim"]
    assert (claim["file"], claim["line"], claim["severity"]) == (str(tmp_path / "a.md"), 3, "warning")
    assert set(claim) == {"severity", "file", "line", "page", "rule", "message", "remedy"}
