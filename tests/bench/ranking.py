"""Fits the weights of sentences (``config.Answering.weights``) to dev and says how often the best one states the fact.

    OMP_NUM_THREADS=1 python -m tests.bench.ranking [--index DIR] [--json]

The weights that ship come from here. Each question of dev that is to be answered gives a list of candidates; right
are those that state a fact of the item, from an allowed article. A linear score is fitted by the list-wise softmax
loss (the log of the share that right ones have, Cao et al. 2007, doi:10.1145/1273496.1273513) with L2 regularisation.
Of "dev" the figure is over five folds of groups, so that no paraphrase of a question was learned from; "test" is only
counted.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bot.answer import PARTS
from bot.citing import whole
from bot.config import Config, prepare_environment
from bot.metrics import Item
from bot.pipeline import Bot
from bot.safety import Verdict
from bot.schema import Turn
from bot.sets import read_set
from tests.conftest import ROOT

SET = ROOT / "tests" / "regression" / "qa.jsonl"
USED = ("asked", "meant", "overlap", "concept", "facet", "value", "place", "sparse", "learned", "worded")
UNIT = "sparse"  # has the weight 1
FOLDS = 5
STRENGTH = 1e-3  # of the regularisation; ten times as much and as little rank the same 80% of dev first

Matrix = NDArray[np.float32]
List = tuple[
    str, Matrix, NDArray[np.bool_], Matrix
]  # group; features (sentences, parts); which are right; today's score


def lists(bot: Bot, split: str) -> list[List]:
    """The candidates of every single question of a split that reaches the articles."""
    out = []
    for item in read_set(SET).items:
        if item.split != split or item.expect != "answer" or not item.facts:
            continue
        turns = [Turn("user", text) for text in item.turns]
        why = bot.ask(turns, explain=True).why
        if why is None or why["safety"]["status"] or len(why["parts"]) != 1:
            continue
        part = bot._parts(turns, Verdict(None, (), question=turns[-1].text), bot._clock())[0]
        scored = bot._composer._scored(part.query, part.found, "", bot.config.answering.passage_margin)
        found = [c for c in scored if bot._quotable(whole(c))]
        features = np.asarray([[c.parts[name] for name in PARTS] for c in found], dtype=np.float32)
        right = np.asarray([_states(item, whole(c), c.passage.source_id) for c in found])
        if len(found):
            out.append((item.group, features, right, np.asarray([c.score for c in found], dtype=np.float32)))
    return out


def _states(item: Item, text: str, source: str) -> bool:
    stated = any(re.search(pattern, text, re.IGNORECASE) for group in item.facts for pattern in group)
    return stated and source.startswith(item.sources)


def fit(found: Sequence[List]) -> Matrix:
    """The weights, shape ``(parts,)``; parts that are not ``USED`` have none."""
    kept = [entry for entry in found if entry[2].any()]
    spread = np.concatenate([features for _, features, _, _ in kept]).std(axis=0) + 1e-6
    features = torch.tensor(np.concatenate([f for _, f, _, _ in kept]) / spread)
    right = torch.tensor(np.concatenate([r for _, _, r, _ in kept]))
    place = torch.tensor(np.repeat(np.arange(len(kept)), [len(f) for _, f, _, _ in kept]))
    mask = torch.tensor([float(name in USED) for name in PARTS])
    weights = torch.zeros(len(PARTS), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scores = features @ (weights * mask)
        highest = torch.full((len(kept),), -1e9).scatter_reduce(0, place, scores, "amax")
        powers = torch.exp(scores - highest[place])
        every = torch.zeros(len(kept)).scatter_add(0, place, powers)
        ours = torch.zeros(len(kept)).scatter_add(0, place, powers * right)
        lost = (torch.log(every) - torch.log(ours + 1e-9)).mean() + STRENGTH * (weights**2).sum()
        lost.backward()  # type: ignore[no-untyped-call]
        return lost

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return np.asarray((weights * mask).detach().numpy() / spread, dtype=np.float32)


def first(found: Sequence[List], weights: Matrix | None = None) -> float:
    """Share of the questions whose best sentence is right; by today's score where no weights are given."""
    scores = [score if weights is None else features @ weights for _, features, _, score in found]
    return float(np.mean([entry[2][s.argmax()] for entry, s in zip(found, scores, strict=True)]))


def in_folds(found: Sequence[List]) -> float:
    """The same, each fold of groups by weights that were fitted to the others."""
    groups = sorted({group for group, *_ in found})
    np.random.default_rng(0).shuffle(groups)
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    total = 0.0
    for number in range(FOLDS):
        own = [entry for entry in found if fold[entry[0]] == number]
        total += len(own) * first(own, fit([entry for entry in found if fold[entry[0]] != number]))
    return total / len(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the fitted weights beside the shipped ones, and the shares."""
    parser = argparse.ArgumentParser(description="The weights of sentences, fitted to dev.")
    parser.add_argument("--index", type=Path, metavar="DIR", help="folder of an index of the shipped articles")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    config = Config()
    config = replace(config, index=options.index or config.index)
    prepare_environment(config)
    bot = Bot.open(config)
    dev, test = lists(bot, "dev"), lists(bot, "test")
    weights = fit(dev)
    unit = weights[PARTS.index(UNIT)]
    relative = {n: round(float(w / unit), 2) for n, w in zip(PARTS, weights, strict=True) if n in USED}
    figures = {
        "dev, as shipped": round(first(dev), 4),
        "dev, in folds": round(in_folds(dev), 4),
        "test, as shipped": round(first(test), 4),
        "test, fitted to dev": round(first(test, weights), 4),
    }
    if options.json:
        print(json.dumps({"weights": relative, **figures}))
        return 0
    for name, weight in relative.items():
        print(f"{weight:8.2f}  {name} (shipped: {bot.config.answering.weights.get(name, 0.0)})")
    for name, share in figures.items():
        print(f"{share:8.1%}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
