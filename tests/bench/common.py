"""What the benchmarks of asking share: a bot, the plain encoder beside it, and CPU time."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.config import Config, prepare_environment
from bot.encoder import Encoder, Matrix, Progress, SentenceTransformerEncoder, locate
from bot.metrics import Item
from bot.pipeline import Bot
from bot.sets import read_set

SETS = Path(__file__).resolve().parent.parent / "regression"


@dataclass(frozen=True)
class Bench:
    """A bot to be timed, its own encoder, the plain call of sentence-transformers, and the items to ask."""

    bot: Bot
    own: Encoder
    items: tuple[Item, ...]
    plain: Callable[[Sequence[str]], object]
    json: bool

    @classmethod
    def open(cls, description: str, arguments: Sequence[str] | None, items: int) -> Bench:
        """From the command line. Questions first, then safety messages, as many as are wanted."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--index", type=Path)
        parser.add_argument("--items", type=int, default=items)
        parser.add_argument("--json", action="store_true")
        options = parser.parse_args(arguments)
        config = Config.from_env(index=options.index)
        prepare_environment(config)
        both = [i for name in ("qa.jsonl", "safety.jsonl") for i in read_set(SETS / name).items]
        bot = Bot.open(config)
        model = SentenceTransformerEncoder.load(locate(config.model), config.threads).model

        def plain(texts: Sequence[str]) -> object:
            return model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)

        return cls(bot, bot._index.encoder, tuple(both[: options.items]), plain, options.json)

    def recorded(self, texts: list[list[str]]) -> None:
        """From now on note what the bot has encoded, call by call."""
        encode = self.own.encode

        def noted(batch: Sequence[str], progress: Progress | None = None) -> Matrix:
            texts.append(list(batch))
            return encode(batch)

        self.own.encode = noted  # type: ignore[method-assign, assignment]

    def said(self, figures: dict[str, float], limit: float, ratio: float) -> int:
        """Print the figures and the ratio that counts; 1 where it exceeds its limit."""
        figures = {**figures, "ratio": ratio, "limit": limit}
        if self.json:
            print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
        else:
            print("\n".join(f"{value:9.2f}  {name}" for name, value in figures.items()))
        return int(ratio > limit)


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start
