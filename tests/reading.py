"""How hard the visitor-facing texts are to read: ``python -m tests.reading`` prints every text, hardest first.

The grade is Flesch-Kincaid's, a school year; the reading age is five more. Measured with ``readability``, which
needs no word list from the network.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import readability  # type: ignore[import-untyped]

from bot.clinic import Clinic
from bot.language import sentence_spans
from bot.texts import URGENT_KEYS, Texts

HARDEST = 7.0  # grade of any text: a reading age of 12, read by nearly everybody of 11
HARDEST_URGENT = 6.0  # grade of what a frightened person reads: a reading age of 11
FORMULA = ("disclaimer_general", "disclaimer_general_short")  # one short line of set words, long ones at that


@dataclass(frozen=True, slots=True)
class Row:
    """One text with its words and its grade."""

    key: str
    words: int
    grade: float


def grade(text: str) -> float:
    """Flesch-Kincaid grade of a text, one decimal; very short sentences may fall below 0."""
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    tokens = (" ".join(re.findall(r"[\w'-]+|[.!?]", sentence)) for sentence in sentences)
    measures = readability.getmeasures("\n".join(tokens), lang="en")
    return round(float(measures["readability grades"]["Kincaid"]), 1)


def rows() -> list[Row]:
    """Every English text as it ships, with no clinic's details filled in; the hardest first."""
    texts = Texts.load(Clinic())
    return sorted((Row(k, len(t.split()), grade(t)) for k, t in texts.items()), key=lambda r: (-r.grade, r.key))


def summary() -> list[str]:
    """The table of CONTRIBUTING: texts by kind, as Markdown."""
    kinds: dict[str, list[Row]] = {"urgent": [], "caution": [], "beside an answer": [], "other": []}
    for row in rows():
        if row.key in URGENT_KEYS:
            kinds["urgent"].append(row)
        elif row.key.startswith("caution"):
            kinds["caution"].append(row)
        elif row.key.startswith(("disclaimer", "balance", "price")):
            kinds["beside an answer"].append(row)
        else:
            kinds["other"].append(row)
    out = ["| texts | number | most words | middle grade | hardest grade |", "|---|---|---|---|---|"]
    for kind, found in kinds.items():
        plain = [row for row in found if row.key not in FORMULA]
        middle, most = plain[len(plain) // 2].grade, max(row.words for row in found)
        out.append(f"| {kind} | {len(found)} | {most} | {middle} | {plain[0].grade} (`{plain[0].key}`) |")
    return out


if __name__ == "__main__":
    for line in (f"{row.grade:5.1f}  {row.words:3} words  {row.key}" for row in rows()):
        sys.stdout.write(line + "\n")
