"""Files of conversations: every good line is answered, a bad one is named by its number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.batch import answer_file, turns_of
from bot.errors import MessageError
from bot.pipeline import Bot
from bot.schema import Turn

USER, BOT = "user", "assistant"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (["does it hurt"], [(USER, "does it hurt")]),
        ([""], [(USER, "")]),
        ([{"text": "hi"}], [(USER, "hi")]),
        ([{"role": "user", "text": "hi"}, {"role": "assistant", "text": "hello"}], [(USER, "hi"), (BOT, "hello")]),
        ([{"role": "visitor", "content": "hi"}, {"role": "bot", "content": "hello"}], [(USER, "hi"), (BOT, "hello")]),
        (["hi", {"role": "bot", "text": "hello"}, "how often"], [(USER, "hi"), (BOT, "hello"), (USER, "how often")]),
    ],
    ids=["text", "empty text", "no role", "roles", "other names", "mixed"],
)
def test_turns_are_read_in_both_forms(raw: Any, expected: list[tuple[str, str]]) -> None:
    assert [(t.role, t.text) for t in turns_of(raw)] == expected


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "does it hurt",
        {},
        [],
        [1],
        [None],
        [["x"]],
        [{}],
        [{"text": 1}],
        [{"role": "judge", "text": "x"}],
        [{"role": 1}],
    ],
    ids=repr,
)
def test_other_turns_are_refused(raw: Any) -> None:
    with pytest.raises(MessageError, match="must be"):
        turns_of(raw)


Answer = Callable[[str | bytes], tuple[list[dict[str, Any]], list[str]]]


@pytest.fixture
def answer(bicycle_bot: Bot, tmp_path: Path) -> Answer:
    """Answer the text of a file: the replies, and what was wrong."""

    def run(content: str | bytes) -> tuple[list[dict[str, Any]], list[str]]:
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        bad = answer_file(lambda: bicycle_bot, source, target, lambda step, done, total: None)
        return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()], bad

    return run


def test_a_line_in_gives_a_line_out_with_its_id(answer: Answer, bicycle_bot: Bot) -> None:
    turns = [["how often is the chain oiled"], ["tyre pressure", "and for wide ones?"], [""]]
    lines = [json.dumps({"id": f"q{i}", "turns": t, "expect": "x"}) for i, t in enumerate(turns)]
    replies, bad = answer("\n".join(lines))
    assert bad == []
    assert [r["id"] for r in replies] == ["q0", "q1", "q2"]
    for reply, said in zip(replies, turns, strict=True):
        expected = {"id": reply["id"], **bicycle_bot.ask([Turn("user", t) for t in said]).to_dict()}
        assert {**reply, "timings_ms": 0} == {**json.loads(json.dumps(expected)), "timings_ms": 0}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "not a JSON object"),
        (b"nonsense", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"id": 1, "turns": ["\xff"]}', "not a JSON object"),
        (b"[1, 2]", 'no "turns"'),
        (b'"text"', 'no "turns"'),
        (b'{"id": 1}', 'no "turns"'),
        (b'{"id": 1, "turns": []}', '"turns" must be a list'),
        (b'{"id": 1, "turns": "hi"}', '"turns" must be a list'),
        (b'{"id": 1, "turns": [{"role": "judge", "text": "x"}]}', "a turn must be"),
    ],
    ids=lambda value: ascii(value[:24]) if isinstance(value, bytes) else "",
)
def test_a_malformed_line_is_named_and_the_rest_answered(answer: Answer, line: bytes, said: str) -> None:
    good = b'{"id": "good", "turns": ["tyre pressure"]}'
    replies, bad = answer(b"\n".join([good, b"", line, good]))
    assert [r["id"] for r in replies] == ["good", "good"]
    (problem,) = bad
    assert "in.jsonl:3: " in problem
    assert said in problem


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "\\ud83d", "turns": ["tyre pressure"]}',
        '{"id": "x", "turns": ["tyre \\ud83d pressure"]}',
        '{"turns": ["\\u0000"]}',
    ],
    ids=["half a character as id", "half a character as text", "no id"],
)
def test_a_line_that_is_odd_but_well_formed_is_answered(answer: Answer, line: str) -> None:
    replies, bad = answer(f'{line}\n{{"id": "next", "turns": ["tyre pressure"]}}')
    assert bad == []
    assert len(replies) == 2
    assert replies[1]["id"] == "next"


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", " \r\n"], ids=repr)
def test_an_empty_file_gives_an_empty_file(answer: Answer, content: str) -> None:
    assert answer(content) == ([], [])


def test_windows_line_ends_and_a_byte_order_mark_are_read(answer: Answer) -> None:
    replies, bad = answer('\ufeff{"id": 1, "turns": ["hello"]}\r\n{"id": 2, "turns": ["hello"]}\r\n')
    assert ([r["id"] for r in replies], bad) == ([1, 2], [])


def test_the_files_are_checked_before_the_bot_is_opened(tmp_path: Path) -> None:
    def never() -> Bot:
        raise AssertionError("opened for nothing")

    (tmp_path / "in.jsonl").write_text("{}")
    for source, target, said in (
        (tmp_path / "none.jsonl", tmp_path / "out.jsonl", "can't read"),
        (tmp_path, tmp_path / "out.jsonl", "can't read"),
        (tmp_path / "in.jsonl", tmp_path / "in.jsonl", "is the input"),
    ):
        with pytest.raises(MessageError, match=said):
            answer_file(never, source, target, lambda step, done, total: None)
    assert (tmp_path / "in.jsonl").read_text() == "{}"


def test_an_output_that_cannot_be_written_is_named(bicycle_bot: Bot, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("{}")
    with pytest.raises(MessageError, match=r"can't write .*: check the path"):
        answer_file(lambda: bicycle_bot, tmp_path / "in.jsonl", tmp_path / "none" / "out.jsonl", lambda s, d, t: None)
