"""Cold start and memory beside the plain design's: ``python -m tests.bench.start [--index DIR] [--json]``.

The plain design is one process with sentence-transformers, FAISS and gradio. CPU time of fresh processes; memory is
what the process holds (VmRSS) once it has answered.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from bot.config import Config
from bot.encoder import locate
from tests.browser.conftest import ROOT, running, wait_until_ready

QUESTIONS = ("does it hurt", "how often", "how long until it heals", "can i wear makeup after", "what is bitcoin")
COMMAND, FIRST_ANSWER, MEMORY, ALIVE = 0.3, 1.1, 0.5, 0.5  # seconds; shares of the plain design's; of the way to ready
_ENCODE = (
    "from sentence_transformers import SentenceTransformer; "
    "model = SentenceTransformer({folder!r}, device='cpu'); model.encode(['does it hurt'], show_progress_bar=False)"
)
_PLAIN = "import faiss, gradio; {encode}; print(open('/proc/self/status').read())"


def spent(*command: str) -> tuple[float, str]:
    """CPU seconds of a Python process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def megabytes(status: str) -> float:
    """Resident memory out of the text of ``/proc/PID/status``."""
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def served(*arguments: str) -> tuple[float, float, float]:
    """Seconds until the server says it lives, until it is ready, and the memory it holds after some questions."""
    start = time.perf_counter()
    with running("app.py", "--port", "{port}", *arguments) as (address, process):
        wait_until_ready(f"{address}/healthz", process, 600)
        alive = time.perf_counter() - start
        wait_until_ready(f"{address}/readyz", process, 600)
        ready = time.perf_counter() - start
        for question in QUESTIONS:
            body = json.dumps({"message": question}).encode()
            request = urllib.request.Request(f"{address}/api/ask", body, {"content-type": "application/json"})
            urllib.request.urlopen(request).read()
        held = megabytes(Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
    return alive, ready, held


def rows(arguments: Sequence[str]) -> list[tuple[str, float, float]]:
    """Each figure with its limit."""
    encode = _ENCODE.format(folder=locate(Config.from_env().model).location)
    library, _ = spent("-c", encode)
    _, status = spent("-c", _PLAIN.format(encode=encode))
    plain = megabytes(status)
    help_, _ = spent("-m", "bot", "--help")
    error, _ = spent("-m", "bot", "ask", "does it hurt", "--index", "no-such-folder")
    first, _ = spent("-m", "bot", "ask", "does it hurt", *arguments)
    alive, ready, held = served(*arguments)
    return [
        ("--help, CPU s", help_, COMMAND),
        ("an error, CPU s", error, COMMAND),
        ("the first answer of ask, CPU s", first, FIRST_ANSWER * library),
        ("the server lives, s", alive, ALIVE * ready),
        ("memory of the server, MB", held, MEMORY * plain),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures beside their limits; 1 where one is exceeded."""
    parser = argparse.ArgumentParser(description="Cold start and memory beside the plain design's.")
    parser.add_argument("--index")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = rows(["--index", options.index] if options.index else [])
    if options.json:
        print(json.dumps([{"measure": name, "value": value, "limit": limit} for name, value, limit in found]))
    else:
        print("\n".join(f"{value:9.2f} of {limit:8.2f}  {name}" for name, value, limit in found))
    return int(any(value > limit for _, value, limit in found))


if __name__ == "__main__":
    sys.exit(main())
