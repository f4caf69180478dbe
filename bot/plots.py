"""Plots as inline SVG, each with a title and a description; colours come from the page's style sheet (pure).

Drawn for a phone's width, so that the letters keep their size; a table with the same data stands beside each.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from bot.aggregate import Calibration, RiskCoverage
from bot.metrics import OUTCOMES
from bot.render import esc
from bot.summary import Row

WIDTH, HEIGHT = 340, 260  # units of the drawing, about pixels on a phone
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 40  # margins of a plot with axes
ROW = 26  # height of a bar with its gap
LABEL = 116  # width kept for the name of a bar


def risk_coverage_plot(curve: RiskCoverage) -> str:
    """Risk against coverage as a line."""
    if not curve.n:
        return _svg("curve", "Risk and coverage", "Nothing was decided.", "", HEIGHT)
    top = max(0.1, *(risk for _, risk in curve.points))
    scale = next((s for s in (0.1, 0.2, 0.3, 0.5) if top <= s), 1.0)
    line = " ".join(f"{_x(c):.1f},{_y(r / scale):.1f}" for c, r in curve.points)
    text = (
        f"Share of wrong answers among those given as ever less confident ones are. All {curve.n} decisions "
        f"answered: {100 * curve.points[-1][1]:.1f}% wrong. Area under the curve {100 * curve.area:.1f}%."
    )
    body = _axes("coverage, % answered", "risk, % wrong", scale) + f'<polyline class="line" points="{line}"/>'
    return _svg("curve", "Risk and coverage", text, body, HEIGHT)


def reliability_plot(found: Calibration) -> str:
    """Share right in each bin of confidence as bars, with the diagonal they should reach."""
    bars = []
    for b in (b for b in found.bins if b.n):
        left, right, top = _x(b.low) + 1, _x(b.high) - 1, _y(b.accuracy)
        size = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{_y(0) - top:.1f}"'
        bars.append(f'<rect class="bar" {size}/>')
    diagonal = f'<path class="ideal" d="M{_x(0):.1f} {_y(0):.1f}L{_x(1):.1f} {_y(1):.1f}"/>'
    text = (
        f"Share of right answers by stated confidence, {found.n} decisions; the dashed line is perfect agreement. "
        f"Expected calibration error {100 * found.ece:.1f} points."
    )
    body = _axes("confidence, %", "right, %", 1.0) + "".join(bars) + diagonal
    return _svg("reliability", "Reliability of confidence", text, body, HEIGHT)


def outcome_bars(name: str, rows: Sequence[Row]) -> str:
    """A stacked bar of the outcomes for each row."""
    parts = []
    for i, row in enumerate(rows):
        y, x = TOP + i * ROW, float(LABEL)
        label = row.name if len(row.name) <= 16 else row.name[:15] + "…"
        parts.append(f'<text class="name" x="{LABEL - 6}" y="{y + 14}" text-anchor="end">{esc(label)}</text>')
        for outcome in OUTCOMES:
            width = row.shares[outcome] * (WIDTH - LABEL - RIGHT - 30)
            if width:
                parts.append(f'<rect class="{outcome}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 8}"/>')
            x += width
        share = f"{100 * row.shares['right']:.0f}%"
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{y + 14}" text-anchor="end">{share}</text>')
    told = ", ".join(f"{row.name} {100 * row.shares['right']:.0f}% of {row.n}" for row in rows)
    text = f"Right, partial, silent and wrong by {name}, in this order from the left. Right: {told}."
    return _svg(f"by-{name}", f"Outcomes by {name}", text, "".join(parts), 2 * TOP + len(rows) * ROW)


def legend() -> str:
    """What the colours of the bars mean."""
    return '<p class="legend">' + " ".join(f'<span><i class="{o}"></i>{o}</span>' for o in OUTCOMES) + "</p>"


def _axes(across: str, up: str, scale: float) -> str:
    out = []
    for i in range(5):
        part = i / 4
        out.append(f'<path class="grid" d="M{LEFT} {_y(part):.1f}H{WIDTH - RIGHT}"/>')
        out.append(f'<text x="{LEFT - 6}" y="{_y(part) + 4:.1f}" text-anchor="end">{100 * part * scale:g}</text>')
        out.append(f'<text x="{_x(part):.1f}" y="{_y(0) + 16:.1f}" text-anchor="middle">{100 * part:g}</text>')
    middle = (_y(0) + _y(1)) / 2
    out.append(f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{across}</text>')
    out.append(f'<text transform="translate(12 {middle:.1f}) rotate(-90)" text-anchor="middle">{up}</text>')
    return "".join(out)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT - 8)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _svg(name: str, title: str, text: str, body: str, height: int) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{esc(title)}</title><desc id="{name}-text">{esc(text)}</desc>{body}</svg>'
    )


def confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> str:
    """Expected against given as a table, cells tinted by their share of the row."""
    columns = sorted({name for cells in confusion.values() for name in cells})
    head = "".join(f'<th scope="col">{esc(c)}</th>' for c in columns)
    rows = []
    for name, cells in confusion.items():
        total = sum(cells.values())
        tinted = (f'<td class="t{_tint(cells.get(c, 0) / total)}">{cells.get(c, 0) or ""}</td>' for c in columns)
        rows.append(f'<tr><th scope="row">{esc(name)}</th>{"".join(tinted)}<td>{total}</td></tr>')
    return (
        "<table><caption>Rows: what is expected. Columns: the status of the reply.</caption>"
        f'<thead><tr><th scope="col">expected</th>{head}<th scope="col">all</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _tint(share: float) -> int:
    """0 for nothing to 4 for most of the row."""
    return sum(share > edge for edge in (0.0, 0.05, 0.25, 0.75))


def count_bars(name: str, title: str, counts: Sequence[tuple[str, int]]) -> str:
    """A bar for each label, with its count."""
    most = max(1, *(n for _, n in counts))
    parts = []
    for i, (label, n) in enumerate(counts):
        y, width = TOP + i * ROW, n / most * (WIDTH - LABEL - RIGHT - 30)
        short = label if len(label) <= 16 else label[:15] + "…"
        parts.append(f'<text class="name" x="{LABEL - 6}" y="{y + 14}" text-anchor="end">{esc(short)}</text>')
        parts.append(f'<rect class="bar" x="{LABEL}" y="{y}" width="{width:.1f}" height="{ROW - 8}"/>')
        parts.append(f'<text x="{LABEL + width + 6:.1f}" y="{y + 14}">{n}</text>')
    text = ", ".join(f"{label} {n}" for label, n in counts)
    return _svg(f"by-{name}", title, text, "".join(parts), 2 * TOP + len(counts) * ROW)


def day_bars(title: str, first: str, last: str, counts: Sequence[tuple[str, int, int]]) -> str:
    """A bar for each day from first to last (YYYY-MM-DD): how many, and below it how many of them failed."""
    start = datetime.date.fromisoformat(first)
    days = (datetime.date.fromisoformat(last) - start).days + 1
    most = max(1, *(n for _, n, _ in counts))
    step, parts = (WIDTH - LEFT - RIGHT) / days, []
    for day, n, failed in counts:
        x = LEFT + (datetime.date.fromisoformat(day) - start).days * step
        for count, kind in ((n, "bar"), (failed, "bar failed")):
            top = _y(count / most)
            size = f'x="{x:.1f}" y="{top:.1f}" width="{max(1.0, step - 1):.1f}" height="{_y(0) - top:.1f}"'
            parts.append(f'<rect class="{kind}" {size}/>')
    right, foot = WIDTH - RIGHT, _y(0) + 16
    axes = (
        f'<path class="grid" d="M{LEFT} {_y(1):.1f}H{right}M{LEFT} {_y(0):.1f}H{right}"/>'
        f'<text x="{LEFT - 6}" y="{_y(1) + 4:.1f}" text-anchor="end">{most}</text>'
        f'<text x="{LEFT}" y="{foot:.1f}">{first}</text>'
        f'<text x="{right}" y="{foot:.1f}" text-anchor="end">{last}</text>'
    )
    asked, failed = sum(n for _, n, _ in counts), sum(f for _, _, f in counts)
    text = f"{asked} from {first} to {last}, at most {most} on a day; {failed} went unanswered, in the other colour."
    return _svg("by-day", title, text, axes + "".join(parts), HEIGHT)
