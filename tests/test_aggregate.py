"""Adding up: intervals, the randomisation test, risk-coverage and calibration, by hand and by brute force."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from bot.aggregate import Bootstrap, calibration, counted, quantiles, randomisation_test, risk_coverage, rounded


def test_a_mean_counts_every_known_value() -> None:
    found = Bootstrap(list("abcd")).estimate([1.0, 0.0, None, 1.0])
    assert [found.mean, found.n] == pytest.approx([2 / 3, 3])
    assert 0 <= found.low < found.mean < found.high <= 1
    assert Bootstrap(["a"]).estimate([None]).n == 0
    assert Bootstrap([]).estimate([]).n == 0


def test_the_interval_is_that_of_the_binomial_for_single_items() -> None:
    values = [1.0] * 280 + [0.0] * 120
    found = Bootstrap([str(i) for i in range(400)]).estimate(values)
    half = 1.96 * (0.7 * 0.3 / 400) ** 0.5  # the normal approximation, 0.045
    assert found.low == pytest.approx(0.7 - half, abs=0.006)
    assert found.high == pytest.approx(0.7 + half, abs=0.006)


def test_paraphrases_that_fail_together_widen_the_interval() -> None:
    values = [float(i // 10 % 2) for i in range(200)]
    alone = Bootstrap([str(i) for i in range(200)]).estimate(values)
    grouped = Bootstrap([str(i // 10) for i in range(200)]).estimate(values)
    assert grouped.high - grouped.low > 2.5 * (alone.high - alone.low)  # sqrt(10) times, about


def test_the_same_data_gives_the_same_interval() -> None:
    values = [float(i % 3 == 0) for i in range(50)]
    groups = [str(i) for i in range(50)]
    assert Bootstrap(groups).estimate(values) == Bootstrap(groups).estimate(values)


def test_randomisation_against_every_permutation() -> None:
    rng = random.Random(3)
    before = [float(rng.random() < 0.4) for _ in range(12)]
    after = [float(rng.random() < 0.8) for _ in range(12)]
    differences = [a - b for a, b in zip(after, before, strict=True)]
    signs = list(itertools.product((-1, 1), repeat=12))
    extreme = sum(
        abs(sum(s * d for s, d in zip(row, differences, strict=True))) >= abs(sum(differences)) for row in signs
    )
    found = randomisation_test(before, after, [str(i) for i in range(12)])
    assert found == pytest.approx(extreme / len(signs), abs=0.015)


def test_randomisation_flips_groups_whole() -> None:
    before, after = [0.0] * 20, [1.0] * 20
    assert randomisation_test(before, after, [str(i) for i in range(20)]) < 0.001
    assert randomisation_test(before, after, ["one"] * 20) == 1.0  # one observation proves nothing
    assert randomisation_test(before, before, ["one"] * 20) == 1.0
    assert randomisation_test([], [], []) == 1.0


def test_risk_coverage_by_hand() -> None:
    found = risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, False])
    assert found.points == ((0.25, 0.0), (0.5, 0.5), (0.75, 1 / 3), (1.0, 0.5))
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert risk_coverage([], []).n == 0


def test_risk_coverage_does_not_depend_on_the_order_within_a_tie() -> None:
    one = risk_coverage([0.5, 0.5, 0.9], [True, False, True])
    other = risk_coverage([0.5, 0.9, 0.5], [False, True, True])
    assert one == other
    assert one.points == ((1 / 3, 0.0), (1.0, 1 / 3))
    assert one.area == pytest.approx((0 + 0.5 / 2 + 1 / 3) / 3)


def test_the_area_is_the_mean_over_orders_of_a_tie() -> None:
    correct = [True, False, False, True, True]
    orders = set(itertools.permutations(correct))
    areas = [risk_coverage([5, 4, 3, 2, 1], order).area for order in orders]
    assert risk_coverage([1.0] * 5, correct).area == pytest.approx(sum(areas) / len(areas))


def test_calibration_by_hand() -> None:
    found = calibration([0.95, 0.91, 0.15, 0.1, 1.0], [True, False, False, True, True])
    last, second = found.bins[9], found.bins[1]
    assert [last.n, last.confidence, last.accuracy] == pytest.approx([3, 2.86 / 3, 2 / 3])
    assert [second.n, second.confidence, second.accuracy] == pytest.approx([2, 0.125, 0.5])
    assert found.ece == pytest.approx((2.86 / 3 - 2 / 3) * 3 / 5 + 0.375 * 2 / 5)
    assert calibration([], []).ece == 0


def test_a_calibrated_model_has_no_error() -> None:
    rng = np.random.default_rng(1)
    sure = rng.random(20_000)
    assert calibration(sure.tolist(), (rng.random(20_000) < sure).tolist()).ece < 0.02


def test_small_things() -> None:
    assert counted([("b", "x"), ("a", "x"), ("a", "y"), ("a", "x")]) == {"a": {"x": 2, "y": 1}, "b": {"x": 1}}
    assert quantiles([1.0, 2.0, 3.0]) == {"mean": 2.0, "p50": 2.0, "p95": pytest.approx(2.9), "max": 3.0}
    assert quantiles([]) == {}
    assert str(rounded(-0.00001)) == "0.0"
