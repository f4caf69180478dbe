"""The command line: parse, call, print; nothing else. ``python -m bot --help``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.config import Config, prepare_environment
from bot.errors import BotError, MessageError

if TYPE_CHECKING:
    from bot.pipeline import Bot


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

    command("build", _build, "make the index from the corpus")
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
    return out


def _build(config: Config, options: argparse.Namespace) -> int:
    from bot import index

    bar = Bar()
    print(index.build(config, bar))
    return 0


def _open(config: Config) -> Bot:
    from bot.pipeline import Bot

    return Bot.open(config)


def _ask(config: Config, options: argparse.Namespace) -> int:
    from bot.render import reply_text
    from bot.schema import Turn

    reply = _open(config).ask([Turn("user", q) for q in options.question], explain=options.explain)
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


class Bar:
    """Progress on stderr: one line a step, rewritten in place on a terminal."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._shown = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        filled = 24 * done // max(1, total)
        line = f"{step:20} [{'#' * filled}{'.' * (24 - filled)}] {done}/{total}"
        if self._tty:
            ending = "\n" if done >= total else ""
            print(f"\r{line:70}", end=ending, file=sys.stderr, flush=True)
        elif done >= total and line != self._shown:
            print(line, file=sys.stderr, flush=True)
        self._shown = line


if __name__ == "__main__":
    sys.exit(main())
