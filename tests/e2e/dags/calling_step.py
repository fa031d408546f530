"""A pipeline of one Lambda step, made in Python for these tests."""

from __future__ import annotations

from typing import Any


def definition() -> dict[str, Any]:
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Seconds", "Type": "Integer", "DefaultValue": 0}],
        "Steps": [
            {
                "Name": "Call",
                "Type": "Lambda",
                "FunctionArn": "arn:aws:lambda:us-west-2:123456789012:function:e2e",
                "Arguments": {
                    "seconds": {"Get": "Parameters.Seconds"},
                    "run": {"Get": "Execution.PipelineExecutionId"},
                },
                "OutputParameters": [{"OutputName": "token", "OutputType": "String"}],
            }
        ],
    }
