"""Two servers behind a real nginx that reads ``bot/deploy/nginx.conf``, all on this machine and on free ports."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.config import Config
from tests.browser.conftest import ROOT, free_port, wait_until_ready

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")


class Server:
    """``app.py`` as a process on a port of its own; it can be killed, stopped and started again there."""

    def __init__(self, config: Config, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self._command = [sys.executable, "app.py", "--port", str(self.port)]
        self._command += ["--corpus", str(config.corpus), "--index", str(config.index)]
        self._settings = settings
        self.start()

    def start(self) -> None:
        """Start it, without waiting."""
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, env={**os.environ, "FAQ_ADAPT": "0", **self._settings}, stdout=subprocess.DEVNULL
        )

    def wait(self) -> None:
        """Until questions are answered."""
        wait_until_ready(f"http://127.0.0.1:{self.port}/readyz", self.process, seconds=300)

    def end(self, number: signal.Signals) -> int:
        """End it by a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@dataclass
class Load:
    """Visitors' programs that ask the API through the proxy, each from an address of its own, until it is stopped."""

    address: str
    codes: Counter[int | str] = field(default_factory=Counter)
    pause: float = 0.2  # seconds between two questions of one
    _stop: threading.Event = field(default_factory=threading.Event)
    _turn: Iterator[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def running(self, at_once: int = 3) -> Iterator[Load]:
        """Ask while the block runs."""
        threads = [threading.Thread(target=self._ask) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        clients = [
            httpx.Client(transport=httpx.HTTPTransport(verify=trust, local_address=f"127.0.1.{next(self._turn) + 2}"))
            for _ in range(8)  # each may ask 30 times at once
        ]
        with contextlib.ExitStack() as stack:
            for client in itertools.cycle([stack.enter_context(client) for client in clients]):
                if self._stop.wait(self.pause):
                    return
                try:
                    reply = client.post(f"{self.address}/api/ask", json={"message": "how do I oil a chain"}, timeout=30)
                    answered = reply.status_code == 200 and reply.json()["status"] == "answered"
                    self.codes["answered" if answered else reply.status_code] += 1
                except httpx.HTTPError as error:
                    self.codes[type(error).__name__] += 1


@contextlib.contextmanager
def proxied(servers: list[Server], folder: Path) -> Iterator[str]:
    """Our own settings of nginx, with these servers, ports and a certificate in place of its; the address."""
    assert NGINX
    port = free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2", "-keyout",
         str(folder / "key.pem"), "-out", str(folder / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (ROOT / "bot" / "deploy" / "nginx.conf").read_text().replace("/etc/ssl/faq.clinic.example", str(folder))
    site = re.sub(r"(?m)^(\s*)# (server 127)", r"\1\2", site)  # the second one
    for old, server in zip((7860, 7861), servers, strict=True):
        assert site.count(f"server 127.0.0.1:{old} ") == 2
        site = site.replace(f":{old} ", f":{server.port} ")
    site = site.replace("listen 443", f"listen 127.0.0.1:{port}").replace("listen 80;", f"listen unix:{folder}/80;")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    head = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} http {{ {head}\n{site} }}"
    )
    command = [NGINX, "-e", str(folder / "log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert process.poll() is None, (folder / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
