"""Fit the answer-or-decline model (``data/abstention.json``) on a development split.

A logistic regression estimates from the signals of a decision whether the composed answer would be right;
the operating point is the threshold at which wrong and silent replies together cost least. Regularisation
and threshold are chosen out of fold, groups whole, so that no paraphrase of a question is judged by a model
that has seen another one of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bot.aggregate import RiskCoverage, calibration, risk_coverage, rounded
from bot.config import Config
from bot.errors import BotError
from bot.evaluate import Library, Progress, Result, composed, group_of, of_bot, results_of
from bot.metrics import would_be_right
from bot.sets import ItemSet, SetError, read_set

if TYPE_CHECKING:
    from bot.pipeline import Bot

Floats = NDArray[np.float64]
FILE = Path(__file__).resolve().parent / "data" / "abstention.json"
FOLDS = 5
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # C of the regression, weakest fit first
THRESHOLDS = tuple(i / 100 for i in range(1, 100))
AROUND = 6  # hundredths to each side of a threshold that tell how good it is
FEWEST = 20  # right and wrong answers each: below it, folds without one of them occur
DEFAULT_COST = 2.0  # a wrong answer does as much harm as two questions left to the clinic
CURVE_POINTS = 20


@dataclass(frozen=True, slots=True)
class Example:
    """The signals of one decision, whether its answer would be right, and whether there is one at all."""

    signals: Mapping[str, float]
    correct: bool
    answerable: bool
    group: str


@dataclass(frozen=True, slots=True)
class Shares:
    """What a threshold leads to: shares of all examples; ``cost`` is the mean over them."""

    threshold: float
    right: float
    silent: float
    wrong: float
    cost: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients for raw signals, the operating point, and how well both did out of fold."""

    weights: Mapping[str, float]
    bias: float
    threshold: float
    strength: float
    cost: float
    losses: Mapping[float, float]  # out-of-fold log loss by strength
    expected: Shares
    curve: RiskCoverage
    ece: float
    probabilities: tuple[float, ...]  # out of fold, one an example


def development(items: ItemSet) -> ItemSet:
    """The same set, if nothing in it is kept for testing.

    Raises:
        SetError: an item is of the test split; says what to do.
    """
    kept = sum(i.split == "test" for i in items.items)
    if kept:
        raise SetError(
            f"{items.name}: {kept} items are of the split 'test', which is for counting only: "
            f"fit on the others with --split dev"
        )
    return items


def examples(results: Sequence[Result], library: Library) -> tuple[list[Example], dict[str, int]]:
    """The decisions that a run made, and how many items were skipped, by reason.

    An item counts by what the bot composed, whatever it decided; nothing is right for an uncovered item.
    """
    out: list[Example] = []
    skipped: Counter[str] = Counter()
    for result in results:
        item, reply = result.item, result.reply
        why = reply.why if reply else None
        if item.expect not in ("answer", "abstain"):
            skipped["expects neither an answer nor a decline"] += 1
        elif why is None or result.status not in ("answered", "abstained", "clarify"):
            skipped["decided by safety"] += 1
        elif len(why["parts"]) != 1:
            skipped["several questions in one message"] += 1
        elif not (signals := why["parts"][0]["decision"]["signals"]):
            skipped["nothing found"] += 1
        else:
            right = would_be_right(item, *composed(why, library))
            out.append(Example(signals, right, item.expect == "answer", group_of(item)))
    return out, dict(skipped)


def fit(data: Sequence[Example], cost: float = DEFAULT_COST) -> Fit:
    """Choose regularisation by out-of-fold log loss, the threshold by out-of-fold cost, then fit on all.

    Raises:
        SetError: too few right or wrong answers to learn from.
    """
    counts = Counter(e.correct for e in data)
    if min(counts[True], counts[False]) < FEWEST:
        raise SetError(
            f"{counts[True]} composed answers are right and {counts[False]} wrong, {FEWEST} of each are needed: "
            f"add questions that the articles answer, and some that they do not"
        )
    names = sorted({name for e in data for name in e.signals})
    rows = np.asarray([[e.signals.get(name, 0.0) for name in names] for e in data], dtype=np.float64)
    truth = np.asarray([e.correct for e in data], dtype=np.int64)
    tried = {c: _out_of_fold(rows, truth, [e.group for e in data], c) for c in STRENGTHS}
    losses = {c: _log_loss(truth, p) for c, p in tried.items()}
    strength = min(losses, key=lambda c: (losses[c], c))
    probabilities = tried[strength]
    expected = operating_point(probabilities, data, cost)
    weights, bias = _coefficients(rows, truth, strength)
    sure, correct = probabilities.tolist(), [e.correct for e in data]
    return Fit(
        weights={name: rounded(w) for name, w in zip(names, weights, strict=True) if rounded(w)},
        bias=rounded(bias),
        threshold=expected.threshold,
        strength=strength,
        cost=cost,
        losses=losses,
        expected=expected,
        curve=risk_coverage(sure, correct),
        ece=calibration(sure, correct).ece,
        probabilities=tuple(sure),
    )


def _coefficients(rows: Floats, truth: NDArray[np.int64], strength: float) -> tuple[Floats, float]:
    """Logistic regression over standardised signals, its coefficients brought back to the raw ones."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(spread > 1e-9, spread, np.inf)  # a signal that never varies gets no weight
    model = LogisticRegression(C=strength, max_iter=2000).fit((rows - mean) / scale, truth)
    weights: Floats = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - weights @ mean)


def _out_of_fold(rows: Floats, truth: NDArray[np.int64], groups: Sequence[str], strength: float) -> Floats:
    """Each example's probability by a model that saw nothing of its group. Shape (n,)."""
    from sklearn.model_selection import StratifiedGroupKFold

    out: Floats = np.zeros(len(rows))
    for train, held in StratifiedGroupKFold(FOLDS).split(rows, truth, groups):
        weights, bias = _coefficients(rows[train], truth[train], strength)
        out[held] = 1 / (1 + np.exp(-np.clip(rows[held] @ weights + bias, -30, 30)))
    return out


def _log_loss(truth: NDArray[np.int64], probabilities: Floats) -> float:
    return float(-np.mean(np.log(np.where(truth == 1, probabilities, 1 - probabilities))))


def shares(probabilities: Floats, data: Sequence[Example], threshold: float, cost: float) -> Shares:
    """Outcomes if everything at or above the threshold is answered.

    Declining is right for what is not covered and silent for the rest; answering is right or wrong. A wrong
    answer costs ``cost``, a silent one 1.
    """
    given = probabilities >= threshold
    correct = np.asarray([e.correct for e in data])
    answerable = np.asarray([e.answerable for e in data])
    wrong, silent = float((given & ~correct).mean()), float((~given & answerable).mean())
    return Shares(threshold, 1 - wrong - silent, silent, wrong, cost * wrong + silent)


def operating_point(probabilities: Floats, data: Sequence[Example], cost: float) -> Shares:
    """The threshold about which answering costs least: the mean over ``AROUND`` to both sides, since the curve is flat
    there and single items make dents in it. Of several that cost the same, the middle one."""
    tried = [shares(probabilities, data, t, cost) for t in THRESHOLDS]
    costs = np.pad([s.cost for s in tried], AROUND, mode="edge")
    means = np.convolve(costs, np.full(2 * AROUND + 1, 1 / (2 * AROUND + 1)), mode="valid")
    best = np.flatnonzero(means <= means.min() + 1e-12)
    return tried[int(best[len(best) // 2])]


# --- the command and its file --------------------------------------------------------------------------------


def command(
    open_bot: Callable[[Config], Bot],
    config: Config,
    path: Path,
    split: str | None,
    cost: float,
    output: Path | None,
    progress: Progress,
) -> list[str]:
    """Fit on a set and write the coefficients; what was found as lines of text.

    Raises:
        BotError: the set, the bot or the file can't be used, or the set holds test items.
    """
    if not 0 < cost < 1000:
        raise SetError(f"--cost {cost:g}: give how much worse than silence a wrong answer is, such as 2")
    items = development(read_set(path).only(split))
    bot = open_bot(config)
    ask, library = of_bot(bot)
    data, skipped = examples(results_of(items.items, ask, library, progress), library)
    found = fit(data, cost)
    target = output or FILE
    write(target, bot.kind, record(found, items, len(data), skipped, bot.index_version))
    return [*fit_lines(found, data, skipped), f"written: {bot.kind!r} of {target.name}"]


def record(found: Fit, items: ItemSet, used: int, skipped: Mapping[str, int], index_version: str) -> dict[str, Any]:
    """The entry of ``abstention.json``: what is read, and under ``fit`` what it was made from."""
    points = found.curve.points
    step = max(1, len(points) // CURVE_POINTS)
    thinned = [*points[step - 1 : -1 : step], points[-1]]
    return {
        "weights": dict(found.weights),
        "bias": found.bias,
        "threshold": found.threshold,
        "fit": {
            "set": items.name,
            "sha256": items.sha256,
            "splits": sorted({i.split for i in items.items}),
            "index": index_version,
            "items": used,
            "skipped": dict(skipped),
            "cost_of_wrong": found.cost,
            "C": found.strength,
            "folds": FOLDS,
            "log_loss": rounded(found.losses[found.strength]),
            "ece": rounded(found.ece),
            "expected": {k: rounded(getattr(found.expected, k)) for k in ("right", "silent", "wrong")},
            "area": rounded(found.curve.area),
            "curve": [[rounded(c), rounded(r)] for c, r in thinned],
        },
    }


def write(path: Path, kind: str, entry: Mapping[str, Any]) -> None:
    """Put the entry into the file, the other kinds left as they are.

    Raises:
        BotError: the file can't be read or written.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**kept, kind: entry}, indent=1) + "\n", encoding="utf-8")
    except (OSError, ValueError, TypeError) as error:
        raise BotError(f"{path}: {error}: name another file with --output") from None


def fit_lines(found: Fit, data: Sequence[Example], skipped: Mapping[str, int]) -> list[str]:
    """The fit as lines of text for a terminal, with the operating points of other costs to choose from."""
    right = sum(e.correct for e in data)
    out = [f"{len(data)} decisions in {len({e.group for e in data})} groups, {right} composed answers right"]
    out += [f"skipped {n:5}: {reason}" for reason, n in skipped.items()]
    out += [f"C {c:<6g} log loss {loss:.4f}{' *' if c == found.strength else ''}" for c, loss in found.losses.items()]
    out.append(f"area {100 * found.curve.area:.1f}, calibration error {100 * found.ece:.1f} (out of fold)")
    out.append("cost of a wrong answer   threshold   right  silent   wrong")
    for cost in sorted({0.5, 1.0, 2.0, 4.0, found.cost}):
        s = operating_point(np.asarray(found.probabilities), data, cost)
        mark = " *" if cost == found.cost else ""
        figures = f"{100 * s.right:6.1f}  {100 * s.silent:6.1f}  {100 * s.wrong:6.1f}"
        out.append(f"{cost:22g}   {s.threshold:9.2f}  {figures}{mark}")
    return out
