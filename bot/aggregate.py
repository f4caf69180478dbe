"""Per-item measures to figures with their uncertainty: bootstrap, randomisation test, calibration (pure).

Paraphrases of one fact fail together, so it is the group of an item that is resampled or flipped, never
the item alone. All draws are seeded: the same results give the same figures to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEED = 5
RESAMPLES = 2000  # an interval's ends move by less than half a point between seeds
PERMUTATIONS = 10_000  # the smallest p that can be told is 1 in 10,001
BINS = 10  # of the reliability diagram, as Guo et al. use


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` items with its bootstrap 95% interval."""

    mean: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float]:
        """The JSON form."""
        return {"mean": rounded(self.mean), "low": rounded(self.low), "high": rounded(self.high), "n": self.n}


class Bootstrap:
    """Resampled groups, drawn once and used for every row, so that rows can be compared.

    Efron and Tibshirani 1993, percentile interval, over clusters. ``groups`` names the group of each item;
    items without one are their own.
    """

    def __init__(self, groups: Sequence[str]) -> None:
        names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
        self._of = np.asarray([names[g] for g in groups], dtype=np.int64)
        count = max(1, len(names))
        rng = np.random.default_rng(SEED)
        self._draws: Floats = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)

    def estimate(self, values: Sequence[float | None]) -> Estimate:
        """Mean of the values that are not None, one an item in the order of ``groups``."""
        known = np.asarray([v is not None for v in values], dtype=np.float64)
        given = np.asarray([v or 0.0 for v in values], dtype=np.float64)
        n = int(known.sum())
        if not n:
            return Estimate(0.0, 0.0, 0.0, 0)
        size = self._draws.shape[1]
        sums = self._draws @ np.bincount(self._of, given * known, size)
        counts = self._draws @ np.bincount(self._of, known, size)
        means = sums[counts > 0] / counts[counts > 0]
        low, high = np.percentile(means, [2.5, 97.5])
        return Estimate(float((given * known).sum()) / n, float(low), float(high), n)


def randomisation_test(before: Sequence[float], after: Sequence[float], groups: Sequence[str]) -> float:
    """Two-sided p of the difference of paired means, by flipping the sign of whole groups at random.

    Fisher's test as Smucker, Allan and Carterette 2007 use it for retrieval. 1.0 where nothing differs.
    """
    names = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    difference = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    sums = np.bincount([names[g] for g in groups], difference, len(names)) if names else np.zeros(0)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    signs = np.random.default_rng(SEED).integers(0, 2, (PERMUTATIONS, len(sums))) * 2.0 - 1.0
    extreme = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9
    return float(extreme.sum() + 1) / (PERMUTATIONS + 1)


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """``points`` are (coverage, risk) as ever less confident answers are given; ``area`` is their mean risk."""

    points: tuple[tuple[float, float], ...]
    area: float
    n: int


def risk_coverage(confidence: Sequence[float], correct: Sequence[bool]) -> RiskCoverage:
    """Risk against coverage (Geifman and El-Yaniv 2017, "Selective classification for deep neural networks").

    ``area`` is the mean over k of the share wrong among the k most confident. Within a tie of confidence the
    expected share counts, so that the order of the items does not.
    """
    total, given, wrong, area = len(correct), 0, 0, 0.0
    points: list[tuple[float, float]] = []
    ranked = sorted(zip(confidence, correct, strict=True), key=lambda pair: -pair[0])
    for _, level in groupby(ranked, key=lambda pair: pair[0]):
        tied = [ok for _, ok in level]
        missed = tied.count(False)
        area += sum((wrong + missed * j / len(tied)) / (given + j) for j in range(1, len(tied) + 1))
        given, wrong = given + len(tied), wrong + missed
        points.append((given / total, wrong / given))
    return RiskCoverage(tuple(points), area / total if total else 0.0, total)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence is in [low, high): their mean confidence and the share that is right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reliability diagram and its expected calibration error."""

    bins: tuple[Bin, ...]
    ece: float
    n: int


def calibration(confidence: Sequence[float], correct: Sequence[bool]) -> Calibration:
    """Bins of equal width and the gap between confidence and accuracy, weighted by their size.

    Guo et al. 2017, "On calibration of modern neural networks".
    """
    values, truth = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    places = np.minimum((values * BINS).astype(np.int64), BINS - 1)
    bins, ece = [], 0.0
    for i in range(BINS):
        inside = places == i
        n = int(inside.sum())
        sure, right = (float(values[inside].mean()), float(truth[inside].mean())) if n else (0.0, 0.0)
        bins.append(Bin(i / BINS, (i + 1) / BINS, n, sure, right))
        ece += abs(sure - right) * n / max(1, len(values))
    return Calibration(tuple(bins), ece, len(values))


def counted(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """A confusion matrix: first of the pair to second to how often, in order of the names."""
    out: dict[str, dict[str, int]] = {}
    for row, column in sorted(pairs):
        cells = out.setdefault(row, {})
        cells[column] = cells.get(column, 0) + 1
    return out


def rounded(value: float) -> float:
    """Four places: finer differences are another machine's arithmetic."""
    return round(float(value), 4) + 0.0


def quantiles(values: Sequence[float]) -> Mapping[str, float]:
    """Mean, median, 95th percentile and largest of some numbers; empty where there are none."""
    if not len(values):
        return {}
    middle, high = np.percentile(values, [50, 95])
    return {"mean": float(np.mean(values)), "p50": float(middle), "p95": float(high), "max": float(max(values))}
