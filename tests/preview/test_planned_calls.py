"""The calls of steps whose Arguments have what no builder expects."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.preview.plan import as_json, as_text, plan_pipeline

VALUES: list[Any] = [
    None,
    True,
    7,
    2.5,
    "",
    "x",
    [],
    [1],
    ["a"],
    [[]],
    [{}],
    [None],
    {},
    {"a": 1},
    {"Get": "Parameters.P"},
    {"Get": "Steps.First.Y"},
    [{"Get": "Parameters.P"}],
    {"Std:Join": {"On": "", "Values": ["a", {"Get": "Parameters.P"}]}},
]
STEP_CONFIG = {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}, "ActionOnFailure": "CONTINUE"}
CLUSTER_CONFIG = {
    "ReleaseLabel": "emr-7.0.0",
    "Instances": {"InstanceCount": 1, "InstanceGroups": [{"InstanceType": "m5.xlarge"}]},
    "Tags": [{"Key": "a", "Value": "b"}],
}
ARGUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "step": ("EMR", {"ClusterId": "j-1", "StepConfig": STEP_CONFIG, "ExecutionRoleArn": "r"}),
    "cluster": ("EMR", {"ClusterConfig": CLUSTER_CONFIG, "StepConfig": STEP_CONFIG}),
    "run": ("EMRServerless", {"ApplicationId": "00a", "JobConfig": {"name": "n", "tags": {"a": "b"}}}),
    "application": (
        "EMRServerless",
        {"ApplicationConfig": {"type": "SPARK", "name": "n", "tags": {"a": "b"}}, "JobConfig": {"jobDriver": {}}},
    ),
    "lineage": (
        "Lineage",
        {
            "Artifacts": [{"ArtifactName": "a", "ArtifactType": "t", "Source": {"SourceUri": "u"}}],
            "Associations": [{"Source": {"Name": "a", "Type": "Artifact"}, "Destination": {"Arn": "arn:x"}}],
        },
    ),
}


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container with each of its keys."""
    for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def definition(step_type: str, arguments: dict[str, Any]) -> dict[str, Any]:
    first = {"Name": "First", "Type": "Processing", "Arguments": {"ProcessingResources": {}, "AppSpecification": {}}}
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "P"}],
        "Steps": [first, {"Name": "Second", "Type": step_type, "Arguments": arguments}],
    }


@pytest.mark.parametrize("case", ARGUMENTS)
def test_a_value_that_no_builder_expects_is_refused_or_planned(case: str) -> None:
    step_type, original = ARGUMENTS[case]
    planned = 0
    for index in range(len(list(places(original)))):
        for value in VALUES:
            arguments = copy.deepcopy(original)
            node, key = list(places(arguments))[index]
            node[key] = copy.deepcopy(value)
            try:
                pipeline = load_pipeline(definition(step_type, arguments))
            except InvalidDefinitionError:
                continue
            plan = plan_pipeline(pipeline, {}, validate=True)
            assert as_text(plan)
            assert json.loads(as_json(plan))
            planned += 1
    assert planned > len(VALUES)


def test_an_object_that_only_a_run_knows_has_a_place_in_the_request() -> None:
    arguments = {
        "ClusterConfig": {"Instances": {"Get": "Steps.First.I"}, "Tags": {"Get": "Steps.First.T"}},
        "StepConfig": {"Get": "Steps.First.S"},
    }

    [_, step] = plan_pipeline(load_pipeline(definition("EMR", arguments)), {}, validate=True).steps

    [call] = step.calls
    assert step.faults == []
    assert call.request["Instances"] == {
        "<members of <Steps.First.I>>": "<their values>",
        "KeepJobFlowAliveWhenNoSteps": False,
    }
    assert call.request["Tags"][0] == "<Steps.First.T>"
    [emr_step] = call.request["Steps"]
    assert emr_step["<members of <Steps.First.S>>"] == "<their values>"
    assert emr_step["ActionOnFailure"] == "TERMINATE_CLUSTER"
