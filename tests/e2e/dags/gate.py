"""A pipeline that needs no AWS: it fails if its parameter Key is "wrong"."""

from __future__ import annotations

from typing import Any


def definition() -> dict[str, Any]:
    key = {"Name": "Key", "Type": "String", "DefaultValue": "none"}
    condition = {"Type": "Equals", "LeftValue": {"Get": "Parameters.Key"}, "RightValue": "wrong"}
    fail = {"Name": "Wrong", "Type": "Fail", "Arguments": {"ErrorMessage": "the key is wrong"}}
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": [fail], "ElseSteps": []},
    }
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [key], "Steps": [gate]}
