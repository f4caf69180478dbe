"""The command line as a process of its own: what goes to stdout and stderr, and the exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.__main__ import TELL_EVERY, Bar, parser
from bot.config import Config
from bot.pipeline import Bot
from bot.schema import Turn
from tests.bicycle import write_corpus
from tests.conftest import Command

LINES = 500
QUESTIONS = [
    "how often is the chain oiled",
    "tyre pressure",
    "why do brakes squeal",
    "how long does mending a flat take",
]


def folders(config: Config) -> list[str]:
    return ["--corpus", str(config.corpus), "--index", str(config.index)]


def test_the_command_of_the_readme_answers_with_citations(command: Command, shipped: Config, shipped_bot: Bot) -> None:
    done = command("ask", "does it hurt", "--json", "--index", shipped.index, adapt=True)
    assert (done.returncode, done.stderr) == (0, "")
    reply = json.loads(done.stdout)
    assert reply["status"] == "answered"
    assert len({c["source_id"] for c in reply["citations"]}) >= 2
    for citation in reply["citations"]:
        article = shipped_bot.article(citation["source_id"])
        assert article
        assert article.text[citation["start"] : citation["end"]] == citation["quote"]
    # Another process, the same bytes.
    expected = json.loads(json.dumps(shipped_bot.ask([Turn("user", "does it hurt")]).to_dict()))
    assert {**reply, "timings_ms": 0} == {**expected, "timings_ms": 0}


def test_ask_prints_the_answer_for_people(command: Command, bicycle: Config) -> None:
    done = command("ask", QUESTIONS[0], *folders(bicycle))
    assert (done.returncode, done.stderr) == (0, "")
    assert "every 2 weeks" in done.stdout
    assert "[1]" in done.stdout
    assert "Looking after a bicycle chain" in done.stdout
    assert "Why:" not in done.stdout


def test_ask_takes_a_conversation_and_explains(command: Command, bicycle: Config) -> None:
    turns = ["how often is the chain oiled", "and the tyres pumped?"]
    done = command("ask", *turns, "--explain", "--json", *folders(bicycle))
    assert (done.returncode, done.stderr) == (0, "")
    reply = json.loads(done.stdout)
    assert reply["citations"][0]["source_id"] == "002-tyres"
    assert reply["why"]["parts"][0]["hits"]
    shown = command("ask", "how often is the chain oiled", "--explain", *folders(bicycle))
    assert "Why: {" in shown.stdout
    assert json.loads(shown.stdout.split("Why: ", 1)[1])["parts"]


def test_search_shows_scores_for_people_and_programs(command: Command, bicycle: Config) -> None:
    done = command("search", "tyre pressure", *folders(bicycle))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("query: tyre pressure")
    assert "002-tyres#0" in done.stdout
    listed = command("search", "tyre pressure", "--json", *folders(bicycle)).stdout
    rows = [json.loads(line) for line in listed.splitlines()]
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert rows[0]["passage"] == "002-tyres#0"
    assert {"dense", "sparse", "query"} <= set(rows[0])


def test_a_file_of_500_lines_is_answered_by_one_process(command: Command, bicycle: Config, tmp_path: Path) -> None:
    lines = [json.dumps({"id": i, "turns": [QUESTIONS[i % len(QUESTIONS)]]}) for i in range(LINES)]
    lines[123] = '{"id": 123, "turns": ["cut off'
    lines[400] = '{"id": 400}'
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(lines) + "\n")
    done = command("answer", source, target, *folders(bicycle))
    assert (done.returncode, done.stdout) == (1, "")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert errors[0].startswith(f"error: {source}:124: ")
    assert errors[1].startswith(f"error: {source}:401: ")
    replies = [json.loads(line) for line in target.read_text().splitlines()]
    assert [r["id"] for r in replies] == [i for i in range(LINES) if i not in (123, 400)]
    by_question: dict[str, set[str]] = {}
    for reply in replies:
        del reply["timings_ms"]
        said = QUESTIONS[reply.pop("id") % len(QUESTIONS)]
        by_question.setdefault(said, set()).add(json.dumps(reply))
    assert {len(different) for different in by_question.values()} == {1}


def test_a_good_file_exits_with_0(command: Command, bicycle: Config, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "turns": ["tyre pressure"]}\n')
    done = command("answer", tmp_path / "in.jsonl", tmp_path / "out.jsonl", *folders(bicycle))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((tmp_path / "out.jsonl").read_text())["status"] == "answered"


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["ask"], ["answer", "in.jsonl"], ["search"], ["ask", "x", "--loud"], ["build", "extra"]],
    ids=lambda a: " ".join(a) or "nothing",
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: python -m bot")


def test_wrong_usage_of_the_process_exits_with_2(command: Command) -> None:
    done = command("nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: python -m bot" in done.stderr


def test_help_names_every_command(command: Command) -> None:
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("build", "ask", "answer", "search"):
        assert name in done.stdout


@pytest.fixture
def config(bicycle: Config, tmp_path: Path) -> Config:
    """A corpus and an index that a test may spoil."""
    shutil.copytree(bicycle.index, tmp_path / "index")
    return Config(corpus=write_corpus(tmp_path / "corpus"), index=tmp_path / "index")


def test_a_missing_stale_or_damaged_index_is_refused_with_the_remedy(command: Command, config: Config) -> None:
    def refused() -> str:
        done = command("ask", QUESTIONS[0], *folders(config))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.endswith(": run 'python -m bot build'\n")
        return done.stderr

    article = config.corpus / "001-chain.md"
    kept = article.read_text()
    article.write_text(kept + "More.\n")
    assert "built from another corpus" in refused()
    article.write_text(kept)
    (damaged,) = (config.index / "builds").glob("*/passages.json")
    damaged.write_text("[]")
    assert "missing or altered" in refused()
    shutil.rmtree(config.index)
    assert "holds no index" in refused()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "x", "--corpus", "nowhere"], "holds no index: run"),
        (["build", "--corpus", "nowhere"], "is not a folder: make it"),
        (["search", "  "], "the question is empty: write one"),
        (["answer", "nowhere.jsonl", "out.jsonl"], "can't read nowhere.jsonl"),
    ],
    ids=["no index to ask", "no corpus to build", "nothing to search", "no input"],
)
def test_our_errors_are_one_line_and_exit_with_1(
    command: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = command(*arguments, "--index", tmp_path / "index")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_progress_says_what_is_left_and_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred texts, two seconds each, where there is no terminal."""
    now = [0.0]
    bar = Bar(lambda: now[0])
    for done in range(101):
        bar("encode", done, 100)
        now[0] += 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition("] ")[2] for line in lines] == [
        "15/100  3 min left", "30/100  2 min left", "45/100  2 min left", "60/100  80 s left", "75/100  50 s left",
        "90/100  20 s left", "100/100",
    ]  # fmt: skip
    assert TELL_EVERY == 30


def test_progress_starts_anew_with_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    bar = Bar(lambda: now[0])
    for step, pace in (("encode", 1.0), ("encode", 4.0), ("save", 2.0)):
        for done in (0, 10, 20):
            bar(step, done, 20)
            now[0] += 10 * pace
    said = capsys.readouterr().err
    assert "10/20  40 s left" in said
    assert said.count("20/20") == 3
