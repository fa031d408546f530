"""DataProcessing of batch transform: which part of the data goes in, and what is joined to the answer.

Source: developer guide, "Associate Prediction Results with Input Records". Of JSONPath there is what that page shows:
``$``, members (``$.a.b``, ``$['a']``), positions (``$[0]``, ``$[-1]``), several (``$[0,2]``) and slices (``$[1:]``).
"""

from __future__ import annotations

import json
import re
from typing import Any

from airflow_sm_pipelines.local.runtimes.serving_process import InvocationError

_STEP = re.compile(r"\.(?P<member>[^.\[\]]+)|\['(?P<quoted>[^']+)'\]|\[(?P<positions>[-0-9:,\s]+)\]")
_JOINED = "SageMakerOutput"
_CSV, _JSON, _JSON_LINES = "text/csv", "application/json", "application/jsonlines"


class DataProcessing:
    """Filters and joins the records of one job.

    Args:
        input_filter: JSONPath of what goes to the model.
        output_filter: JSONPath of what is written of the (joined) answer.
        join_source: ``Input`` to join the input record and the answer, else ``None``.
        content_type: Of the input.
        accept: Of the output; that of the input if empty.
    """

    def __init__(
        self, *, input_filter: str, output_filter: str, join_source: str, content_type: str, accept: str
    ) -> None:
        self._input, self._output = _parse_path(input_filter), _parse_path(output_filter)
        self._joins = join_source == "Input"
        self._content_type = content_type.split(";", maxsplit=1)[0].strip()
        self._accept = accept.split(";", maxsplit=1)[0].strip() or self._content_type

    def filter_input(self, payload: bytes) -> bytes:
        """Return the part of a payload that goes to the model."""
        if not self._input:
            return payload
        return _write(
            [_select(record, self._input) for record in _read(payload, self._content_type)], self._content_type
        )

    def join(self, payload: bytes, answer: bytes) -> bytes:
        """Return the output for a payload and its answer."""
        if not self._joins and not self._output:
            return answer
        answers = _read(answer, self._accept)
        if self._joins:
            records = _read(payload, self._content_type)
            if len(records) != len(answers):
                raise InvocationError(400, f"{len(records)} records cannot be joined with {len(answers)} answers")
            answers = [_joined(record, one) for record, one in zip(records, answers)]  # noqa: B905 - Python 3.9
        return _write([_select(one, self._output) for one in answers], self._accept)


def _joined(record: Any, answer: Any) -> Any:
    """Join a record and its answer: CSV appends columns, JSON adds the member ``SageMakerOutput``."""
    if isinstance(record, list) and isinstance(answer, list):
        return [*record, *answer]
    if isinstance(record, dict):
        return {**record, _JOINED: answer}
    return {"SageMakerInput": record, _JOINED: answer}


def _read(payload: bytes, content_type: str) -> list[Any]:
    text = payload.decode()
    try:
        if content_type == _CSV:
            return [line.split(",") for line in text.splitlines() if line.strip()]
        if content_type == _JSON_LINES:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        if content_type == _JSON:
            return [json.loads(text)]
    except ValueError as error:
        raise InvocationError(400, f"DataProcessing: the data are no {content_type}: {error}") from error
    raise InvocationError(400, f"DataProcessing needs {_CSV}, {_JSON} or {_JSON_LINES}, not {content_type}")


def _write(records: list[Any], content_type: str) -> bytes:
    if content_type == _CSV:
        rows = [record if isinstance(record, list) else [record] for record in records]
        return "".join(f"{','.join(map(str, row))}\n" for row in rows).encode()
    return "\n".join(json.dumps(record) for record in records).encode()


def _parse_path(path: str) -> list[Any]:
    """Return the steps of a path: members, or lists of positions and slices."""
    steps: list[Any] = []
    rest = path.strip()[1:]
    while rest:
        found = _STEP.match(rest)
        if found is None:
            raise InvocationError(400, f"DataProcessing: the local AWS cannot read the JSONPath {path}")
        steps.append(_positions(found["positions"]) if found["positions"] else found["member"] or found["quoted"])
        rest = rest[found.end() :]
    return steps


def _positions(text: str) -> list[Any]:
    positions: list[Any] = []
    for word in text.split(","):
        parts = [int(part) if part.strip() else None for part in word.split(":")]
        positions.append(slice(*parts) if len(parts) > 1 else parts[0])
    return positions


def _select(value: Any, steps: list[Any]) -> Any:
    for step in steps:
        try:
            value = value[step] if isinstance(step, str) else _at(value, step)
        except (KeyError, IndexError, TypeError) as error:
            raise InvocationError(400, f"DataProcessing: {step!r} selects nothing of {value!r}") from error
    return value


def _at(value: Any, positions: list[Any]) -> Any:
    if len(positions) == 1 and isinstance(positions[0], int):
        return value[positions[0]]
    found: list[Any] = []
    for position in positions:
        found += value[position] if isinstance(position, slice) else [value[position]]
    return found
