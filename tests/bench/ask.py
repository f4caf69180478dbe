"""How much longer the median ``Bot.ask`` takes than encoding its question alone: one process, CPU time, one run.

    python tests/bench/ask.py [--index DIR] [--items N]

Each question of the regression set is asked, and right after that encoded by a plain call of sentence-transformers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # threads that wait would be counted as work
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bot.config import Config, prepare_environment
from bot.encoder import SentenceTransformerEncoder
from bot.pipeline import Bot
from bot.schema import Turn
from bot.sets import read_set

QUESTIONS = Path(__file__).resolve().parent.parent / "regression" / "qa.jsonl"
LIMIT = 1.5
WARM_UP = 10  # questions asked before anything is timed


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the medians and their ratio; 1 where the limit is exceeded."""
    parser = argparse.ArgumentParser(description="The median Bot.ask against the encoder's own.")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--items", type=int, default=400)
    options = parser.parse_args(arguments)
    config = Config.from_env(index=options.index)
    prepare_environment(config)
    bot = Bot.open(config)
    encoder = bot._index.encoder
    assert isinstance(encoder, SentenceTransformerEncoder)
    library = encoder.model
    asked, alone = [], []
    chosen = read_set(QUESTIONS).items[: options.items]
    for item in (*chosen[:WARM_UP], *chosen):
        turns = [Turn("user", text) for text in item.turns]
        asked.append(milliseconds(lambda turns=turns: bot.ask(turns)))  # type: ignore[misc]
        alone.append(milliseconds(lambda item=item: library.encode([item.turns[-1]], show_progress_bar=False)))  # type: ignore[misc]
    whole, own = (statistics.median(times[WARM_UP:]) for times in (asked, alone))
    print(f"{len(chosen)} questions")
    print(f"encoder alone p50 {own:6.2f} ms")
    print(f"Bot.ask       p50 {whole:6.2f} ms  {whole / own:.2f} (limit {LIMIT})")
    return int(whole / own > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
