"""The median ``Bot.ask`` beside what a plain call of sentence-transformers takes for the same question.

    OMP_NUM_THREADS=1 python -m tests.bench.ask [--index DIR] [--items N] [--json]

One process, CPU time. Each question of the regression sets is asked, and right after that encoded.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from bot.schema import Turn
from tests.bench.common import Bench, seconds

LIMIT = 1.3
WARM_UP = 10  # questions asked before anything is timed


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the medians and their ratio; 1 where the limit is exceeded."""
    bench = Bench.open("The median Bot.ask against the plain encoder's.", arguments, 400)
    asked, plain, fast = [], [], []
    for item in (*bench.items[:WARM_UP], *bench.items):
        turns, text = [Turn("user", text) for text in item.turns], item.turns[-1:]
        asked.append(seconds(lambda turns=turns: bench.bot.ask(turns)))  # type: ignore[misc]
        plain.append(seconds(lambda text=text: bench.plain(text)))  # type: ignore[misc]
        fast.append(seconds(lambda text=text: bench.own.encode(text)))  # type: ignore[misc]
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
