"""A run to its figures: measures with intervals, rows by kind, errors, confusion, risk-coverage, calibration (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.aggregate import (
    Bootstrap,
    Calibration,
    Estimate,
    RiskCoverage,
    calibration,
    counted,
    quantiles,
    risk_coverage,
)
from bot.evaluate import MEASURES, Result, Run, group_of, measure
from bot.metrics import ERROR_KINDS, OUTCOMES, Item

# How the rows of the breakdown are made.
ROWS: Mapping[str, Callable[[Item], str]] = {
    "expect": lambda item: item.expect,
    "category": lambda item: item.category,
    "style": lambda item: item.style,
    "split": lambda item: item.split,
    "turns": lambda item: "first question" if len(item.turns) == 1 else "follow-up",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A slice of the set: shares of the outcomes, ``right`` with its interval."""

    name: str
    n: int
    right: Estimate
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run. ``rows`` are by what the set is sliced by, ``confusion`` expected to status."""

    n: int
    measures: Mapping[str, Estimate]
    words: Mapping[str, float]
    rows: Mapping[str, tuple[Row, ...]]
    errors: Mapping[str, int]
    confusion: Mapping[str, Mapping[str, int]]
    curve: RiskCoverage
    reliability: Calibration


def summarise(results: Sequence[Result]) -> Summary:
    """Add up a run. The denominator of the outcomes is every item, with or without a reply."""
    bootstrap = Bootstrap([group_of(r.item) for r in results])
    values = {name: [measure(r, name) for r in results] for name in MEASURES}
    decided = [(r.reply.confidence, r.would_be) for r in results if r.reply and r.would_be is not None]
    sure, correct = [c for c, _ in decided], [ok for _, ok in decided]
    errors = Counter(r.error for r in results if r.error)
    return Summary(
        n=len(results),
        measures={name: bootstrap.estimate(column) for name, column in values.items()},
        words=quantiles([float(r.words) for r in results if r.status == "answered"]),
        rows={name: _rows(results, key, bootstrap) for name, key in ROWS.items()},
        errors={kind: errors[kind] for kind in ERROR_KINDS if errors[kind]},
        confusion=counted([(r.item.expect, r.status) for r in results]),
        curve=risk_coverage(sure, correct),
        reliability=calibration(sure, correct),
    )


def _rows(results: Sequence[Result], key: Callable[[Item], str], bootstrap: Bootstrap) -> tuple[Row, ...]:
    out = []
    for name in sorted({key(r.item) for r in results} - {""}):
        inside = [key(r.item) == name for r in results]
        outcomes = Counter(r.outcome for r, ok in zip(results, inside, strict=True) if ok)
        right = [measure(r, "right") if ok else None for r, ok in zip(results, inside, strict=True)]
        n = sum(inside)
        out.append(Row(name, n, bootstrap.estimate(right), {o: outcomes[o] / n for o in OUTCOMES}))
    return tuple(out)


def latency(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Milliseconds by step, as the bot measures them: mean, p50, p95, max over the items that took it."""
    steps: dict[str, list[float]] = {}
    for result in results:
        for step, spent in (result.reply.timings_ms if result.reply else {}).items():
            steps.setdefault(step, []).append(spent)
    return {step: {k: round(v, 2) for k, v in quantiles(spent).items()} for step, spent in sorted(steps.items())}


def summary_lines(run: Run, summary: Summary) -> list[str]:
    """The figures as lines of text for a terminal."""
    out = [f"{run.name}: {summary.n} items, {run.subject}", "", f"{'measure':20} {'mean':>6}  95% interval      n"]
    for name, e in summary.measures.items():
        if e.n:
            out.append(f"{name:20} {100 * e.mean:6.1f}  {100 * e.low:5.1f} to {100 * e.high:5.1f}  {e.n:5}")
    out.append(f"{'risk-coverage area':20} {100 * summary.curve.area:6.1f}  {'':14}  {summary.curve.n:5}")
    out.append(f"{'calibration error':20} {100 * summary.reliability.ece:6.1f}  {'':14}  {summary.reliability.n:5}")
    out.append("")
    for title in ("expect", "category", "style", "turns", "split"):
        for row in summary.rows[title] if len(summary.rows[title]) > 1 else ():
            shares = "  ".join(f"{o} {100 * row.shares[o]:5.1f}" for o in OUTCOMES)
            out.append(f"{title:9} {row.name:16} {row.n:5}  {shares}")
    out += ["", *(f"error     {kind:20} {n:5}" for kind, n in summary.errors.items())]
    if "total" in (spent := latency(run.results)):
        steps = ", ".join(f"{k} {v['p50']:.1f}" for k, v in spent.items() if k != "total")
        total = spent["total"]
        out.append(f"time      p50 {total['p50']:.1f} ms, p95 {total['p95']:.1f} ms (p50 by step: {steps})")
    return out
