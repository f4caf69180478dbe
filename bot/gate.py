"""The command ``evaluate`` from end to end: read the set, ask, add up, compare, write; lines and an exit code.

Exit codes: 0 equal or better (or no baseline), 1 a regression, 2 the set, the baseline or the bot can't be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot import report, results
from bot.clinic import Clinic
from bot.compare import Comparison, compare, comparison_lines
from bot.config import Config
from bot.corpus import load_corpus
from bot.endpoint import Endpoint
from bot.evaluate import Library, Progress, Run, of_bot, results_of
from bot.pipeline import Bot
from bot.set_check import check, check_lines
from bot.sets import ItemSet, SetError, read_set
from bot.summary import Summary, summarise, summary_lines
from bot.teacher import open_bot
from bot.texts import Texts

OK, REGRESSION, UNUSABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Task:
    """What the command line asks for."""

    items: Path
    split: str | None = None
    baseline: Path | None = None
    update: bool = False
    tolerance: float = 0.0  # points of 100
    report: Path | None = None
    endpoint: str | None = None
    timeout: float = 30.0  # seconds a reply may take
    pause: float = 0.0  # seconds between two requests


def check_set(config: Config, path: Path, split: str | None = None) -> tuple[list[str], int]:
    """Validate a set against the corpus; 1 where it holds errors.

    Raises:
        SetError, CorpusError: the set or the corpus can't be read.
    """
    items = read_set(path).only(split)
    findings = check(items.items, load_corpus(config.corpus))
    errors = any(f.severity == "error" for f in findings)
    return check_lines(items.name, items.items, findings), REGRESSION if errors else OK


def evaluate(config: Config, task: Task, progress: Progress) -> tuple[list[str], int]:
    """Evaluate a set.

    Raises:
        BotError: the set, the baseline, the bot or the server can't be used.
    """
    if task.update and (task.baseline is None or task.split):
        raise SetError("--update-baseline writes the whole set: give --baseline FILE, and no --split")
    if not (0 <= task.tolerance < 100 and task.pause >= 0 and task.timeout > 0):
        raise SetError("--tolerance is 0 to 100 points, --pause and --timeout are seconds: give such numbers")
    items = read_set(task.items).only(task.split)
    known = task.baseline is not None and (task.baseline.exists() or not task.update)
    baseline = results.read_baseline(task.baseline, task.split) if known and task.baseline else None
    run = run_set(config, task, items, progress)
    summary = summarise(run.results)
    lines = summary_lines(run, summary)
    comparison = None
    if baseline:
        hashes = {i.id: results.item_hash(i) for i in items.items}
        comparison = compare(run, baseline, hashes, task.tolerance)
        lines += ["", *comparison_lines(comparison)]
    if task.report:
        results.write(task.report, files(run, summary, comparison))
    if task.update and task.baseline:
        results.write(task.baseline.parent, {task.baseline.name: results.baseline_json(run)})
        return [*lines, f"baseline written: {task.baseline.name}"], OK
    return lines, REGRESSION if comparison and comparison.regressions else OK


def run_set(config: Config, task: Task, items: ItemSet, progress: Progress) -> Run:
    """Ask the bot in this process, or the server of ``--endpoint``, every item."""
    if task.endpoint is None:
        return run_bot(open_bot(config), items, progress)
    server = Endpoint(task.endpoint, task.timeout, task.pause)
    texts = Texts.load(Clinic.load(config.corpus / "clinic.toml"))
    library = Library.of(load_corpus(config.corpus), config.chunking, texts)
    found = results_of(items.items, server, library, progress)
    return Run(items.name, items.sha256, server.url, "cited", found)


def run_bot(bot: Bot, items: ItemSet, progress: Progress = lambda step, done, total: None) -> Run:
    """Ask a bot every item."""
    ask, library = of_bot(bot)
    found = results_of(items.items, ask, library, progress)
    return Run(items.name, items.sha256, f"index {bot.index_version}", "retrieved", found)


def files(run: Run, summary: Summary, comparison: Comparison | None) -> dict[str, str]:
    """The files of a report by name."""
    return {
        "report.html": report.page(run, summary, comparison),
        "results.json": results.results_json(run, summary),
        "baseline.json": results.baseline_json(run),
        "junit.xml": results.junit_xml(run, comparison),
        "run.trec": results.trec_run(run),
        "qrels.trec": results.trec_qrels(run),
        "timings.json": results.timings_json(run),
    }
