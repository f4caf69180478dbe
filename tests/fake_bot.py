"""A bot of canned replies, one for each state of the page; stands in for ``bot.pipeline.Bot`` at its seam.

Run as a script it serves the site:
``python tests/fake_bot.py PORT [QUESTIONS_AT_ONCE [SECONDS_TO_START [WHO_MAY_FRAME_IT ...]]]``.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot.clinic import Clinic
from bot.schema import Article, Block, Citation, Differ, DifferValue, Reply, Turn
from bot.texts import Texts

if TYPE_CHECKING:
    from bot.pipeline import Bot

# What must never be read as markup, whoever wrote it.
HOSTILE = (
    '<script>window.owned=1</script><img src="https://evil.example/x.png" onerror="window.owned=1">'
    '<form action="https://evil.example"><input name="card"></form><svg onload="window.owned=1"></svg>'
    "[link](javascript:window.owned=1) ![pic](https://evil.example/y.png) **bold** # head $$x^2$$ `code` "
    "<details><summary>s</summary></details> </div></script>"
)

_LINES: tuple[tuple[Any, str], ...] = (
    ("heading", "Does it hurt?"),
    ("paragraph", "A numbing cream is put on before the treatment. Most people then feel a light scratching."),
    ("heading", "How often is it repeated?"),
    ("paragraph", "Sessions are usually repeated:"),
    ("item", "every six weeks for scars"),
    ("item", "every four weeks for fine lines"),
)


def make_article(source_id: str, lines: Sequence[tuple[Any, str]] = _LINES, **more: Any) -> Article:
    """An article whose blocks stand on lines of their own."""
    text, blocks = "", []
    for kind, line in lines:
        text += "\n\n" if text else ""
        blocks.append(Block(kind, len(text), len(text) + len(line), 2 if kind == "heading" else 0))
        text += line
    return Article(source_id, more.pop("title", "How it works"), text, tuple(blocks), **more)


PLAIN = make_article(
    "003-how-it-works", publisher="Example Skin Journal", published="2024-01-19", kind="digest",
    reviewed_by="a dermatologist", url="https://journal.example/how",
)  # fmt: skip
UNDATED = make_article("001-what", title="What is microneedling?")
EVIL = make_article(
    "009-evil", (("heading", HOSTILE), ("paragraph", HOSTILE), ("item", HOSTILE)), title=HOSTILE, publisher=HOSTILE
)


def cite(article: Article, quote: str, n: int) -> Citation:
    """A citation of a quote where it stands in an article."""
    start = article.text.index(quote)
    return Citation(
        n=n, source_id=article.source_id, title=article.title, publisher=article.publisher,
        published=article.published, section=article.text[article.blocks[0].start : article.blocks[0].end],
        passage=article.text, quote=quote, start=start, end=start + len(quote), passage_start=0,
        kind=article.kind, url=article.url, reviewed_by=article.reviewed_by,
    )  # fmt: skip


CREAM = "A numbing cream is put on before the treatment."
SCRATCH = "Most people then feel a light scratching."
NOTE = ("General information from published articles, not medical advice.",)


# The answer about pain as it is copied; SITE is the address.
COPIED = f"""{CREAM} [1] {SCRATCH} [2]

General information from published articles, not medical advice.

[1] How it works (Example Skin Journal, 19 January 2024) SITE/source/003-how-it-works?start=15&end=62&h=a0eaef9d#quote
[2] What is microneedling? (publisher not stated, undated) SITE/source/001-what?start=63&end=104&h=b2be77a8#quote"""


def _replies(texts: Texts) -> dict[str, Reply]:
    both = (cite(PLAIN, CREAM, 1), cite(UNDATED, SCRATCH, 2))
    weeks = (cite(PLAIN, "every six weeks for scars", 1), cite(UNDATED, "every four weeks for fine lines", 2))
    sides = (DifferValue("6 weeks", (1,)), DifferValue("4 weeks", (2,)))
    return {
        "hurt": Reply("answered", f"{CREAM} [1] {SCRATCH} [2]", both, disclaimers=NOTE, suggestions=("How often?",)),
        "often": Reply(
            "answered",
            f"{texts['differ_lead']}\n• every six weeks for scars [1]\n• every four weeks for fine lines [2]",
            weeks, (Differ("interval between sessions", sides),), NOTE, ("Does it hurt?",),
        ),
        "pregnant": Reply("caution", f"{texts['caution_pregnancy']}\n{CREAM} [1]", both[:1], disclaimers=NOTE),
        "breathe": Reply("urgent", texts["emergency"], disclaimers=(texts["disclaimer_urgent"],)),
        "bitcoin": Reply("abstained", texts["abstained"], suggestions=("Does it hurt?", "How often?")),
        "long": Reply("clarify", texts["clarify"], suggestions=("How long is a session?", "How long until it heals?")),
        "book": Reply("handoff", texts["handoff_booking"]),
        "hello": Reply("smalltalk", texts["greeting"]),
        "evil": Reply(
            "answered", HOSTILE + " [1]\n• " + HOSTILE, (cite(EVIL, HOSTILE, 1),),
            (Differ(HOSTILE, (DifferValue(HOSTILE, (1,)),)),), (HOSTILE,), (HOSTILE,),
        ),
    }  # fmt: skip


SLOW = 2.5  # seconds; long enough to look at
VERY_SLOW = 8.0  # long enough to look at twice on a busy machine
CLINIC = Clinic(
    name="Example Clinic", phone="555-0142", emergency_number="112", email="hello@clinic.example",
    booking_url="https://clinic.example/book",
)  # fmt: skip


@dataclass
class FakeBot:
    """Replies by a word in the message; remembers what it was asked."""

    clinic: Clinic = CLINIC
    index_version: str = "fake-1"
    asked: list[list[Turn]] = field(default_factory=list)
    delay: float = 0.0

    def __post_init__(self) -> None:
        self.texts = Texts.load(self.clinic)
        self._replies = _replies(self.texts)

    def ask(self, turns: Sequence[Turn], explain: bool = False) -> Reply:
        """The reply whose word stands in the last message."""
        self.asked.append(list(turns))
        message = turns[-1].text
        time.sleep(VERY_SLOW if "very slow" in message else SLOW if "slow" in message else self.delay)
        if "crash" in message:
            raise RuntimeError(f"a bug that repeats {message}")
        if "turns" in message:
            return Reply("smalltalk", f"{len(turns)} turns")
        if not message.strip():
            return Reply("clarify", self.texts["empty"])
        if len(message) > 2000:
            return Reply("clarify", self.texts["too_long"])
        found = (reply for word, reply in self._replies.items() if word in message.lower())
        return next(found, Reply("abstained", self.texts["gibberish"]))

    def ask_one(self, message: str) -> Reply:
        """The reply to a message alone."""
        return self.ask([Turn("user", message)])

    def article(self, source_id: str) -> Article | None:
        """An article by its id."""
        return next((a for a in self.articles() if a.source_id == source_id), None)

    def articles(self) -> tuple[Article, ...]:
        """All articles."""
        return (PLAIN, UNDATED, EVIL)

    def examples(self) -> tuple[str, ...]:
        """Example questions."""
        return ("Does it hurt?", "How often is it repeated?", "How long until it heals?", "Who should not have it?")

    def as_bot(self) -> Bot:
        """Itself, typed as what it stands in for."""
        return cast("Bot", self)


def serve(parents: Sequence[str], port: int, burst: int = 10_000, seconds: int = 0) -> None:
    """Serve the site with canned replies until stopped."""
    from app import answer, listening
    from bot import logs
    from bot.guard import Limits
    from bot.web import create_app

    def load() -> Bot:
        time.sleep(seconds)
        return FakeBot().as_bot()

    app = create_app(load, limits=Limits(burst=burst, per_second=0.2), parents=parents)
    logs.set_up("text")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with listening("127.0.0.1", port) as listener:
        answer(app, listener)


if __name__ == "__main__":
    serve(sys.argv[4:], *map(int, sys.argv[1:4]))
