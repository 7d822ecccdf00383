"""For a pull request or a chat: GitHub's Markdown, in which no word of the data is markup, a link or a mention."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dq.reports.page import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.reports.page import Listing, Page, Told

# What starts or ends markup within a line; text of the data never starts a line. Mentions and links are looked for in
# what is shown, behind any escape: a comment parts them, as GitHub's own pages advise a span for what is no formula.
_MARKUP = re.compile(r"[\\`*{}\[\]<>~|&!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_SHOWN = re.compile(r"[@#]|:(?=//)|www(?=\.)", re.IGNORECASE)


def render(documents: Iterable[Mapping[str, Any]]) -> str:
    """With a last line end."""
    return "\n".join(line for page in pages(documents) for line in _page(page))


def plain(text: str) -> str:
    """Text that is shown as it is."""
    escaped = _MARKUP.sub(lambda m: "\\" + m[0], text)
    return _SHOWN.sub(lambda m: m[0] + "<!-- -->", escaped).replace("$", "<span>$</span>")


def _page(page: Page) -> Iterable[str]:
    yield from (f"## {page.word} {plain(page.title)}", "", f"In short: {plain(page.head)}", "")
    told = page.told("fail", "error", "warn", "skip")
    if told:
        yield from ("| | check | what |", "| --- | --- | --- |")
        yield from (f"| {one.status} | {plain(one.id)} | {plain(one.message)} |" for one in told)
        yield ""
    for step in page.steps:
        yield from (f"> {plain(step)}", "")
    for one in told:
        if one.examples:
            yield from _examples(one, one.examples)
    passed = page.told("pass")
    if passed:
        yield from (f"{len(passed)} passed: {', '.join(plain(c.id) for c in passed)}", "")


def _examples(one: Told, found: Listing) -> Iterable[str]:
    yield from (f"Rows of {plain(one.id)}:", "")
    yield f"| {' | '.join(map(plain, found.heads))} |"
    yield "|" + " --- |" * len(found.heads)
    yield from (f"| {' | '.join(map(plain, row))} |" for row in found.rows)
    yield ""
