"""``python app.py`` as an operator meets it: ports, signals, a corpus that can't be read."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app import DRAIN, HEAPS, listening
from bot.config import Config
from tests.browser.conftest import wait_until_ready

ROOT = Path(__file__).resolve().parent.parent
# With a wording of its own, or it would be lent thousands, which take half a minute to embed.
RAIN = "## Does rain hurt?\n\n<!-- questions:\nis rain painful\n-->\n\nRain on the skin does not hurt.\n"
ENVIRONMENT = {**os.environ, "FAQ_ADAPT": "0"}  # fitting the encoder takes half a minute and changes nothing here


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "app.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def started(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "app.py", "--port", "0", *arguments]
    pipe = subprocess.PIPE
    environment = {**ENVIRONMENT, **settings}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_in_use_is_one_line_with_the_remedy(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--host", host, "--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"port {port} is in use: choose another with --port (or --host)\n"


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--port", "99999"], 1, "not between 0 and 65535"),
        (["--host", "nowhere.invalid"], 1, "can't listen on nowhere.invalid"),
        (["--port", "many"], 2, "invalid int value"),
        (["--unknown"], 2, "unrecognized arguments"),
    ],
)
def test_wrong_options(arguments: list[str], code: int, part: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_corpus_that_can_t_be_read_ends_it_with_the_remedy(tmp_path: Path) -> None:
    done = run("--port", "0", "--corpus", str(tmp_path / "none"), "--index", str(tmp_path / "index"))
    assert done.returncode == 1
    assert "is not a folder: make it" in done.stderr
    assert "Traceback" not in done.stderr


def test_feedback_of_a_newer_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "faq.sqlite"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with started(FAQ_STATE=str(path)) as process:
        assert process.wait(60) == 1
        assert process.stderr
        said = process.stderr.read()
    assert "newer version of this program" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("line", "seconds"), [("Loading", 0.0), ("Building", 5.0)])
def test_a_signal_while_loading_stops_it_at_once(
    tmp_path: Path, number: signal.Signals, line: str, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    with started("--index", str(tmp_path / "index"), FAQ_ADAPT="1") as process:
        assert process.stderr
        assert any(said.startswith(line) for said in iter(process.stderr.readline, ""))
        time.sleep(seconds)  # into the encoding
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 0
        ended = time.monotonic() - begun
        assert ended < 10
        record_property("figure", f"{line.lower()}: ended after {ended:.1f} s")
        assert "Traceback" not in process.stderr.read()


def until_said(address: str, text: bytes) -> None:
    """Wait until a page holds a text."""
    end = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(address, timeout=10) as answer:
            if text in answer.read():
                return
        assert time.monotonic() < end
        time.sleep(0.2)


def asked(address: str, message: str, codes: list[int]) -> None:
    body = json.dumps({"message": message}).encode()
    request = urllib.request.Request(f"{address}/api/ask", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        codes.append(answer.status)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_answers_under_way_are_finished_and_open_pages_let_go(
    number: signal.Signals, record_property: Callable[[str, object], None]
) -> None:
    with listening("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "tests/fake_bot.py", str(port)], cwd=ROOT)
    try:
        wait_until_ready(f"{address}/readyz", process)
        page = urllib.request.urlopen(f"{address}/chat/gradio_api/heartbeat/abc", timeout=20)
        assert page.readline() == b"data: ALIVE\n"
        codes: list[int] = []
        askers = [threading.Thread(target=asked, args=(address, "slow", codes)) for _ in range(5)]
        for asker in askers:
            asker.start()
        time.sleep(1)  # into the answers, which take two and a half
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 0
        drained = time.monotonic() - begun
        assert drained < DRAIN + 1
        for asker in askers:
            asker.join()
        assert codes == [200] * 5
        record_property(
            "figure", f"{number.name}: {codes.count(200)} of 5 answers sent, ended after {drained:.1f} s of 10"
        )
        page.close()
    finally:
        process.kill()
        process.wait()


def test_logs_for_programs_are_objects_whatever_is_said(tmp_path: Path) -> None:
    with started("--corpus", str(tmp_path), "--index", str(tmp_path / "index"), FAQ_LOGS="json") as process:
        said, told = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "")
    lines = [json.loads(line) for line in told.splitlines()]
    assert "Loading" in lines[0]["message"]
    assert lines[-1]["level"] == "error"


def test_it_builds_answers_and_stops(bicycle: Config, tmp_path: Path) -> None:
    (tmp_path / "001-rain.md").write_text(RAIN, encoding="utf-8")
    before = shutil.copytree(bicycle.index, tmp_path / "index")  # of other articles; it spares embedding the examples
    nowhere = str(tmp_path / "001-rain.md" / "faq.sqlite")  # feedback can't be kept there; answers go on all the same
    with started("--corpus", str(tmp_path), "--index", str(before), FAQ_STATE=nowhere) as process:
        line = first_line(process)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        with urllib.request.urlopen(found[0] + "/readyz", timeout=10) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(found[0] + "/chat/", timeout=10) as answer:
            assert b"<h1>" in answer.read()
        (tmp_path / "clinic.toml").write_text('name = "Rainy Street Clinic"\n', encoding="utf-8")
        process.send_signal(signal.SIGHUP)  # reads that anew, and ends nothing
        until_said(found[0] + "/ask", b"Rainy Street Clinic")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr
        said = process.stderr.read()
    assert "Building the index" in said
    assert "faq.sqlite can't be used" in said
    assert "Traceback" not in said
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(found[0], timeout=2)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps its memory in another way")
@pytest.mark.parametrize(
    ("call", "at_most"), [("app.share_heaps()", True), ("None", False)], ids=["shared", "as it is"]
)
def test_threads_share_the_heaps_of_the_c_library(call: str, at_most: bool) -> None:
    code = f"""
import ctypes, threading, app
{call}
wall = threading.Barrier(12)
def work():
    wall.wait()
    ctypes.CDLL(None).malloc(100_000)
    wall.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]
[t.join() for t in threads]
ctypes.CDLL(None).malloc_stats()
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stderr
    assert (told.count("Arena ") <= HEAPS) is at_most
