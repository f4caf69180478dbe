"""The site with canned replies, for other people's pages: ``framed_site.py PORT SECONDS_TO_START PARENT ...``."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import uvicorn

from bot.guard import Limits
from bot.web import create_app
from tests.fake_bot import FakeBot

if TYPE_CHECKING:
    from bot.pipeline import Bot


def serve(port: int, seconds: float, parents: list[str]) -> None:
    """Serve until stopped; the bot takes so many seconds to load."""

    def load() -> Bot:
        time.sleep(seconds)
        return FakeBot().as_bot()

    app = create_app(load, limits=Limits(burst=10_000), parents=parents)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        uvicorn.run(app, port=port, log_level="critical", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
