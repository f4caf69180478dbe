"""A run as files: JSON for machines and baselines, JUnit XML for CI, TREC run and qrels for other evaluators.

The same run gives the same bytes: nothing holds a date, a path or a duration, but ``timings.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from bot.aggregate import rounded
from bot.compare import Baseline, Comparison, Past, Side
from bot.evaluate import Result, Run
from bot.metrics import OUTCOMES, Item
from bot.sets import SetError
from bot.summary import Summary, latency

FORMAT = 1  # raise when a baseline can no longer be read as it was meant
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def item_hash(item: Item) -> str:
    """Changes whenever anything of an item does."""
    return hashlib.sha256(json.dumps(asdict(item), sort_keys=True).encode()).hexdigest()[:12]


# --- JSON ------------------------------------------------------------------------------------


def results_json(run: Run, summary: Summary) -> str:
    """Everything measured, one item a line, so that two files can be told apart line by line."""
    return _lined({**_head(run), **_figures(summary)}, (_full(r) for r in run.results))


def baseline_json(run: Run) -> str:
    """What a later run is compared with: verdict, answer and measures of every item, an error where there is one."""
    rows = (_brief(r) for r in run.results)
    return _lined(_head(run), ({key: told for key, told in row.items() if key != "error" or told} for row in rows))


def timings_json(run: Run) -> str:
    """Latency by step, and of every item, in milliseconds: the one file that no two runs share."""
    spent = {r.item.id: dict(r.reply.timings_ms) for r in run.results if r.reply}
    rounded_ = {name: {k: round(v, 2) for k, v in steps.items()} for name, steps in spent.items()}
    return json.dumps({"milliseconds": latency(run.results), "items": rounded_}, indent=1) + "\n"


def _head(run: Run) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "set": {"name": run.name, "sha256": run.sha256, "items": len(run.results)},
        "subject": run.subject,
        "ranked": run.ranked,
    }


def _figures(summary: Summary) -> dict[str, Any]:
    curve, reliability = summary.curve, summary.reliability
    return {
        "measures": {name: e.to_dict() for name, e in summary.measures.items() if e.n},
        "words": _rounded(summary.words),
        "rows": {
            title: {r.name: {"n": r.n, "right": r.right.to_dict(), "shares": _rounded(r.shares)} for r in rows}
            for title, rows in summary.rows.items()
        },
        "errors": dict(summary.errors),
        "confusion": {row: dict(cells) for row, cells in summary.confusion.items()},
        "risk_coverage": {
            "area": rounded(curve.area),
            "n": curve.n,
            "points": [[rounded(c), rounded(r)] for c, r in curve.points],
        },
        "calibration": {
            "ece": rounded(reliability.ece),
            "n": reliability.n,
            "bins": [_rounded(asdict(b)) for b in reliability.bins],
        },
    }


def _brief(result: Result) -> dict[str, Any]:
    return {
        "id": result.item.id,
        "item": item_hash(result.item),
        "split": result.item.split,
        "status": result.status,
        "outcome": result.outcome,
        "error": result.error or "",
        "answer": result.reply.answer if result.reply else "",
        "measures": _rounded(result.measures),
    }


def _full(result: Result) -> dict[str, Any]:
    item, reply = result.item, result.reply
    why = reply.why if reply else None
    return {
        **_brief(result),
        **{name: getattr(item, name) for name in ("group", "category", "style", "expect", "turns")},
        "words": result.words,
        "confidence": rounded(reply.confidence) if reply else 0.0,
        "would_be": result.would_be,
        "cited": [[c.source_id, c.start, c.end, c.quote] for c in reply.citations] if reply else [],
        "ranking": [[name, result.qrels.get(name, 0)] for name in result.ranking],
        "decisions": [p["decision"] for p in why["parts"]] if why else [],
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Most measures are 0 or 1, which "1" says as well as "1.0": a baseline is kept with the project."""
    figures = {name: rounded(value) for name, value in values.items()}
    return {name: int(figure) if figure.is_integer() else figure for name, figure in figures.items()}


def _lined(head: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> str:
    top = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in head.items()]
    # Half a character, as JSON may hold, must not stop the file from being written.
    rows = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
    text = "{\n" + "".join(top) + '"items": [\n' + rows + "\n]}\n"
    return text.encode("utf-8", "backslashreplace").decode()


def read_baseline(path: Path, split: str | None = None) -> Baseline:
    """Read a baseline, or the ``results.json`` of a report; the items of one split if it is named.

    Raises:
        SetError: missing, unreadable, of another format, or empty.
    """
    renew = "write it with --update-baseline"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise SetError(f"{path}: a baseline of format {raw['format']}, {FORMAT} is read: {renew}")
        items = {row["id"]: _past(row) for row in raw["items"] if split in (None, row["split"])}
        baseline = Baseline(path.name, raw["ranked"], items)
    except OSError as error:
        raise SetError(f"can't read {path}: {error.strerror}: check the path, or {renew}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetError(f"{path}: not a baseline ({type(error).__name__}): {renew}") from None
    if not baseline.items:
        raise SetError(f"{path}: holds no items{f' of the split {split!r}' if split else ''}: {renew}")
    return baseline


def _past(row: Mapping[str, Any]) -> Past:
    side = Side(row["outcome"], row.get("error", ""), row["status"], row["answer"])
    measures: dict[str, float] = {**row["measures"], **{name: float(name == side.outcome) for name in OUTCOMES}}
    return Past(side, row["item"], row["split"], measures)


# --- other tools -----------------------------------------------------------------------------


def junit_xml(run: Run, comparison: Comparison | None) -> str:
    """A test case an item. With a baseline only what it had right fails; known failures are skipped."""
    before = {c.result.item.id for c in comparison.changes if c.direction == "pass to fail"} if comparison else None
    suite = ElementTree.Element("testsuite", name=_xml(run.name))
    counts = {"tests": 0, "failures": 0, "skipped": 0}
    for result in run.results:
        item = result.item
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(item.category or "items"), name=_xml(item.id))
        counts["tests"] += 1
        if result.error is None:
            continue
        known = before is not None and item.id not in before
        counts["skipped" if known else "failures"] += 1
        if known:
            ElementTree.SubElement(case, "skipped", message=f"not new: {result.error}")
            continue
        failure = ElementTree.SubElement(case, "failure", type=result.error, message=_xml(item.turns[-1]))
        answer = result.reply.answer if result.reply else "(no reply)"
        failure.text = _xml(f"asked: {' / '.join(item.turns)}\nexpected: {item.expect}\n{result.status}: {answer}")
    for name, count in counts.items():
        suite.set(name, str(count))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def trec_run(run: Run) -> str:
    """``topic Q0 passage rank score tag``. The score is one over the rank: ties are read in our order."""
    return "".join(
        f"{_word(r.item.id)} Q0 {_word(name)} {rank} {1 / rank:.6f} bot\n"
        for r in run.results
        if r.qrels
        for rank, name in enumerate(r.ranking, 1)
    )


def trec_qrels(run: Run) -> str:
    """``topic 0 passage grade`` for every relevant passage: 2 states all facts of the item, 1 some."""
    return "".join(
        f"{_word(r.item.id)} 0 {_word(name)} {value}\n" for r in run.results for name, value in r.qrels.items()
    )


def _word(name: str) -> str:
    """TREC files part their columns by spaces."""
    return re.sub(r"\s+", "_", name)


def _xml(text: str) -> str:
    return _NOT_XML.sub("�", text)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a report.

    Raises:
        SetError: the folder can't be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SetError(f"can't write {folder}: {error.strerror}: check the path and the space left") from None
