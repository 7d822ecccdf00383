"""Documents in, HTML, Markdown and JUnit XML out: `<name>.json` beside `<name>.html`, `.md` and `.xml`; and no text of
the data ever becomes markup."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import dq
from dq.reports import html, junit, markdown
from dq.reports.base import UNPRINTABLE, printable
from dq.training import Checked

HERE = Path(__file__).parent
FORMS: dict[str, Any] = {"html": html, "md": markdown, "xml": junit}
ATTACKS = (
    "<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "]]></failure><evil/>", "{{ 7 * 7 }}{% raw %}",
    "| a | b |\n| - | - |", "[x](javascript:alert(1))", "<!-- -->", "&lt;b&gt;", "``` \n# head", "@ann #12 $x$ www.a.b",
    "![](http://evil/x)", "\\", "\x00\x1b[31m\u202e\ufffe\uffff\udcff", "https://evil.example/a", "a*b*_c_~d~",
)  # fmt: skip


def read(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["quarantined_revision", "hostile", "held", "released", "page_pretrain"])
def test_golden(name: str, form: str) -> None:
    assert FORMS[form].render([read(name)]) == (HERE / f"{name}.{form}").read_text()


def hostile(text: str) -> list[Any]:
    """Documents in which the text stands wherever foreign text may."""
    result, training = read("quarantined_revision"), read("page_pretrain")
    result |= {"source": text, "partition": text, "landing": text, "published": text, "changes": [text], "why": text}
    result["files"][0]["path"] = text
    result["reasons"] = [{"cause": "data", "id": text, "message": text, "next": text}]
    result["anomalies"] = [{"id": text, "message": text}]
    result["references"] = [{"name": text, "place": text, "digest": "", "files": 1, "rows": 1}]
    evidence = [{"file": text, "row": 1, "values": {text: text}}]
    origin = {"dialect": "contract", "file": text, "line": 1, "rule": text}
    for check in result["checks"]:
        check |= {"id": text, "message": text, "bound": text, "origin": origin, "evidence": evidence}
    training |= {"label": text, "suite": text}
    training["roles"] |= {"features": [text], "id": [text], "time": text}
    training["splits"][0]["data"] = text
    for check in training["checks"]:
        check |= {"id": text, "message": text, "evidence": [{"split": "test", **evidence[0]}]}
    column = {"column": text, "type": text, "min": text, "max": text, "top": [{"value": text, "share": 0.5}]}
    profile = {
        "schema": "dq.profile/1", "source": text, "partitions": [text], "rows": 1, "now": None, "columns": [column],
        "keys": [[text]],
    }  # fmt: skip
    side, found = {"name": text, "rows": 1}, {"severity": "fail", "column": text, "message": text}
    diff = {"schema": "dq.diff/1", "success": False, "a": side, "b": side, "differences": [found]}
    return [result, training, profile, diff]


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Any] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, *attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data


BENIGN = hostile("x")
TEXTS = st.sampled_from(ATTACKS) | st.text(st.characters(), min_size=1, max_size=30)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(TEXTS)
def test_no_text_of_the_data_is_markup_in_a_page(foreign: str) -> None:
    page = html.render(hostile(foreign))
    assert not UNPRINTABLE.search(page.replace("\n", ""))
    found = Tags(page)
    assert found.tags == Tags(html.render(BENIGN)).tags
    assert found.text.count(printable(foreign)) >= 20
    assert not {t for t, *_ in found.tags} & {"script", "img", "link", "iframe", "a"}
    assert "default-src 'none'" in page


@pytest.mark.parametrize("foreign", ATTACKS)
def test_a_notebook_shows_the_page_in_a_frame_that_runs_nothing(foreign: str) -> None:
    for document in hostile(foreign):
        (tag, *attributes), end = Tags(html.framed(document)).tags
        found = dict(attributes)
        assert (tag, end, found["sandbox"]) == ("iframe", "/iframe", None)
        assert found["srcdoc"] == html.render([document])


@settings(deadline=None, derandomize=True, max_examples=40)
@given(TEXTS)
def test_no_text_of_the_data_is_markup_in_xml(foreign: str) -> None:
    def shape(root: ET.Element) -> list[Any]:
        return [(e.tag, sorted(e.attrib)) for e in root.iter()]

    root = ET.fromstring(junit.render(hostile(foreign)).encode())
    assert shape(root) == shape(ET.fromstring(junit.render(BENIGN)))
    shown = re.sub("[\ufffe\uffff]", "\ufffd", printable(foreign))
    assert shown in {e.get("name") for e in root.iter("testcase")}


@settings(deadline=None, derandomize=True, max_examples=40)
@given(TEXTS)
def test_no_text_of_the_data_is_markup_in_markdown(foreign: str) -> None:
    """As GitHub reads it: tables and struck text, comments and spans of HTML."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def shape(text: str) -> list[Any]:
        ours = re.sub("<!-- -->|</?span>", "", reader.render(text))
        return Tags(ours).tags

    told = markdown.render(hostile(foreign))
    assert shape(told) == shape(markdown.render(BENIGN))
    assert told.count("\n") == markdown.render(BENIGN).count("\n")


def test_nobody_is_called_and_nothing_linked_from_markdown() -> None:
    told = markdown.plain("ask @ann about #12 at https://a.example or www.b.example, $5 or $x$")
    shown = re.sub("<span>\\$</span>", "", told)
    assert not re.search(r"@\w|#\w|://|www\.|\$", shown)
    assert MarkdownIt("commonmark", {"html": True}).renderInline(told).replace("<!-- -->", "") == (
        "ask @ann about #12 at https://a.example or www.b.example, <span>$</span>5 or <span>$</span>x<span>$</span>"
    )


def test_of_several_results_those_with_something_to_say_are_told_in_full() -> None:
    documents = [read(n) for n in ("promoted", "quarantined_revision", "held", "promoted_unpublished")]
    page = Tags(html.render(documents))
    assert page.tags.count("/section") == 3
    assert [word in page.text for word in ("PROMOTE", "QUARANTINE", "HOLD", "UNPUBLISHED")] == [True] * 4
    suites = ET.fromstring(junit.render(documents))
    bad = [(s.get("failures"), s.get("errors")) for s in suites]
    assert bad == [("0", "0"), ("2", "0"), ("0", "1"), ("0", "1")]


def test_what_a_person_let_through_is_no_failure() -> None:
    (suite,) = ET.fromstring(junit.render([read("released")]))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert [e.text.splitlines()[0] for e in suite.iter("system-out") if e.text] == [
        "warning: 2,041 rows (0.17 %, allowed 0) outside [0, 500]",
        "warning: 412,003 rows, 38 % below the previous 664,120; expected >= 60% of previous",
    ]


def test_a_page_stays_small_whatever_landed() -> None:
    document = read("quarantined_revision")
    document["files"] = document["files"] * 10_000
    document["checks"][0]["evidence"] = [{"file": "f", "row": 1, "values": {"a": "x" * 10**6}}]
    assert len(html.render([document])) < 100_000


def test_what_was_checked_before_training_shows_itself_in_a_notebook() -> None:
    document = read("page_pretrain")
    assert Checked(document)._repr_html_() == html.framed(document)


def test_profiles_and_differences_show_themselves_as_tables_and_in_a_notebook() -> None:
    a, b = pl.DataFrame({"n": [1, 2, 3]}), pl.DataFrame({"m": [1, 2]})
    profile, found = dq.profile(a), dq.diff(a, b)
    assert repr(profile).splitlines()[0] == "data DataFrame: 3 rows, 1 column"
    assert profile._repr_html_() == html.framed(profile.document)
    assert "&lt;td&gt;n&lt;/td&gt;&lt;td&gt;int64&lt;/td&gt;" in profile._repr_html_()
    assert repr(found).splitlines()[0] == "A DataFrame (3 rows), B DataFrame (2 rows)"
    assert found._repr_html_() == html.framed(found.document)
    assert "column `n` is not in B" in found._repr_html_()
    assert "no difference that matters" in dq.diff(profile, a)._repr_html_()
