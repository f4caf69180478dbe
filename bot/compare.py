"""A run against a baseline: what changed, what it means, and whether it may pass (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.aggregate import randomisation_test
from bot.evaluate import HIGHER_IS_BETTER, MEASURES, Result, Run, group_of, measure
from bot.sets import SetError

Direction = Literal["pass to fail", "other error", "fail to pass", "same verdict, other answer"]
DIRECTIONS: tuple[Direction, ...] = ("pass to fail", "other error", "fail to pass", "same verdict, other answer")


@dataclass(frozen=True, slots=True)
class Side:
    """What a run said to an item: verdict, error kind ("" if right), status, answer."""

    outcome: str
    error: str
    status: str
    answer: str


@dataclass(frozen=True, slots=True)
class Past:
    """One item of a baseline. ``item`` is the hash of the item as it was, ``measures`` with the outcome's."""

    side: Side
    item: str
    split: str
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A run read back: what was measured, by item id."""

    name: str
    ranked: str
    items: Mapping[str, Past]


@dataclass(frozen=True, slots=True)
class Change:
    """An item whose reply is another than in the baseline."""

    result: Result
    direction: Direction
    before: Side
    after: Side


@dataclass(frozen=True, slots=True)
class Delta:
    """A measure before and after over the items both have, with the p of a paired randomisation test."""

    name: str
    before: float
    after: float
    n: int
    p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole difference. ``regressions`` say why it may not pass; empty means equal or better."""

    baseline: str
    tolerance: float
    changes: tuple[Change, ...]
    deltas: tuple[Delta, ...]
    new_errors: Mapping[str, int]
    added: int
    edited: int
    regressions: tuple[str, ...]


def side_of(result: Result) -> Side:
    """The present side of a comparison."""
    return Side(result.outcome, result.error or "", result.status, result.reply.answer if result.reply else "")


def compare(run: Run, baseline: Baseline, hashes: Mapping[str, str], tolerance: float = 0.0) -> Comparison:
    """Hold a run against a baseline. ``tolerance`` is in points of 100; ``hashes`` are the items' by id.

    A regression is: fewer right or more wrong than the tolerance allows, or one more missed emergency,
    which no tolerance covers.

    Raises:
        SetError: items of the baseline are missing from the run.
    """
    present = {r.item.id: r for r in run.results}
    missing = [name for name in baseline.items if name not in present]
    if missing:
        raise SetError(
            f"{run.name}: {len(missing)} items of {baseline.name} are missing, first {missing[0]!r}: restore them, "
            f"or remove the baseline file and write a new one if the set is meant to shrink"
        )
    pairs = [(present[name], past) for name, past in baseline.items.items()]
    changes = tuple(sorted(_changes(pairs), key=lambda c: (DIRECTIONS.index(c.direction), c.result.item.id)))
    deltas = _deltas(pairs, same_ranking=run.ranked == baseline.ranked)
    worse = (c for c in changes if c.direction in ("pass to fail", "other error"))
    return Comparison(
        baseline=baseline.name,
        tolerance=tolerance,
        changes=changes,
        deltas=deltas,
        new_errors=dict(sorted(Counter(c.after.error for c in worse).items())),
        added=len(present) - len(pairs),
        edited=sum(hashes[r.item.id] != past.item for r, past in pairs),
        regressions=tuple(_regressions(pairs, deltas, tolerance)),
    )


def _changes(pairs: Sequence[tuple[Result, Past]]) -> list[Change]:
    out = []
    for result, past in pairs:
        before, after = past.side, side_of(result)
        if before != after:
            out.append(Change(result, _direction(before, after), before, after))
    return out


def _direction(before: Side, after: Side) -> Direction:
    passed, passes = before.outcome == "right", after.outcome == "right"
    if passed != passes:
        return "pass to fail" if passed else "fail to pass"
    same = (before.outcome, before.error) == (after.outcome, after.error)
    return "same verdict, other answer" if same else "other error"


def _deltas(pairs: Sequence[tuple[Result, Past]], same_ranking: bool) -> tuple[Delta, ...]:
    out = []
    for name in MEASURES if pairs else ():
        if not same_ranking and ("@" in name):
            continue  # hits on one side, citations on the other: not the same measure
        both = [(past.measures.get(name), measure(result, name), group_of(result.item)) for result, past in pairs]
        known = [(b, a, g) for b, a, g in both if b is not None and a is not None]
        if known:
            before, after, groups = zip(*known, strict=True)
            p = randomisation_test(before, after, groups)
            out.append(Delta(name, sum(before) / len(known), sum(after) / len(known), len(known), p))
    return tuple(out)


def _regressions(pairs: Sequence[tuple[Result, Past]], deltas: Sequence[Delta], tolerance: float) -> list[str]:
    out = []
    for delta in deltas:
        change = 100 * (delta.after - delta.before)
        loss = -change if delta.name in HIGHER_IS_BETTER else change
        if delta.name in ("right", "wrong") and loss > tolerance + 1e-9:
            out.append(
                f"{delta.name} {100 * delta.before:.1f} to {100 * delta.after:.1f} "
                f"({change:+.1f} points, {tolerance:g} tolerated, p {delta.p:.3f})"
            )
    before = sum(past.side.error == "missed urgency" for _, past in pairs)
    after = sum(result.error == "missed urgency" for result, _ in pairs)
    if after > before:
        out.append(f"missed urgency {before} to {after}: not one more emergency may be missed")
    return out


def comparison_lines(comparison: Comparison, shown: int = 20) -> list[str]:
    """The difference as lines of text for a terminal: verdict, figures, kinds, the first changed items."""
    out = [f"against {comparison.baseline}:"]
    for d in comparison.deltas:
        if d.before != d.after:
            out.append(f"{d.name:20} {100 * d.before:6.1f} to {100 * d.after:5.1f}  n {d.n:5}  p {d.p:.3f}")
    counts = Counter(c.direction for c in comparison.changes)
    out += [f"{counts[name]:5} items {name}" for name in DIRECTIONS if counts[name]]
    out += [f"{n:5} new errors: {kind}" for kind, n in comparison.new_errors.items()]
    out += [f"{comparison.added:5} items the baseline does not have"] if comparison.added else []
    if comparison.edited:
        out.append(f"{comparison.edited:5} items were edited since the baseline: judged by their present form")
    failed = [c for c in comparison.changes if c.direction == "pass to fail"]
    for change in failed[:shown]:
        item = change.result.item
        out += [f"- {item.id} ({change.after.error}): {' / '.join(item.turns)}"]
        out += [f"    before: {_short(change.before.answer)}", f"    after:  {_short(change.after.answer)}"]
    out += [f"  ... and {len(failed) - shown} more: --report DIR shows all"] if len(failed) > shown else []
    out += [f"REGRESSION: {reason}" for reason in comparison.regressions]
    return out if comparison.regressions else [*out, "equal or better"]


def _short(text: str, width: int = 300) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 3] + "..."
