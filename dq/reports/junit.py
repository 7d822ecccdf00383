"""JUnit XML for CI: a test suite per document, a test case per check. What only warns passes, and says so."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from dq.reports.page import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.reports.page import Page, Told

_NO_XML = re.compile("[\ufffe\uffff]")


def render(documents: Iterable[Mapping[str, Any]]) -> str:
    """With a last line end."""
    root = ET.Element("testsuites", name="dq")
    for page in pages(documents):
        root.append(_suite(page))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _NO_XML.sub("\ufffd", text) + "\n"


def _suite(page: Page) -> ET.Element:
    suite = ET.Element(
        "testsuite", name=page.title, tests=str(len(page.checks)), failures=str(len(page.told("fail"))),
        errors=str(len(page.told("error"))), skipped=str(len(page.told("skip"))), time=f"{page.seconds:.3f}",
        timestamp=page.at[:19],
    )  # fmt: skip
    listed = ET.SubElement(suite, "properties")
    for name, said in page.facts:
        ET.SubElement(listed, "property", name=name, value=said)
    for told in page.checks:
        suite.append(_case(page, told))
    return suite


def _case(page: Page, told: Told) -> ET.Element:
    case = ET.Element("testcase", classname=page.title, name=told.id, time="0.000")
    kind = {"fail": "failure", "error": "error", "skip": "skipped"}.get(told.status)
    if kind:
        ET.SubElement(case, kind, message=told.message).text = "\n".join(_lines(told)) or None
    elif told.status == "warn":
        ET.SubElement(case, "system-out").text = "\n".join([f"warning: {told.message}", *_lines(told)])
    return case


def _lines(told: Told) -> Iterable[str]:
    yield from (f"{name}: {said}" for name, said in told.notes)
    if told.examples:
        for row in told.examples.rows:
            yield "  ".join([row[0], *(f"{n}={v}" for n, v in zip(told.examples.heads[1:], row[1:], strict=True))])
