"""How long the safety step takes beside the encoder, in one run: ``python -m tests.bench.safety_time``.

The brief's bound is 50 ms at 4,000 characters where the encoder takes its usual 6 to 10 ms for a question; a
ratio says the same on any machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bot.clinic import Clinic
from bot.config import Config, prepare_environment
from bot.encoder import SentenceTransformerEncoder, locate
from bot.safety import Safety
from bot.schema import Turn
from bot.texts import Texts

MOST = 5.0  # times the encoder's time for one question, at 4,000 characters
CHARS = 4000
FILLERS = ("my lips are ", "no ", "i am on ", "can i do it ", "😭", "how much is it and does it hurt ")
SET = Path(__file__).resolve().parent.parent / "regression" / "safety_dev.jsonl"


def milliseconds(work: Callable[[], object], times: int = 15) -> float:
    """The median, after a first call."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def main() -> int:
    """Print the table; exit code 1 if the bound is passed."""
    config = Config.from_env()
    prepare_environment(config)
    encoder = SentenceTransformerEncoder.load(locate(config.model), config.threads)
    clinic = Clinic()
    safety = Safety.load(clinic, Texts.load(clinic))
    encode = milliseconds(lambda: encoder.encode(["how long does the redness last after the treatment"]))
    lines = SET.read_text(encoding="utf-8").splitlines()
    said = [[Turn("user", text) for text in json.loads(line)["turns"]] for line in lines]
    usual = milliseconds(lambda: [safety.judge(turns) for turns in said], 3) / len(said)
    rows = [("encoder, one question", encode), ("safety, usual message", usual)]
    for filler in FILLERS:
        turns = [Turn("user", (filler * CHARS)[:CHARS])]
        rows.append((f"safety, {CHARS} characters of {filler!r}", milliseconds(partial(safety.judge, turns))))
    for name, taken in rows:
        print(f"{taken:8.2f} ms  {taken / encode:6.2f} x  {name}")
    return int(max(taken for _, taken in rows[2:]) > MOST * encode)


if __name__ == "__main__":
    sys.exit(main())
