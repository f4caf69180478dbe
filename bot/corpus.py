"""Files to Articles; a bad one is named with file, line and remedy.

Markdown (``.md``) is parsed by markdown-it-py, its YAML front matter by PyYAML. Plain ``.txt`` is
read as pages are pasted: page furniture is dropped by the patterns of ``data/furniture.toml`` and
heading-like lines are recognised. Either way the article's text is rebuilt as clean lines, so that a
span never meets markup: one line a block, blank lines between, ``"• "`` before list items.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.errors import CorpusError
from bot.language import read_toml
from bot.schema import Article, Block, BlockKind

SUFFIXES = (".md", ".txt")
BULLET = "• "
MAX_BYTES = 5_000_000  # an article is a page or a book chapter, never more
_NOT_SOURCES = {"readme.md"}
_META = {"title", "publisher", "published", "reviewed_by", "url", "kind", "language"}
_QUESTIONS = re.compile(r"<!--\s*questions:\s*(.*?)-->", re.DOTALL)
_SPACE = re.compile(r"\s+")


@dataclass
class _Builder:
    """Collects blocks and the text they stand in."""

    text: str = ""
    blocks: list[Block] = field(default_factory=list)

    def add(self, kind: BlockKind, content: str, level: int = 0) -> None:
        content = _SPACE.sub(" ", content).strip()
        if not content:
            return
        tight = kind == "item" and self.blocks and self.blocks[-1].kind == "item"
        self.text += ("\n" if tight else "\n\n") if self.text else ""
        self.text += BULLET if kind == "item" else ""
        start = len(self.text)
        self.text += content
        self.blocks.append(Block(kind, start, len(self.text), level))

    def question(self, wordings: tuple[str, ...]) -> None:
        """Attach other wordings to the latest heading."""
        for i in range(len(self.blocks) - 1, -1, -1):
            old = self.blocks[i]
            if old.kind == "heading":
                self.blocks[i] = Block(old.kind, old.start, old.end, old.level, old.questions + wordings)
                return


def corpus_files(folder: Path) -> list[Path]:
    """The article files of a corpus folder, sorted by name.

    Raises:
        CorpusError: there is no such folder or nothing in it, or two files share a source id.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder: make it and put your articles (.md or .txt) there")
    files = sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in SUFFIXES and p.name.lower() not in _NOT_SOURCES and p.is_file()
    )
    if not files:
        raise CorpusError(f"{folder} holds no articles: put .md or .txt files there")
    stems = [p.stem for p in files]
    for path in files:
        if stems.count(path.stem) > 1:
            raise CorpusError(f"{path}: two files are called {path.stem!r}: rename one, the name is the source id")
    return files


def corpus_hash(folder: Path) -> str:
    """SHA-256 over names and contents of the article files; changes whenever an index must."""
    digest = hashlib.sha256()
    for path in corpus_files(folder):
        data = path.read_bytes()
        digest.update(f"{path.name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def load_corpus(folder: Path) -> tuple[Article, ...]:
    """Read every article of a folder, in order of file name.

    Raises:
        CorpusError: the folder or one of its files can't be read; names the file and the remedy.
    """
    return tuple(load_article(path) for path in corpus_files(folder))


def load_article(path: Path) -> Article:
    """Read one ``.md`` or ``.txt`` file.

    Raises:
        CorpusError: not UTF-8, too large, empty, or bad front matter; with file, line and remedy.
    """
    if path.stat().st_size > MAX_BYTES:
        raise CorpusError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB: split it into one file per article")
    try:
        raw = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(f"{path}:{line}: not UTF-8: save the file with UTF-8 encoding") from None
    raw = raw.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    article = _markdown(path, raw) if path.suffix.lower() == ".md" else _plain(path, raw)
    if not any(block.kind != "heading" for block in article.blocks):
        raise CorpusError(f"{path}: holds no text under its headings: write some, or remove the file")
    return article


def _markdown(path: Path, raw: str) -> Article:
    meta, body, first_line = _front_matter(path, raw)
    build = _Builder()
    _walk(MarkdownIt("commonmark").parse(body), build)
    if not build.blocks:
        raise CorpusError(f"{path}:{first_line}: no text after the front matter: write some, or remove the file")
    title = meta.pop("title", None)
    if not title:
        heads = [build.text[b.start : b.end] for b in build.blocks if b.kind == "heading"]
        title = heads[0] if heads else path.stem
    return Article(source_id=path.stem, title=str(title), text=build.text, blocks=tuple(build.blocks), **meta)


def _walk(tokens: list[Token], build: _Builder) -> None:
    """Flatten Markdown tokens to blocks: a list item's paragraphs become one item each."""
    level = 0
    depth = 0
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "inline":
            content = "".join(_plain_inline(token.children or []))
            if level:
                build.add("heading", content, level)
            else:
                build.add("item" if depth else "paragraph", content)
        elif token.type == "html_block":
            for found in _QUESTIONS.finditer(token.content):
                build.question(tuple(q.strip() for q in found.group(1).splitlines() if q.strip()))
        elif token.type in ("fence", "code_block"):
            build.add("paragraph", token.content)


def _plain_inline(children: list[Token]) -> Iterator[str]:
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            yield " "
        elif child.type in ("text", "code_inline"):
            yield child.content
        elif child.type == "image":
            yield ""


def _front_matter(path: Path, raw: str) -> tuple[dict[str, Any], str, int]:
    """Split off the YAML block; returns its values, the body and the body's first line number."""
    if not raw.startswith("---\n"):
        return {}, raw, 1
    end = raw.find("\n---", 3)
    if end < 0:
        raise CorpusError(f"{path}:1: the front matter has no closing line '---': add it")
    try:
        # Every value as the text it is: a date that does not exist is then named like any other slip.
        values = yaml.load(raw[4 : end + 1], Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = (mark.line if mark else 0) + 2
        raise CorpusError(
            f"{path}:{line}: the front matter is not YAML ({error.__class__.__name__}): mend the line"
        ) from None
    if not isinstance(values, dict):
        raise CorpusError(f"{path}:2: the front matter must be lines of 'name: value'")
    body_start = raw.find("\n", end + 1)
    body = raw[body_start + 1 :] if body_start >= 0 else ""
    return _checked_meta(path, raw[:end], values), body, raw[: body_start + 1].count("\n") + 1


def _checked_meta(path: Path, front: str, values: dict[str, Any]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in values.items():
        number = next((n for n, line in enumerate(front.split("\n"), 1) if line.lstrip("'\"").startswith(name)), 2)
        where = f"{path}:{number}: {name}"
        if name not in _META:
            raise CorpusError(f"{where}: unknown front matter: use {', '.join(sorted(_META))}")
        if not isinstance(value, str):
            raise CorpusError(f"{where}: must be one line of text")
        if value not in ("", "~", "null"):
            out[name] = _published(value, where) if name == "published" else value
        if name == "kind" and name in out and value not in ("digest", "original"):
            raise CorpusError(f"{where}: {value!r}: write 'digest' or 'original'")
        if name == "url" and name in out and not re.match(r"https?://[^\s]+$", value):
            raise CorpusError(f"{where}: {value!r}: write a full http(s) address or null")
    return out


def _published(value: str, where: str) -> str:
    try:
        return datetime.date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise CorpusError(f"{where}: {value!r} is not a date: write YYYY-MM-DD or null") from None


@dataclass(frozen=True, slots=True)
class _Furniture:
    """The compiled patterns of ``data/furniture.toml``."""

    drop: tuple[re.Pattern[str], ...]
    stop: tuple[re.Pattern[str], ...]
    date: tuple[re.Pattern[str], ...]
    small_words: frozenset[str]


@cache
def _furniture() -> _Furniture:
    data = read_toml("furniture.toml")

    def patterns(key: str) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(p, re.IGNORECASE) for p in data[key])

    return _Furniture(patterns("drop"), patterns("stop"), patterns("date"), frozenset(data["small_words"]))


def _plain(path: Path, raw: str) -> Article:
    build = _Builder()
    rules = _furniture()
    published: str | None = None
    for line in _lines(raw, rules):
        date = next((m for m in (p.search(line) for p in rules.date) if m), None)
        if date and published is None and len(line.split()) <= 20:
            published = _iso(date.group("date"))
            if len(line.split()) <= 4:  # a date line and nothing else
                continue
        if line.startswith(BULLET):
            build.add("item", line[len(BULLET) :])
        elif _looks_like_heading(line, rules) or (not build.blocks and _looks_like_title(line)):
            build.add("heading", line, 2)
        else:
            build.add("paragraph", line)
    # Above the title a page often has the name of its category: the last of the first headings is it.
    heads = list(takewhile(lambda b: b.kind == "heading", build.blocks))
    title = build.text[heads[-1].start : heads[-1].end] if heads else path.stem
    blocks = tuple(build.blocks[max(len(heads) - 1, 0) :])
    return Article(source_id=path.stem, title=title, text=build.text, blocks=blocks, published=published)


def _lines(raw: str, rules: _Furniture) -> Iterator[str]:
    """Content lines of a pasted page, furniture dropped, bullets in one form."""
    for number, line in enumerate(raw.split("\n")):
        text = _SPACE.sub(" ", line).strip()
        if number > 3 and any(p.search(text) for p in rules.stop):
            return
        if not text or any(p.search(text) for p in rules.drop):
            continue
        yield re.sub(r"^(?:[•‣◦▪·*+–-])\s+", BULLET, text)


def _looks_like_heading(line: str, rules: _Furniture) -> bool:
    """A short line that ends like a heading: a question, or no full stop and mostly capitals or short."""
    words = line.split()
    if line.endswith("?"):
        return len(words) <= 20
    if len(words) > 10 or line[-1] in ".!:;,":
        return False
    content = [w for w in words if w.lower() not in rules.small_words]
    capitals = sum(w[:1].isupper() or w[:1].isdigit() for w in content)
    return bool(content) and words[0][:1].isupper() and (capitals >= 0.5 * len(content) or len(words) <= 6)


def _looks_like_title(line: str) -> bool:
    """The first line of a page needs no capitals to be its title."""
    return len(line.split()) <= 15 and line[-1] not in ".!;,"


def _iso(text: str) -> str | None:
    for form in ("%d %B %Y", "%B %d, %Y", "%B %d %Y", "%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None
