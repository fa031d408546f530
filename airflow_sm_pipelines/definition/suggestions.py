"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Container, Iterable

from airflow_sm_pipelines.definition.json_values import list_names

_LONGEST_NAME_COMPARED = 256
_MOST_SEARCHES = 20


class Names(Container[str]):
    """Names of one kind in a definition, of which there may be thousands.

    A search for the nearest of them takes as long as they are many, so that only the first twenty misspelt names get a
    suggestion: a check takes time in proportion to the definition.

    Args:
        names: The names in their order.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._known = frozenset(self._names)
        self._suggestions: dict[str, str] = {}
        self._listed: str | None = None

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __bool__(self) -> bool:
        return bool(self._names)

    def listed(self) -> str:
        """Return the first names, and how many more there are."""
        if self._listed is None:
            self._listed = list_names(self._names)
        return self._listed

    def did_you_mean(self, name: str) -> str:
        """Return ``did you mean `X`?`` for the name nearest to a misspelt one, or ``""``."""
        if name not in self._suggestions:
            if len(self._suggestions) == _MOST_SEARCHES:
                return ""
            self._suggestions[name] = did_you_mean(name, self._names)
        return self._suggestions[name]


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
