"""The JSON of a definition as people read it: a reference on one line, and nothing that its name calls a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from airflow_sm_pipelines.definition.json_values import Json

MASK = "***"
_MOST_CHARACTERS_SHOWN = 16_000
# In JSON text, line ends stand only between values.
_REFERENCE = re.compile(r'\{\n +("Get": "[^"\n]*")\n +\}')
# How lists of the API write a name and its value: parameters, environments of containers, properties of EMR.
_NAMES = ("Name", "Key")
_VALUES = ("Value", "DefaultValue")


def is_short(length: int) -> bool:
    """Tell whether the text of a definition is short enough to be shown whole: the UI loads it with every page.

    Args:
        length: Its length in characters.
    """
    return length <= _MOST_CHARACTERS_SHOWN


def masked(value: Json, is_secret: Callable[[str], bool]) -> Json:
    """Return a value in which `MASK` stands for what belongs to the name of a secret; references are no secrets.

    Args:
        value: The value.
        is_secret: Tells whether a name is that of a secret.
    """
    if isinstance(value, list):
        return [masked(entry, is_secret) for entry in value]
    if not isinstance(value, dict):
        return value
    named = next((name for key in _NAMES if isinstance(name := value.get(key), str)), "")
    hidden = _VALUES if named and is_secret(named) else ()
    return {
        key: _hidden(entry) if key in hidden or is_secret(key) else masked(entry, is_secret)
        for key, entry in value.items()
    }


def _hidden(value: Json) -> Json:
    """Return what is shown of a secret: that there is one, unless it is a reference or a switch."""
    if value is None or isinstance(value, bool) or (isinstance(value, dict) and value.keys() == {"Get"}):
        return value
    return MASK


def laid_out(value: Json) -> str:
    """Return JSON text with an indent, in which a reference has one line."""
    return _REFERENCE.sub(r"{\1}", json.dumps(value, indent=2, ensure_ascii=False))
