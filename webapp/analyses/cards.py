"""Model cards: the Markdown beside the weights, as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import dedent

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from diagnosis.weight_files import shipped

LIMIT = 100_000
"""Characters of a card that are shown: the folder of weights belongs to the operator, not to us."""
_INLINE = (
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
)
"""Links lead into the source tree, so only their words are kept."""


def card_of(weights: str) -> SafeString | None:
    """Return the card of the weights that would be used now; None when there are none, or no card."""
    path = shipped(weights)
    card = path.with_suffix(".md") if path else None
    if card is None or not card.is_file():
        return None
    return as_html(card.read_text("utf-8", errors="replace")[:LIMIT])


def as_html(markdown: str) -> SafeString:
    """Return what cards are made of: headings (from h3 on), paragraphs, lists, tables, indented code.

    Everything else is shown as it is written; nothing in the text becomes markup of its own.
    """
    return format_html_join("\n", "{}", ((_html(kind, lines),) for kind, lines in _blocks(markdown)))


def _blocks(markdown: str) -> Iterator[tuple[str, list[str]]]:
    kind, lines = "", list[str]()
    for line in [*markdown.splitlines(), ""]:
        now = _kind(line, kind)
        if lines and (now != kind or now == "heading"):
            yield kind, lines
            lines = []
        kind = now
        if kind:
            lines.append(line)


def _kind(line: str, before: str) -> str:
    if not line.strip():
        return ""
    for mark, kind in (("#", "heading"), ("|", "table"), ("- ", "list")):
        if line.startswith(mark):
            return kind
    if before == "list":
        return before
    return "code" if line.startswith("    ") else "text"


def _html(kind: str, lines: Sequence[str]) -> SafeString:
    if kind == "heading":
        words = lines[0].lstrip("#")
        level = min(len(lines[0]) - len(words) + 2, 6)
        return format_html("<h{}>{}</h{}>", level, _inline(words.strip()), level)
    if kind == "table":
        return _table(lines)
    if kind == "list":
        items = "\n".join(lines).removeprefix("- ").split("\n- ")
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((_inline(i),) for i in items)))
    if kind == "code":
        return format_html("<pre>{}</pre>", dedent("\n".join(lines)))
    return format_html("<p>{}</p>", _inline("\n".join(lines)))


def _table(lines: Sequence[str]) -> SafeString:
    head, *rows = ([_inline(cell.strip()) for cell in line.strip().strip("|").split("|")] for line in lines)
    body = [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)]
    columns = format_html_join("", '<th scope="col">{}</th>', ((cell,) for cell in head))
    cells = [(format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in body]
    return format_html(
        '<table class="tb"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
        columns,
        format_html_join("", "<tr>{}</tr>", cells),
    )


def _inline(text: str) -> SafeString:
    html = str(conditional_escape(text))
    for pattern, replacement in _INLINE:
        html = pattern.sub(replacement, html)
    return mark_safe(html)  # noqa: S308 (escaped above; the tags are our own)
