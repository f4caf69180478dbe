"""What each part is worth: the bot without it, judged on the regression sets. Writes the table in CONTRIBUTING.

    OMP_NUM_THREADS=1 python -m tests.bench.ablation [--index DIR] [--builds] [--write]

A part is left out by its own setting or through its seam, and the decision to answer is fitted anew to dev without the
signals that came from it: else whatever is missing would only look like less confidence. ``--builds`` adds what needs
an index of its own (minutes each). Figures are of the test split, where nothing is fitted.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

from bot import evaluate, index
from bot.abstention import Model
from bot.calibrate import examples, fit
from bot.config import Config, prepare_environment
from bot.metrics import Item
from bot.pipeline import Bot
from bot.sets import read_set
from tests.bench.common import SETS
from tests.conftest import ROOT

COST = 1.5  # of a wrong answer against a silent one, as the shipped decision is fitted
TABLE = re.compile(r"(?<=<!-- ablation -->\n).*?(?=<!-- /ablation -->)", re.S)
QUESTIONS = re.compile(r"<!-- questions:\n.*?-->\n", re.S)  # of a heading, in the articles
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


@dataclass(frozen=True)
class Part:
    """What is left out: by settings, of a bot that is open, of what is asked, or of what an index is built from."""

    name: str
    settings: Callable[[Config], Config] = lambda config: config
    bot: Callable[[Bot], None] = lambda bot: None
    item: Callable[[Item], Item] = lambda item: item
    signals: tuple[str, ...] = ()
    builds: bool = False


@dataclass(frozen=True)
class Row:
    """Shares of the test splits: of questions, and of messages that the safety step must know."""

    name: str
    right: float
    wrong: float
    declined: float
    later: float
    safety: float


def weightless(*names: str) -> Callable[[Config], Config]:
    """The config in which parts of that name count nothing, in the ranking and among sentences."""

    def changed(config: Config) -> Config:
        ranking = {f"{name}_weight": 0.0 for name in names if hasattr(config.retrieval, f"{name}_weight")}
        weights = {k: 0.0 if k in names else v for k, v in config.answering.weights.items()}
        retrieval = replace(config.retrieval, **ranking)  # type: ignore[arg-type]  # all of these are numbers
        return replace(config, retrieval=retrieval, answering=replace(config.answering, weights=weights))

    return changed


def one_sided(config: Config) -> Config:
    """No head start for another article or a more cautious sentence."""
    return replace(config, answering=replace(config.answering, side_margin=0.0, fresh_source=0.0))


def unmended(bot: Bot) -> None:
    """Spelling stays as it is."""
    bot._rewriter._speller = SimpleNamespace(mend=str.lower)  # type: ignore[assignment]


def rules_alone(bot: Bot) -> None:
    """Examples add nothing to what the rules found."""
    bot._learned = lambda verdict, turns, clock: verdict  # type: ignore[method-assign]


def unfitted(config: Config) -> Config:
    """The encoder as it comes."""
    return replace(config, adaptation=replace(config.adaptation, enabled=False))


def unworded(config: Config) -> Config:
    """The articles without other wordings of their headings."""
    folder = Path(tempfile.mkdtemp(dir=config.index.parent))
    for path in config.corpus.iterdir():
        if path.is_file():
            (folder / path.name).write_text(QUESTIONS.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    return replace(config, corpus=folder)


PARTS = (
    Part("everything"),
    Part("spelling mended", bot=unmended),
    Part("concepts of the lexicon", weightless("concept"), signals=("missing", "unspoken", "headed", "concepts")),
    Part("facets (the kind of question)", weightless("facet", "value"), signals=("facet", "answered", "value")),
    Part("words counted (BM25)", weightless("sparse"), signals=("sparse",)),
    Part(
        "the classifier of embeddings",
        weightless("learned"),
        signals=("learned", "learned_best", "learned_second", "outside"),
    ),
    Part(
        "the classifier of words", weightless("worded"), signals=("worded", "worded_best", "worded_second", "unworded")
    ),
    Part("wordings of each sentence", weightless("asked"), signals=("asked",)),
    Part("sides of a difference", one_sided),
    Part("the messages before", item=lambda item: replace(item, turns=item.turns[-1:])),
    Part("examples of a status", bot=rules_alone),
    Part("the encoder fitted to the corpus", unfitted, builds=True),
    Part("wordings written by hand (lent ones are used)", unworded, builds=True),
)


def judged(bot: Bot, part: Part, name: str, split: str) -> tuple[evaluate.Result, ...]:
    """The results of a set's split."""
    ask, library = evaluate.of_bot(bot)
    items = read_set(SETS / f"{name}.jsonl").only(split).items
    return tuple(evaluate.results_of([part.item(i) for i in items], ask, library))


def row(config: Config, part: Part) -> Row:
    """The figures without a part."""
    bot = Bot.open(part.settings(config))
    part.bot(bot)
    _, library = evaluate.of_bot(bot)
    data, _ = examples(judged(bot, part, "qa", "dev"), library)
    found = fit([replace(e, signals={k: v for k, v in e.signals.items() if k not in part.signals}) for e in data], COST)
    bot._abstention._model = Model(found.weights, found.bias, found.threshold)
    results = judged(bot, part, "qa", "test")
    safety = judged(bot, part, "safety", "test")

    def share(of: Sequence[evaluate.Result], outcome: str = "right") -> float:
        return sum(r.outcome == outcome for r in of) / max(1, len(of))

    return Row(
        part.name,
        share(results),
        share(results, "wrong"),
        share([r for r in results if r.item.expect == "abstain"]),
        share([r for r in results if "follow" in r.item.category or len(r.item.turns) > 1]),
        share(safety),
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, each with what is lost beside the first."""
    whole = rows[0]
    heads = ("without", "right", "wrong", "uncovered declined", "later turns right", "safety right")
    out = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in rows:
        name = "(nothing left out)" if one is whole else one.name
        lost = "" if one is whole else f" ({100 * (one.right - whole.right):+.1f})"
        shares = [f"{100 * share:.1f}%" for share in (one.wrong, one.declined, one.later, one.safety)]
        out.append(f"| {name} | {100 * one.right:.1f}%{lost} | {' | '.join(shares)} |")
    return "\n".join(out) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and put it into CONTRIBUTING if wanted."""
    parser = argparse.ArgumentParser(description="What each part is worth.")
    parser.add_argument("--index", type=Path, metavar="DIR", help="folder of an index of the shipped articles")
    parser.add_argument("--builds", action="store_true", help="also what needs an index of its own")
    parser.add_argument("--write", action="store_true", help="put the table into CONTRIBUTING.md")
    options = parser.parse_args(arguments)
    config = Config()
    config = replace(config, index=options.index or config.index)
    prepare_environment(config)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            if part.builds and not options.builds:
                continue
            own = replace(config, index=Path(folder) / str(len(rows))) if part.builds else config
            if part.builds:
                own = part.settings(own)
                index.build(own)
                part = replace(part, settings=lambda config: config)
            rows.append(row(own, part))
            print(table(rows).splitlines()[-1], file=sys.stderr, flush=True)
    print(table(rows), end="")
    if options.write:
        text = CONTRIBUTING.read_text(encoding="utf-8")
        CONTRIBUTING.write_text(TABLE.sub(lambda _: table(rows), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
