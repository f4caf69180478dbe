"""Building an index of a large table of questions: what it costs beside embedding its texts, and the memory it takes.

    OMP_NUM_THREADS=1 python -m tests.bench.pairs [--pairs N] [--adapt] [--json]

One process. CPU time of the whole build, the process that reads the table included, over what the encoder itself took
in it; how good the estimate of the remaining time was, in CPU time, too; what a rebuild after one edit embeds.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot import index
from bot.config import Config, prepare_environment
from bot.encoder import Matrix, Progress
from bot.fast_encoder import FastEncoder

LIMIT = 1.1
PARTS = ("forehead", "chin", "left cheek", "right cheek", "neck", "scalp", "upper lip", "hand", "knee", "back")
CARE = (
    "a cold cream",
    "a mild gel",
    "the blue lamp",
    "the fine brush",
    "a warm cloth",
    "the soft roller",
    "a clay mask",
)
DEEDS = ("used", "repeated", "rinsed off", "put on", "left to rest", "checked", "renewed", "planned")


def table(path: Path, pairs: int, edited: int = -1) -> None:
    """Write questions that all differ, with answers of one to three sentences; ``edited``: one that is changed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer"])
        for n in range(pairs):
            part, care, deed = PARTS[n % 10], CARE[n // 10 % 7], DEEDS[n // 70 % 8]
            plan = f"plan {n // 560 + 1}"
            said = [
                f"In {plan} {care} is {deed} on the {part} every {n % 13 + 2} days.",
                f"On the {part} it takes {n % 50 + 5} minutes, and with {plan} the skin rests for {n % 9 + 1} days.",
                f"Whoever follows {plan} keeps {care} at hand and tells the desk {n % 6 + 1} days ahead.",
            ]
            said = said[: n % 3 + 1] + (["The room is cooled before."] if n == edited else [])
            writer.writerow([f"How often is {care} {deed} on the {part} in {plan}?", " ".join(said)])


def cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


class Clocked:
    """Adds up what the encoder takes; of its longest run, how good the estimate was when a tenth was done."""

    def __init__(self) -> None:
        self.seconds = self.estimate = 0.0
        self.texts = self.most = 0
        self._plain = FastEncoder.encode

    def encode(self, encoder: FastEncoder, texts: Sequence[str], progress: Progress | None = None) -> Matrix:
        """In the place of ``FastEncoder.encode``."""
        start = cpu()
        estimated = 0.0

        def watched(step: str, done: int, total: int) -> None:
            nonlocal estimated
            if progress:
                progress(step, done, total)
            if not estimated and done >= total / 10:
                estimated = (cpu() - start) / done * total

        found = self._plain(encoder, texts, watched)
        took = cpu() - start
        self.seconds += took
        self.texts += len(texts)
        if len(texts) > self.most:
            self.most, self.estimate = len(texts), estimated / took
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 where the build takes more than ``LIMIT`` times what its encoder does."""
    parser = argparse.ArgumentParser(description="Building a large table of questions against the encoder's time.")
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--adapt", action="store_true", help="with the settings of a clinic's build")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    config = Config()
    config = replace(config, adaptation=replace(config.adaptation, enabled=options.adapt))
    prepare_environment(config)
    clocked = Clocked()
    FastEncoder.encode = lambda *given: clocked.encode(*given)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        config = replace(config, corpus=folder / "corpus", index=folder / "index")
        config.corpus.mkdir()
        table(config.corpus / "pairs.csv", options.pairs)
        start = cpu()
        index.build(config)
        whole, encoder = cpu() - start, clocked.seconds
        built = index.built(config)
        table(config.corpus / "pairs.csv", options.pairs, edited=options.pairs // 2)
        start = cpu()
        index.build(config)
        rebuild = cpu() - start
        again = index.built(config)
    figures = {
        "pairs": options.pairs,
        "texts embedded": built.encoded,
        "the encoder, CPU s": encoder,
        "the whole build, CPU s": whole,
        "estimate when a tenth was done over the time of that run": clocked.estimate,
        "most memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "texts embedded after one answer was edited": again.encoded,
        "that rebuild, CPU s": rebuild,
        "ratio": whole / encoder,
        "limit": LIMIT,
    }
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    else:
        print("\n".join(f"{value:10.2f}  {name}" for name, value in figures.items()))
    return int(whole / encoder > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
