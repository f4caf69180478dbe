"""The command line: parse, call, print; nothing else. ``python -m bot --help``."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import account_commands, builds, staff_commands, tenant_commands
from bot.config import Config, prepare_environment
from bot.errors import BotError, MessageError

if TYPE_CHECKING:
    from bot.pipeline import Bot

TELL_EVERY = 30.0  # seconds between two lines of progress where there is no terminal


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0 for done, 1 for our error; argparse exits with 2 for wrong usage."""
    options = parser().parse_args(arguments)
    try:
        config = Config.from_env(corpus=options.corpus, index=options.index)
        prepare_environment(config)
        code: int = options.run(config, options)
        return code
    except BotError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--corpus", type=Path, metavar="DIR", help="folder of articles and clinic.toml")
    shared.add_argument("--index", type=Path, metavar="DIR", help="folder of the index made from them")
    out = argparse.ArgumentParser(prog="python -m bot", description="FAQ chatbot: build an index and ask it.")
    commands = out.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, parents=[shared])
        added.set_defaults(run=run)
        return added

    build = command("build", _build, "make the index from the corpus")
    build.add_argument("--strict", action="store_true", help="refuse to build while a file can't be read")
    build.add_argument("--fresh", action="store_true", help="take nothing over from the index that is there")
    build.add_argument("--watch", action="store_true", help="build again whenever an article is saved, until Ctrl-C")
    ask = command("ask", _ask, "ask one question")
    ask.add_argument("question", nargs="+", help="the question; several are one conversation, the last is answered")
    ask.add_argument("--json", action="store_true", help="the reply as one JSON object")
    ask.add_argument("--explain", action="store_true", help="also how it was found and why it was decided so")
    answer = command("answer", _answer, "answer a file of conversations")
    answer.add_argument("input", type=Path, help='JSON lines: {"id": ..., "turns": [...]}')
    answer.add_argument("output", type=Path, help="where one reply a line goes")
    search = command("search", _search, "show what is retrieved for a question, with the scores")
    search.add_argument("question", help="the question")
    search.add_argument("--json", action="store_true", help="as JSON lines")
    check = command("check", _check, "what to look at before publishing: articles, contacts, texts not reviewed")
    check.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="folder of articles and clinic.toml")
    check.add_argument("--json", action="store_true", help="every finding as JSON")
    check.add_argument("--fail-on", choices=("error", "warning"), default="error", help="what makes the exit code 1")
    check.add_argument("--record", action="store_true", help="print the entry to sign, for reviewed.toml beside it")
    _add_evaluation(command)
    publish = command("publish", _tenant, "make the finished index a tenant's current version in the database")
    publish.add_argument("tenant", help="its name")
    publish.set_defaults(deed="publish")
    worker = command("worker", _tenant, "build and publish what 'tenant ingest' left; as many as there are cores")
    worker.add_argument("--tenant", metavar="NAME", help="only of this tenant")
    worker.add_argument("--until-done", action="store_true", help="end when nothing is left to take")
    worker.set_defaults(deed="worker")
    tenant = command("tenant", _tenant, "the clinics in the database of FAQ_DATABASE_URL")
    tenant_commands.add(tenant.add_subparsers(required=True, metavar="DEED", dest="deed"))
    _add_staff(command("staff", _staff, "accounts of the front desk, and what its database holds"))
    return out


def _add_evaluation(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The evaluators' two commands."""
    judge = command("evaluate", _evaluate, "measure the bot on a set of questions, against a baseline if there is one")
    judge.epilog = "exit code: 0 equal or better, 1 a regression, 2 the set, the baseline or the bot can't be used"
    judge.add_argument("set", type=Path, help="the questions: JSON lines, or a spreadsheet saved as CSV")
    judge.add_argument("--check", action="store_true", help="only validate the set, against the corpus")
    judge.add_argument("--split", metavar="NAME", help="only the items of this split, such as dev")
    judge.add_argument("--baseline", type=Path, metavar="FILE", help="an earlier run to compare with")
    judge.add_argument("--update-baseline", action="store_true", help="write this run to the baseline's file")
    judge.add_argument("--tolerance", type=float, default=0.0, metavar="POINTS", help="loss of right allowed, of 100")
    judge.add_argument("--report", type=Path, metavar="DIR", help="write a page, JSON, JUnit XML and TREC files there")
    judge.add_argument("--endpoint", metavar="URL", help="ask a running server instead of the bot in this process")
    judge.add_argument("--pause", type=float, default=0.0, metavar="SECONDS", help="between two requests to it")
    judge.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="that a reply of it may take")
    fit = command("calibrate", _calibrate, "fit the decision to answer or decline on a development split")
    fit.add_argument("set", type=Path, help="the questions: JSON lines, or a spreadsheet saved as CSV")
    fit.add_argument("--split", metavar="NAME", help="only the items of this split; never test")
    fit.add_argument("--cost", type=float, default=2.0, help="harm of a wrong answer where a silent one has 1 (2)")
    fit.add_argument("--output", type=Path, metavar="FILE", help="where the coefficients go (bot/data/abstention.json)")


def _add_staff(staff: argparse.ArgumentParser) -> None:
    """What can be done with the front desk's database."""
    staff.add_argument("--tenant", metavar="NAME", help="whose front desk, where FAQ_DATABASE_URL holds many")
    deeds = staff.add_subparsers(required=True, metavar="DEED", dest="deed")
    account_commands.add(deeds)
    staff_commands.add(deeds)


def _staff(config: Config, options: argparse.Namespace) -> int:
    deeds = account_commands.DEEDS | staff_commands.DEEDS
    with tenant_commands.records(config, options.tenant) as store:
        for line in deeds[options.deed](store, config, options):
            print(line)
    return 0


def _build(config: Config, options: argparse.Namespace) -> int:
    from bot import index

    if options.watch:
        if options.strict or options.fresh:
            raise MessageError("--watch takes neither --strict nor --fresh: leave them out")
        return _watch(config)
    index.build(config, Bar(), options.strict, options.fresh)
    built = index.built(config)
    for problem in built.unread:
        print(f"warning: not read: {problem}", file=sys.stderr)
    print(built, file=sys.stderr)
    print(built.version)
    return 0


def _watch(config: Config) -> int:
    from bot.watch import watch

    try:
        watch(config, partial(print, file=sys.stderr, flush=True), partial(print, flush=True), Bar())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    return 0


def _tenant(config: Config, options: argparse.Namespace) -> int:
    for line in tenant_commands.run(config, options):
        print(line, flush=True)
    return 0


def _open(config: Config) -> Bot:
    builds.current(config.index)  # a missing index is told before anything slow is imported
    from bot.teacher import open_bot

    return open_bot(config)


def _ask(config: Config, options: argparse.Namespace) -> int:
    from bot.schema import Turn

    bot = _open(config)
    from bot.render import reply_text

    reply = bot.ask([Turn("user", q) for q in options.question], explain=options.explain)
    if options.json:
        print(json.dumps(reply.to_dict(), ensure_ascii=False, indent=2))
        return 0
    print(reply_text(reply))
    if options.explain and reply.why is not None:
        print("\nWhy: " + json.dumps(reply.why, ensure_ascii=False, indent=2))
    return 0


def _answer(config: Config, options: argparse.Namespace) -> int:
    from bot.batch import answer_file

    bad = answer_file(lambda: _open(config), options.input, options.output, Bar())
    for problem in bad:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if bad else 0


def _search(config: Config, options: argparse.Namespace) -> int:
    if not options.question.strip():
        raise MessageError("the question is empty: write one")
    for query, hits in _open(config).search(options.question):
        if not options.json:
            facets, concepts = ", ".join(query.facets) or "-", ", ".join(sorted(query.concepts)) or "-"
            print(f"query: {query.text}   facets: {facets}   concepts: {concepts}")
        for rank, hit in enumerate(hits[:10], 1):
            parts = {k: round(v, 3) for k, v in hit.parts.items()}
            if options.json:
                row = {"query": query.text, "rank": rank, "passage": hit.passage.id, "score": round(hit.score, 4)}
                print(json.dumps({**row, **parts}, ensure_ascii=False))
            else:
                shown = "  ".join(f"{k} {v:.3f}" for k, v in parts.items())
                print(f"{rank:2}  {hit.score:.3f}  {hit.passage.id:36} {hit.passage.heading}\n      {shown}")
    return 0


def _evaluate(config: Config, options: argparse.Namespace) -> int:
    from bot import gate

    task = gate.Task(
        options.set, options.split, options.baseline, options.update_baseline, options.tolerance, options.report,
        options.endpoint, options.timeout, options.pause,
    )  # fmt: skip
    try:
        if options.check:
            lines, code = gate.check_set(config, task.items, task.split)
        else:
            lines, code = gate.evaluate(config, task, Bar())
    except BotError as error:
        print(f"error: {error}", file=sys.stderr)
        return gate.UNUSABLE  # 1 says that the bot became worse, and only that
    print("\n".join(lines))
    return code


def _calibrate(config: Config, options: argparse.Namespace) -> int:
    from bot import calibrate

    lines = calibrate.command(_open, config, options.set, options.split, options.cost, options.output, Bar())
    print("\n".join(lines))
    return 0


def _check(config: Config, options: argparse.Namespace) -> int:
    from bot import check
    from bot.findings import failed, ordered, table

    folder = options.folder or config.corpus
    if options.record:
        print(check.record(folder))
        return 0
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    found = check.findings(folder, datetime.date.today())
    if options.json:
        print(json.dumps([f.to_dict() for f in ordered(found)], ensure_ascii=False, indent=2))
    else:
        print("\n".join(table(found)), check.check(folder).summary, sep="; ")
    return 1 if failed(found, options.fail_on) else 0


class Bar:
    """Progress on stderr with what is left of the step's time: rewritten in place on a terminal, else now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._tty = sys.stderr.isatty()
        self._clock = clock
        self._shown = self._step = ""
        self._began = self._told = (0.0, 0)  # when, and how much was done then

    def __call__(self, step: str, done: int, total: int) -> None:
        now = (self._clock(), done)
        if step != self._step or done < self._told[1]:
            self._step, self._began, self._told = step, now, now
        filled = 24 * done // max(1, total)
        line = f"{step:20} [{'#' * filled}{'.' * (24 - filled)}] {done}/{total}"
        if done < total:
            line += self._left(now, total)
        if self._tty:
            ending = "\n" if done >= total else ""
            print(f"\r{line:79}", end=ending, file=sys.stderr, flush=True)
        elif line != self._shown and (done >= total or now[0] - self._told[0] >= TELL_EVERY):
            print(line, file=sys.stderr, flush=True)
            self._told = now
        self._shown = line

    def _left(self, now: tuple[float, int], total: int) -> str:
        passed, done = now[0] - self._began[0], now[1] - self._began[1]
        if passed < 3 or not done:  # too early to tell
            return ""
        left = passed / done * (total - now[1])
        return f"  {left / 60:.0f} min left" if left >= 90 else f"  {left:.0f} s left"


if __name__ == "__main__":
    sys.exit(main())
