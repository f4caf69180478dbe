"""A small regression set over the bicycle corpus, and ways to make its bot worse on purpose."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.abstention import Model
from bot.pipeline import Bot
from bot.safety import Verdict
from bot.schema import Passage, Turn

HOSTILE_TURN = "<script>window.owned=1</script><img src=x onerror='window.owned=1'> \u0007 & friends"


def _item(name: str, turns: str | list[str], expect: str = "answer", **more: Any) -> dict[str, Any]:
    said = [turns] if isinstance(turns, str) else turns
    return {"id": name, "turns": said, "expect": expect, "category": "fact", "style": "short", **more}


ITEMS: tuple[dict[str, Any], ...] = (
    _item("oil", "how often is the chain oiled", sources=["001"], facts=[["2 weeks"]], group="oil"),
    _item("oil-kw", "chain oil interval", sources=["001"], facts=[["2 weeks"]], group="oil", style="keyword"),
    _item("life", "how long does a chain last", sources=["001"], facts=[["3000 km"]]),
    _item("clean", "how do I clean a chain", sources=["001"], facts=[["brush"]]),
    _item("wax", "is wax better than oil", sources=["001"], facts=[["cleaner"], ["rain"]]),
    _item("air", "how much air does a tyre need", sources=["002"], facts=[["4 to 5 bar"]]),
    _item("pump", "how often should tyres be pumped", sources=["002"], facts=[["4 weeks"]]),
    _item("tube", "does a slow puncture need a new tube", sources=["002"], facts=[["patched"]]),
    _item("flat", "how long does mending a flat take", sources=["002"], facts=[["20 minutes"]]),
    _item("pads", "how often are brake pads replaced", sources=["003"], facts=[["6 months"]]),
    _item("follow", ["how often is the chain oiled", "and the tyres pumped?"], sources=["002"], facts=[["4 weeks"]],
          category="follow_up"),
    _item("bitcoin", "what is bitcoin", "abstain", category="uncovered"),
    _item("opera", "who wrote the opera carmen", "abstain", category="uncovered"),
    _item("breathe", "i cant breathe", "urgent", category="emergency"),
    _item("chest", "i have chest pain", "urgent", category="emergency"),
    _item("hello", "hello", "smalltalk", category="smalltalk"),
)  # fmt: skip


def write_set(path: Path, items: Sequence[dict[str, Any]] = ITEMS, hostile: bool = False) -> Path:
    """Write items as JSON lines; ``hostile`` adds a message that must stay text, expected wrongly."""
    more = [_item("hostile", HOSTILE_TURN, "handoff", category=HOSTILE_TURN)] if hostile else []
    path.write_text("".join(json.dumps(i) + "\n" for i in [*items, *more]), encoding="utf-8")
    return path


def worse(bot: Bot) -> Bot:
    """All three of the planted regressions at once."""
    return without_urgency(with_threshold(with_swapped_passages(bot), 0.0))


def with_threshold(bot: Bot, threshold: float) -> Bot:
    """A copy of the bot that answers from another confidence on, whatever no article speaks of."""
    out = copy.copy(bot)
    abstention = copy.copy(bot._abstention)
    model = abstention._model
    abstention._model = Model(model.weights, model.bias, threshold)
    out._abstention = abstention
    return out


def without_urgency(bot: Bot) -> Bot:
    """A copy of the bot whose safety step has lost its emergencies."""
    out = copy.copy(bot)
    judged: Callable[[Sequence[Turn]], Verdict] = bot._safety.judge

    class Lost:
        def judge(self, turns: Sequence[Turn]) -> Verdict:
            verdict = judged(turns)
            return replace(verdict, status=None, retrieve=True) if verdict.status == "urgent" else verdict

    out._safety = Lost()  # type: ignore[assignment]
    out.__dict__["_learned"] = lambda verdict, *rest: verdict
    return out


def with_swapped_passages(bot: Bot, first: str = "001-chain#0", second: str = "002-tyres#1") -> Bot:
    """A copy of the bot whose retriever gives one passage where it means another, and back."""
    out = copy.copy(bot)
    passages = {p.id: p for p in bot._index.passages}
    other: dict[str, Passage] = {first: passages[second], second: passages[first]}

    class Swapped:
        def __getattr__(self, name: str) -> Any:
            return getattr(bot._retriever, name)

        def search(self, query: Any, *more: Any) -> Any:
            found = bot._retriever.search(query, *more)
            hits = tuple(replace(h, passage=other.get(h.passage.id, h.passage)) for h in found.hits)
            cosines = {(p.id, n): 0.5 for h in hits for p in [h.passage] for n in range(len(p.sentences))}
            asked = {**cosines, **found.asked}
            return replace(found, hits=hits, sentences={**cosines, **found.sentences}, asked=asked)

    out._retriever = Swapped()  # type: ignore[assignment]
    return out
