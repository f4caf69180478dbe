"""``sources.csv`` and ``sitemap.xml``: what is told of files beside their content."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.corpus import load_corpus, read_corpus

PAGE = "<html><head><title>{0}</title></head><body><main><h1>{0}</h1><p>{0} is done by hand.</p></main></body></html>"
SITE = "https://bikes.example"


def sitemap(folder: Path, *paths: str) -> None:
    urls = "".join(f"<url><loc>\n{SITE}{path}</loc><priority>1</priority></url>" for path in paths)
    (folder / "sitemap.xml").write_text(
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    )


def page(folder: Path, name: str, title: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(PAGE.format(title))


@pytest.mark.parametrize(
    ("address", "saved", "source_id"),
    [
        ("/care/oiling", "oiling.html", "oiling"),
        ("/care/oiling/", "care-oiling.html", "care-oiling"),
        ("/care/oiling.html", "oiling.html", "oiling"),
        ("/care/oiling/", "care/oiling/index.html", "care-oiling"),
        ("/care/oiling", "bikes.example/care/oiling.htm", "bikes.example-care-oiling"),
        ("/", "index.html", "index"),
        ("/a%20b?x=1&amp;y=2", "a b.html", "a b"),
    ],
)
def test_a_saved_page_gets_its_address_from_the_sitemap(
    tmp_path: Path, address: str, saved: str, source_id: str
) -> None:
    page(tmp_path, saved, "Oiling")
    sitemap(tmp_path, "/shop", address, "/contact")
    (article,) = load_corpus(tmp_path)
    assert (article.source_id, article.url) == (source_id, f"{SITE}{address}".replace("&amp;", "&"))


def test_pages_below_the_folder_are_read_only_where_listed(tmp_path: Path) -> None:
    page(tmp_path, "care/oil.html", "Oiling")
    page(tmp_path, "shop/cart.html", "Cart")
    sitemap(tmp_path, "/care/oil")
    assert [a.source_id for a in load_corpus(tmp_path)] == ["care-oil"]


def test_a_sitemap_of_pages_that_are_not_saved_is_told(tmp_path: Path) -> None:
    page(tmp_path, "oil.html", "Oiling")
    sitemap(tmp_path, "/care/wax")
    (problem,) = read_corpus(tmp_path).problems
    assert "sitemap.xml: none of its 1 pages is saved" in problem


def test_a_list_tells_what_files_cannot(tmp_path: Path) -> None:
    page(tmp_path, "oil.html", "Oiling")
    (tmp_path / "faq.csv").write_text("question,answer\nHow?,So.\n")
    (tmp_path / "sources.csv").write_text(
        "file,title,publisher,published,url\nfaq.csv,Our answers,Spoke Street,2024-05-06,\n"
        f"oil.html,,,null,{SITE}/oil\n"
    )
    faq, oil = load_corpus(tmp_path)
    assert (faq.title, faq.publisher, faq.published, faq.url) == ("Our answers", "Spoke Street", "2024-05-06", None)
    assert (oil.title, oil.url, oil.published) == ("Oiling", f"{SITE}/oil", None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("nothere.html,,x", "sources.csv:2: file 'nothere.html' is not there"),
        ("../oil.html,,x", "is a link to a file outside this folder"),
        ("oil.html,soon,x", "sources.csv:2: published: 'soon' is not a date"),
        ("oil.html,,x,more", "sources.csv:2: has more cells than"),
    ],
)
def test_a_wrong_line_is_named_and_the_rest_is_read(tmp_path: Path, row: str, said: str) -> None:
    folder = tmp_path / "corpus"
    page(folder, "oil.html", "Oiling")
    page(tmp_path, "oil.html", "Outside")
    (folder / "sources.csv").write_text(f"file,published,title\n{row}\n")
    found = read_corpus(folder)
    assert [a.title for a in found.articles] in (["Oiling"], ["x"])
    assert any(said in problem for problem in found.problems)
