"""The benchmarks run and say the right thing on data so small that it is known."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import numpy as np
import pytest

from bot.config import Config
from tests.conftest import ROOT
from tests.test_index import linked


def load(name: str) -> ModuleType:
    """A script of ``tests/bench`` as a module."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / "tests" / "bench" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


external = load("external")
ranking = load("ranking")
ablation = load("ablation")
rivals = load("rivals")
scale = load("scale")
DOCUMENTS = {
    "d0": ("How often should a chain be oiled?", "A chain is oiled *every* 2 weeks.\n# Not a heading\n- not an item"),
    "d1": ("How much air does a tyre need?", "A touring tyre needs 4 to 5 bar of air."),
    "d2": ("", "Brakes that squeal are usually dirty and want cleaning."),
    "d3": ("Who invented the saddle?", ""),
}
QUERIES = {"q0": "oiling the chain", "q1": "tyre pressure", "q2": "squealing brakes", "q3": "not judged"}


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    def lines(rows: list[dict[str, str]]) -> str:
        return "".join(json.dumps(row) + "\n" for row in rows)

    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(lines([{"_id": k, "title": t, "text": x} for k, (t, x) in DOCUMENTS.items()]))
    (folder / "queries.jsonl").write_text(lines([{"_id": k, "text": text} for k, text in QUERIES.items()]))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t2\nq2\td2\t1\nq2\td0\t0\n"
    )
    return folder


def test_a_folder_is_read(beir: Path) -> None:
    data = external.read(beir)
    assert data.documents == DOCUMENTS
    assert data.qrels == {"q0": {"d0": 1}, "q1": {"d1": 2}, "q2": {"d2": 1}}
    assert list(data.queries) == ["q0", "q1", "q2"]


def test_documents_become_articles_word_for_word(beir: Path, tmp_path: Path) -> None:
    from bot.corpus import load_corpus

    names = external.write_corpus(external.read(beir), tmp_path / "corpus")
    articles = {names[a.source_id]: a for a in load_corpus(tmp_path / "corpus")}
    assert [b.kind for b in articles["d0"].blocks] == ["heading", "paragraph", "paragraph", "paragraph"]
    assert articles["d0"].text.endswith("A chain is oiled *every* 2 weeks.\n\n# Not a heading\n\n- not an item")


def test_the_retriever_is_measured(
    beir: Path, bicycle: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linked(bicycle, tmp_path / "work" / "tiny" / "index")  # what both corpora have in common is embedded there
    assert external.main([str(beir), "--json", "--work", str(tmp_path / "work")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"] == "tiny"
    assert found["Success@1"]["n"] == 3
    assert found["RR@10"]["mean"] == found["nDCG@10"]["mean"] == 1.0


def test_the_best_rows_are_told_by_comparing_all() -> None:
    vectors = scale.neighbours(np.eye(12, dtype=np.float32), 300, 1)
    queries = scale.neighbours(np.eye(12, dtype=np.float32), 3, 2)
    wanted = [set(np.argsort(-(vectors @ query))[: scale.TOP].tolist()) for query in queries]
    assert scale.exact(vectors, queries) == wanted
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_what_grows_is_a_table_and_lines_over_powers_of_ten() -> None:
    rows = [
        {"rows": n, "p50, ms": n / 1e5, "with the encoder, ms": 3.0 + n / 1e6, "memory, MB": n / 1e3, "build, CPU s": 1}
        for n in (1_000, 10_000, 100_000)
    ]
    assert scale.slower(rows) == pytest.approx(3.1 / 3.001)
    assert "| 100,000 | 1 | 3.1 | 100 | 1 |" in scale.told(rows, keep=False)
    drawn = scale.log_lines("T", "rows", [1, 10, 100], {"a<b": [0.1, 1, 10]})
    root = ElementTree.fromstring(drawn)
    assert root.find("{*}title").text == "T"  # type: ignore[union-attr]
    (line,) = root.findall("{*}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(points)]
    assert steps[0] == pytest.approx(steps[1])  # a power of ten each is a straight line
    assert steps[0][1] < 0 < steps[0][0]


@pytest.mark.parametrize(
    ("value", "at_least", "held"), [(1.0, False, True), (1.2, False, False), (1.2, True, True), (1.0, True, False)]
)
def test_a_limit_holds_or_not(value: float, at_least: bool, held: bool) -> None:
    assert load("__main__").row("it", value, 1.1, at_least)["held"] is held


def test_a_missing_index_is_told_before_anything_slow_is_imported() -> None:
    code = (
        "import sys, bot.__main__ as m; c = m.main(['ask', 'hi', '--index', 'none']); print(c, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
    assert "holds no index" in done.stderr


def test_tenants_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.bench import tenants

    made = tenants.sizes(1000, 1_000_000)
    assert abs(int(made.sum()) - 1_000_000) < 5_000
    assert (made.min(), made.max()) == (100, 20_000)
    assert tenants.main(["--tenants", "6", "--passages", "1200", "--shared-buffers", "256MB", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tenants"] == 6
    assert {band["shared buffers"] for band in found["bands"]} == {"128MB", "256MB"}
    assert {band["least recall@10"] for band in found["bands"]} == {"1"}


def test_declining_is_fitted_where_right_answers_outweigh_wrong_ones() -> None:
    items = [
        rivals.Item("a", ("how often",), "answer", sources=("001",), facts=(("two weeks",),)),
        rivals.Item("b", ("how deep",), "answer", sources=("002",), facts=(("1 mm",),)),
        rivals.Item("c", ("who won the cup",), "abstain"),
    ]
    found = [("Every two weeks.", "001-chain", 0.9), ("It is 2 mm.", "002-tyre", 0.5), ("Brakes squeal.", "003", 0.3)]
    assert rivals.counts(items, found, 0.0) == (1, 2)
    assert rivals.counts(items, found, 0.9) == (2, 0)
    assert rivals.fitted(items, found) == 0.9


def test_ranking_learns_which_part_tells() -> None:
    """Of lists in which one part is high where the sentence is right, and another says the opposite."""
    rng = np.random.default_rng(0)
    asked, overlap = ranking.PARTS.index("asked"), ranking.PARTS.index("overlap")
    found = []
    for number in range(40):
        features = rng.random((6, len(ranking.PARTS))).astype(np.float32)
        right = np.arange(6) == number % 6
        features[:, asked] += 2 * right
        features[:, overlap] -= right
        found.append((f"group {number % 8}", features, right, features[:, overlap]))
    weights = ranking.fit(found)
    assert weights[asked] > 0
    assert weights[asked] > weights[overlap]
    assert {weights[n] for n, name in enumerate(ranking.PARTS) if name not in ranking.USED} == {0}
    assert ranking.first(found, weights) == ranking.in_folds(found) == 1.0
    assert ranking.first(found) < 0.5


def test_a_part_is_left_out_of_the_ranking_and_of_the_sentences(tmp_path: Path) -> None:
    config = ablation.weightless("sparse", "value")(ablation.Config())
    assert config.retrieval.sparse_weight == 0 < config.retrieval.concept_weight
    left_out = {name for name, weight in config.answering.weights.items() if not weight}
    assert left_out - {"cosine"} == {"sparse", "value"}  # the cosine counts nothing beside what was learned
    assert not ablation.unfitted(config).adaptation.enabled
    (tmp_path / "a.md").write_text("# T\n\n## H?\n\n<!-- questions:\nother words\n-->\n\nText.\n", encoding="utf-8")
    bare = ablation.unworded(ablation.replace(config, corpus=tmp_path, index=tmp_path / "index"))
    assert (bare.corpus / "a.md").read_text(encoding="utf-8") == "# T\n\n## H?\n\n\nText.\n"


def test_the_table_of_parts_says_what_is_lost() -> None:
    rows = [ablation.Row("everything", 0.9, 0.05, 0.8, 0.7, 0.9), ablation.Row("spelling", 0.85, 0.06, 0.8, 0.7, 0.9)]
    lines = ablation.table(rows).splitlines()
    assert lines[2].startswith("| (nothing left out) | 90.0% | 5.0%")
    assert lines[3].startswith("| spelling | 85.0% (-5.0) | 6.0%")
    text = ablation.CONTRIBUTING.read_text(encoding="utf-8")
    assert ablation.TABLE.search(text)
    assert {part.name for part in ablation.PARTS[1:]} <= set(re.findall(r"(?m)^\| ([^|]+) \| ", text))
