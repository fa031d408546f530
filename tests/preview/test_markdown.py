"""Text from a definition in Markdown, read again by a parser of Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from airflow_sm_pipelines.preview.markdown import cell, code, code_block, plain, table

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TREACHEROUS = st.text(st.sampled_from("`*_[]<>|~&#!\\-+=:.)(1a\n\t {}\"'/@\u202e\x00"), max_size=30)


def shown(text: str) -> str:
    """The text as a reader sees it: one line, without what cannot be seen."""
    return " ".join(re.sub(r"[\x00\u202e]", "\N{REPLACEMENT CHARACTER}", text).split())


def inline(tokens: list[Token]) -> list[tuple[str, str]]:
    [only] = [token for token in tokens if token.type == "inline"]
    return [(child.type, child.content) for child in only.children or ()]


def text_of(found: list[tuple[str, str]]) -> str:
    assert {kind for kind, _ in found} <= {"text", "text_special"}
    return "".join(content for _, content in found)


@given(TREACHEROUS)
@example("<script>alert(1)</script>")
@example("[click](javascript:alert(1)) ![](https://evil.example/pixel.png)")
@example("1. first\n# second\n---")
@example("a\n===")
@example("&lt;b&gt; &amp;")
@example("```\ncode")
@example("    indented")
def test_a_text_is_one_paragraph_of_nothing_but_text(text: str) -> None:
    tokens = READER.parse(f"before\n\n{plain(text)}\n\nafter")

    paragraphs = [token for token in tokens if token.type == "inline"]
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "paragraph_close"}
    assert [token.content for token in (paragraphs[0], paragraphs[-1])] == ["before", "after"]
    if shown(text):
        assert text_of([(child.type, child.content) for child in paragraphs[1].children or ()]) == shown(text)


@given(TREACHEROUS)
@example("a\\|b")
@example("`|`")
@example("``")
@example(" ` ")
def test_a_text_stays_in_its_cell(text: str) -> None:
    page = table(("One", "Two"), [(plain(text), "end"), (cell(text), "end")])

    tokens = READER.parse(page)

    rows = [token.children or [] for token in tokens if token.type == "inline"]
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    assert len(rows) == 6
    for children in (rows[2], rows[4]):
        assert {child.type for child in children} <= {"text", "text_special", "code_inline"}
        assert "".join(child.content for child in children).strip() == shown(text)
    assert [child.content for child in (*rows[3], *rows[5])] == ["end", "end"]


@given(TREACHEROUS)
def test_a_text_as_code_is_code_and_nothing_else(text: str) -> None:
    if not shown(text):
        assert code(text) == ""
        return
    [(kind, content)] = inline(READER.parse(code(text)))

    assert (kind, content.strip()) == ("code_inline", shown(text).strip())


@given(st.lists(TREACHEROUS, max_size=5))
@example(["```", "<b>"])
def test_a_block_of_code_ends_where_its_lines_end(lines: list[str]) -> None:
    text = "\n".join(lines)

    tokens = READER.parse(f"{code_block(text, 'json')}\n\nafter")

    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content == re.sub(r"[\x00\u202e]", "\N{REPLACEMENT CHARACTER}", text) + "\n"


@pytest.mark.parametrize(("make", "expected"), [(plain, "a\\*b…"), (code, "`a*b…`"), (cell, "`a*b…`")])
def test_a_long_text_is_cut(make: object, expected: str) -> None:
    assert callable(make)
    assert make("a*b c d", 4) == expected
    assert make("a*b", 4) == expected.replace("…", "")


def test_ordinary_text_stays_as_it_is_written() -> None:
    text = "Trains the model (XGBoost 1.7) on 80 % of the rows: 1-2, 'all' (no test)."
    assert plain(text) == text
