"""What visitors ask as a page: figures, plots drawn here, tables with the same data, CSV (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from bot.figures import Figures, Table
from bot.guard import STAFF
from bot.plots import count_bars, day_bars
from bot.render import date_text, esc
from bot.staff_pages import Around, page, t
from bot.staff_words import say, texts

TABLES = ("days", "statuses", "topics", "questions", "sources", "feedback")
SPANS = (7, 30, 90)  # days that can be looked at
_BARS = 8  # of a plot
_ROWS = 15  # of a table; the CSV has all


def insights_page(around: Around, figures: Figures, span: int, titles: dict[str, str]) -> str:
    """The figures of the last ``span`` days."""
    tabs = "".join(
        f'<li><a href="{STAFF}/insights?days={days}"{" aria-current=page" if days == span else ""}>'
        f"{t('last_days', n=days)}</a></li>"
        for days in SPANS
    )
    between = t("between", first=date_text(figures.first), last=date_text(figures.last))
    yes = sum(int(row[2]) for row in figures.feedback.rows if row[0] == "yes")
    told = sum(int(row[2]) for row in figures.feedback.rows)
    numbers = {
        "asked": f"{figures.asked:,}",
        "unanswered": f"{figures.unanswered:.0%}" if figures.asked else "–",
        "helped": f"{yes / told:.0%}" if told else "–",
        "told": f"{told:,}",
    }
    tiles = "".join(f"<div><dt>{t(f'figure_{key}')}</dt><dd>{esc(value)}</dd></div>" for key, value in numbers.items())
    tables = "".join(_section_html(name, figures, span, titles) for name in TABLES)
    body = (
        f'<div class="head"><div><h1>{t("insights")}</h1><p class="hint">{between} {t("insights_hint")}</p></div>'
        f'<ul class="tabs">{tabs}</ul></div><dl class="figures">{tiles}</dl><div class="plots">{tables}</div>'
    )
    return page(around, say("insights"), body, "/insights")


def _section_html(name: str, figures: Figures, span: int, titles: dict[str, str]) -> str:
    table = figures.table(name)
    heading, rows = say(f"table_{name}"), [[_cell(cell, titles) for cell in row] for row in table.rows]
    if name == "days":
        rows = [[date_text(row[0]), *row[1:]] for row in rows]
    plot = _plot(name, heading, figures, table, titles) if rows else ""
    link = f'<a href="{STAFF}/insights.csv?table={name}&amp;days={span}" download>{t("as_csv")}</a>' if rows else ""
    shown = (
        _table_html(table, rows)
        if rows
        else f'<p class="meta">{t(f"no_{name}" if name == "questions" else "none_yet")}</p>'
    )
    return f'<section class="card"><div class="head"><h2>{esc(heading)}</h2>{link}</div>{plot}{shown}</section>'


def _plot(name: str, heading: str, figures: Figures, table: Table, titles: dict[str, str]) -> str:
    if name == "days":
        legend = f'<p class="meta legend"><i></i> {t("legend")}</p>'
        counts = [(str(day), int(n), int(failed)) for day, n, failed in table.rows]
        return day_bars(heading, figures.first, figures.last, counts) + legend
    if name not in ("statuses", "topics", "sources"):
        return ""
    bars = []
    for row in table.rows[:_BARS]:
        label = " · ".join(_cell(cell, titles) for cell in row if isinstance(cell, str) and cell)
        bars.append((label or say("no_topic"), next(int(cell) for cell in row if not isinstance(cell, str))))
    return count_bars(name, heading, bars)


def _cell(cell: object, titles: dict[str, str]) -> str:
    """A cell in words: an article's title, a status or a reason as staff know it."""
    text = str(cell)
    if text in titles:
        return titles[text]
    known = next((k for k in (f"status_{text}", f"reason_{text}", f"helpful_{text}") if k in texts()), None)
    return say(known) if known else text.replace("_", " ") if isinstance(cell, str) and " " not in text else text


def _table_html(table: Table, rows: Sequence[Sequence[str]]) -> str:
    numeric = [all(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    head = "".join(
        f'<th scope="col"{" class=number" if n else ""}>{t(f"column_{c}")}</th>'
        for c, n in zip(table.columns, numeric, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=number' if n else ''} dir=auto>{esc(c) or '–'}</td>"
            for c, n in zip(row, numeric, strict=True)
        )
        + "</tr>"
        for row in rows[:_ROWS]
    )
    more = f'<p class="meta">{t("more_rows", n=len(rows) - _ROWS)}</p>' if len(rows) > _ROWS else ""
    open_ = f'<div class="wide" tabindex="0" role="group" aria-label="{t("rows")}">'
    return f"{open_}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>{more}"


def _cell_html(text: str, number: bool) -> str:
    return f"<td{' class=number' if number else ''} dir=auto>{esc(text) or '–'}</td>"
