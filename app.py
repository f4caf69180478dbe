"""Serve the chat: ``python app.py``. Builds the index if there is none, then prints the address."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import uvicorn
from starlette.types import ASGIApp

from bot import builds, logs
from bot.__main__ import Bar
from bot.accounts import Lasting
from bot.config import Config, prepare_environment
from bot.errors import BotError, IndexError_, StateError, StateNewer
from bot.patience import Patience
from bot.renewal import Source
from bot.staff import Store

if TYPE_CHECKING:
    from bot.pipeline import Bot

DRAIN = 9  # seconds that answers under way have when the server is told to stop; a supervisor waits 10
# Seconds that an idle connection stays open: longer than a proxy keeps one (nginx: 60), or a question that is sent just
# when we hang up is lost.
IDLE = 75
HEAPS = 2  # of the C library; one for each thread, its default, held 950 MB after a short rush, two of them 510
_M_ARENA_MAX = -8  # its name in glibc's malloc.h
log = logging.getLogger("bot.app")


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped; returns the exit code: 0 stopped, 1 could not serve, 2 wrong usage."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that both signals end in the same clean way
    options = parser().parse_args(arguments)
    logs.set_up("text")  # until it is known what is wanted
    try:
        config = Config.from_env(host=options.host, port=options.port, corpus=options.corpus, index=options.index)
        logs.set_up(config.logs)
        prepare_environment(config)
        share_heaps()
        with listening(config.host, config.port) as listener:
            return serve(config, listener)
    except BotError as error:
        log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        return 0


def share_heaps() -> None:
    """Let threads share memory that is given back (glibc's ``mallopt``); another C library does as it does."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS)


def parser() -> argparse.ArgumentParser:
    """The options; each one can also be set as ``FAQ_...`` in the environment."""
    out = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    out.add_argument("--host", help="address to listen on (default 127.0.0.1; 0.0.0.0 for all)")
    out.add_argument("--port", type=int, help="port to listen on (default 7860)")
    out.add_argument("--corpus", type=Path, help="folder of articles and clinic.toml (default corpus)")
    out.add_argument("--index", type=Path, help="folder of the index made from them (default index)")
    return out


def listening(host: str, port: int) -> socket.socket:
    """Open the port before anything is loaded, so that a wrong one is told at once."""
    if not 0 <= port <= 65535:
        raise BotError(f"port {port} is not between 0 and 65535: choose another with --port")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = f"port {port} is in use" if taken else f"can't listen on {host} port {port} ({error})"
        raise BotError(f"{why}: choose another with --port (or --host)") from None
    return listener


def load(config: Config) -> Bot:
    """Open the bot; build the index first where it is missing, stale or damaged."""
    from bot import index
    from bot.pipeline import Bot  # these load the model's libraries, which takes seconds

    log.info("Loading the articles and the model ...")
    try:
        return Bot.open(config)
    except IndexError_ as error:
        log.info("%s\nBuilding the index from %s ...", error, config.corpus)
        index.build(config, progress=_quiet if config.logs == "json" else Bar())
        for problem in index.built(config).unread:
            log.warning("Not read: %s", problem)
        return Bot.open(config)


def _quiet(step: str, done: int, total: int) -> None:
    """A bar is no line of a log."""


def opened(config: Config) -> Store:
    """The file of feedback; in memory where it can't be had, because visitors' answers matter more."""
    try:
        return Store(config.state)
    except StateNewer:
        raise
    except StateError as error:
        log.error("%s\nUntil then feedback is lost when this program ends.", error)
        return Store()


def serve(config: Config, listener: socket.socket) -> int:
    """Answer on the socket until a signal; 1 when the bot can't be loaded."""
    from bot.hosting import create_hosting
    from bot.web import create_app

    failures: list[BotError] = []
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host

    def ready() -> None:
        line = f"The chat answers at http://{shown}:{port}/  (Ctrl-C stops it)"
        log.info(line) if config.logs == "json" else print(line, flush=True)

    def failed(error: BotError) -> None:
        failures.append(error)
        signal.raise_signal(signal.SIGTERM)

    def again() -> Bot:
        from bot.pipeline import Bot

        return Bot.open(config)

    store = Store() if config.database_url else opened(config)  # each tenant has its own
    lasting = Lasting(60.0 * config.staff_idle_minutes, 3600.0 * config.staff_hours)
    app: ASGIApp
    if config.database_url:
        app = create_hosting(config, ready)
    else:
        alone = create_app(
            Source(lambda: load(config), again, lambda: builds.mark(config.index)), store=store,
            parents=config.embed_parents, lasting=lasting, keep=config.keep, retention_days=config.retention_days,
            metrics_token=config.metrics_token, live=config, on_ready=ready, on_failure=failed,
        )  # fmt: skip
        if hasattr(signal, "SIGHUP"):  # not on Windows
            signal.signal(signal.SIGHUP, lambda *_: alone.state.stage.renewal.ask())
        app = alone
    answer(app, listener, config.proxies)
    store.close()
    for error in failures:
        log.error("%s", error)
    return 1 if failures else 0


class Server(uvicorn.Server):
    """Told to stop, it takes no more questions, and ends as soon as those under way are answered."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of open pages, which would be waited for, then wait for answers."""
        self.config.app.state.stage.close_streams()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def settings(app: ASGIApp, proxies: str = "127.0.0.1") -> uvicorn.Config:
    """How uvicorn serves the app. Visitors' words could stand in an address, so requests are not logged."""
    return uvicorn.Config(
        app, http=Patience, log_config=None, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=DRAIN, timeout_keep_alive=IDLE, forwarded_allow_ips=proxies,
    )  # fmt: skip


def answer(app: ASGIApp, listener: socket.socket, proxies: str = "127.0.0.1") -> None:
    """Answer on the socket until a signal."""
    logging.getLogger("uvicorn.error").addFilter(lambda record: "graceful shutdown" not in record.getMessage())
    with contextlib.suppress(KeyboardInterrupt):
        Server(settings(app, proxies)).run(sockets=[listener])


def leave(code: int) -> NoReturn:
    """End the process.

    A load or comparison under way sits in native code, which aborts when Python takes itself down around it. An index
    is swapped in whole, so there is nothing to save: leave at once.
    """
    if any(thread.name in ("loader", "renewal", "edition") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
