"""Where we deliberately see it otherwise than the SDK's local executor: a complete list, as data.

The same list stands in ``docs/semantics.md`` with the reasons.
"""

from __future__ import annotations

from math import nan
from typing import Any, NamedTuple

ERROR = "error"
"""The evaluator fails the step."""


class Deviation(NamedTuple):
    """One case that both sides answer, each in its own way.

    Attributes:
        rule: Our rule, as documented.
        asked: What is evaluated: an expression, or a list of conditions.
        sdk: The executor's answer, or `ERROR`.
        ours: Our answer, or `ERROR`.
    """

    rule: str
    asked: Any
    sdk: Any
    ours: Any


def _get(text: str) -> Any:
    return {"Get": text}


def _compare(kind: str, left: Any, right: Any) -> list[Any]:
    return [{"Type": kind, "LeftValue": left, "RightValue": right}]


def _join(*values: Any) -> Any:
    return {"Std:Join": {"On": "-", "Values": list(values)}}


def _report(path: str) -> Any:
    return {"Std:JsonGet": {"PropertyFile": _get("Steps.Eval.PropertyFiles.Report"), "Path": path}}


_NUMBERS = "integers and floats are one type"
_BOOLEANS = "a boolean is not a number and has no order"
_JOINED = "a Join writes booleans as true and false, and accepts no lists or objects"
_OUTCOME = "the Outcome of a Condition compares with true, 'true' and 'True'"
_KEYS = "a quoted key may contain any character, and may come first"
_ROOT = "a JsonGet path may start at $"
_TEXTS = "a string is not a list of characters; a property that is a string of JSON is parsed"
_LISTS = "lists of a Describe response are addressed by name and by index"
_WIDTH = "an integer has at most 64 bits"
_FINITE = "a number that is not finite is no value"

DEVIATIONS = (
    Deviation(_NUMBERS, _compare("Equals", 1, 1.0), ERROR, True),
    Deviation(_NUMBERS, _compare("Equals", _get("Parameters.Integer"), _get("Parameters.Float")), ERROR, True),
    Deviation(_BOOLEANS, _compare("Equals", True, 1), True, ERROR),
    Deviation(_BOOLEANS, _compare("GreaterThan", True, 0), True, ERROR),
    Deviation(_BOOLEANS, _compare("GreaterThan", _get("Parameters.Boolean"), False), True, ERROR),
    Deviation(_BOOLEANS, [{"Type": "In", "QueryValue": True, "Values": [1]}], True, False),
    Deviation(_JOINED, _join("a", True), "a-True", "a-true"),
    Deviation(_JOINED, _join(_get("Parameters.Boolean")), "True", "true"),
    Deviation(_JOINED, _join(_report("list")), "[1]", ERROR),
    Deviation(_JOINED, _join(_report("object")), "{'k.k': 2}", ERROR),
    Deviation(_OUTCOME, _compare("Equals", _get("Steps.Gate.Outcome"), "True"), ERROR, True),
    Deviation(_KEYS, _report("object['k.k']"), ERROR, 2),
    Deviation(_KEYS, _get("Steps.Eval.Environment['a.b']"), ERROR, "dotted"),
    Deviation(_KEYS, _report("['key one']"), ERROR, 4),
    Deviation(_ROOT, _report("$.list[0]"), ERROR, 1),
    Deviation(_TEXTS, _report("text[0]"), "t", ERROR),
    Deviation(_TEXTS, _get("Steps.Eval.Environment['json'].x"), ERROR, 5),
    Deviation(_LISTS, _get("Steps.Train.FinalMetricDataList['rmse'].Value"), ERROR, 0.5),
    Deviation(_LISTS, _get("Steps.Eval.ProcessingOutputConfig.Outputs[0].OutputName"), ERROR, "out"),
    Deviation(_WIDTH, _compare("GreaterThan", 2**63, 1), True, ERROR),
    Deviation(_FINITE, _compare("LessThanOrEqualTo", _report("nan"), 6.0), False, ERROR),
)

CASE: dict[str, Any] = {
    "parameters": [
        {"Name": "Integer", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Float", "Type": "Float", "DefaultValue": 3.0},
        {"Name": "Boolean", "Type": "Boolean", "DefaultValue": True},
    ],
    "execution": {"PipelineName": "p", "PipelineExecutionId": "abcdef012345"},
    "steps": {
        "Eval": {
            "properties": {
                "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": "s3://bucket/e"}}]},
                "Environment": {"a.b": "dotted", "json": '{"x": 5}'},
            },
            "property_files": [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "r.json"}],
        },
        "Train": {"properties": {"FinalMetricDataList": [{"MetricName": "rmse", "Value": 0.5}]}},
        "Gate": {"properties": {"Outcome": True}},
    },
    "files": {"s3://bucket/e/r.json": {"list": [1], "object": {"k.k": 2}, "text": "text", "key one": 4, "nan": nan}},
}
