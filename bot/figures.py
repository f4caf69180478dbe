"""What visitors ask, in figures: counts kept without a word, and CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from bot.errors import MessageError
from bot.staff import Store

Cell = str | int | float
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header, the header first in CSV."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def csv(self) -> str:
        """The table as CSV. Text that a spreadsheet would take for a formula is put behind an apostrophe."""
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        writer.writerow(self.columns)
        writer.writerows([[inert(cell) for cell in row] for row in self.rows])
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of the days from ``first`` to ``last``. ``unanswered``: share of the questions that failed (0 to 1)."""

    first: str
    last: str
    asked: int
    unanswered: float
    days: Table
    statuses: Table
    topics: Table
    feedback: Table
    sources: Table
    questions: Table  # empty where no words are kept

    def table(self, name: str) -> Table:
        """One of the tables by its name.

        Raises:
            MessageError: there is none of that name.
        """
        if name not in (names := [f.name for f in fields(self) if f.type == "Table"]):
            raise MessageError(f"There is no table '{name}'. Choose one of {', '.join(names)}.")
        table: Table = getattr(self, name)
        return table


def inert(cell: Cell) -> Cell:
    """A cell that no spreadsheet reads as a formula."""
    if isinstance(cell, str) and cell.lstrip(" \u00a0\ufeff").startswith(_FORMULA):
        return f"'{cell}"
    return cell


def figures(store: Store, first: str, last: str, most: int = 20) -> Figures:
    """The figures of the days from ``first`` to ``last`` (YYYY-MM-DD, both included).

    Raises:
        StateError: the database can't be read.
    """
    span = (first, last)
    with store.read() as cursor:

        def rows(query: str, *more: Cell) -> tuple[tuple[Cell, ...], ...]:
            return tuple(tuple(row) for row in cursor.execute(query, (*span, *more)).fetchall())

        asked = "FROM asked JOIN entry ON entry.id = asked.entry WHERE kind = 'question' AND day BETWEEN ? AND ?"
        days = rows(f"SELECT day, SUM(n), SUM(n * failed) {asked} GROUP BY day ORDER BY day")
        statuses = rows(f"SELECT status, SUM(n) {asked} GROUP BY status ORDER BY 2 DESC, 1")
        topics = rows(f"SELECT category, SUM(n), SUM(n * failed) {asked} GROUP BY category")
        told = rows(
            "SELECT helpful, coalesce(reason, ''), COUNT(*) FROM feedback WHERE substr(at, 1, 10) BETWEEN ? AND ?"
            " GROUP BY 1, 2 ORDER BY 1 DESC, 3 DESC, 2"
        )
        sources = rows("SELECT source_id, SUM(n) FROM cited WHERE day BETWEEN ? AND ? GROUP BY 1 ORDER BY 2 DESC, 1")
        worded = f"{asked} AND text IS NOT NULL GROUP BY id, text ORDER BY 2 DESC, id LIMIT ?"
        questions = rows(f"SELECT text, SUM(n), SUM(n * failed) {worded}", most)
    total, failed = sum(int(row[1]) for row in days), sum(int(row[2]) for row in days)
    helpful = tuple(("yes" if yes else "no", why, n) for yes, why, n in told)
    return Figures(
        first, last, total, failed / total if total else 0.0,
        Table(("day", "asked", "unanswered"), days), Table(("status", "asked"), statuses),
        Table(("topic", "kind", "asked", "unanswered"), _by_topic(topics)),
        Table(("helpful", "reason", "told"), helpful), Table(("article", "cited"), sources),
        Table(("question", "asked", "unanswered"), questions),
    )  # fmt: skip


def _by_topic(rows: Iterable[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Counts by topic and kind of question, whatever the status, the most asked first."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for category, asked, failed in rows:
        _, topic, facet = json.loads(str(category))
        before = counts.get((topic, facet), (0, 0))
        counts[topic, facet] = (before[0] + int(asked), before[1] + int(failed))
    return tuple((*key, *n) for key, n in sorted(counts.items(), key=lambda kv: (-kv[1][0], kv[0])))
