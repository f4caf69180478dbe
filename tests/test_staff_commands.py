"""``python -m bot staff``: the commands, as an owner runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.lessons import Lessons
from bot.queue import Asked, Queue
from bot.staff import Store
from tests.test_lessons import NEVER


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a question and a lesson, as the environment names it."""
    path = tmp_path / "faq.sqlite"
    monkeypatch.setenv("FAQ_STATE", str(path))
    store = Store(path)
    Queue(store).record([Asked("abstained", "scars", text="what of my fjordhorse", failed=True)], [None], "v1")
    Lessons(store).teach(NEVER)
    store.close()
    return path


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_export(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staff", "export"]) == 0
    rows = [json.loads(line) for line in out(capsys).splitlines()]
    assert {row["table"] for row in rows} == {"entry", "asked", "lesson", "audit"}


def test_purge(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staff", "purge"]) == 0
    assert out(capsys) == "forgot 0 rows older than 90 days\n"
    assert main(["staff", "purge", "--days", "0"]) == 0
    assert out(capsys) == "forgot 2 rows older than 0 days\n"
    assert b"fjordhorse" not in path.read_bytes()
    assert main(["staff", "export"]) == 0
    assert {json.loads(line)["table"] for line in out(capsys).splitlines()} == {"lesson", "audit"}
    assert main(["staff", "purge", "--days", "-1"]) == 1


def test_backup_and_restore(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = path.with_name("copy.sqlite")
    assert main(["staff", "backup", str(copy)]) == 0
    assert out(capsys) == f"backup written: {copy}\n"
    assert main(["staff", "backup", str(copy)]) == 1
    store = Store(path)
    Lessons(store).teach(replace(NEVER, wordings=("later",)))
    store.close()
    assert main(["staff", "restore", str(copy)]) == 0
    store = Store(path)
    assert [lesson.question for lesson in Lessons(store).all()] == [NEVER.question]
    store.close()
    before = Path(out(capsys).split("before: ")[1].strip())
    assert main(["staff", "restore", str(before)]) == 0  # and back
    store = Store(path)
    assert [lesson.question for lesson in Lessons(store).all()] == ["later", NEVER.question]
    assert {d.who for d in store.audit()} == {"bo", "the command line"}
    store.close()


def test_what_can_t_be_done_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staff", "restore", str(path.with_name("none.sqlite"))]) == 1
    assert "nothing was changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FAQ_KEEP", "all", "none, masked, text"),
        ("FAQ_RETENTION_DAYS", "0", "1 or more"),
        ("FAQ_RETENTION_DAYS", "x", "whole"),
    ],
)
def test_a_wrong_setting_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["staff", "export"]) == 1
    error = capsys.readouterr().err
    assert name in error
    assert told in error
