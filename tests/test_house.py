"""The house rules that tools check: lint, format, types; and README's commands as CI runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["lint", "format", "types"],
)
def test_tool_finds_nothing(command: list[str]) -> None:
    """ruff and mypy --strict, with the settings of pyproject.toml."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_the_readme_command() -> None:
    """.ci/run takes its command from README, so the two can't drift apart."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("<!-- test command -->")[1].split("```sh\n")[1].split("\n```")[0]
    assert ".venv/bin/python -m pytest" in block.splitlines()[-1]
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_direct_dependency_is_pinned() -> None:
    """One exact version a line; comments and the include of the other file aside."""
    for name in ("requirements.txt", "bot/stores/requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r")):
                assert "==" in line, f"{name}: {line}"
