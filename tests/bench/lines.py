"""Lines over logarithmic axes as an SVG file of its own, for what grows over several powers of ten."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bot.render import esc

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 20, 50
COLOURS = ("#0f766e", "#b45309", "#6d28d9", "#be123c", "#1d4ed8")  # each 4.5:1 on white
STYLE = "text{font:13px sans-serif;fill:#1e293b}.grid{stroke:#cbd5e1}.line{fill:none;stroke-width:2}"


def log_lines(title: str, across: str, xs: Sequence[float], lines: Mapping[str, Sequence[float]]) -> str:
    """Each line's values over ``xs``, all above 0; the names stand at their ends."""
    values = [value for line in lines.values() for value in line]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(min(xs)), math.log10(max(xs))

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for value in xs:
        parts.append(f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{value:,.0f}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{esc(across)}</text>')
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        points = " ".join(f"{x(value):.1f},{y(of):.1f}" for value, of in zip(xs, line, strict=True))
        parts.append(f'<polyline class="line" stroke="{colour}" points="{points}"/>')
        end = f'x="{WIDTH - RIGHT + 8}" y="{y(line[-1]) + 4:.1f}" style="fill:{colour}"'
        parts.append(f"<text {end}>{esc(name)}</text>")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{esc(title)}</title>'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
