"""Each command of CONTRIBUTING's walkthrough is run, on a spreadsheet over the bicycle corpus, from start to gate."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import Config
from bot.pipeline import Bot
from tests.conftest import ROOT, built_beside
from tests.questions import ITEMS
from tests.test_endpoint import replying, server

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"<!-- walkthrough -->\n```sh\n(.*?)\n```", TEXT, re.DOTALL)
ADDRESS = "http://127.0.0.1:7860"
TOPICS = (
    "bitcoin opera football weather piano cheese volcano judo insurance coffee algebra whales satellites painting "
    "poetry marathon ballet tax chess yoga gardening sailing history philosophy"
)
UNCOVERED = TOPICS.split()


def sheet(path: Path) -> None:
    """What an evaluator would save: the columns of the walkthrough, and enough rows to fit on."""
    rows = [["id", "question", "expect", "sources", "facts", "group"]]
    for item in (i for i in ITEMS if i["expect"] == "answer"):
        for n, start in enumerate(("", "please tell me ", "hi, ")):
            said = [*item["turns"][:-1], start + item["turns"][-1]]
            facts = "\n".join("|".join(group) for group in item["facts"])
            rows.append([f"{item['id']}-{n}", " || ".join(said), "", " ".join(item["sources"]), facts, item["id"]])
    rows += [[f"no-{word}", f"what is {word}", "abstain", "", "", ""] for word in UNCOVERED]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


def test_the_walkthrough_has_every_step() -> None:
    assert len(COMMANDS) == 6
    assert all(line.startswith("python -m bot ") for line in COMMANDS)


def test_the_example_sheet_is_read(tmp_path: Path, bicycle: Config) -> None:
    (block,) = re.findall(r"```csv\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "questions.csv").write_text(block)
    done = run(tmp_path, "python -m bot evaluate --check questions.csv", bicycle)
    assert (done.returncode, done.stderr) == (0, "")


def run(folder: Path, line: str, config: Config) -> subprocess.CompletedProcess[str]:
    """A command of the walkthrough as it stands, where the evaluator's files are."""
    more = ["--corpus", str(config.corpus), "--index", str(config.index)]
    return subprocess.run(
        [sys.executable, *shlex.split(line)[1:], *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FAQ_ADAPT": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("worse", [False, True], ids=["as it was", "with a section lost"])
def test_from_a_spreadsheet_to_a_gate(tmp_path: Path, bicycle: Config, bicycle_bot: Bot, worse: bool) -> None:
    sheet(tmp_path / "questions.csv")
    check, measure, keep, gate, deployed, fit = COMMANDS
    for line in (check, measure, keep):
        done = run(tmp_path, line, bicycle)
        assert done.returncode == 0, line + done.stdout + done.stderr
    assert (tmp_path / "out" / "report.html").exists()
    assert (tmp_path / "questions.baseline.json").exists()
    config = damaged(bicycle, tmp_path) if worse else bicycle
    done = run(tmp_path, gate, config)
    assert done.returncode == int(worse), done.stdout + done.stderr
    assert ("REGRESSION: right" in done.stdout) == worse
    if not worse:
        with server(replying(bicycle_bot)) as (url, asked):
            done = run(tmp_path, deployed.replace(ADDRESS, url), bicycle)
        assert done.returncode == 0, done.stderr
        assert len(asked) == 3 * 11 + len(UNCOVERED)
        done = run(tmp_path, fit, bicycle)
        assert done.returncode == 0, done.stderr
        assert "cost of a wrong answer" in done.stdout
        assert (tmp_path / "abstention.json").exists()


def damaged(config: Config, folder: Path) -> Config:
    """The same corpus after somebody deleted a section."""
    shutil.copytree(config.corpus, folder / "corpus")
    article = folder / "corpus" / "001-chain.md"
    text = article.read_text(encoding="utf-8")
    start, end = text.index("## How often"), text.index("## How long")
    article.write_text(text[:start] + text[end:], encoding="utf-8")
    return built_beside(config, folder / "corpus", folder / "index")
