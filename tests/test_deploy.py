"""The files of ``bot/deploy``: what each tool that reads them says, and that they name only what there is."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import Config
from bot.monitor import Monitor
from tests.conftest import ROOT

DEPLOY = ROOT / "bot" / "deploy"
UNIT, IMAGE = DEPLOY / "clinic-faq.service", DEPLOY / "Dockerfile"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
FIELDS = set(Config.__dataclass_fields__)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


def settings(unit: str) -> dict[str, list[str]]:
    """A unit's lines by name, which may repeat."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def checkable(tmp_path: Path) -> Path:
    """The unit with a program that there is on this machine."""
    path = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/opt/clinic-faq/.venv/bin/python", sys.executable)
    path.write_text(re.sub(r"(?m)^Documentation=.*$", "", text))
    return path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine")
def test_systemd_reads_the_unit_and_calls_it_tight(checkable: Path) -> None:
    done = run("systemd-analyze", "verify", checkable)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", checkable)
    assert done.returncode == 0, done.stdout[-200:]  # an exposure of at most 2.0 of 10


def test_the_unit_runs_without_rights_and_can_reach_nobody() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(UNIT)
    assert parser.sections() == ["Unit", "Service", "Install"]
    given = settings(UNIT.read_text())
    assert given["User"] == ["clinic-faq"]
    assert given["ProtectSystem"] == ["strict"]
    assert given["CapabilityBoundingSet"] == [""]
    assert given["IPAddressDeny"] == ["any"]
    assert int(given["TimeoutStopSec"][0]) > 10


def test_the_image_passes_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = run(hadolint, "--failure-threshold", "info", IMAGE)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_without_rights_and_is_watched() -> None:
    steps = [line.split()[:2] for line in IMAGE.read_text().splitlines() if re.match(r"[A-Z]+ ", line)]
    stages = [place for place, step in enumerate(steps) if step[0] == "FROM"]
    last = steps[stages[-1] :]
    assert ["USER", "10001"] in last
    assert "HEALTHCHECK" in [step[0] for step in last]
    assert last[-1][0] == "ENTRYPOINT"
    assert "--read-only" in IMAGE.read_text()


def test_what_the_image_copies_is_there_and_let_through() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in IMAGE.read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored, source


def test_torch_is_the_version_that_is_required() -> None:
    required = re.search(r"(?m)^torch==.*$", (ROOT / "requirements.txt").read_text())
    assert required and required[0] in IMAGE.read_text()


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda p: p.name)
def test_settings_that_are_named_exist(path: Path) -> None:
    for name in re.findall(r"\bFAQ_([A-Z_]+)", path.read_text(encoding="utf-8")):
        assert name.lower() in FIELDS, name


@pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx on this machine")
def test_nginx_reads_its_file(tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2", "-keyout",
         str(tmp_path / "key.pem"), "-out", str(tmp_path / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (DEPLOY / "nginx.conf").read_text().replace("/etc/ssl/faq.clinic.example", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ {site} }}")
    done = run("nginx", "-t", "-q", "-e", "stderr", "-c", tmp_path / "nginx.conf")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_proxy_tells_who_asks_and_keeps_figures_in() -> None:
    site = (DEPLOY / "nginx.conf").read_text()
    assert re.search(r"X-Forwarded-For\s+\$remote_addr;", site)  # not what the visitor claims
    assert "proxy_buffering off;" in site
    assert re.search(r"location = /metrics \{\s+return 404;", site)
    assert "access_log off;" in site


def test_the_runbook_is_a_page_and_names_figures_that_there_are() -> None:
    assert len(RUNBOOK.split()) < 1000
    shown = Monitor().text(0).decode()
    named = set(re.findall(r"\b(?:faq|process)_[a-z_]+\b", RUNBOOK)) - {"faq_answer_seconds_bucket"}
    assert len(named) > 8
    for name in named:
        assert re.search(rf"(?m)^# (?:TYPE|HELP) {name}\b", shown), name
    assert "faq_answer_seconds_bucket{" in shown


def test_every_figure_of_ours_is_in_an_alarm() -> None:
    ours = set(re.findall(r"(?m)^# TYPE (faq_\w+)", Monitor().text(0).decode()))
    alarms = RUNBOOK.split("## Alarms")[1]
    assert {name for name in ours if name not in alarms} == set()


def test_the_readme_leads_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("bot/deploy/RUNBOOK.md", "FAQ_LOGS", "FAQ_METRICS_TOKEN", "/metrics"):
        assert name in readme, name
