"""An evaluation beside what plain calls of sentence-transformers take for the same texts.

    OMP_NUM_THREADS=1 python -m tests.bench.evaluate [--index DIR] [--items N] [--json]

One process, CPU time. The encoder's calls are recorded while the items are evaluated (asked, judged, added up, all
files made), and then replayed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bot import gate
from bot.evaluate import Run, of_bot, results_of
from bot.metrics import Item
from bot.schema import Reply
from bot.summary import summarise
from tests.bench.common import Bench, seconds

LIMIT = 1.3


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times and their ratio; 1 where the limit is exceeded."""
    bench = Bench.open("Evaluation against the plain encoder's time.", arguments, 800)
    calls: list[list[str]] = []
    asked: list[float] = []
    ask, library = of_bot(bench.bot)
    own = bench.own.encode
    bench.recorded(calls)

    def timed(item: Item) -> Reply | None:
        replies: list[Reply | None] = []
        asked.append(seconds(lambda: replies.append(ask(item))))
        return replies[0]

    def evaluation() -> None:
        run = Run("bench", "0" * 64, "bench", "retrieved", results_of(bench.items, timed, library))
        gate.files(run, summarise(run.results), None)

    total = seconds(evaluation)
    fast = seconds(lambda: [own(texts) for texts in calls])
    plain = seconds(lambda: [bench.plain(texts) for texts in calls])
    figures = {
        "items": len(bench.items),
        "plain encoder, s": plain,
        "the bot's own encoder, s": fast,
        "Bot.ask, s": sum(asked),
        "evaluation, s": total,
        "of it neither encoder nor Bot.ask, s": total - sum(asked),
        "evaluation over the bot's own encoder": total / fast,
    }
    return bench.said(figures, LIMIT, total / plain)


if __name__ == "__main__":
    sys.exit(main())
