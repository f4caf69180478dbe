"""Work on an edition in a process of its own, at low priority: the one that answers visitors keeps memory and turn.

Fitting the encoder takes minutes of a processor and a gigabyte, and what an odd file makes of a pattern may take longer
still. Should such a process hang it is ended, should memory run out it ends, and no other does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from bot.config import Config
from bot.errors import BotError, EditionError
from bot.staff_words import say

_LOOK_EVERY = 0.2  # seconds between two looks whether the work is still wanted
_LEAVING = 10.0  # seconds that a process which is done may take to end by itself
_NICE = 10  # of 19: visitors' questions go first
Step = Callable[[str, int, int], None]
Going = Callable[[], bool]


def apart(work: Callable[..., Any], arguments: tuple[Any, ...], step: Step, going: Going) -> Any:
    """What ``work(step, *arguments)`` returns, which JSON can hold; None where nobody wants it any more.

    ``work`` is a function of a module. ``step`` is told how far it is, ``going`` asked whether to go on.

    Raises:
        EditionError: it failed, or its process was ended from outside.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would share locks of threads that are not there
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_work, args=(work, arguments, theirs), name="edition", daemon=True)
    with ours:
        with theirs:
            process.start()
        try:
            done = _followed(ours, step, going)
            process.join(_LEAVING if done else 0)
            return done["done"] if done else None
        finally:
            process.terminate()
            process.join()
            process.close()


def build(step: Step, config: Config) -> str:
    """Build an index; its version."""
    from bot import index

    return index.build(config, step)


def _followed(ours: Connection, step: Step, going: Going) -> dict[str, Any]:
    """The last word of the process, empty where it is not waited for."""
    while going():
        if not ours.poll(_LOOK_EVERY):
            continue
        try:
            told: dict[str, Any] = json.loads(ours.recv_bytes())
        except EOFError:
            raise EditionError(say("work_ended")) from None
        if "error" in told:
            raise EditionError(told["error"])
        if "done" in told:
            return told
        step(*told["step"])
    return {}


def _work(work: Callable[..., Any], arguments: tuple[Any, ...], theirs: Connection) -> None:
    """In the process. Whatever else is raised ends it, which is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    with suppress(OSError):  # some services may not even do less
        os.nice(_NICE)

    def tell(**said: object) -> None:
        theirs.send_bytes(json.dumps(said).encode())

    try:
        tell(done=work(lambda *step: tell(step=step), *arguments))
    except BotError as error:
        tell(error=str(error))
