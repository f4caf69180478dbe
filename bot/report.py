"""A run as one page: figures, plots, what changed, every failure with what was retrieved and why (pure).

The file needs nothing else: styles and the small script of the filter are inside, no address is asked. It
holds no time of any kind, so the same run gives the same bytes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any

from bot.compare import Change, Comparison
from bot.evaluate import Result, Run
from bot.metrics import ERROR_KINDS
from bot.plots import confusion_table, legend, outcome_bars, reliability_plot, risk_coverage_plot
from bot.render import esc
from bot.summary import Row, Summary

SHOWN_HITS = 5
NOTES = {
    "Success@1": "the first hit states a fact of the item",
    "Success@3": "one of the first three does",
    "RR@10": "one over the rank of the first that does",
    "nDCG@10": "order of the first ten, passages with all facts counting twice",
    "R@5": "share of all such passages among the first five",
    "citation recall": "sentences of the answer that stand in the span they cite",
    "citation precision": "cited spans that the answer uses",
    "evidence precision": "cited spans from an allowed article, or stating a fact",
    "fact precision": "cited spans that state a fact",
    "fact recall": "facts that a cited span states",
    "right": "status, facts, first source, length: everything fits",
    "partial": "the facts stand only in the cited passages",
    "silent": "declined, though covered",
    "wrong": "everything else",
}


@cache
def _assets() -> dict[str, str]:
    text = (resources.files("bot") / "data" / "report.toml").read_text(encoding="utf-8")
    found: dict[str, str] = tomllib.loads(text)
    return found


def page(run: Run, summary: Summary, comparison: Comparison | None) -> str:
    """The whole report as HTML."""
    sections = [
        _verdict(comparison),
        _section("Figures", _figures(summary)),
        _section("Confidence", _confidence(summary)),
        _section("Statuses", _wide("Confusion matrix", confusion_table(summary.confusion))),
        *(_section(f"By {name}", _breakdown(name, rows)) for name, rows in summary.rows.items() if len(rows) > 1),
        _section("Items", _items(run, comparison)),
    ]
    title = f"Evaluation of {run.name}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{esc(title)}</title><style>{_assets()['css']}</style></head><body>"
        f"<header><h1>{esc(title)}</h1><p>{summary.n} items, {esc(run.subject)}, set {run.sha256[:12]}. "
        f"How long it took stands in timings.json.</p></header><main>{''.join(sections)}</main>"
        f"<script>{_assets()['js']}</script></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    name = title.lower().replace(" ", "-")
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{esc(title)}</h2>{body}</section>\n'


def _wide(label: str, table: str) -> str:
    """A table may be wider than a phone: it scrolls in a region the keyboard reaches."""
    return f'<div class="wide" role="region" aria-label="{esc(label)}" tabindex="0">{table}</div>'


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are text, escaped here; the first of a row is its heading."""
    top = "".join(f'<th scope="col">{esc(h)}</th>' for h in head)
    body = "".join(
        f'<tr><th scope="row">{esc(row[0])}</th>{"".join(f"<td>{esc(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f"<table><caption>{esc(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


# --- figures ---------------------------------------------------------------------------------


def _verdict(comparison: Comparison | None) -> str:
    if comparison is None:
        return _section("Verdict", "<p>Measured alone, without a baseline.</p>")
    good = not comparison.regressions
    word = "Equal or better" if good else "Regression"
    reasons = "".join(f"<li>{esc(reason)}</li>" for reason in comparison.regressions)
    kinds = ", ".join(f"{kind} {n}" for kind, n in comparison.new_errors.items())
    moved = [
        (d.name, _pct(d.before), _pct(d.after), f"{100 * (d.after - d.before):+.1f}", str(d.n), f"{d.p:.3f}")
        for d in comparison.deltas
    ]
    text = f"{word} than {comparison.baseline}" if good else f"{word} against {comparison.baseline}"
    extra = f"<p>New errors: {esc(kinds)}.</p>" if kinds else ""
    if comparison.edited or comparison.added:
        extra += f"<p>{comparison.edited} items were edited since the baseline, {comparison.added} are new.</p>"
    caption = f"Before and after, tolerance {comparison.tolerance:g} points; p of a paired randomisation test"
    table = _table(caption, ("measure", "before %", "after %", "change", "items", "p"), moved)
    banner = f'<p class="verdict {"good" if good else "bad"}"><strong>{esc(text)}</strong></p>'
    return _section("Verdict", f"{banner}<ul>{reasons}</ul>{extra}" + _wide("Before and after", table))


def _figures(summary: Summary) -> str:
    found = {name: e for name, e in summary.measures.items() if e.n}
    rows = [(name, _pct(e.mean), f"{_pct(e.low)} to {_pct(e.high)}", str(e.n)) for name, e in found.items()]
    caption = "Means with bootstrap 95% intervals, paraphrases resampled together"
    measures = _table(caption, ("measure", "%", "95% interval", "items"), rows)
    notes = _table("What the measures are", ("measure", "share of"), [(name, NOTES[name]) for name in found])
    share = [(kind, str(n), _pct(n / summary.n)) for kind, n in summary.errors.items()]
    errors = _table("Errors by kind", ("kind", "items", "% of all"), share)
    words = summary.words
    length = (
        f"<p>Answers have {words['p50']:.0f} words at the median, {words['p95']:.0f} at the 95th percentile, "
        f"{words['max']:.0f} at most.</p>"
        if words
        else ""
    )
    return (
        f'<div class="plots"><div>{_wide("Measures", measures)}<details><summary>What they are</summary>{notes}'
        f"</details></div><div>{_wide('Errors by kind', errors)}{length}</div></div>"
    )


def _confidence(summary: Summary) -> str:
    curve, found = summary.curve, summary.reliability
    step = max(1, len(curve.points) // 10)
    levels = [(_pct(c), _pct(r)) for c, r in [*curve.points[step - 1 : -1 : step], *curve.points[-1:]]]
    bins = [(f"{b.low:.1f} to {b.high:.1f}", str(b.n), _pct(b.confidence), _pct(b.accuracy)) for b in found.bins]
    first = _table("Risk by coverage", ("coverage %", "risk %"), levels)
    second = _table("Confidence and share right", ("confidence", "items", "stated %", "right %"), bins)
    return (
        f'<div class="plots"><figure>{risk_coverage_plot(curve)}<figcaption>Wrong answers among those given, the most '
        f"confident first. Area {_pct(curve.area)}%.</figcaption>{_data(first)}</figure><figure>"
        f"{reliability_plot(found)}<figcaption>How often it is right when it says how sure it is. Expected calibration "
        f"error {100 * found.ece:.1f} points.</figcaption>{_data(second)}</figure></div>"
    )


def _data(table: str) -> str:
    return f"<details><summary>Data</summary>{table}</details>"


def _breakdown(name: str, rows: Sequence[Row]) -> str:
    cells = [
        (
            row.name,
            str(row.n),
            _pct(row.right.mean),
            f"{_pct(row.right.low)} to {_pct(row.right.high)}",
            *(_pct(row.shares[o]) for o in ("partial", "silent", "wrong")),
        )
        for row in rows
    ]
    head = (name, "items", "right %", "95% interval", "partial %", "silent %", "wrong %")
    table = _wide(f"Outcomes by {name}, as a table", _table(f"Outcomes by {name}", head, cells))
    return f'<div class="plots"><figure>{legend()}{outcome_bars(name, rows)}</figure><div>{table}</div></div>'


# --- items -----------------------------------------------------------------------------------


def _items(run: Run, comparison: Comparison | None) -> str:
    changes = {c.result.item.id: c for c in comparison.changes} if comparison else {}
    order = {name: i for i, name in enumerate(changes)}
    shown = [r for r in run.results if r.error or r.item.id in changes]
    shown.sort(key=lambda r: order.get(r.item.id, len(order)))
    if not shown:
        return "<p>Every item is right, and none changed.</p>"
    kinds = [k for k in ERROR_KINDS if any(r.error == k for r in shown)]
    categories = sorted({r.item.category for r in shown} - {""})
    directions = list(dict.fromkeys(c.direction for c in changes.values()))
    form = (
        '<form id="filter" role="search" hidden><div><label for="words">Search</label>'
        '<input type="search" id="words" autocomplete="off"></div>'
        f"{_select('kind', 'Error', kinds)}{_select('category', 'Category', categories)}"
        f"{_select('change', 'Change', directions) if directions else ''}"
        '<p role="status" id="count"></p></form>'
    )
    intro = f"<p>{len(shown)} items: every failure, and every reply that changed.</p>"
    return intro + form + "".join(_item(r, changes.get(r.item.id)) for r in shown)


def _select(name: str, label: str, values: Sequence[str]) -> str:
    options = "".join(f'<option value="{esc(v)}">{esc(v)}</option>' for v in values)
    start = f'<div><label for="{name}">{label}</label><select id="{name}">'
    return f'{start}<option value="">all</option>{options}</select></div>'


def _item(result: Result, change: Change | None) -> str:
    item, error = result.item, result.error or ""
    told = change.direction if change else ""
    tags = [t for t in (error or "right", told, item.category, item.style, item.split) if t]
    marked = "".join(
        f'<span class="tag{" bad" if i == 0 and error else ""}">{esc(t)}</span>' for i, t in enumerate(tags)
    )
    asked = "".join(f"<li>{esc(text)}</li>" for text in item.turns)
    if change:
        sides = (("Before", change.before.status, change.before.answer), ("After", result.status, change.after.answer))
        answers = '<div class="sides">' + "".join(_answer(*side) for side in sides) + "</div>"
    else:
        answers = _answer("Reply", result.status, result.reply.answer if result.reply else "")
    data = f'data-kind="{esc(error)}" data-category="{esc(item.category)}" data-change="{esc(told)}"'
    return (
        f'<article class="item" {data}><h3>{esc(item.id)}</h3><p class="tags">{marked}</p>'
        f'<ol class="turns">{asked}</ol><p>Expected: {esc(_wanted(result))}</p>{answers}{_why(result)}</article>\n'
    )


def _wanted(result: Result) -> str:
    item = result.item
    facts = "; ".join(" or ".join(group) for group in item.facts)
    return item.expect + (f" from {', '.join(item.sources)}" if item.sources else "") + (f", {facts}" if facts else "")


def _answer(title: str, status: str, text: str) -> str:
    return f'<div class="answer"><h4>{esc(title)}: {esc(status)}</h4><p>{esc(text) or "(nothing)"}</p></div>'


def _why(result: Result) -> str:
    """What was retrieved, with its judgement, and how it was decided."""
    if not result.ranking:
        return ""
    meaning = {0: "no", 1: "some facts", 2: "all facts"}
    hits = [
        (str(rank), name, meaning[result.qrels.get(name, 0)] if result.qrels else "not judged")
        for rank, name in enumerate(result.ranking[:SHOWN_HITS], 1)
    ]
    table = _table("Retrieved", ("rank", "passage", "relevant"), hits)
    parts: list[dict[str, Any]] = list(result.reply.why["parts"]) if result.reply and result.reply.why else []
    decided = "".join(_decision(part) for part in parts)
    return f"<details><summary>What was retrieved and why</summary>{table}{decided}</details>"


def _decision(part: dict[str, Any]) -> str:
    query, decision = part["query"], part["decision"]
    signals = ", ".join(f"{name} {value:g}" for name, value in decision["signals"].items())
    chosen = "".join(f"<li>{esc(c['sentence'])}</li>" for c in part["chosen"])
    word = "answered" if decision["answer"] else "declined"
    return (
        f"<p>Searched: {esc(query['text'])}. {word.capitalize()} at confidence {decision['confidence']:g}: "
        f'{esc(decision["reason"])}.</p><ul>{chosen}</ul><p class="signals">{esc(signals)}</p>'
    )


def _pct(share: float) -> str:
    return f"{100 * share:.1f}"
