"""What is deployed is what was looked at: the lock file, the bill of materials, known vulnerabilities."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

Record = Callable[[str, object], None]
LOCK = ROOT / "bot" / "deploy" / "requirements.lock"
IMAGE = (ROOT / "bot" / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def pinned(path: Path) -> dict[str, str]:
    """Names and versions in a file of requirements."""
    found = re.findall(r"(?m)^([\w.-]+)==([\w.+!-]+)", path.read_text(encoding="utf-8"))
    return {canonicalize_name(name): wanted for name, wanted in found}


def wanted_by(name: str) -> set[str]:
    """What an installed package requires on this machine."""
    needs = (Requirement(line) for line in requires(name) or ())
    return {canonicalize_name(n.name) for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})}


def test_the_lock_pins_each_requirement_with_hashes(record_property: Record) -> None:
    locked = pinned(LOCK)
    direct = pinned(ROOT / "requirements.txt")
    del direct["torch"]  # one of two builds, installed before
    assert {name: locked.get(name) for name in direct} == direct, "make the lock anew: its head says how"
    entries = re.split(r"(?m)^(?=[\w.-]+==)", LOCK.read_text(encoding="utf-8"))[1:]
    hashes = [len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)) for entry in entries]
    assert len(entries) == len(locked) and min(hashes) > 0
    record_property("figure", f"{len(locked)} packages, {sum(hashes)} hashes, {hashes.count(0)} packages without")


def test_the_lock_leaves_nothing_out() -> None:
    """Of what is installed here in the locked version, everything that it requires is locked too."""
    locked = pinned(LOCK)
    looked_at = 0
    for name, wanted in locked.items():
        try:
            if version(name) != wanted:
                continue
        except PackageNotFoundError:
            continue
        looked_at += 1
        assert wanted_by(name) - {"torch"} <= set(locked), name
    assert looked_at > 30


def test_the_image_installs_the_lock_and_lists_what_is_in_it() -> None:
    assert "--require-hashes --no-deps -r bot/deploy/requirements.lock" in IMAGE
    assert f"cyclonedx-bom=={pinned(ROOT / 'tests' / 'requirements.txt')['cyclonedx-bom']}" in IMAGE


def test_a_bill_of_materials_names_every_package(tmp_path: Path, record_property: Record) -> None:
    """As the image's build makes it, of the environment that these tests run in."""
    path = tmp_path / "sbom.cdx.json"
    tool = Path(sys.executable).with_name("cyclonedx-py")
    subprocess.run([tool, "environment", sys.executable, "-o", path], check=True, capture_output=True, timeout=120)
    parts = json.loads(path.read_text(encoding="utf-8"))["components"]
    named = {canonicalize_name(part["name"]): part for part in parts}
    direct = pinned(ROOT / "requirements.txt")
    assert set(direct) <= set(named)
    for name, part in named.items():
        assert part["version"], name
        assert name not in direct or part["version"].partition("+")[0] == direct[name]
    licensed = sum(bool(part.get("licenses")) for part in parts)
    record_property("figure", f"{len(parts)} packages with their versions, {licensed} with their licence")


@pytest.mark.skipif("TESTS_ONLINE" not in os.environ, reason="asks the network; tests.bench.faults runs it")
def test_no_package_has_a_known_vulnerability(tmp_path: Path, record_property: Record) -> None:
    path = tmp_path / "audit.json"
    command = [str(Path(sys.executable).with_name("pip-audit")), "-r", str(LOCK), "--disable-pip", "--require-hashes"]
    done = subprocess.run(
        [*command, "-f", "json", "-o", str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    found = json.loads(path.read_text(encoding="utf-8"))["dependencies"] if path.exists() else []
    audited = [part for part in found if "skip_reason" not in part]  # pip-audit calls it a success if it skips all
    known = [f"{part['name']}: {one['id']}" for part in audited for one in part["vulns"]]
    record_property("figure", f"{len(audited)} of {len(pinned(LOCK))} packages looked up, {len(known)} vulnerabilities")
    assert known == []
    if not audited:
        pytest.skip(f"no advisories to be had: {done.stderr[-200:]}")
    assert len(audited) == len(pinned(LOCK))
