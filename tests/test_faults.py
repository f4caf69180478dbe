"""What a server meets in service: kills, full and read-only disks, damage, a second server. Nothing told is lost.

Faults of one part are tested with the part; ``python -m tests.bench.faults`` runs them all and tabulates them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import opened
from bot.config import Config
from bot.errors import StateError
from bot.lessons import Lessons
from bot.queue import Asked, Queue
from bot.staff import Feedback, Store
from tests.bench.faults import Fault, cases, faults, main, row
from tests.browser.conftest import free_port, wait_until_ready
from tests.conftest import ROOT
from tests.test_lessons import NEVER

Record = Callable[[str, object], None]
# In a namespace of its own, where this process may mount file systems whoever it is.
APART = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
needs_apart = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*APART, "true"], capture_output=True, check=False).returncode != 0,
    reason="no namespaces on this machine",
)
YES = {"index_version": "v1", "status": "answered", "helpful": True, "sources": []}
# The site with canned replies over a database on the disk, served as the product is.
SITE = """
import signal, sys
from pathlib import Path
from app import answer, listening
from bot import logs
from bot.guard import Limits
from bot.staff import Store
from bot.web import create_app
from tests.fake_bot import FakeBot
logs.set_up("text")
signal.signal(signal.SIGTERM, signal.default_int_handler)
store = Store(Path(sys.argv[2]))
with listening("127.0.0.1", int(sys.argv[1])) as listener:
    answer(create_app(FakeBot().as_bot, limits=Limits(burst=10**6), store=store), listener)
store.close()
"""


@contextmanager
def site(state: Path) -> Any:
    """A site on a database, and its process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SITE, str(port), str(state)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def test_two_servers_on_one_database_and_one_is_killed(tmp_path: Path, record_property: Record) -> None:
    """Four visitors tell each of two servers whether they were helped; one server is killed without warning."""
    state = tmp_path / "faq.sqlite"
    told: tuple[list[int], list[int]] = ([], [])
    with ExitStack() as stack:
        sites = [stack.enter_context(site(state)) for _ in range(2)]
        for address, process in sites:
            wait_until_ready(f"{address}/readyz", process)
        killed = threading.Event()

        def tell(number: int) -> None:
            headers = {"sec-fetch-site": "same-origin"}
            with httpx.Client(base_url=sites[number][0], headers=headers, timeout=20) as client:
                for _ in range(100):
                    try:
                        assert client.post("/api/feedback", json=YES).status_code == 204
                    except httpx.TransportError:
                        assert number == 0 and killed.is_set()
                        return
                    told[number].append(1)
                    if number == 0 and len(told[0]) >= 40:
                        killed.set()
                        sites[0][1].kill()

        tellers = [threading.Thread(target=tell, args=(n % 2,)) for n in range(4)]
        for teller in tellers:
            teller.start()
        for teller in tellers:
            teller.join()
        sites[1][1].send_signal(signal.SIGTERM)
        assert sites[1][1].wait(20) == 0
    kept = [len(told[0]), len(told[1])]
    assert killed.is_set()
    assert kept[1] == 200  # the other one's visitors noticed nothing
    with closing(sqlite3.connect(state)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (rows,) = db.execute("SELECT COUNT(*) FROM feedback").fetchone()
    assert sum(kept) <= rows <= sum(kept) + 2  # two may have been kept without having been told so
    record_property("figure", f"{sum(kept)} of {sum(kept)} told are kept")


FULL = """
import json, sys
from pathlib import Path
from fastapi.testclient import TestClient
from bot.guard import Limits
from bot.staff import Store
from bot.web import create_app
from tests.fake_bot import FakeBot
from tests.test_faults import YES
from tests.test_web import ready
folder = Path(sys.argv[1])
store = Store(folder / "faq.sqlite")
codes, asks = [], []
with TestClient(create_app(FakeBot().as_bot, limits=Limits(burst=10**6), store=store)) as client:
    ready(client)
    tell = lambda: client.post("/api/feedback", json=YES, headers={"sec-fetch-site": "same-origin"})
    filler = folder / "filler"
    for n in range(3):
        codes.append(tell().status_code)
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError as error:
            full = error.strerror
    for n in range(30):
        codes.append(tell().status_code)
        asks.append(client.post("/api/ask", json={"message": "bitcoin"}).status_code)
    refused = tell().json()
    filler.unlink()
    client.app.state.stage.recorder.flush()
    codes.append(tell().status_code)
print(json.dumps({"full": full, "codes": codes, "asks": asks, "refused": refused, "kept": len(store.feedback())}))
store.close()
"""


@needs_apart
def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(tmp_path: Path, record_property: Record) -> None:
    mounted = f"mount -t tmpfs -o size=512k tmpfs {tmp_path} && exec {sys.executable} -c '{FULL}' {tmp_path}"
    done = subprocess.run(
        [*APART, "sh", "-c", mounted], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "No space left" in told["full"]
    assert set(told["asks"]) == {200}
    assert told["codes"][:3] == [204] * 3
    assert 503 in told["codes"]
    assert told["codes"][-1] == 204
    assert told["kept"] == told["codes"].count(204)
    assert "Please try again later" in told["refused"]["detail"]
    assert "Make room, or set FAQ_STATE" in done.stderr
    record_property("figure", f"{told['kept']} of {told['codes'].count(204)} told are kept, 30 of 30 answered")


READ_ONLY = """
set -e
ip link set lo up
mount -t tmpfs tmpfs "$1"
for disk in / $(findmnt -rno TARGET -t overlay,ext4,xfs,btrfs,tmpfs); do
    test "$disk" = "$1" || mount -o remount,bind,ro "$disk" 2>/dev/null || true
done
! touch "$3/written" "$4/written" 2>/dev/null
export TMPDIR="$1" HOME=/nonexistent FAQ_STATE="$2" PYTHONDONTWRITEBYTECODE=1
exec "$0" app.py --port "$5" --corpus "$6" --index "$3"
"""


@needs_apart
def test_a_read_only_disk_and_no_network_are_enough(bicycle: Config, tmp_path: Path, record_property: Record) -> None:
    """The whole program where nothing can be written but /tmp, and no other machine be reached."""
    scratch, state = tmp_path / "scratch", tmp_path / "faq.sqlite"
    scratch.mkdir()
    port = str(free_port())
    arguments = [str(scratch), str(state), str(bicycle.index), str(ROOT), port, str(bicycle.corpus)]
    process = subprocess.Popen(
        [*APART, "sh", "-c", READ_ONLY, sys.executable, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "FAQ_ADAPT": "0"},
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert "The chat answers" in line, process.stderr.read()
        inside = ["nsenter", f"--target={process.pid}", "--user", "--net", "--preserve-credentials", sys.executable]
        asked = (
            "import json, urllib.request as u; print(json.load(u.urlopen(u.Request("
            f"'http://127.0.0.1:{port}/api/ask', b'{{\"message\": \"how often is the chain oiled\"}}', "
            "{'content-type': 'application/json'})))['status'])"
        )
        answer = subprocess.run([*inside, "-c", asked], capture_output=True, text=True, timeout=60, check=False)
        assert answer.stdout == "answered\n", answer.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        said = process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    assert "can't be used" in said and "Until then feedback is lost" in said
    assert "Traceback" not in said
    assert not state.exists()
    record_property("figure", "answered; 0 files written outside /tmp")


def filled(path: Path) -> Store:
    """A database with some of everything."""
    store = Store(path)
    for number in range(30):
        store.add(Feedback("v1", "answered", True))
        Queue(store).record([Asked("abstained", f"t{number}", failed=True)], [None], "v1")
        Lessons(store).teach(NEVER.__class__(0, "never", (f"question {number}",), author="anna"))
    return store


def used(store: Store) -> None:
    """Read and write some of everything."""
    store.feedback()
    Queue(store).entries()
    Lessons(store).all()
    store.add(Feedback("v1", "answered", True))
    Lessons(store).teach(NEVER)


def test_a_damaged_database_is_named_and_left_as_it_is(tmp_path: Path, record_property: Record) -> None:
    """Sixty files with pages overwritten or cut off: an error that says what to do, or it works; nothing else."""
    filled(tmp_path / "sound.sqlite").close()
    sound = (tmp_path / "sound.sqlite").read_bytes()
    chance = random.Random(9)
    refused = 0
    for number in range(60):
        path = tmp_path / f"{number}.sqlite"
        damaged = bytearray(sound)
        for _ in range(1 + number % 5):
            start = chance.randrange(0 if number % 3 else 4096, len(sound) - 600)
            damaged[start : start + 600] = chance.randbytes(600)
        path.write_bytes(damaged[: chance.randrange(1, len(sound))] if number % 4 == 0 else damaged)
        try:
            store = Store(path)
        except StateError as error:
            refused += 1
            assert "Set FAQ_STATE to another file" in str(error)
            continue
        try:
            used(store)
        except StateError as error:
            refused += 1
            assert any(remedy in str(error) for remedy in ("Restore a backup", "Make room, or set FAQ_STATE"))
        finally:
            store.close()
    assert refused > 20
    record_property("figure", f"{refused} of 60 refused with the remedy, 60 without another error")


def test_a_server_with_a_damaged_database_answers_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "faq.sqlite"
    filled(path).close()
    damaged = random.Random(3).randbytes(8192) + path.read_bytes()[8192:]
    path.write_bytes(damaged)
    store = opened(Config(state=path))
    assert store.path is None
    assert "Set FAQ_STATE to another file" in caplog.text
    assert path.read_bytes() == damaged  # for whoever wants to save what is in it
    store.close()


def test_the_table_of_faults_names_tests_that_there_are() -> None:
    for fault in faults():
        for test in fault.tests:
            name, _, function = test.partition("::")
            source = (ROOT / "tests" / name).read_text(encoding="utf-8")
            assert f"def {function or 'test_'}{'(' if function else ''}" in source, test


def test_a_fault_is_as_it_should_only_where_its_tests_passed(tmp_path: Path) -> None:
    fault = Fault("f", "t", ("test_a.py::test_one", "test_b.py"))
    report = tmp_path / "report.xml"
    for ends, result, told in (
        (("", ""), "as it should", "5 of 5; 2 of 2 cases"),
        (("", "<skipped/>"), "as it should", "5 of 5; 1 of 2 cases, 1 skipped"),
        (("", "<failure/>"), "FAILED", "5 of 5; 1 of 2 cases; failed: test_b.py::test_two"),
        (("<skipped/>", "<skipped/>"), "not seen here", "5 of 5; 0 of 2 cases, 2 skipped"),
    ):
        report.write_text(
            '<testsuites><testsuite><testcase classname="tests.test_a" name="test_one[x]">'
            f'<properties><property name="figure" value="5 of 5"/></properties>{ends[0]}</testcase>'
            f'<testcase classname="tests.test_b" name="test_two">{ends[1]}</testcase>'
            '<testcase classname="tests.test_c" name="test_one"/></testsuite></testsuites>'
        )
        found = row(fault, cases(report))
        assert (found["result"], found["figure"]) == (result, told)
    assert row(fault, cases(report), late=True)["result"] != "as it should"
    assert row(fault, [])["result"] == "FAILED"


HANGS = """
import time
def test_quick(record_property):
    record_property("figure", "1 of 1")
def test_hangs():
    time.sleep(600)
"""


def test_a_fault_that_hangs_is_ended_and_the_others_are_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the table's own way, over a file of tests that hangs and one that does not."""
    (tmp_path / "test_hangs.py").write_text(HANGS)
    path = os.path.relpath(tmp_path / "test_hangs.py", ROOT / "tests")
    table = [Fault("hangs", "never", (path,), limit=5), Fault("quick", "at once", (f"{path}::test_quick",))]
    assert main([], table) == 1
    told = capsys.readouterr()
    assert "1 of 2: hangs: FAILED" in told.err
    assert "not done in time" in told.out
    assert "2 of 2: quick: as it should" in told.err
    assert "| 1 of 1; 1 of 1 cases |" in told.out
