"""Fitting the decision: it finds what is there, keeps groups whole, refuses test items, writes what is read."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.abstention import Model
from bot.calibrate import (
    THRESHOLDS,
    Example,
    development,
    examples,
    fit,
    fit_lines,
    operating_point,
    record,
    shares,
    write,
)
from bot.config import Config
from bot.evaluate import of_bot, results_of
from bot.metrics import Item
from bot.pipeline import Bot
from bot.schema import MOST_LEARNED, Passage, worded
from bot.sets import ItemSet, SetError, read_set
from tests.conftest import Command
from tests.questions import ITEMS, write_set


def synthetic(n: int = 600, seed: int = 1) -> list[Example]:
    """Right with probability 1 / (1 + exp(1 - 4 a + 2 b)); ``noise`` says nothing, ``still`` never varies."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        a, b, noise = rng.random(3)
        right = rng.random() < 1 / (1 + np.exp(1 - 4 * a + 2 * b))
        out.append(Example({"a": a, "b": b, "noise": noise, "still": 0.3}, bool(right), True, f"g{i // 2}"))
    return out


def test_known_coefficients_are_found() -> None:
    found = fit(synthetic(6000))
    assert found.weights["a"] == pytest.approx(4, abs=0.4)
    assert found.weights["b"] == pytest.approx(-2, abs=0.4)
    assert abs(found.weights.get("noise", 0.0)) < 0.3
    assert "still" not in found.weights
    assert found.bias == pytest.approx(-1, abs=0.4)
    assert found.ece < 0.03
    assert found.losses[found.strength] == min(found.losses.values())


def test_the_written_model_gives_the_fitted_probabilities() -> None:
    data = synthetic()
    found = fit(data)
    model = Model(found.weights, found.bias, found.threshold)
    sure = [model.probability(e.signals) for e in data]
    assert np.corrcoef(sure, found.probabilities)[0, 1] > 0.97  # out of fold: nearly the same model


def test_a_fit_is_the_same_every_time() -> None:
    assert fit(synthetic()) == fit(synthetic())


def test_groups_stay_whole() -> None:
    """A signal that only names the group predicts nothing where no group is split."""
    rng = random.Random(2)
    data = []
    for group in range(60):
        right = bool(rng.random() < 0.5)
        data += [Example({f"is{group}": 1.0}, right, True, f"g{group}")] * 4
    found = fit(data)
    assert found.losses[found.strength] > 0.65  # a coin's is 0.693
    split = [replace(e, group=str(i)) for i, e in enumerate(data)]
    assert fit(split).losses[fit(split).strength] < 0.3


def test_shares_by_hand() -> None:
    data = [
        Example({}, True, True, "a"), Example({}, False, True, "b"), Example({}, False, False, "c"),
        Example({}, True, True, "d"),
    ]  # fmt: skip
    sure = np.asarray([0.9, 0.8, 0.3, 0.2])
    found = shares(sure, data, 0.5, cost=3.0)
    # answered: a right, b wrong; declined: c rightly, d silent
    assert (found.right, found.silent, found.wrong) == (0.5, 0.25, 0.25)
    assert found.cost == pytest.approx(3 * 0.25 + 0.25)


def test_the_dearer_a_wrong_answer_the_higher_the_threshold() -> None:
    data = synthetic()
    sure = np.asarray(fit(data).probabilities)
    points = [operating_point(sure, data, cost) for cost in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)]
    assert [p.threshold for p in points] == sorted(p.threshold for p in points)
    assert [p.wrong for p in points] == sorted((p.wrong for p in points), reverse=True)
    for point, cost in zip(points, (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), strict=True):
        assert point.cost == pytest.approx(min(shares(sure, data, t, cost).cost for t in THRESHOLDS), rel=0.1)


def test_a_dent_in_the_curve_does_not_move_the_threshold() -> None:
    """Wrong below .5, right above, but for a few single ones: only about .5 it is good to both sides."""
    sure = np.linspace(0.005, 0.995, 100)
    correct = sure > 0.5
    correct[80:83] = False
    data = [Example({}, bool(c), True, str(i)) for i, c in enumerate(correct)]
    assert operating_point(sure, data, 2.0).threshold == pytest.approx(0.5, abs=0.03)


def test_too_little_to_learn_from_is_refused() -> None:
    with pytest.raises(SetError, match="20 of each are needed"):
        fit([replace(e, correct=True) for e in synthetic()])


def test_a_test_split_is_refused() -> None:
    items = ItemSet("s", "0", (Item("a", ("x",), "answer", split="dev"), Item("b", ("y",), "answer", split="test")))
    with pytest.raises(SetError, match=r"1 items are of the split 'test'.* --split dev"):
        development(items)
    with pytest.raises(SetError, match="for counting only"):
        development(items.only("test"))
    assert development(items.only("dev")).items == items.items[:1]


def test_examples_are_what_was_composed(bicycle_bot: Bot, tmp_path: Path) -> None:
    more = [*ITEMS, {"id": "two", "turns": ["how often is the chain oiled and how much air does a tyre need"],
                     "expect": "answer"}]  # fmt: skip
    items = read_set(write_set(tmp_path / "set.jsonl", more))
    ask, library = of_bot(bicycle_bot)
    data, skipped = examples(results_of(items.items, ask, library), library)
    assert len(data) == 13
    assert skipped == {"expects neither an answer nor a decline": 3, "several questions in one message": 1}
    assert sum(e.correct for e in data) == 11
    assert [e.answerable for e in data] == [True] * 11 + [False] * 2
    assert {"group oil", "item life"} <= {e.group for e in data}
    assert all(set(Model.load().weights) <= set(e.signals) for e in data)


def test_the_file_keeps_the_other_kind_and_can_be_read(tmp_path: Path) -> None:
    data = synthetic()
    found = fit(data)
    items = ItemSet("s.jsonl", "ab" * 32, (Item("a", ("x",), "answer", split="dev"),))
    target = tmp_path / "abstention.json"
    target.write_text('{"plain": {"weights": {"a": 1}, "bias": 0, "threshold": 0.5}}')
    write(target, "wordings", record(found, items, len(data), {"nothing found": 2}, "v1"))
    raw = json.loads(target.read_text())
    assert set(raw) == {"plain", "wordings"}
    entry = raw["wordings"]
    assert (entry["weights"], entry["bias"], entry["threshold"]) == (found.weights, found.bias, found.threshold)
    assert entry["fit"]["sha256"] == "ab" * 32
    assert (entry["fit"]["items"], entry["fit"]["cost_of_wrong"]) == (600, 2.0)
    coverage = [c for c, _ in entry["fit"]["curve"]]
    assert coverage == sorted(coverage)
    assert coverage[-1] == 1.0
    first = target.read_bytes()
    write(target, "wordings", record(fit(data), items, len(data), {"nothing found": 2}, "v1"))
    assert target.read_bytes() == first


def test_the_kind_is_that_of_most_passages() -> None:
    def passage(n: int, *questions: str) -> Passage:
        return Passage(f"a#{n}", "a", 0, 1, "x", (), questions, ())

    assert worded([passage(n, "why?") for n in range(3)]) == "few"
    assert worded([passage(n, *"abc") for n in range(3)]) == "wordings"
    assert worded([passage(n) for n in range(3)]) == "plain"
    assert worded([passage(n, *"abc") for n in range(MOST_LEARNED + 1)]) == "few"  # too many to tell apart


def test_the_lines_show_the_choice_of_costs() -> None:
    data = synthetic()
    lines = fit_lines(fit(data, cost=3.0), data, {"nothing found": 2})
    assert "skipped     2: nothing found" in lines
    assert sum(line.endswith("*") for line in lines) == 2  # the strength and the cost that were taken
    assert any(line.strip().startswith("3 ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{test}"], "for counting only"),
        (["{test}", "--split", "test"], "for counting only"),
        (["{good}", "--cost", "0"], "--cost 0"),
        (["{good}"], "20 of each are needed"),
    ],
)
def test_the_command_refuses(
    command: Command, bicycle: Config, tmp_path: Path, arguments: list[str], said: str
) -> None:
    good = write_set(tmp_path / "good.jsonl")
    test = write_set(tmp_path / "test.jsonl", [{**raw, "split": "test"} for raw in ITEMS])
    output = tmp_path / "out.json"
    named = [a.format(good=good, test=test) for a in arguments]
    done = command("calibrate", *named, "--output", output, "--corpus", bicycle.corpus, "--index", bicycle.index)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert not output.exists()
