"""What is said on stderr, for people and for programs, by a process of its own; never a visitor's words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

SAID = """
import asyncio, logging, threading, warnings
from bot import logs
from bot.monitor import Monitor
from bot.schema import Reply
logs.set_up(FORM)
logging.getLogger("bot.stage").info("Loading")
logging.getLogger("other").info("chatter")
logging.getLogger("other").warning("a %s", "warning")
Monitor().answered(lambda: Reply("urgent", "secret", index_version="v1"))
try:
    try:
        int("secret")
    except ValueError as error:
        raise KeyError("secret") from error
except KeyError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
thread = threading.Thread(target=int, args=("secret",))
thread.start()
thread.join()
raise ValueError("secret")
"""


def said(form: str) -> list[str]:
    """The lines on stderr of a program that goes wrong in several ways."""
    done = subprocess.run(
        [sys.executable, "-c", SAID.replace("FORM", repr(form))], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    lines = said("json")
    assert "secret" not in "".join(lines)
    return [json.loads(line) for line in lines]


def test_each_line_is_an_object_with_its_time(objects: list[dict[str, Any]]) -> None:
    for line in objects:
        assert set(line) >= {"at", "level", "logger", "message"}
        assert line["at"].endswith("+00:00")
    assert [line["message"] for line in objects][:3] == ["Loading", "a warning", "answered"]


def test_an_answer_is_told_by_status_and_time(objects: list[dict[str, Any]]) -> None:
    told = next(line for line in objects if line["message"] == "answered")
    assert (told["status"], told["index"]) == ("urgent", "v1")
    assert told["ms"] >= 0


def test_an_exception_is_told_by_type_and_place(objects: list[dict[str, Any]]) -> None:
    told = next(line for line in objects if line["logger"] == "uvicorn.error")
    assert told["exception"] == ["KeyError", "ValueError"]
    assert len(told["places"]) == 1
    failed = [line for line in objects if line["message"] == "the program failed"]
    assert [line["exception"] for line in failed] == [["ValueError"], ["ValueError"]]


def test_people_read_the_message_alone_and_no_line_an_answer() -> None:
    lines = said("text")
    assert "secret" not in "".join(lines)
    assert lines[:3] == ["Loading", "a warning", "Exception in ASGI application"]
    assert "KeyError <- ValueError at" in lines
    assert "answered" not in lines
