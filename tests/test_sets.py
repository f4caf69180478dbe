"""Reading sets and checking them: each form, each refusal, each finding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.corpus import load_corpus
from bot.metrics import Item
from bot.schema import Article
from bot.set_check import check, check_lines, plain
from bot.sets import COLUMNS, SetError, read_set
from tests.bicycle import write_corpus
from tests.questions import ITEMS, write_set

LINE = '{"id": "a", "turns": ["how often"], "expect": "answer"}\n'


def written(folder: Path, text: str | bytes, name: str = "set.jsonl") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_json_lines(tmp_path: Path) -> None:
    found = read_set(write_set(tmp_path / "set.jsonl"))
    assert [i.id for i in found.items] == [raw["id"] for raw in ITEMS]
    assert found.name == "set.jsonl"
    assert len(found.sha256) == 64
    assert found.items[10].turns == ("how often is the chain oiled", "and the tyres pumped?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no items: write one a line"),
        ("\n \n", "holds no items"),
        (LINE + LINE, "id 'a' is there twice"),
        (LINE + "{oops\n", r"set.jsonl:2: not a JSON object"),
        (LINE + "[1]\n", r"set.jsonl:2: not a JSON object"),
        (LINE + '{"id": "b", "turns": ["x"], "expect": "perhaps"}\n', r"set.jsonl:2: item b: 'expect' must be one of"),
        (b"\xff\xfe\x00", "not UTF-8: save it again"),
    ],
    ids=["empty", "blank", "duplicate", "not JSON", "a list", "bad item", "not UTF-8"],
)
def test_a_set_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(SetError, match=said):
        read_set(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="check the path"):
        read_set(tmp_path / "none.jsonl")


def test_a_split_is_chosen_or_refused(tmp_path: Path) -> None:
    lines = [json.dumps({"id": s, "turns": [s], "expect": "answer", "split": s}) for s in ("dev", "test", "")]
    found = read_set(written(tmp_path, "\n".join(lines)))
    assert [i.id for i in found.only("dev").items] == ["dev"]
    assert found.only(None) is found
    with pytest.raises(SetError, match=r"choose one of \(none\), dev, test"):
        found.only("training")


def test_staff_questions(tmp_path: Path) -> None:
    rows = [
        {"question": "chain oil?", "sources": ["001"]},
        {"question": "and tyres?", "earlier": ["chain oil?"], "id": "mine", "expect": "abstain"},
    ]
    first, second = read_set(written(tmp_path, "\n".join(map(json.dumps, rows)))).items
    assert (first.turns, first.expect, first.style, first.sources) == (("chain oil?",), "answer", "staff", ("001",))
    assert first.id.startswith("staff-")
    assert (second.id, second.turns, second.expect) == ("mine", ("chain oil?", "and tyres?"), "abstain")
    moved = read_set(written(tmp_path, "\n".join(map(json.dumps, rows[::-1])))).items
    assert moved[1].id == first.id


SHEET = """id,question,expect,sources,facts,forbid,category,style,split,group,note
q1,how often is the chain oiled,answer,001,2 weeks,,fact,short,dev,oil,
q2,how often || and tyres?,,"001, 002","4 weeks
2 weeks|two weeks",never,follow_up,,,,with two facts
,what is bitcoin,Abstain
"""


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_a_spreadsheet(tmp_path: Path, delimiter: str, header: bool, start: bytes) -> None:
    text = SHEET if header else SHEET.split("\n", 1)[1]
    if delimiter != ",":
        text = text.replace('"001, 002"', "001 002").replace(",", delimiter)
    items = read_set(written(tmp_path, start + text.replace("\n", "\r\n").encode(), "set.csv")).items
    assert items[0] == Item("q1", ("how often is the chain oiled",), "answer", "fact", "short", "dev", "oil",
                            ("001",), (("2 weeks",),))  # fmt: skip
    assert items[1].turns == ("how often", "and tyres?")
    assert items[1].sources == ("001", "002")
    assert items[1].facts == (("4 weeks",), ("2 weeks|two weeks",))
    assert items[1].forbid == ("never",)
    assert (items[2].expect, items[2].turns) == ("abstain", ("what is bitcoin",))
    assert items[2].id.startswith("row-")


def test_columns_may_stand_in_any_order_under_a_header(tmp_path: Path) -> None:
    (found,) = read_set(written(tmp_path, "Facts,Question,Sources\n2 weeks,how often,001\n", "s.csv")).items
    assert (found.facts, found.turns, found.sources) == ((("2 weeks",),), ("how often",), ("001",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("question,price\nx,y\n", "unknown column 'price'"),
        ("q1,,answer\n", ":1: no question"),
        ("q1,one,answer,001,2 weeks,,fact,short,dev,oil,note,more\n", f"more than {len(COLUMNS)} cells"),
        ('q1,"one\n', "save the sheet again"),
        ("q1,one,answer,001,(\n", ":1: item q1"),
    ],
)
def test_a_wrong_spreadsheet_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SetError, match=said.replace("(", r"\(")):
        read_set(written(tmp_path, text, "set.csv"))


# --- check -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Article, ...]:
    return load_corpus(write_corpus(tmp_path_factory.mktemp("check") / "corpus"))


def item(name: str, **more: Any) -> Item:
    return Item.parse({"id": name, "turns": [f"question {name}"], "expect": "answer", **more})


def errors(items: list[Item], articles: tuple[Article, ...]) -> list[str]:
    return [str(f) for f in check(items, articles) if f.severity == "error"]


def test_a_sound_set_has_no_errors(articles: tuple[Article, ...]) -> None:
    items = [Item.parse(raw) for raw in ITEMS]
    assert errors(items, articles) == []
    lines = check_lines("set.jsonl", items, check(items, articles))
    assert lines[0] == "set.jsonl: 16 items, 1 groups"
    assert lines[-1] == "no errors"
    assert any("category 'fact' has 10 items: its figure is known to ±31 points" in line for line in lines)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([item("a", sources=["009"])], "a: no article's id starts with '009'"),
        ([item("a", sources=["002"], facts=[["3000 km"]])], "a: no allowed article states '3000 km'"),
        ([item("a", facts=[["unicorn"]])], "a: no allowed article states 'unicorn'"),
        ([item("a", expect="abstain", facts=[["oil"]])], "a: expects to be declined, yet names facts"),
        ([item("a", turns=["How often?"]), item("b", turns=["how often"])], "b: asks the same as a"),
        (
            [item("a", group="g", split="dev"), item("b", group="g", split="test")],
            "group 'g' is in the splits dev, test",
        ),
        (
            [item("a", turns=["oil it"], split="dev"), item("b", turns=["Oil it!"], split="test")],
            "b: is worded as a of the split 'dev'",
        ),
        ([item("a", turns=["Chain oil interval"], split="test")], "a: is worded as in an article"),
        ([item("a", turns=["how long does a chain last"], split="test")], "a: is worded as in an article"),
    ],
)
def test_what_is_wrong_is_found(items: list[Item], said: str, articles: tuple[Article, ...]) -> None:
    assert any(said in error for error in errors(items, articles))


def test_what_is_thin_is_said(articles: tuple[Article, ...]) -> None:
    found = [str(f) for f in check([item("a", category="fact")], articles)]
    assert "thin: category 'fact' has 1 items: its figure is known to ±98 points" in found
    assert "thin: 1 items expect an answer without facts: only that there is one is judged" in found
    assert any("no item expects to be declined" in f for f in found)
    assert any("no item is a follow-up" in f for f in found)


def test_wordings_are_compared_without_case_and_punctuation() -> None:
    assert plain("How OFTEN, exactly?!") == "how often exactly"
    assert plain("\U0001f642\U0001f642") != plain("\U0001f642")
    assert plain("как часто?") == "как часто"
