"""The median ``Bot.ask`` beside what a plain call of sentence-transformers takes for the same question.

    OMP_NUM_THREADS=1 python -m tests.bench.ask [--index DIR] [--items N] [--json]

One process, CPU time. The questions of the regression sets are asked, and then encoded, by the hundred: with another
form of the model between two questions neither would find its weights in the processor's cache.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from bot.schema import Turn
from tests.bench.common import Bench, seconds

LIMIT = 1.3
WARM_UP = 10  # questions asked before anything is timed
BLOCK = 100  # questions


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the medians and their ratio; 1 where the limit is exceeded."""
    bench = Bench.open("The median Bot.ask against the plain encoder's.", arguments, 400)
    asked, plain, fast = [], [], []
    for start in (-1, *range(0, len(bench.items), BLOCK)):
        block = bench.items[start : start + BLOCK] if start >= 0 else bench.items[:WARM_UP]
        turns = [[Turn("user", text) for text in item.turns] for item in block]
        asked += [seconds(lambda own=own: bench.bot.ask(own)) for own in turns]  # type: ignore[misc]
        texts = [item.turns[-1:] for item in block]
        plain += [seconds(lambda text=text: bench.plain(text)) for text in texts]  # type: ignore[misc]
        fast += [seconds(lambda text=text: bench.own.encode(text)) for text in texts]  # type: ignore[misc]
    whole, model, own = (1000 * statistics.median(times[WARM_UP:]) for times in (asked, plain, fast))
    figures = {
        "questions": len(bench.items),
        "plain encoder, ms": model,
        "the bot's own encoder, ms": own,
        "Bot.ask, ms": whole,
        "Bot.ask over the bot's own encoder": whole / own,
    }
    return bench.said(figures, LIMIT, whole / model)


if __name__ == "__main__":
    sys.exit(main())
