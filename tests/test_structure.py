"""The rules of the layout, read off the source: sizes, who may import what, who may print or read the environment."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bot.abstention import Model
from bot.clinic import Clinic
from bot.facets import Facets
from bot.interface import tables
from bot.language import language, read_toml
from bot.lexicon import Lexicon
from bot.rules import Rulebook
from bot.safety import Safety
from bot.texts import Texts
from tests.conftest import ROOT

BOT = ROOT / "bot"
SOURCES = [*sorted(BOT.rglob("*.py")), ROOT / "app.py"]
DATA = sorted(p for p in (BOT / "data").rglob("*") if p.is_file())
MAX_MODULE, MAX_FUNCTION, USUAL_FUNCTION = 300, 50, 25
TOP = {
    "bot", "corpus", "index", "tests", "app.py", "requirements.txt", "README.md", "LICENSE", "CHANGELOG.md",
    "CONTRIBUTING.md", ".gitignore", "pyproject.toml", ".ci",
}  # fmt: skip
PAGES = {"chat_ui", "staff_ui", "web", "app"}
DATABASE = {
    "database",
    "postgres",
    "reading",
    "search",
    "listener",
    "tenant_state",
}  # imported only where a database is configured
MAY_IMPORT = {
    "gradio": PAGES,
    "faiss": {"dense"},
    "sentence_transformers": {"encoder"},
    "onnxruntime": {"fast_encoder"},
    "onnx": {"fast_encoder"},
    "bm25s": {"sparse"},
    "psycopg": DATABASE,
    "psycopg_pool": DATABASE,
    "pgvector": DATABASE,
}
# Seconds to import: only when first needed.
HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "safetensors",
    "onnx",
    "onnxruntime",
    "tokenizers",
    "sklearn",
}
EDGE = {"config", "__main__", "web", "app"}
COMMAND_LINE = {"__main__", "app"}
LAST_RESORT = {"stage", "safety"}  # a page must answer something, and safety must fail closed; both log


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name_of(path))


def imports(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Top-level packages imported anywhere below, inside functions too, with their lines."""
    for item in ast.walk(node):
        if isinstance(item, ast.Import):
            yield from ((alias.name.split(".")[0], item.lineno) for alias in item.names)
        elif isinstance(item, ast.ImportFrom) and not item.level:
            yield str(item.module).split(".")[0], item.lineno
        elif isinstance(item, ast.Call) and called(item) in ("import_module", "__import__"):
            first = item.args[0] if item.args else None
            yield (str(first.value).split(".")[0] if isinstance(first, ast.Constant) else "?", item.lineno)


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the module is imported; TYPE_CHECKING blocks and functions do not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (item for part in child.orelse for item in (part, *at_import(part)))
            continue
        yield child
        yield from at_import(child)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def functions() -> list[tuple[str, int]]:
    return [
        (f"{name_of(path)}:{node.lineno} {node.name}", body_lines(node))
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_the_top_level_is_fixed() -> None:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    ignored = [line.strip("/") for line in lines if line[:1] not in ("", "#", "!")]
    found = {p.name for p in ROOT.iterdir() if p.name != ".git" and not any(fnmatch(p.name, i) for i in ignored)}
    assert found == TOP
    assert [p.name for p in (ROOT / ".ci").iterdir()] == ["run"]


def test_the_corpus_holds_only_what_people_write() -> None:
    assert {p.suffix for p in (ROOT / "corpus").iterdir()} == {".md", ".toml"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE


def test_functions_are_short() -> None:
    sizes = functions()
    assert [name for name, size in sizes if size > MAX_FUNCTION] == []
    ordered = sorted(size for _, size in sizes)
    assert ordered[int(0.9 * len(ordered))] <= USUAL_FUNCTION


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_libraries_are_imported_only_where_they_belong(path: Path) -> None:
    for package, line in imports(tree(path)):
        assert path.stem in MAY_IMPORT.get(package, {path.stem}), f"{name_of(path)}:{line}: {package}"
        assert package not in ("pickle", "marshal", "shelve", "dill", "joblib"), f"{name_of(path)}:{line}: {package}"
        assert package != "?", f"{name_of(path)}:{line}: an import that can't be read"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_slow_libraries_are_imported_when_first_needed(path: Path) -> None:
    for node in at_import(tree(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for package, line in imports(node):
                assert package not in HEAVY, f"{name_of(path)}:{line}: import {package} inside the function"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.stem not in EDGE], ids=name_of)
def test_only_the_edge_reads_the_environment(path: Path) -> None:
    for node in ast.walk(tree(path)):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        assert name not in ("environ", "environb", "getenv", "putenv"), f"{name_of(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            assert not {"environ", "environb", "getenv"} & {alias.name for alias in node.names}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.stem not in COMMAND_LINE], ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            assert called(node) != "print", f"{name_of(path)}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("sys.stdout", "sys.stderr"), f"{name_of(path)}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_errors_are_caught_by_name(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"Exception"}
            if caught & {"Exception", "BaseException"}:
                assert path.stem in LAST_RESORT, f"{name_of(path)}:{node.lineno}"
                assert any(word in ast.unparse(node) for word in ("log.", "logger.", "logging.")), "it must log"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


WATCH = """
import sys, builtins
seen = []
def watch(event, arguments):
    if event == "open" or event.startswith(("socket.", "urllib", "subprocess", "os.system")):
        seen.append((event, str(arguments[0]) if arguments else ""))
sys.addaudithook(watch)
MODULES
code = (".py", ".pyc", ".so", ".pth")
files = [name for event, name in seen if event == "open" and ROOT in name and not name.endswith(code)
         and "site-packages" not in name]
print({"files": files, "network": [e for e in seen if e[0] != "open"], "modules": sorted(sys.modules)})
"""


def watched(statement: str) -> dict[str, list[str]]:
    """Files of the project read, calls out, and modules loaded by a statement in a process of its own."""
    code = WATCH.replace("MODULES", statement).replace("ROOT", repr(str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    found: dict[str, list[str]] = ast.literal_eval(done.stdout)
    return found


def test_importing_the_package_is_quick_and_touches_nothing() -> None:
    found = watched("import bot")
    assert found["files"] == []
    assert found["network"] == []
    slow = {"torch", "faiss", "gradio", "numpy", "fastapi", "transformers", "sentence_transformers", "bm25s"}
    assert not slow & set(found["modules"])


def test_importing_any_module_of_the_core_touches_no_file_of_the_project() -> None:
    core = [p for p in SOURCES if p.stem not in (*PAGES, "__main__", "__init__") and p.parent.name != "readers"]
    found = watched("; ".join(f"import {'.'.join(p.relative_to(ROOT).with_suffix('').parts)}" for p in core))
    assert found["files"] == []
    assert found["network"] == []
    assert not (HEAVY | {"gradio"}) & set(found["modules"])


def test_readers_of_others_formats_wait_for_such_a_file() -> None:
    found = watched("import bot.corpus; from pathlib import Path; bot.corpus.load_corpus(Path('corpus'))")
    assert "markdown_it" in found["modules"]
    assert not {"trafilatura", "lxml", "pypdfium2", "docx", "openpyxl"} & set(found["modules"])


@pytest.mark.parametrize("path", DATA, ids=name_of)
def test_a_data_file_can_be_read_and_is_used(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    loaded = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    assert loaded
    sources = "".join(p.read_text(encoding="utf-8") for p in SOURCES)
    assert path.name in sources or path.parent.name != "data", f"{name_of(path)} is read by no module"


def test_all_data_loads_through_its_own_reader() -> None:
    texts = Texts.load(Clinic())
    assert Lexicon.load().terms
    assert Facets.load().by_id
    assert Model.load().weights
    assert language().chat
    assert tables()
    assert read_toml("furniture.toml")["drop"]
    assert Safety.load(Clinic(), texts, Rulebook.load())


def test_the_shipped_clinic_and_its_texts_load() -> None:
    clinic = Clinic.load(ROOT / "corpus" / "clinic.toml")
    assert clinic.name
    assert Texts.load(clinic)["abstained"]
