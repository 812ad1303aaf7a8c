"""The page stands alone, is well formed, shows hostile text as text, and is the same for the same records."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.corpora import CORPUS, cut, deliver, fact, scratch
from workbench.errors import OutsideError, UsageError
from workbench.services.checking.describe import describe
from workbench.services.checking.page import page, refuse_to_replace, write

_VOID = {"meta", "rect"}
_ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "h3", "p", "div", "span", "figure",
    "figcaption", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "svg", "desc", "rect",
}  # fmt: skip
HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)> \u202eevil\u202c\x1b[31m \" onload='x"


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed by its own end, and attributes are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.parents: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.parents.append((self.open[-1] if self.open else "", tag))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def made(rows: list[dict[str, Any]], **settings: Any) -> str:
    with scratch() as store:
        deliver(store, rows, **settings)
        cut(store)
        return page(describe(store, CORPUS, "latest"))


@pytest.fixture(scope="module")
def hostile() -> str:
    answers = ("<b>Yes\u202e", "<i>No\x1b")
    return made([fact(i, lang=HOSTILE if i % 3 else "en", answer=answers[i % 2]) for i in range(60)])


def test_a_page_is_well_formed_and_holds_no_element_that_could_act(hostile):
    assert hostile.startswith("<!doctype html>")
    assert {tag for tag, _ in read(hostile).elements} <= _ALLOWED


def test_a_page_asks_nothing_of_anybody(hostile):
    named = {name for _, attributes in read(hostile).elements for name in attributes}
    assert not named & {"src", "href", "xlink:href", "srcset", "action", "data", "style", "background"}
    assert not [name for name in named if name.startswith("on")]
    style = read(hostile).texts["style"]
    assert "url(" not in style and "@import" not in style and "@font-face" not in style


def test_the_policy_allows_this_very_style_and_nothing_else(hostile):
    reader = read(hostile)
    policies = [a["content"] for _, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(reader.texts["style"].encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]


def test_hostile_text_is_shown_as_what_it_is(hostile):
    assert "&lt;script&gt;" in hostile and "<script" not in hostile and hostile.count("</style>") == 1
    assert "&lt;b&gt;yes⟨U+202E⟩" in hostile and "⟨U+202E⟩evil" in hostile and "␛[31m" in hostile
    steering = {c for c in hostile if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    assert steering == {"\n"}


def test_every_picture_has_a_name_and_a_description(hostile):
    reader = read(hostile)
    pictures = [attributes for tag, attributes in reader.elements if tag == "svg" and "aria-hidden" not in attributes]
    assert pictures and all(one["role"] == "img" and one["aria-label"] for one in pictures)
    inside = [tag for parent, tag in reader.parents if parent == "svg"]
    assert inside.count("title") == inside.count("desc") == len(pictures)


def test_histograms_and_stacked_bars_have_tables(hostile):
    reader = read(hostile)
    inside = [tag for parent, tag in reader.parents if parent == "details"]
    assert inside.count("summary") == inside.count("div") > 2


def test_the_title_names_corpus_and_version(hostile):
    assert "facts@v1 (" in read(hostile).texts["h1"]


def test_the_same_records_give_the_same_bytes():
    rows = [fact(i, lang="en" if i % 2 else "fr") for i in range(30)]
    assert made(rows) == made(rows)


def test_many_values_share_the_last_colour_and_say_how_many(store):
    text = made([fact(i, lang=f"l{i % 12}") for i in range(60)])
    assert "<li>" in text and "5 others" in text


def test_a_page_that_is_there_is_not_replaced_unasked(tmp_path):
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        refuse_to_replace(tmp_path / "page.html")
    refuse_to_replace(tmp_path / "other.html")


def test_a_page_is_written_whole_or_not_at_all(store, tmp_path):
    deliver(store, [fact(1)])
    found = describe(store, CORPUS)
    write(found, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page(found)
    with pytest.raises(OutsideError, match="cannot write"):
        write(found, tmp_path / "nowhere" / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
