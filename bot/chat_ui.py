"""The visitor's chat page: Gradio Blocks around ``Bot.ask``. A handler calls and renders, nothing else.

The conversation is kept on the server (``gr.State``): the browser only ever sends the latest message,
so nobody can put words into the bot's mouth, and nothing is stored on a shared computer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr
from anyio import to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.cors import CORSMiddleware

from bot.clinic import Clinic
from bot.contact import ask_clinic_html
from bot.guard import CHAT, token
from bot.interface import Words, choose
from bot.pages import clinic_name, hello_html
from bot.render import clean, contact_links, question_html, reply_html, thinking_html
from bot.schema import Reply, Turn
from bot.stage import Ask, Now

if TYPE_CHECKING:
    from bot.pipeline import Bot

MAX_KEPT_CHARS = 10_000  # of a message; far more than is answered, so that a flood of text is not stored
MAX_EXCHANGES = 50  # of one conversation, kept and shown; older ones scroll away
AT_ONCE = 16  # questions answered at a time; more wait in line
WAITING = 200  # in line; beyond that a visitor is told to try again
# Seconds between two looks whether somebody asked, for each clinic that is served. With Gradio's 0.001 a server that
# nobody asks takes 3.6% of a core, with this 1.8%, with 0.02 1.1%; half of it is added to each answer.
POLL = 0.005
_UNFIT = "This is no request of the chat page."
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "Consolas", "monospace"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and, once there is one, its reply."""

    question: str
    reply: Reply | None = None


Talk = tuple[Exchange, ...]


def theme() -> gr.themes.Base:
    """Calm colours with enough contrast, and the visitor's own fonts, so that none is loaded."""
    return gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", radius_size="lg", text_size="lg", font=_FONT, font_mono=_MONO
    )


def turns_of(talk: Talk) -> list[Turn]:
    """A conversation as the pipeline reads it."""
    turns: list[Turn] = []
    for exchange in talk:
        turns.append(Turn("user", exchange.question))
        if exchange.reply:
            turns.append(Turn("assistant", exchange.reply.answer))
    return turns


def messages_of(talk: Talk, clinic: Clinic, words: Words) -> list[gr.ChatMessage]:
    """A conversation as the page shows it."""
    links = contact_links(clinic)
    shown: list[gr.ChatMessage] = []
    for exchange in talk:
        shown.append(gr.ChatMessage(role="user", content=question_html(exchange.question, words)))
        if exchange.reply is None:
            shown.append(gr.ChatMessage(role="assistant", content=thinking_html(words)))
        else:
            options: list[Any] = [{"value": clean(text)} for text in exchange.reply.suggestions]
            more = ask_clinic_html(exchange.reply, exchange.question, clinic, words)
            html = reply_html(exchange.reply, links, words, more)
            shown.append(gr.ChatMessage(role="assistant", content=html, options=options))
    return shown


def build_chat(now: Now, ask: Ask) -> tuple[gr.Blocks, Callable[[], None]]:
    """The chat page; its own words are tokens, which are replaced when it is sent.

    ``now`` gives the bot that answers. The second value is to be called when that is another one.
    """
    bot = now()
    page = gr.Blocks(title=clinic_name(bot.clinic), analytics_enabled=False, fill_height=True)
    with page:
        talk = gr.State((), time_to_live=3600)  # seconds; a forgotten tab does not hold a conversation for ever
        again = gr.Button(token("new_chat"), elem_id="again", size="sm")
        chat = gr.Chatbot(
            label=token("conversation"), show_label=False, elem_id="chat", examples=_examples(bot), buttons=[],
            autoscroll=False, placeholder=_hello(bot), container=False, allow_tags=False, latex_delimiters=[],
            group_consecutive_messages=False, height="100%", scale=1,
        )  # fmt: skip
        box = gr.Textbox(
            label=token("question"), placeholder=token("example"), elem_id="question",
            lines=1, max_lines=5, submit_btn=token("send"),
        )  # fmt: skip
        _wire(now, ask, talk, chat, box, again)
    page.queue(default_concurrency_limit=AT_ONCE, max_size=WAITING)
    page._queue.sleep_when_free = POLL

    def refresh() -> None:
        """The empty page of whoever comes from now on; a conversation under way stays as it is."""
        chat.examples, chat.placeholder = _examples(now()), _hello(now())
        page.config = page.get_config_file()

    return page, refresh


def _examples(bot: Bot) -> list[Any]:
    return [{"text": clean(question)} for question in bot.examples()]


class _Tokens(Words):
    """Words that are known when the page is sent."""

    __slots__ = ()

    def __getitem__(self, key: str) -> str:
        return token(key)


def _hello(bot: Bot) -> str:
    words = _Tokens()
    head = f"<h2>{words['hello']}</h2>"
    return hello_html(bot.texts["intended_purpose"], contact_links(bot.clinic), words, head)


def _wire(
    now: Callable[[], Bot], ask: Ask, talk: gr.State, chat: gr.Chatbot, box: gr.Textbox, again: gr.Button
) -> None:
    async def send(message: object, before: Talk, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        words = choose(request.query_params.get("lang"), request.headers.get("accept-language"))
        question = message[:MAX_KEPT_CHARS] if isinstance(message, str) else ""
        answered = (exchange for exchange in before if exchange.reply)  # one whose stream broke off has none
        talk = (*answered, Exchange(question))[-MAX_EXCHANGES:]
        yield messages_of(talk, now().clinic, words), "", talk
        reply = await to_thread.run_sync(ask, turns_of(talk))
        talk = (*talk[:-1], replace(talk[-1], reply=reply))
        yield messages_of(talk, now().clinic, words), gr.skip(), talk  # the next question may be half typed

    async def choose_one(before: Talk, event: gr.SelectData, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        value = event.value
        async for step in send(value.get("text") if isinstance(value, dict) else value, before, request):
            yield step

    outputs: list[Any] = [chat, box, talk]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    # What is sent while an answer is under way is asked after it; "once" would drop it.
    box.submit(send, [box, talk], outputs, trigger_mode="always_last", **quiet)
    chat.example_select(choose_one, [talk], outputs, **quiet)
    chat.option_select(choose_one, [talk], outputs, **quiet)
    again.click(lambda: ([], "", ()), None, outputs, **quiet)


def _fits(page: gr.Blocks, body: Any) -> bool:
    """Whether the page's own script could have sent this to the queue. Else Gradio fails and logs what was sent.

    Its parameters are Gradio's ``PredictBody``: the number of an event, its inputs, and of a choice what was chosen.
    """
    event = page.fns.get(body.fn_index)
    if event is None or body.batched or len(body.data) != len(event.inputs):
        return False
    chosen = body.event_data
    choice = any(name.endswith("select") for _, name in event.targets)
    return not choice or (isinstance(chosen, dict) and {"index", "value"} <= chosen.keys())


def _strictly(page: gr.Blocks) -> None:
    """Refuse what does not fit (422) before it is queued."""
    push = page._queue.push

    async def checked(body: Any, request: Any, username: Any) -> Any:
        return await push(body, request, username) if _fits(page, body) else (False, _UNFIT, "validator_error")

    page._queue.push = checked  # type: ignore[method-assign]


async def _malformed(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": _UNFIT}, 422)


def mounted(now: Now, ask: Ask) -> FastAPI:
    """The chat page over ``ask``, as an app that serves ``/chat/``; run its lifespan, or its queue stays off.

    ``now`` gives the bot that answers; the app's ``state.refresh`` is to be called when that is another one.
    """
    app = FastAPI(openapi_url=None)
    app.add_middleware(CORSMiddleware, allow_origins=[])  # or Gradio allows any origin, with credentials
    page, app.state.refresh = build_chat(now, ask)
    gr.mount_gradio_app(
        app, page, CHAT, footer_links=[], run_history=False, enable_monitoring=False, show_error=False,
        max_file_size="1kb", app_kwargs={"openapi_url": None}, ssr_mode=False, theme=theme(),
    )  # fmt: skip
    # Gradio checks the paths of files that a client names only after launch(), which a mounted page never calls.
    page.has_launched = True
    _strictly(page)
    mount: Any = app.routes[-1]
    # Gradio's own handler repeats what was sent, and fails on half a character.
    mount.app.add_exception_handler(RequestValidationError, _malformed)
    app.state.close_streams = mount.app.stop_event.set  # each open page holds one
    app.state.waiting = page._queue.__len__
    return app
