"""Markdown with YAML front matter, by markdown-it-py and PyYAML."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.errors import CorpusError
from bot.readers.builder import Builder, decoded
from bot.schema import Article

META = {"title", "publisher", "published", "reviewed_by", "url", "kind", "language"}
MAX_FRONT = 4_000  # characters: seven short lines; the time that PyYAML takes grows with the square of brackets
_QUESTIONS = re.compile(r"\s*questions:")


def read(path: Path) -> Article:
    """One ``.md`` file."""
    raw = decoded(path, path.read_bytes())
    meta, body, first_line = _front_matter(path, raw)
    build = Builder()
    _walk(MarkdownIt("commonmark").parse(body), build, first_line)
    if not build.blocks:
        raise CorpusError(f"{path}:{first_line}: no text after the front matter: write some, or remove the file")
    return replace(build.article(path, meta.pop("title", None)), **meta)


def _walk(tokens: list[Token], build: Builder, first_line: int) -> None:
    """Flatten Markdown tokens to blocks: a list item's paragraphs become one item each."""
    level = 0
    depth = 0
    for token in tokens:
        line = first_line + token.map[0] if token.map else 0
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
                build.add("heading", content, level, line=line)
            else:
                build.add("item" if depth else "paragraph", content, line=line)
        elif token.type == "html_block":
            for comment in _comments(token.content):
                if found := _QUESTIONS.match(comment):
                    build.question(tuple(q.strip() for q in comment[found.end() :].splitlines() if q.strip()))
        elif token.type in ("fence", "code_block"):
            build.add("paragraph", token.content, line=line)


def _comments(html: str) -> Iterator[str]:
    """What stands between <!-- and -->, in order."""
    start = html.find("<!--")
    while start >= 0:
        end = html.find("-->", start + 4)
        if end < 0:
            return
        yield html[start + 4 : end]
        start = html.find("<!--", end)


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
    if end > MAX_FRONT:
        raise CorpusError(f"{path}:1: the front matter is longer than {MAX_FRONT:,} characters: shorten it")
    try:
        # Every value as the text it is: a date that does not exist is then named like any other slip.
        values = yaml.load(raw[4 : end + 1], Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = (mark.line if mark else 0) + 2
        raise CorpusError(
            f"{path}:{line}: the front matter is not YAML ({error.__class__.__name__}): mend the line"
        ) from None
    except RecursionError:
        raise CorpusError(f"{path}:2: the front matter is nested too deeply: write lines of 'name: value'") from None
    if not isinstance(values, dict):
        raise CorpusError(f"{path}:2: the front matter must be lines of 'name: value'")
    body_start = raw.find("\n", end + 1)
    body = raw[body_start + 1 :] if body_start >= 0 else ""
    return _checked_meta(path, raw[:end], values), body, raw[: body_start + 1].count("\n") + 1


def _checked_meta(path: Path, front: str, values: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        number = next((n for n, line in enumerate(front.split("\n"), 1) if line.lstrip("'\"").startswith(name)), 2)
        out.update(checked(name, value, f"{path}:{number}: {name}"))
    return out


def checked(name: str, value: Any, where: str) -> Mapping[str, Any]:
    """A value of the front matter under its name, or nothing where it is null.

    Raises:
        CorpusError: an unknown name, or a value that is none; begins with ``where``.
    """
    if name not in META:
        raise CorpusError(f"{where}: unknown front matter: use {', '.join(sorted(META))}")
    if not isinstance(value, str):
        raise CorpusError(f"{where}: must be one line of text")
    if value in ("", "~", "null"):
        return {}
    if name == "kind" and value not in ("digest", "original"):
        raise CorpusError(f"{where}: {value!r}: write 'digest' or 'original'")
    if name == "url" and not re.match(r"https?://[^\s]+$", value):
        raise CorpusError(f"{where}: {value!r}: write a full http(s) address or null")
    return {name: _published(value, where) if name == "published" else value}


def _published(value: str, where: str) -> str:
    try:
        return datetime.date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise CorpusError(f"{where}: {value!r} is not a date: write YYYY-MM-DD or null") from None
