"""README says what is true: its examples are replies of this bot, its numbers and files exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.pipeline import Bot
from bot.render import reply_text
from bot.schema import Turn

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r'bot ask "([^"]+)"\n```\n\n(?:.*\n)*?```text\n(.*?)\n```', README, re.DOTALL)


@pytest.mark.parametrize(("question", "shown"), EXAMPLES, ids=[q for q, _ in EXAMPLES])
def test_an_example_is_what_the_bot_says(shipped_bot: Bot, question: str, shown: str) -> None:
    """Line breaks aside."""
    assert shown.split() == reply_text(shipped_bot.ask([Turn("user", question)])).split()


def test_there_is_an_answer_and_an_abstention(shipped_bot: Bot) -> None:
    assert [shipped_bot.ask([Turn("user", q)]).status for q, _ in EXAMPLES] == ["answered", "abstained"]


@pytest.mark.parametrize("path", re.findall(r"(?:!\[[^\]]*\]\(|`)((?:tests|bot|corpus)/[\w./-]+)[)`]", README))
def test_a_file_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()
