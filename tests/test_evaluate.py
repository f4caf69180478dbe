"""A whole run over the bicycle corpus: every item counts, twice the same bytes, other tools read the same figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import ir_measures
import pytest
from ir_measures import RR, R, Success, nDCG

from bot import gate
from bot.config import Config
from bot.evaluate import Library, Run, composed, of_bot, results_of
from bot.metrics import OUTCOMES, RETRIEVAL, Item
from bot.pipeline import Bot
from bot.results import junit_xml, results_json, timings_json, trec_qrels, trec_run
from bot.schema import Reply, Turn
from bot.sets import ItemSet, SetError, read_set
from bot.summary import latency, summarise, summary_lines
from tests.conftest import Command
from tests.hosted import Served
from tests.questions import ITEMS, write_set


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> ItemSet:
    return read_set(write_set(tmp_path_factory.mktemp("evaluate") / "set.jsonl"))


@pytest.fixture(scope="module")
def run(bicycle_bot: Bot, items: ItemSet) -> Run:
    return gate.run_bot(bicycle_bot, items)


def run_of(items: ItemSet, bot: Bot, ask: Callable[[Item], Reply | None]) -> Run:
    return Run(items.name, items.sha256, "fake", "retrieved", results_of(items.items, ask, of_bot(bot)[1]))


# --- items and denominators ------------------------------------------------------------------


def test_every_item_has_a_result_and_the_good_bot_is_right(run: Run, items: ItemSet) -> None:
    assert [r.item for r in run.results] == list(items.items)
    summary = summarise(run.results)
    assert summary.measures["right"].mean == 1.0
    assert summary.measures["right"].n == len(ITEMS) == summary.n
    assert summary.measures["Success@1"].n == sum("facts" in raw for raw in ITEMS)
    assert summary.measures["citation recall"].mean == summary.measures["citation precision"].mean == 1.0
    assert summary.errors == {}
    assert summary.confusion["urgent"] == {"urgent": 2}


def test_a_deleted_reply_lowers_the_score(run: Run, items: ItemSet, bicycle_bot: Bot) -> None:
    """The mean is over the set, not over those who answered."""
    replies = {r.item.id: r.reply for r in run.results}
    scores, found = [], []
    for gone in range(0, len(ITEMS), 4):
        lost = set(list(replies)[:gone])
        part = run_of(items, bicycle_bot, lambda item, lost=lost: None if item.id in lost else replies[item.id])  # type: ignore[misc]
        summary = summarise(part.results)
        assert summary.n == summary.measures["right"].n == len(ITEMS)
        assert summary.errors.get("no reply", 0) == gone
        assert summary.measures["Success@1"].n == summarise(run.results).measures["Success@1"].n
        scores.append(summary.measures["right"].mean)
        found.append(summary.measures["Success@1"].mean)
    assert scores == [1 - gone / len(ITEMS) for gone in range(0, len(ITEMS), 4)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 0


def test_the_outcomes_add_up(run: Run) -> None:
    summary = summarise(run.results)
    assert sum(summary.measures[o].mean for o in OUTCOMES) == pytest.approx(1)
    for rows in summary.rows.values():
        assert sum(row.n for row in rows) in (0, len(ITEMS))
        assert all(sum(row.shares.values()) == pytest.approx(1) for row in rows)
    assert [(r.name, r.n) for r in summary.rows["turns"]] == [("first question", 15), ("follow-up", 1)]


def test_what_was_composed_is_weighed_though_it_was_declined(run: Run) -> None:
    by_id = {r.item.id: r for r in run.results}
    assert by_id["oil"].would_be is True
    assert by_id["bitcoin"].would_be is False
    assert by_id["breathe"].would_be is None
    assert summarise(run.results).curve.n == 13


def test_composed_is_the_answer_where_it_was_given(run: Run, bicycle_bot: Bot) -> None:
    library = of_bot(bicycle_bot)[1]
    for result in run.results:
        if result.status == "answered" and result.reply and result.reply.why:
            text, sources = composed(result.reply.why, library)
            assert sources[0] == result.reply.citations[0].source_id
            assert all(citation.quote in result.reply.answer for citation in result.reply.citations)
            assert set(text.split()) <= set(result.reply.answer.split())


def test_the_library_cuts_passages_as_the_index_does(bicycle_bot: Bot) -> None:
    library = of_bot(bicycle_bot)[1]
    assert list(library.passages.values()) == list(bicycle_bot._index.passages)


def test_without_hits_the_cited_passages_are_ranked(run: Run, items: ItemSet, bicycle_bot: Bot) -> None:
    replies = {r.item.id: r.reply.with_(why=None) for r in run.results if r.reply}
    bare = run_of(items, bicycle_bot, lambda item: replies[item.id])
    first = {r.item.id: r.ranking for r in bare.results}
    assert first["oil"][0] == "001-chain#0"
    assert first["bitcoin"] == ()
    assert {r.item.id for r in bare.results if r.would_be is None} >= {"bitcoin", "opera"}


def test_a_citation_from_an_unknown_corpus_has_a_name_of_its_own(bicycle_bot: Bot) -> None:
    (citation, *_) = bicycle_bot.ask([Turn("user", "how often is the chain oiled")]).citations
    library = Library({}, (), {})
    assert library.passage_of(replace(citation, source_id="x", passage_start=7)) == "x@7"


# --- files -----------------------------------------------------------------------------------


def test_two_runs_give_the_same_bytes(run: Run, bicycle: Config, items: ItemSet, served: Served) -> None:
    again = gate.run_bot(served.bot(bicycle), items)
    one, other = (gate.files(r, summarise(r.results), None) for r in (run, again))
    assert set(one) == {
        "report.html", "results.json", "baseline.json", "junit.xml", "run.trec", "qrels.trec", "timings.json",
    }  # fmt: skip
    for name in set(one) - {"timings.json"}:
        assert one[name] == other[name], name


def test_two_processes_give_the_same_bytes(command: Command, bicycle: Config, tmp_path: Path) -> None:
    source = write_set(tmp_path / "set.jsonl")
    for name in ("one", "two"):
        done = command(
            "evaluate", source, "--report", tmp_path / name, "--corpus", bicycle.corpus, "--index", bicycle.index
        )
        assert done.returncode == 0, done.stderr
        assert "right                 100.0" in done.stdout
    for path in sorted((tmp_path / "one").iterdir()):
        if path.name != "timings.json":
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_trec_files_are_read_alike_by_ir_measures(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run").write_text(trec_run(run))
    (tmp_path / "qrels").write_text(trec_qrels(run))
    wanted = dict(zip(RETRIEVAL, (Success @ 1, Success @ 3, RR @ 10, nDCG @ 10, R @ 5), strict=True))
    found = ir_measures.calc_aggregate(
        wanted.values(),
        ir_measures.read_trec_qrels(str(tmp_path / "qrels")),  # type: ignore[no-untyped-call]
        ir_measures.read_trec_run(str(tmp_path / "run")),  # type: ignore[no-untyped-call]
    )
    ours = summarise(run.results).measures
    assert {n: found[m] for n, m in wanted.items()} == pytest.approx({n: ours[n].mean for n in wanted})


def test_json_holds_the_figures_and_every_item(run: Run) -> None:
    raw = json.loads(results_json(run, summarise(run.results)))
    assert raw["set"] == {"name": "set.jsonl", "sha256": run.sha256, "items": len(ITEMS)}
    assert raw["measures"]["right"]["mean"] == 1.0
    assert [row["id"] for row in raw["items"]] == [i["id"] for i in ITEMS]
    oil = raw["items"][0]
    assert oil["cited"][0][0] == "001-chain"
    assert oil["ranking"][0] == ["001-chain#0", 2]
    assert oil["decisions"][0]["answer"] is True
    assert raw["calibration"]["n"] == 13
    assert "ms" not in oil


def test_half_a_character_is_written_as_an_escape(items: ItemSet, bicycle_bot: Bot) -> None:
    odd = ItemSet("odd", "0" * 64, (Item("a", ("\ud83d",), "answer"),))
    run = run_of(odd, bicycle_bot, lambda item: Reply("abstained", "no \ud83d"))
    for text in gate.files(run, summarise(run.results), None).values():
        text.encode("utf-8")  # raises where half a character is left


def test_junit_has_a_case_an_item(run: Run, items: ItemSet, bicycle_bot: Bot) -> None:
    good = ElementTree.fromstring(junit_xml(run, None))
    assert good.attrib == {"name": "set.jsonl", "tests": str(len(ITEMS)), "failures": "0", "skipped": "0"}
    bad = run_of(items, bicycle_bot, lambda item: Reply("abstained", "\x07 ]]> <no>"))
    suite = ElementTree.fromstring(junit_xml(bad, None))
    failures = suite.findall("testcase/failure")
    assert len(failures) == int(suite.attrib["failures"]) == sum(r.error is not None for r in bad.results)
    assert {f.attrib["type"] for f in failures} == {"declined wrongly", "missed urgency", "wrong status"}
    assert "expected: answer\nabstained: \ufffd ]]> <no>" in str(failures[0].text)


def test_latency_is_by_step_and_in_its_own_file(run: Run) -> None:
    steps = latency(run.results)
    assert {"safety", "rewrite", "retrieve", "answer", "total"} <= set(steps)
    assert all(s["p50"] <= s["p95"] <= s["max"] for s in steps.values())
    raw = json.loads(timings_json(run))
    assert set(raw["items"]) == {i["id"] for i in ITEMS}
    assert any(line.startswith("time      p50") for line in summary_lines(run, summarise(run.results)))


# --- the command -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"update": True}, "give --baseline FILE"),
        ({"update": True, "baseline": Path("b"), "split": "dev"}, "no --split"),
        ({"tolerance": float("nan")}, "give such numbers"),
        ({"tolerance": -1.0}, "give such numbers"),
        ({"timeout": 0.0}, "give such numbers"),
        ({"baseline": Path("none.json")}, "write it with --update-baseline"),
        ({"split": "nonsense"}, "choose one of"),
    ],
    ids=str,
)
def test_a_wrong_task_is_refused_before_anything_is_asked(
    changes: dict[str, object], said: str, tmp_path: Path, bicycle: Config
) -> None:
    task = replace(gate.Task(write_set(tmp_path / "set.jsonl")), **changes)  # type: ignore[arg-type]
    nowhere = replace(bicycle, index=tmp_path / "no index")
    with pytest.raises(SetError, match=said):
        gate.evaluate(nowhere, task, lambda step, done, total: None)


@pytest.mark.parametrize(
    "arguments",
    [["nowhere.jsonl"], ["{empty}"], ["{twice}"], ["{good}", "--index", "nowhere"], ["{good}", "--split", "x"]],
    ids=["missing", "empty", "duplicate", "no index", "no such split"],
)
def test_what_cannot_be_used_exits_with_2_in_one_line(
    command: Command, tmp_path: Path, bicycle: Config, arguments: list[str]
) -> None:
    good = write_set(tmp_path / "good.jsonl")
    twice, empty = tmp_path / "twice.jsonl", tmp_path / "empty.jsonl"
    twice.write_text(good.read_text() * 2)
    empty.write_text("\n")
    named = [a.format(good=good, twice=twice, empty=empty) for a in arguments]
    done = command("evaluate", *named, "--corpus", bicycle.corpus)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_check_says_what_is_wrong_and_exits_with_1(command: Command, tmp_path: Path, bicycle: Config) -> None:
    wrong = [{**ITEMS[0], "facts": [["unicorn"]]}, *ITEMS[1:]]
    done = command("evaluate", "--check", write_set(tmp_path / "s.jsonl", wrong), "--corpus", bicycle.corpus)
    assert done.returncode == 1
    assert "error: oil: no allowed article states 'unicorn': mend 'facts'" in done.stdout
    done = command("evaluate", "--check", write_set(tmp_path / "s.jsonl"), "--corpus", bicycle.corpus)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("no errors\n")
