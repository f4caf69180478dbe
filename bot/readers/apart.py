"""Files that others' programs wrote are read in a process of their own, whose memory and time are limited.

The process that asks may hold gigabytes and threads, so a small one is started, and it forks for each file: a file
that unfolds without end, or that breaks a library, ends one fork and nothing else. One JSON object a line goes each
way: a path there, an article or an error back.

Limits are the kernel's (setrlimit(2)), so this needs Linux or macOS; Markdown and text are read without it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, NoReturn

from bot.errors import CorpusError
from bot.readers import Limits, reader
from bot.schema import Article

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from bot.readers import apart; apart.main(sys.argv[2:])"
_FULL = 3  # exit code: no memory
_WALL = 4  # times the processor's seconds that may pass on a busy machine


def read_apart(paths: Sequence[Path], limits: Limits) -> Iterator[Article | CorpusError]:
    """Each file's article, or what is wrong with it, in order."""
    if not paths:
        return
    command = [sys.executable, "-P", "-c", _START, str(_ROOT), str(limits.seconds), str(limits.megabytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin and process.stdout
        for path in paths:
            yield _asked(path, process.stdin, process.stdout)
        process.stdin.close()


def _asked(path: Path, sink: IO[bytes], source: IO[bytes]) -> Article | CorpusError:
    sink.write(json.dumps(str(path)).encode() + b"\n")
    sink.flush()
    line = source.readline()
    if not line:
        return CorpusError(f"{path}: the process that reads files has ended: try again")
    answer = json.loads(line)
    return CorpusError(answer["error"]) if "error" in answer else Article.from_dict(answer)


def main(arguments: Sequence[str]) -> None:
    """Serve until standard input ends."""
    limits = Limits(*map(int, arguments))
    with open(0, "rb") as asked, open(1, "wb") as told:
        for line in asked:
            told.write(_forked(Path(json.loads(line)), limits) + b"\n")
            told.flush()


def _forked(path: Path, limits: Limits) -> bytes:
    """The answer of a fork, or why it gave none."""
    reader(path.suffix.lower())  # imported once, here
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(path, sink, limits)
    os.close(sink)
    with open(source, "rb") as file:
        answer = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return answer
    return json.dumps({"error": f"{path}: {_why(code, limits)}"}).encode()


def _why(code: int, limits: Limits) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL):
        return f"takes more than {limits.seconds} seconds to read: split it, or save its text as .docx or .txt"
    if code == _FULL:
        return f"takes more than {limits.megabytes} MB of memory to read: split it, or save its text as .docx or .txt"
    return "is damaged: its program could not have written it so: open it there and save it anew"


def _answer(path: Path, sink: int, limits: Limits) -> NoReturn:
    """In the fork: read, answer, end. Whatever a library raises ends it with a code that is not 0."""
    code = 1
    try:
        _limit(limits)
        os.dup2(2, 1)  # nobody's output but ours goes back
        try:
            answer = asdict(reader(path.suffix.lower())(path))
        except CorpusError as error:
            answer = {"error": str(error)}
        with open(sink, "wb") as file:
            file.write(json.dumps(answer).encode())
        code = 0
    except MemoryError:
        code = _FULL
    finally:
        os._exit(code)


def _limit(limits: Limits) -> None:
    size = limits.megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(_WALL * limits.seconds)
