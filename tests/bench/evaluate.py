"""How much longer an evaluation takes than encoding the same texts: one process, CPU time, one run.

    python tests/bench/evaluate.py [--index DIR] [--items N]

The encoder's calls are recorded while the items are evaluated (asked, judged, added up, all files made), and
then replayed alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # threads that wait would be counted as work
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bot import gate
from bot.config import Config, prepare_environment
from bot.evaluate import Run, of_bot, results_of
from bot.metrics import Item
from bot.pipeline import Bot
from bot.schema import Reply
from bot.sets import read_set
from bot.summary import summarise

SETS = Path(__file__).resolve().parent.parent / "regression"
LIMIT = 1.3


def items(count: int) -> tuple[Item, ...]:
    """Questions first, then safety messages, as many as are wanted."""
    both = [i for name in ("qa.jsonl", "safety.jsonl") for i in read_set(SETS / name).items]
    return tuple(both[:count])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ratios; 1 where the limit is exceeded."""
    parser = argparse.ArgumentParser(description="Evaluation against the encoder's own time.")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--items", type=int, default=800)
    options = parser.parse_args(arguments)
    config = Config.from_env(index=options.index)
    prepare_environment(config)
    bot = Bot.open(config)
    chosen = items(options.items)
    encoder = bot._index.encoder
    encode, calls = encoder.encode, []

    def recorded(texts: Sequence[str], progress: object = None) -> object:
        calls.append(list(texts))
        return encode(texts)

    asked = 0.0
    ask, library = of_bot(bot)

    def timed(item: Item) -> Reply | None:
        nonlocal asked
        start = time.process_time()
        reply = ask(item)
        asked += time.process_time() - start
        return reply

    encoder.encode = recorded  # type: ignore[method-assign, assignment]
    start = time.process_time()
    run = Run("bench", "0" * 64, "bench", "retrieved", results_of(chosen, timed, library))
    made = gate.files(run, summarise(run.results), None)
    total = time.process_time() - start
    start = time.process_time()
    for texts in calls:
        encode(texts)
    alone = time.process_time() - start
    print(
        f"{len(chosen)} items, {len(calls)} calls of the encoder, {sum(map(len, made.values())) / 1e6:.1f} MB written"
    )
    print(f"encoder alone {alone:6.2f} s")
    print(f"Bot.ask       {asked:6.2f} s  {asked / alone:.2f}")
    print(f"evaluation    {total:6.2f} s  {total / alone:.2f} (limit {LIMIT})")
    print(f"of it its own {total - asked:6.2f} s  {(total - asked) / alone:.3f}")
    return int(total / alone > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
