"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST_NAME_COMPARED = 256


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean `X`?`` for the candidate nearest to a misspelt name, or ``""`` when none is near."""
    near = nearest(name, candidates)
    return "" if near is None else f"did you mean `{near}`?"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate nearest to a name, or ``None`` when none is near.

    A candidate that differs only in case wins over every other.
    """
    # Comparing two long texts takes quadratic time, and nobody misspells a name of that length.
    if len(name) > _LONGEST_NAME_COMPARED:
        return None
    known = sorted(candidate for candidate in candidates if len(candidate) <= _LONGEST_NAME_COMPARED)
    same_but_case = [candidate for candidate in known if candidate.casefold() == name.casefold()]
    return next(iter(same_but_case or _close_matches(name, known)), None)


def _close_matches(name: str, candidates: list[str]) -> list[str]:
    # Imported here: only a faulty definition pays for it.
    from difflib import get_close_matches

    return get_close_matches(name, candidates, n=1, cutoff=0.6)
