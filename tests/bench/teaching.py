"""How often what was taught to a question is given to its rewordings and to others: ``python -m tests.bench.teaching``.

Over the development split: questions of one group ask the same; two that no sentence of the articles answers both ask
something else. For each question to be declined, how many that are answered would be taken for it.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bot.alike import FARTHEST, Asking, alike
from bot.config import Config, prepare_environment
from bot.metrics import Item
from bot.pipeline import Bot
from bot.queue import SAME_MEANING
from bot.schema import Turn
from bot.sets import read_set
from bot.teaching import EMPTY, Lesson, Overlay
from tests.conftest import ROOT

SEED = 0
ROUNDS = 20  # choices of taught wordings in each group


def answering(item: Item, sentences: Sequence[str]) -> frozenset[int]:
    """Numbers of the sentences that state one of the item's facts."""
    patterns = [re.compile(p, re.IGNORECASE) for group in item.facts for p in group]
    return frozenset(n for n, text in enumerate(sentences) if any(p.search(text) for p in patterns))


def main() -> None:
    """Print the figures."""
    config = Config.from_env()
    prepare_environment(config)
    bot = Bot.open(config)
    items = [i for i in read_set(ROOT / "tests" / "regression" / "qa.jsonl").only("dev").items if len(i.turns) == 1]
    asked = [bot.read(item.turns[0]) for item in items]
    sentences = [s.text for p in bot.passages() for s in p.sentences]
    stated = [answering(item, sentences) if item.expect == "answer" else frozenset() for item in items]
    near = np.stack([a.vector for a in asked]) @ np.stack([a.vector for a in asked]).T
    groups: dict[str, list[int]] = defaultdict(list)
    for n, item in enumerate(items):
        groups[item.group].append(n)
    answers = [n for n in range(len(items)) if stated[n]]
    declined = [n for n, item in enumerate(items) if item.expect == "abstain"]
    same = [(a, b) for members in groups.values() for a in members for b in members if a != b]
    other = [(a, b) for a in answers for b in answers if not stated[a] & stated[b]]
    outside = [(a, b) for a in declined for b in answers]

    def taken(pairs: Sequence[tuple[int, int]]) -> int:
        return sum(near[a, b] >= FARTHEST and alike(asked[a], asked[b]) > 0 for a, b in pairs)

    print(f"{len(items)} questions, {len(same)} pairs of rewordings: matched {taken(same) / len(same):.1%}")
    for wordings in (1, 3, 5):
        print(f"taught {wordings} wordings: matched {recall(groups, asked, wordings):.1%} of the group's others")
    print(f"other answered questions taken for a taught one, of {len(answers)}: {taken(other) / len(answers):.3f}")
    print(f"answered questions taken for a taught one that is not covered: {taken(outside) / len(declined):.3f}")
    with_, again = cost(bot, items)
    print(f"time to ask with 500 lessons against none: {with_:.2f} (none against none: {again:.2f})")
    for name, pairs in (("rewordings", same), ("others", other), ("not covered", outside)):
        share = np.mean([near[a, b] >= SAME_MEANING for a, b in pairs])
        print(f"queue: {name} grouped at cosine {SAME_MEANING}: {share:.3%}")


def cost(bot: Bot, items: Sequence[Item]) -> tuple[float, float]:
    """CPU time of asking with the first 500 questions taught, and with none again, as shares of that with none."""
    taught = [Lesson(n, "never", (item.turns[0],)) for n, item in enumerate(items[:500])]
    full, asked = bot.overlay_of(taught), [[Turn("user", item.turns[0])] for item in items[500:600]]

    def seconds(overlay: Overlay) -> float:
        start = time.process_time()
        for turns in asked:
            bot.ask(turns, overlay=overlay)
        return time.process_time() - start

    seconds(EMPTY)
    none = seconds(EMPTY)
    return seconds(full) / none, seconds(EMPTY) / none


def recall(groups: dict[str, list[int]], asked: Sequence[Asking], wordings: int) -> float:
    """Share of a group's questions that are matched by some of it, drawn at random; groups of four and more."""
    chance, hit, total = np.random.default_rng(SEED), 0, 0
    for members in groups.values():
        for _ in range(ROUNDS if len(members) > max(3, wordings) else 0):
            taught = chance.choice(members, wordings, replace=False)
            rest = [n for n in members if n not in taught]
            hit += sum(any(alike(asked[n], asked[t]) for t in taught) for n in rest)
            total += len(rest)
    return hit / total


if __name__ == "__main__":
    main()
