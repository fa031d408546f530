"""JSON that a run reads: property files and other documents, items of a loop.

Unlike a definition, such a text is somebody else's, and a step reads one value of it. So only what is read must be
sound: a report may hold ``NaN`` beside the metric that a Condition compares.
"""

from __future__ import annotations

import json
import math

from airflow_sm_pipelines.definition.json_values import Json, is_64_bit
from airflow_sm_pipelines.definition.paths import Path, format_path

_DEEPEST_NESTING = 100
_LONGEST_QUOTE = 40


class NonFiniteNumber(float):
    """A number of a JSON text that no double holds.

    Attributes:
        text: How it is written: ``NaN``, ``-Infinity``, ``1e999``.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> NonFiniteNumber:
        """Return the number that a text writes."""
        number = cls(text)
        number.text = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
        return number


def parse_document(text: str | bytes) -> Json:
    """Parse a JSON text.

    Raises:
        ValueError: It is not JSON, not Unicode, or nested so deeply that Python cannot read it.
    """
    try:
        document: Json = json.loads(text, parse_float=_number, parse_constant=NonFiniteNumber.of)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return document


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else NonFiniteNumber.of(text)


def unfit_place(value: Json) -> str:
    """Return what in a value that a step reads can be neither compared nor sent; ``""`` if nothing is.

    A comparison with ``NaN`` is false whatever it asks, so that a Condition would choose a branch without a reason.
    """
    pending: list[tuple[Path, Json]] = [((), value)]
    while pending:
        path, found = pending.pop()
        place = f"`{format_path(path)}` in it is" if path and not isinstance(found, (dict, list)) else "is"
        if len(path) == _DEEPEST_NESTING and isinstance(found, (dict, list)):
            return f"is nested deeper than {_DEEPEST_NESTING} levels"
        if isinstance(found, float) and not math.isfinite(found):
            return f"{place} {getattr(found, 'text', found)}, which is not a finite number"
        if isinstance(found, int) and not is_64_bit(found):
            return f"{place} an integer of more than 64 bits"
        if isinstance(found, dict):
            pending += [((*path, key), member) for key, member in found.items()][::-1]
        elif isinstance(found, list):
            pending += [((*path, index), element) for index, element in enumerate(found)][::-1]
    return ""
