"""Text from a definition inside Markdown: it is shown as it is, and can neither break the page nor add to it.

Airflow's UI renders GitHub's Markdown (tables, bare links) and drops HTML; other readers of a DAG's documentation, such
as lineage tools, may keep it. Hence all that means something in Markdown or HTML is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Also the overrides of the writing direction, with which a text can look like another one.
_UNSEEN = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSEEN_CHARACTER = re.compile(f"[{_UNSEEN}]")
# The colon of an address, too: as long as it is not escaped, the backslashes after it would count as its characters.
_INLINE = re.compile(r"[\\`*_\[\]<>|~&]|:(?=//)")
_NUMBER_OF_A_LIST = re.compile(r"^([0-9]{1,9})([.)])")
_FIRST_OF_A_BLOCK = re.compile(r"^([-+=#:])")
_BACKTICKS = re.compile("`+")


def visible(text: str) -> str:
    """Return a text with a replacement character for each control character; line ends and tabs stay."""
    return _UNSEEN_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: str, longest: int | None = None) -> str:
    """Return the Markdown of a text, on one line.

    Args:
        text: The text.
        longest: How many of its characters are shown.
    """
    shown = " ".join(visible(text).split())
    if longest is not None and len(shown) > longest:
        shown = f"{shown[:longest].rstrip()}…"
    shown = _NUMBER_OF_A_LIST.sub(r"\1\\\2", _INLINE.sub(r"\\\g<0>", shown))
    return _FIRST_OF_A_BLOCK.sub(r"\\\1", shown)


def code(text: str, longest: int | None = None) -> str:
    """Return the Markdown of a text as code, on one line; of an empty text, nothing.

    Args:
        text: The text.
        longest: How many of its characters are shown.
    """
    shown = " ".join(visible(text).split())
    if longest is not None and len(shown) > longest:
        shown = f"{shown[:longest].rstrip()}…"
    if "`" not in shown:
        return f"`{shown}`" if shown else ""
    fence = "`" * (max(map(len, _BACKTICKS.findall(shown))) + 1)
    return f"{fence} {shown} {fence}"


def cell(text: str, longest: int | None = None) -> str:
    """Return the Markdown of a text as code in a cell of a table.

    Args:
        text: The text.
        longest: How many of its characters are shown.
    """
    # A pipe ends the cell even inside code, and a backslash before it is read in two ways.
    return plain(text, longest) if "|" in text else code(text, longest)


def code_block(text: str, language: str = "text") -> str:
    """Return the Markdown of lines that are shown as they are.

    Args:
        text: The lines.
        language: Their language. Airflow's UI puts lines of no language into one.
    """
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        heads: Markdown of the heads.
        rows: Markdown of the cells of each row.
    """
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)
