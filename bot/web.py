"""The HTTP app: our own routes, the chat page behind them, and the guard in front.

Until the bot is loaded ``/healthz`` answers, and everything else says that it is starting (503).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.routing import Route

from bot import embed, feedback, interface, monitor, pages, staff_ui
from bot.accounts import Lasting
from bot.errors import BotError, StateError
from bot.guard import CHAT, MAX_BODY_BYTES, STAFF, Guard, Limits, packed, words_of
from bot.interface import Words
from bot.monitor import Counted, Monitor
from bot.render import locate, passage_dict
from bot.renewal import Source
from bot.schema import Article, Turn
from bot.staff import Store
from bot.stage import RETRY, OurStage, Stage

if TYPE_CHECKING:
    from bot.config import Config
    from bot.pipeline import Bot

log = logging.getLogger(__name__)
NOTHING = "There is nothing here."
HOW = 'Send JSON such as {"message": "does it hurt", "history": []}; see /api/docs.'
_EXAMPLE: Any = {"message": "does it hurt", "history": ["what is microneedling"]}
# Read by Gradio when it is imported: no calls home, no statistics that nobody reads, no conversation in
# the browser's storage.
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def _bot(stage: OurStage) -> Bot:
    return stage.bot


def _article(source_id: str, bot: TheBot) -> Article:
    article: Article | None = bot.article(source_id)
    if article is None:
        raise HTTPException(404, "There is no such article.")
    return article


Language = Annotated[Words, Depends(words_of)]
if TYPE_CHECKING:
    TheBot = Annotated[Bot, Depends(_bot)]
else:
    TheBot = Annotated[Any, Depends(_bot)]  # FastAPI evaluates this; the pipeline is not loaded yet
TheArticle = Annotated[Article, Depends(_article)]
api = APIRouter()
site = APIRouter(include_in_schema=False)


class Refusal(BaseModel):
    """Why a request is not answered, and what to do."""

    detail: str


_REFUSED: dict[int | str, dict[str, Any]] = {
    code: {"model": Refusal, "description": why}
    for code, why in {
        400: "no JSON", 413: "too large", 422: "not of this form", 429: "too many: see Retry-After", 503: "starting",
    }.items()
}  # fmt: skip


class Earlier(BaseModel):
    """An earlier message of the conversation; its text is in ``content`` (or ``text``)."""

    role: Literal["user", "assistant"]
    content: str

    @model_validator(mode="before")
    @classmethod
    def _either_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and "content" not in data and "text" in data:
            return {**data, "content": data["text"]}
        return data


class Question(BaseModel):
    """The body of ``POST /api/ask``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    message: str
    history: list[str | Earlier] = Field(default=[], max_length=200)

    def turns(self) -> list[Turn]:
        """The conversation with the message as its last turn."""
        earlier = [Turn("user", h) if isinstance(h, str) else Turn(h.role, h.content) for h in self.history]
        return [*earlier, Turn("user", self.message)]


# --- the API ---------------------------------------------------------------------------------


@api.post("/api/ask", responses=_REFUSED)
def post_ask(question: Question, stage: OurStage) -> dict[str, Any]:
    """Ask a question. History is the conversation so far, oldest first: the user's messages, or objects with a role."""
    return stage.ask(question.turns()).to_dict()


@api.get("/api/passages/{source_id}")
def get_passage(
    article: TheArticle,
    words: Language,
    start: Annotated[int, Query(ge=0)] = 0,
    end: Annotated[int, Query(ge=0)] = 0,
    h: str = "",
) -> dict[str, Any]:
    """The section of an article around the quote from start to end, cut at the quote's edges."""
    return passage_dict(article, locate(article, start, end, h), words)


@api.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@api.get("/readyz")
async def readyz(stage: OurStage) -> Response:
    """Whether questions are answered: 200 with the version of the index, or 503 while starting."""
    try:
        return JSONResponse({"status": "ready", "index_version": stage.bot.index_version})
    except HTTPException:
        return JSONResponse({"status": "starting"}, 503, RETRY)


# --- pages -----------------------------------------------------------------------------------


@site.get("/")
async def home(words: Language) -> Response:
    return RedirectResponse(f"{CHAT}/{words.query()}")


@site.get("/source/{source_id}")
def source(
    article: TheArticle, stage: OurStage, words: Language, start: str = "", end: str = "", h: str = ""
) -> Response:
    spot = (int(start), int(end)) if _is_offset(start) and _is_offset(end) else (0, 0)
    quote = locate(article, *spot, h)
    return HTMLResponse(pages.source_page(article, quote, stage.assets.address("site.css"), bool(start), words))


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


@site.get("/ask")
def get_ask(stage: OurStage, bot: TheBot, words: Language, q: str = "") -> Response:
    return HTMLResponse(_ask_page(stage, bot, words, q, []))


@site.post("/ask")
def form_ask(
    stage: OurStage,
    bot: TheBot,
    words: Language,
    q: Annotated[str, Form()] = "",
    choice: Annotated[str, Form()] = "",
    earlier: Annotated[list[str] | None, Form()] = None,
) -> Response:
    return HTMLResponse(_ask_page(stage, bot, words, choice or q, (earlier or [])[-12:]))


def _ask_page(stage: Stage, bot: Bot, words: Words, question: str, earlier: list[str]) -> str:
    reply = stage.ask([Turn("user", text) for text in (*earlier, question)]) if question.strip() else None
    return pages.ask_page(
        bot.clinic, bot.texts["intended_purpose"], stage.assets.address("site.css"),
        question=question, earlier=earlier, reply=reply, examples=bot.examples(), words=words,
    )  # fmt: skip


@site.get("/api/docs")
async def docs(request: Request, stage: OurStage) -> Response:
    return HTMLResponse(pages.docs_page(request.app.openapi(), stage.assets.address("site.css")))


@site.get("/static/{name}")
async def static(name: str, request: Request, stage: OurStage, v: str = "") -> Response:
    found = stage.assets.find(name)
    if found is None:
        raise HTTPException(404, NOTHING)
    lasting = "public, max-age=31536000, immutable" if v else "public, max-age=3600"
    body, headers = packed(found[0], request)
    return Response(body, media_type=found[1], headers={**headers, "cache-control": lasting})


@site.get("/favicon.ico")
async def favicon(request: Request, stage: OurStage) -> Response:
    return await static("icon.svg", request, stage)


@site.get("/manifest.json")
async def manifest(request: Request, stage: OurStage) -> Response:
    return await static("manifest.json", request, stage)


# --- refusals and the app --------------------------------------------------------------------


async def _refused(request: Request, error: AnyHTTPException) -> Response:
    """JSON for programs, a calm page for people."""
    if request.url.path.startswith(STAFF):
        return staff_ui.refused(request, error)
    if request.url.path.startswith("/api/") or (request.method == "POST" and request.url.path != "/ask"):
        detail = f"{error.detail}. {HOW}" if error.status_code == 400 else error.detail
        return JSONResponse({"detail": detail}, error.status_code, error.headers)
    assets, words = request.app.state.stage.assets, words_of(request)
    styles = assets.address("site.css")
    if error.status_code == 503:
        text = pages.starting_page(styles, assets.address("starting.js"), words)
    elif error.status_code == 404:
        text = pages.message_page(words["not_found"], words["nothing"], styles, words)
    else:
        text = pages.message_page(words["failed"], words["try_again"], styles, words)
    return HTMLResponse(text, error.status_code, error.headers)


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    """What is wrong with a request and how to mend it, without repeating what was sent."""
    first = error.errors()[0]
    if request.url.path.startswith(STAFF):
        return staff_ui.refused(request, AnyHTTPException(422))
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return JSONResponse({"detail": f"{where}: {first['msg']}. {HOW}"}, 422)


async def _no_store(request: Request, error: StateError) -> Response:
    """The file of what is kept can't be used: the operator reads why."""
    log.error("%s", error)
    return await _refused(request, AnyHTTPException(503, "store"))


def create_app(
    load: Callable[[], Bot] | Source,
    *,
    limits: Limits | None = None,
    store: Store | None = None,
    parents: Sequence[str] = (),
    lasting: Lasting | None = None,
    keep: str = "none",
    retention_days: int = 90,
    metrics_token: str = "",
    live: Config | None = None,
    on_ready: Callable[[], None] = lambda: None,
    on_failure: Callable[[BotError], None] = lambda error: log.error("%s", error),
) -> FastAPI:
    """The whole site. ``load`` runs in a thread once the app has started; the callbacks run in its loop. A ``Source``
    also says how a new index is noticed and loaded while the site answers.

    ``parents``: origins whose pages may show the chat in a frame. Without a ``store`` what is told is kept in memory
    only. ``lasting``: how long the staff stay signed in. ``keep``, ``retention_days``: what is kept of visitors'
    words, and how long (``Config``). ``metrics_token``: opens ``/metrics`` to others than this machine. ``live``: the
    articles and index that editors may change; none where they are published from elsewhere.
    """
    interface.tables()  # a wrong text is told now, not to a visitor
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    source = load if isinstance(load, Source) else Source(load)
    stage = Stage(source, on_ready, on_failure, store or Store(), keep, retention_days, Monitor(metrics_token))
    app = FastAPI(
        title="Clinic FAQ", description="Answers from the clinic's own articles, with citations.", version="1",
        openapi_url="/api/openapi.json", docs_url=None, redoc_url=None, lifespan=stage.lifespan,
        max_body_size=MAX_BODY_BYTES,
        exception_handlers={AnyHTTPException: _refused, RequestValidationError: _malformed, StateError: _no_store},
    )  # fmt: skip
    app.state.stage = stage
    app.add_middleware(embed.Compact, assets=stage.assets)
    app.add_middleware(Guard, limits=limits or Limits(), frame_ancestors=" ".join(("'self'", *parents)))
    app.add_middleware(Counted, monitor=stage.monitor)
    app.include_router(api)
    app.include_router(feedback.router)
    app.include_router(site)
    app.include_router(embed.router)
    app.include_router(monitor.router)
    staff_ui.open_desk(app, stage, lasting, live)
    app.router.routes.append(Route(f"{CHAT}/{{path:path}}", stage))
    return app
