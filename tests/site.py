"""A site served in a thread of the tests, on a port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from app import listening


@contextmanager
def in_thread(settings: uvicorn.Config, loaded: threading.Event) -> Iterator[httpx.Client]:
    """Serve until the end; a client of it once ``loaded`` is set."""
    listener, server = listening("127.0.0.1", 0), uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert loaded.wait(60)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
