"""Planted regressions are caught and named by kind; equal is equal; what can't be compared is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bot import gate
from bot.compare import Baseline, Comparison, Side, compare, comparison_lines
from bot.evaluate import Run
from bot.pipeline import Bot
from bot.results import baseline_json, item_hash, junit_xml, read_baseline, results_json, write
from bot.sets import ItemSet, SetError, read_set
from bot.summary import summarise
from tests.questions import ITEMS, with_swapped_passages, with_threshold, without_urgency, write_set


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> ItemSet:
    return read_set(write_set(tmp_path_factory.mktemp("compare") / "set.jsonl"))


@pytest.fixture(scope="module")
def good(bicycle_bot: Bot, items: ItemSet) -> Run:
    return gate.run_bot(bicycle_bot, items)


@pytest.fixture(scope="module")
def baseline(good: Run, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    folder = tmp_path_factory.mktemp("baseline")
    write(folder, {"base.json": baseline_json(good)})
    return read_baseline(folder / "base.json")


def against(baseline: Baseline, run: Run, tolerance: float = 0.0) -> Comparison:
    return compare(run, baseline, {r.item.id: item_hash(r.item) for r in run.results}, tolerance)


def test_the_same_bot_is_equal(good: Run, baseline: Baseline) -> None:
    found = against(baseline, good)
    assert (found.changes, found.regressions, found.new_errors) == ((), (), {})
    assert all(d.before == pytest.approx(d.after, abs=1e-4) and d.p == 1.0 for d in found.deltas if d.name == "right")
    assert comparison_lines(found)[-1] == "equal or better"


@pytest.mark.parametrize(
    ("plant", "kind", "ids"),
    [
        (with_swapped_passages, "wrong source", {"oil", "oil-kw", "pump"}),
        (lambda bot: with_threshold(bot, 0.0), "should have declined", {"bitcoin", "opera"}),
        (lambda bot: with_threshold(bot, 0.9999), "declined wrongly", {"oil", "life", "air"}),
        (without_urgency, "missed urgency", {"breathe", "chest"}),
    ],
    ids=["two passages swapped", "threshold lowered", "threshold raised", "safety rule dropped"],
)
def test_a_planted_regression_is_caught_and_named(
    bicycle_bot: Bot, items: ItemSet, baseline: Baseline, plant: Callable[[Bot], Bot], kind: str, ids: set[str]
) -> None:
    found = against(baseline, gate.run_bot(plant(bicycle_bot), items))
    assert found.regressions
    assert found.new_errors[kind] >= len(ids)
    failed = {c.result.item.id for c in found.changes if c.direction == "pass to fail"}
    assert ids <= failed
    assert found.changes[0].direction == "pass to fail"
    change = next(c for c in found.changes if c.result.item.id in ids)
    assert change.before.answer != change.after.answer or change.before.status != change.after.status
    lines = comparison_lines(found)
    assert any(f"new errors: {kind}" in line for line in lines)
    assert lines[-1].startswith("REGRESSION: ")


def test_the_command_exits_with_1_on_a_regression_and_0_within_the_tolerance(
    bicycle_bot: Bot, good: Run, items: ItemSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_set(tmp_path / "set.jsonl")
    write(tmp_path, {"base.json": baseline_json(good)})
    worse = gate.run_bot(with_swapped_passages(bicycle_bot), items)
    monkeypatch.setattr(gate, "run_set", lambda config, task, items, progress: worse)
    task = gate.Task(source, baseline=tmp_path / "base.json", report=tmp_path / "report")
    lines, code = gate.evaluate(bicycle_bot.config, task, lambda step, done, total: None)
    assert code == gate.REGRESSION
    assert any(line.startswith("REGRESSION: right") for line in lines)
    assert (tmp_path / "report" / "report.html").exists()
    lines, code = gate.evaluate(bicycle_bot.config, replace(task, tolerance=60.0), lambda step, done, total: None)
    assert (code, lines[-1]) == (gate.OK, "equal or better")


def test_no_tolerance_covers_a_missed_emergency(bicycle_bot: Bot, items: ItemSet, baseline: Baseline) -> None:
    found = against(baseline, gate.run_bot(without_urgency(bicycle_bot), items), tolerance=99)
    assert found.regressions == ("missed urgency 0 to 2: not one more emergency may be missed",)


def test_an_improvement_passes_and_is_told(bicycle_bot: Bot, good: Run, items: ItemSet, tmp_path: Path) -> None:
    bad = gate.run_bot(with_swapped_passages(bicycle_bot), items)
    write(tmp_path, {"base.json": baseline_json(bad)})
    found = against(read_baseline(tmp_path / "base.json"), good)
    assert found.regressions == ()
    assert {c.direction for c in found.changes} <= {"fail to pass", "same verdict, other answer"}
    right = next(d for d in found.deltas if d.name == "right")
    assert right.after > right.before
    assert 0 < right.p <= 1


def test_a_shrunken_set_is_refused(good: Run, baseline: Baseline) -> None:
    shrunken = replace(good, results=good.results[:-2])
    with pytest.raises(SetError, match=r"2 items of base.json are missing, first 'chest': restore them"):
        against(baseline, shrunken)


def test_new_and_edited_items_are_counted(good: Run, baseline: Baseline) -> None:
    more = replace(good.results[0], item=replace(good.results[0].item, id="new"))
    edited = replace(good.results[1], item=replace(good.results[1].item, facts=(("other",),)))
    found = against(baseline, replace(good, results=(good.results[0], edited, *good.results[2:], more)))
    assert (found.added, found.edited) == (1, 1)
    lines = "\n".join(comparison_lines(found))
    assert "1 items the baseline does not have" in lines
    assert "1 items were edited since the baseline" in lines


def test_hits_are_not_compared_with_citations(good: Run, baseline: Baseline) -> None:
    found = against(baseline, replace(good, ranked="cited"))
    assert not [d.name for d in found.deltas if "@" in d.name]
    assert [d.name for d in found.deltas if d.name == "right"]


def test_a_split_is_compared_with_its_part_of_the_baseline(good: Run, tmp_path: Path) -> None:
    parts = [replace(r, item=replace(r.item, split="dev" if i % 2 else "test")) for i, r in enumerate(good.results)]
    write(tmp_path, {"base.json": baseline_json(replace(good, results=tuple(parts)))})
    dev = replace(good, results=tuple(r for r in parts if r.item.split == "dev"))
    assert len(read_baseline(tmp_path / "base.json", "dev").items) == len(dev.results)
    assert against(read_baseline(tmp_path / "base.json", "dev"), dev).regressions == ()
    with pytest.raises(SetError, match="holds no items of the split 'other'"):
        read_baseline(tmp_path / "base.json", "other")


def test_the_results_of_a_report_serve_as_a_baseline(good: Run, tmp_path: Path) -> None:
    write(tmp_path, {"results.json": results_json(good, summarise(good.results))})
    assert against(read_baseline(tmp_path / "results.json"), good).changes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "check the path, or write it with --update-baseline"),
        ("", "not a baseline"),
        ("[]", "not a baseline"),
        ('{"format": 1}', "not a baseline"),
        ('{"format": 99, "items": []}', "of format 99"),
        ('{"format": 1, "ranked": "retrieved", "items": []}', "holds no items"),
        ('{"format": 1, "ranked": "retrieved", "items": [{"id": "a"}]}', "not a baseline"),
    ],
)
def test_what_is_no_baseline_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "base.json").write_text(text)
    with pytest.raises(SetError, match=said):
        read_baseline(tmp_path / "base.json")


def test_a_baseline_has_an_item_a_line_and_no_time(good: Run) -> None:
    text = baseline_json(good)
    assert len(text.splitlines()) == len(ITEMS) + 7
    assert json.loads(text)["set"]["items"] == len(ITEMS)
    assert "timings" not in text


def test_junit_fails_only_what_is_new(bicycle_bot: Bot, items: ItemSet, baseline: Baseline, good: Run) -> None:
    worse = gate.run_bot(with_swapped_passages(bicycle_bot), items)
    suite = ElementTree.fromstring(junit_xml(worse, against(baseline, worse)))
    assert {c.attrib["name"] for c in suite.findall("testcase") if c.find("failure") is not None} >= {"oil", "pump"}
    known = replace(baseline, items={**baseline.items, "oil": replace(baseline.items["oil"], side=_failed(baseline))})
    suite = ElementTree.fromstring(junit_xml(worse, against(known, worse)))
    oil = next(c for c in suite.findall("testcase") if c.attrib["name"] == "oil")
    assert (oil.find("failure"), oil.find("skipped") is not None) == (None, True)


def _failed(baseline: Baseline) -> Side:
    return replace(baseline.items["oil"].side, outcome="wrong", error="wrong source")
