"""Patterns of AWS service models (Java syntax) as Python patterns."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

_CATEGORY = re.compile(r"\\p\{(?P<name>\w+)\}")
_ALL_ASTRAL = r"\uD800\uDC00-\uDBFF\uDFFF"
_MISPLACED_QUANTIFIER = re.compile(r"\$(\{\d+,\d+\})$")


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a model's pattern for use with `re.Pattern.fullmatch`.

    Java's Unicode categories (``\p{L}``) become explicit character ranges; the range written as surrogate pairs
    becomes the code points that it means; in ``(…)*${1,128}`` of some shapes the quantifier after the anchor is
    dropped, because it says nothing.

    Raises:
        re.error: The pattern uses Java syntax beyond that.
    """
    text = pattern.replace(_ALL_ASTRAL, r"\U00010000-\U0010FFFF")
    text = _MISPLACED_QUANTIFIER.sub("$", text)
    text = _CATEGORY.sub(lambda found: _category_ranges(found["name"]), text)
    return re.compile(text)


@cache
def _category_ranges(name: str) -> str:
    """Return the ranges of a Unicode category, e.g. ``L`` or ``Z``, for use in a character class."""
    if name == "Alnum":  # Java's POSIX class: ASCII only
        return "a-zA-Z0-9"
    runs = re.finditer(f"{name}+", _categories())
    return "".join(f"\\U{run.start():08x}-\\U{run.end() - 1:08x}" for run in runs)


@cache
def _categories() -> str:
    """Return the category of every code point, a letter for each."""
    categories = "".join(map(unicodedata.category, map(chr, range(sys.maxunicode + 1))))
    return categories[::2]  # the second letter is a category within the category
