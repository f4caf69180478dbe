"""What is loaded so far: the bot, the chat page, our static files; and asking with a last resort.

The bot takes seconds to load, so it loads in a thread while the app already answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Annotated, TypeAlias

from fastapi import Depends, FastAPI, HTTPException, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import keeping, pages
from bot.errors import BotError, StateError
from bot.guard import Frame, Rewritten
from bot.interface import ENGLISH, Words
from bot.monitor import Monitor
from bot.queue import Queue
from bot.recorder import Recorder
from bot.render import esc
from bot.renewal import Renewal, Source
from bot.schema import Reply, Turn
from bot.staff import REASONS, Store
from bot.teacher import Teacher
from bot.theme import Theme

if TYPE_CHECKING:
    from bot.pipeline import Bot

log = logging.getLogger(__name__)
RETRY = {"retry-after": "3"}
# The files that hold the page's own accents, each with the accent it holds of both schemes; site.css has its own way.
_ACCENTS = {"icon.svg": (b"#0f766e", b""), "embed.js": (b"#0f6b64", b"#5fc9bd")}
LOADER = "loader"  # the name of the thread that loads
# The texts that the page's script needs; the rest stands in what the server sends.
_FOR_SCRIPT = (
    "conversation", "examples", "choices", "next", "you_said", "bot_said", "thinking", "cleared", "question", "digest",
    "reviewed_by", "changed_gone", "passage", "whole_article", "close_source", "source_failed", "sources", "helpful",
    "yes", "no", "why_not", "thanks", "not_sent", "copy", "copied", "not_copied", "offline",
    "restarted",
)  # fmt: skip
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".json": "application/manifest+json"}

Ask = Callable[[Sequence[Turn]], Reply]
Now: TypeAlias = "Callable[[], Bot]"  # the bot that answers
Outcome: TypeAlias = "tuple[Serving, Callable[[Now, Ask], FastAPI]] | BotError"


@dataclass(frozen=True, slots=True)
class Serving:
    """A bot and what teaches it: replaced together, so that a question has one version from its first step on."""

    bot: Bot
    teacher: Teacher


def ask(bot: Bot, turns: Sequence[Turn], explain: bool = False, failed: Callable[[], object] = lambda: None) -> Reply:
    """``Bot.ask``, and an apology where the program itself failed. The question is not logged."""
    try:
        return bot.ask([replace(turn, text=_encodable(turn.text)) for turn in turns], explain)
    except Exception as error:  # the page's last resort: a visitor is never left without a reply
        # The error's own text could quote the visitor; where it happened can't.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("a question failed with %s at\n%s", type(error).__name__, where)
        failed()
        return Reply("abstained", bot.texts["failsafe"], index_version=bot.index_version)


def _encodable(text: str) -> str:
    """JSON can carry half a character, which nothing later could write down."""
    return text.encode("utf-8", "replace").decode()


class Assets:
    """The files of a folder of ``bot``, read once, addressed with their hash so that browsers keep them for ever."""

    def __init__(self, folder: str = "static", base: str = "/static") -> None:
        found = (f for f in (resources.files("bot") / folder).iterdir() if f.is_file())
        self._files = {f.name: f.read_bytes() for f in found}
        self._base = base

    def address(self, name: str) -> str:
        """Where a page finds the file."""
        return f"{self._base}/{name}?v={sha256(self._files[name]).hexdigest()[:8]}"

    def find(self, name: str) -> tuple[bytes, str] | None:
        """The file and its media type, or None."""
        kind = _TYPES.get(name[name.rfind(".") :], "application/octet-stream")
        return (self._files[name], kind) if name in self._files else None

    def read(self, name: str) -> bytes:
        """A file that there is."""
        return self._files[name]

    def colour(self, theme: Theme) -> None:
        """Put the clinic's colours in the place of our own; the files' addresses change with them."""
        self._files["site.css"] += theme.css().encode()
        for name, ours in _ACCENTS.items():
            for own, chosen in zip(ours, (theme.accent, theme.accent_dark), strict=True):
                if own and chosen:
                    self._files[name] = self._files[name].replace(own, chosen.encode())

    def head(self, words: Words, index_version: str) -> str:
        """What the chat page's ``<head>`` gains."""
        reasons = {reason: words[f"reason_{reason}"] for reason in REASONS}
        more = {"language": words.code, "direction": words["dir"], "reasons": reasons}
        said = json.dumps({key: words[key] for key in _FOR_SCRIPT} | more, ensure_ascii=False)
        told = {"words": said, "index-version": index_version}
        metas = "".join(f'<meta name="{name}" content="{esc(content)}">' for name, content in told.items())
        styles = "".join(f'<link rel="stylesheet" href="{self.address(f)}">' for f in ("site.css", "chat.css"))
        script = f'<script type="module" src="{self.address("chat.js")}"></script>'
        return f'<link rel="icon" href="{self.address("icon.svg")}" type="image/svg+xml">{metas}{styles}{script}'


class Stage:
    """What has been loaded so far. As an ASGI app it is the chat page, or that it is starting."""

    def __init__(
        self,
        source: Source,
        on_ready: Callable[[], None],
        on_failure: Callable[[BotError], None],
        store: Store,
        keep: str = "none",
        retention_days: int = 90,
        monitor: Monitor | None = None,
    ):
        """``keep`` (one of ``config.KEEPS``) and ``retention_days``: what is kept of visitors' words, and how long."""
        self.monitor = monitor or Monitor()
        self.store = store
        self.queue = Queue(store)
        self.recorder: Recorder | None = None  # from when there is a bot
        self._keep = keep
        self._retention_days = retention_days
        self._load = source.first
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._serving: Serving | None = None
        self._chat: ASGIApp | None = None
        self._refresh_chat: Callable[[], None] = lambda: None
        self._close_streams: Callable[[], object] = lambda: None
        self.assets = Assets()
        self.renewal = Renewal(source, self._take)
        self.ending: list[Callable[[], None]] = []  # what else ends with the app

    @property
    def bot(self) -> Bot:
        """The bot; while there is none, a 503 for whoever asks."""
        return self.serving.bot

    @property
    def serving(self) -> Serving:
        """The bot and its teacher as they belong together; while there is none, a 503."""
        if self._serving is None:
            raise HTTPException(503, ENGLISH["starting"], RETRY)
        return self._serving

    def ask(self, turns: Sequence[Turn]) -> Reply:
        """Answer a visitor as the bot was last taught, and count it."""
        serving = self.serving
        serving.teacher.refresh()
        reply = self.monitor.answered(lambda: ask(serving.bot, turns, failed=self.monitor.failed))
        if self.recorder and turns:
            self.recorder.reply(_encodable(turns[-1].text), reply)
        return reply

    @property
    def ready(self) -> bool:
        """Whether there is a bot."""
        return self._serving is not None

    @property
    def words_kept(self) -> bool:
        """Whether anything of visitors' words is kept."""
        return self._keep != "none"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the chat page."""
        if self._chat is None:
            raise HTTPException(503, ENGLISH["starting"], RETRY)
        await self._chat(scope, receive, send)

    def close_streams(self) -> None:
        """Let go of what open pages hold on to, before the server waits for answers under way."""
        self._close_streams()

    def frame(self, words: Words) -> Frame:
        """What the chat page gains around Gradio's part."""
        clinic = self.bot.clinic
        top = pages.header_html(clinic, words) + pages.no_script_html(words)
        return Frame(esc(pages.clinic_name(clinic, words)), self.assets.head(words, self.bot.index_version), top)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Load in the background while the app answers; close the chat page's queue at the end."""
        loop = asyncio.get_running_loop()
        loaded: asyncio.Future[Outcome] = loop.create_future()
        # Not a pool's thread: Python would wait for it on Ctrl-C.
        threading.Thread(target=self._work, args=(loop, loaded), name=LOADER, daemon=True).start()
        task = asyncio.create_task(self._run(loaded))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.renewal.close()
        for end in self.ending:
            end()
        if self.recorder:
            self.recorder.close()

    def _work(self, loop: asyncio.AbstractEventLoop, loaded: asyncio.Future[Outcome]) -> None:
        outcome: Outcome = BotError("the chat could not be loaded: the lines above say why")
        try:
            serving = self._attached(self._load())
            from bot.chat_ui import mounted  # now, when the environment is set; and it takes seconds

            outcome = serving, mounted
        except BotError as error:
            outcome = error
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: stopped while loading
                loop.call_soon_threadsafe(_settle, loaded, outcome)

    def _attached(self, bot: Bot) -> Serving:
        """Let the bot know what was taught, and count what it is asked."""
        teacher = Teacher(bot, self.store)
        teacher.refresh()
        with contextlib.suppress(StateError):  # logged by the next change of a lesson, which writes it again
            teacher.lessons.write_questions()
        if self.recorder:
            self.recorder.use(bot)
        else:
            daily = keeping.Daily(self.store, self._retention_days)
            self.recorder = Recorder(self.queue, bot, self._keep, daily, self.monitor.uncounted)
            self.monitor.waits("recorder", self.recorder.waiting)
        self.monitor.serves(bot.index_version)
        return Serving(bot, teacher)

    def _take(self, bot: Bot) -> None:
        """Answer from another bot from the next question on."""
        self._serving = self._attached(bot)
        self._refresh_chat()

    async def _run(self, loaded: asyncio.Future[Outcome]) -> None:
        outcome = await loaded
        if isinstance(outcome, BotError):
            self._on_failure(outcome)
            return
        first, mounted = outcome
        # Here and not in the thread: Gradio ties its locks to the running loop.
        chat = mounted(lambda: (self._serving or first).bot, self.ask)
        self._refresh_chat, self._close_streams = chat.state.refresh, chat.state.close_streams
        self.monitor.waits("chat", chat.state.waiting)
        self.assets.colour(first.bot.clinic.theme)
        async with chat.router.lifespan_context(chat):
            self._chat = Rewritten(chat, self.frame)
            self._serving = first
            self.renewal.start(first.bot.index_version)
            self._on_ready()
            await asyncio.Event().wait()  # until cancelled


def stage_of(request: Request) -> Stage:
    """The stage of the app that a request came to."""
    found: Stage = request.app.state.stage
    return found


OurStage = Annotated[Stage, Depends(stage_of)]


def _settle(loaded: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not loaded.done():
        loaded.set_result(outcome)
