"""Data of the built-in XGBoost algorithm: CSV and LIBSVM.

Source: developer guide, "Input/Output Interface for the XGBoost Algorithm": CSV has no header, and in training the
target in its first column, the instance weight in its second one if ``csv_weights`` is 1.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import xgboost

_CSV, _LIBSVM = "csv", "libsvm"
_FORMATS = {"text/csv": _CSV, "csv": _CSV, "text/libsvm": _LIBSVM, "text/x-libsvm": _LIBSVM, "libsvm": _LIBSVM}


class DataError(Exception):
    """The data are not what the algorithm takes."""


def data_format(content_type: str) -> str:
    """Return ``csv`` or ``libsvm``.

    Raises:
        DataError: The content type is another one.
    """
    name = content_type.split(";", maxsplit=1)[0].strip().lower()
    if name not in _FORMATS:
        raise DataError(f"ContentType {content_type} is not supported here; there are {', '.join(_FORMATS)}")
    return _FORMATS[name]


def read_channel(folder: Path, content_type: str, *, has_weights: bool) -> xgboost.DMatrix | None:
    """Return all files of a channel as labelled data; ``None`` if there are none."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))
    texts = [path.read_text() for path in paths]
    if not any(text.strip() for text in texts):
        return None
    text = "\n".join(text.strip("\n") for text in texts)
    if data_format(content_type) == _LIBSVM:
        labels, features = parse_libsvm(text)
        return xgboost.DMatrix(features, label=labels)
    rows = parse_csv(text)
    first = 2 if has_weights else 1
    if rows.shape[1] <= first:
        raise DataError(f"CSV data need the target and at least one feature, but have {rows.shape[1]} columns")
    weights = rows[:, 1] if has_weights else None
    return xgboost.DMatrix(rows[:, first:], label=rows[:, 0], weight=weights)


def read_features(payload: bytes, content_type: str, columns: int) -> xgboost.DMatrix:
    """Return the features of a request.

    Args:
        payload: Its body.
        content_type: Its content type.
        columns: How many features the model has.
    """
    text = payload.decode()
    if data_format(content_type) == _CSV:
        rows = parse_csv(text)
        if rows.shape[1] != columns:
            raise DataError(f"Feature size of csv inference data {rows.shape[1]} is not {columns}, that of the model")
        return xgboost.DMatrix(rows)
    _, features = parse_libsvm(text)
    if features.shape[1] > columns:
        raise DataError(f"Feature size of libsvm inference data {features.shape[1]} is larger than {columns}")
    missing = numpy.full((features.shape[0], columns - features.shape[1]), numpy.nan)
    return xgboost.DMatrix(numpy.hstack([features, missing]))


def parse_csv(text: str) -> Any:
    """Parse CSV without a header into an array of rows; an empty field is a missing value.

    Raises:
        DataError: A field is no number, or rows differ in length.
    """
    try:
        rows = numpy.genfromtxt(io.StringIO(text), delimiter=",", dtype=float, ndmin=2)
    except ValueError as error:
        raise DataError(f"CSV data cannot be read: {error}") from error
    first = text.lstrip("\n").splitlines()[0].split(",")
    for field, value in zip(first, rows[0]):  # noqa: B905 - Python 3.9
        if field.strip() and field.strip().lower() != "nan" and numpy.isnan(value):
            raise DataError(f"CSV data have a header or a field that is no number: {field.strip()!r}")
    return rows


def parse_libsvm(text: str) -> tuple[Any, Any]:
    """Parse LIBSVM lines ``[label] index:value …`` into labels and rows; unset fields are missing values.

    Raises:
        DataError: A word is no ``index:value``.
    """
    labels, rows = [], []
    try:
        for line in filter(str.strip, text.splitlines()):
            words = line.split("#")[0].split()
            labels.append(float(words.pop(0).split(":")[0]) if words and ":" not in words[0] else 0.0)
            pairs = (word.split(":") for word in words)
            rows.append({int(index): float(value) for index, value in pairs})
    except ValueError as error:
        raise DataError(f"LIBSVM data cannot be read: {error}") from error
    columns = 1 + max((index for row in rows for index in row), default=0)
    features = numpy.full((len(rows), columns), numpy.nan)
    for number, row in enumerate(rows):
        features[number, list(row)] = list(row.values())
    return numpy.array(labels), features
