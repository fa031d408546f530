"""The key attributes of each step type (developer guide, "Default cache key attributes by pipeline step type")."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.semantics.cache import CacheEntry, Miss, Wanted, find_entry
from airflow_sm_pipelines.semantics.cache_keys import (
    CACHE_KEYS,
    MODEL_NAME,
    cache_key_of,
    digest,
    never_reused,
    signature_of,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)

# The guide's lists, written down a second time: type -> (operation, attributes of Arguments, members of the step).
LISTED: dict[str, tuple[str, list[str], list[str]]] = {
    "Processing": ("CreateProcessingJob", ["AppSpecification", "Environment", "ProcessingInputs"], []),
    "Training": (
        "CreateTrainingJob",
        [
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ],
        [],
    ),
    "Tuning": (
        "CreateHyperParameterTuningJob",
        [
            "HyperParameterTuningJobConfig",
            "TrainingJobDefinition.AlgorithmSpecification",
            "TrainingJobDefinition.HyperParameterRanges",
            "TrainingJobDefinition.InputDataConfig",
            "TrainingJobDefinition.StaticHyperParameters",
            "TrainingJobDefinition.TuningObjective",
            "TrainingJobDefinitions",
        ],
        [],
    ),
    "AutoML": (
        "CreateAutoMLJob",
        [
            "AutoMLJobConfig.CompletionCriteria",
            "AutoMLJobConfig.CandidateGenerationConfig",
            "AutoMLJobConfig.DataSplitConfig",
            "AutoMLJobConfig.Mode",
            "AutoMLJobObjective",
            "InputDataConfig",
            "ProblemType",
        ],
        [],
    ),
    "Transform": ("CreateTransformJob", ["DataProcessing", "Environment", "ModelName", "TransformInput"], []),
    "ClarifyCheck": (
        "CreateProcessingJob",
        [
            "AppSpecification",
            "Environment",
            "ProcessingInputs",
            "ProcessingResources",
            "NetworkConfig",
            "RoleArn",
            "StoppingCondition",
        ],
        [
            "CheckType",
            "SkipCheck",
            "RegisterNewBaseline",
            "ModelPackageGroupName",
            "SuppliedBaselineConstraints",
            "ModelName",
        ],
    ),
    "QualityCheck": (
        "CreateProcessingJob",
        [
            "AppSpecification",
            "Environment",
            "ProcessingInputs",
            "ProcessingResources",
            "NetworkConfig",
            "RoleArn",
            "StoppingCondition",
        ],
        [
            "CheckType",
            "SkipCheck",
            "RegisterNewBaseline",
            "ModelPackageGroupName",
            "SuppliedBaselineConstraints",
            "SuppliedBaselineStatistics",
        ],
    ),
    "EMR": ("", ["ClusterId", "ClusterConfig", "StepConfig"], []),
    # Those that the SDK writes CacheConfig on beside the guide's eight.
    "EMRServerless": ("", ["ApplicationId", "JobConfig"], []),
    "Job": ("CreateJob", ["JobCategory", "JobConfigSchemaVersion", "JobConfigDocument"], []),
    "Lambda": ("", [], ["FunctionArn", "OutputParameters", "Arguments"]),
    "Callback": ("", [], ["SqsQueueUrl", "OutputParameters", "Arguments"]),
}
ARGUMENTS = [(step_type, name) for step_type, (_, names, _) in LISTED.items() for name in names]
MEMBERS = [(step_type, name) for step_type, (_, _, names) in LISTED.items() for name in names if name != "Arguments"]
OPERATIONS = [(step_type, operation) for step_type, (operation, _, _) in LISTED.items() if operation]


def put(tree: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy of a tree with another value in a place."""
    changed = copy.deepcopy(tree)
    *outer, last = place.split(".")
    node = changed
    for name in outer:
        node = node.setdefault(name, {})
    node[last] = value
    return changed


def whole(step_type: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments and members of a step in which every attribute has a value."""
    _, arguments, members = LISTED[step_type]
    body: dict[str, Any] = {}
    for name in arguments:
        body = put(body, name, {"of": name})
    return body, {name: f"of {name}" for name in members if name != "Arguments"}


def looked_up(step_type: str, before: Any, now: Any) -> CacheEntry | Miss:
    """What a step finds whose Arguments and members were others in an earlier run."""
    key = CACHE_KEYS[step_type]
    entry = CacheEntry(dict(signature_of(key, *before)), "earlier", NOW)
    return find_entry([entry], Wanted(signature_of(key, *now), "this"), NOW)


@pytest.mark.parametrize("other", [{"of": "another"}, None], ids=["changed", "absent"])
@pytest.mark.parametrize(("step_type", "name"), ARGUMENTS)
def test_a_listed_attribute_that_has_changed_is_a_miss_that_names_it(step_type: str, name: str, other: Any) -> None:
    arguments, members = whole(step_type)
    found = looked_up(step_type, (arguments, members), (put(arguments, name, other), members))
    assert found == Miss(f"{name} has changed since run earlier")


@pytest.mark.parametrize("other", ["another", None], ids=["changed", "absent"])
@pytest.mark.parametrize(("step_type", "name"), MEMBERS)
def test_a_listed_member_of_the_step_that_has_changed_is_a_miss_that_names_it(
    step_type: str, name: str, other: Any
) -> None:
    arguments, members = whole(step_type)
    found = looked_up(step_type, (arguments, members), (arguments, {**members, name: other}))
    assert found == Miss(f"{name} has changed since run earlier")


@pytest.mark.parametrize(("step_type", "operation"), OPERATIONS)
def test_an_unlisted_attribute_that_has_changed_is_a_hit(step_type: str, operation: str, sagemaker_client: Any) -> None:
    arguments, members = whole(step_type)
    model = sagemaker_client.meta.service_model.operation_model(operation).input_shape
    listed = {name.partition(".")[0] for name in LISTED[step_type][1]}
    assert listed <= model.members.keys(), "the API has every attribute"
    unlisted = [name for name in model.members if name not in listed]
    for parent in {name.partition(".")[0] for name in LISTED[step_type][1] if "." in name}:
        inner = model.members[parent].members
        assert {
            name.partition(".")[2] for name in LISTED[step_type][1] if name.startswith(f"{parent}.")
        } <= inner.keys()
        unlisted += [f"{parent}.{name}" for name in inner if f"{parent}.{name}" not in LISTED[step_type][1]]
    assert unlisted
    for name in unlisted:
        found = looked_up(step_type, (arguments, members), (put(arguments, name, {"of": "another"}), members))
        assert isinstance(found, CacheEntry), name


@pytest.mark.parametrize("step_type", ["ClarifyCheck", "QualityCheck"])
def test_of_a_check_all_but_its_name_its_tags_and_its_outputs_counts(step_type: str, sagemaker_client: Any) -> None:
    model = sagemaker_client.meta.service_model.operation_model("CreateProcessingJob").input_shape
    unlisted = {"ProcessingJobName", "ProcessingOutputConfig", "Tags", "ExperimentConfig"}
    assert set(CACHE_KEYS[step_type].arguments) == model.members.keys() - unlisted


def test_failing_on_violations_does_not_count(load_step: Any) -> None:
    assert not CACHE_KEYS["QualityCheck"].attribute_at(("FailOnViolation",))


@pytest.mark.parametrize("step_type", LISTED)
def test_what_has_not_changed_is_a_hit(step_type: str) -> None:
    step = whole(step_type)
    assert isinstance(looked_up(step_type, step, copy.deepcopy(step)), CacheEntry)


@pytest.mark.parametrize("step_type", ["Lambda", "Callback"])
def test_of_a_message_everything_that_is_sent_counts(step_type: str) -> None:
    arguments, members = {"a": {"b": 1}}, whole(step_type)[1]
    assert looked_up(step_type, (arguments, members), ({"a": {"b": 2}}, members)) == Miss(
        "Arguments has changed since run earlier"
    )


def test_a_model_counts_by_its_containers_since_its_name_is_new_in_each_run() -> None:
    key = CACHE_KEYS["Transform"]
    containers = [{"ModelDataUrl": "s3://b/model.tar.gz"}, None]
    first = signature_of(key, {"ModelName": "model-1"}, {}, containers)
    assert first == signature_of(key, {"ModelName": "model-2"}, {}, copy.deepcopy(containers))
    assert first != signature_of(key, {"ModelName": "model-1"}, {}, [{"ModelDataUrl": "s3://b/other.tar.gz"}, None])
    assert first != signature_of(key, {"ModelName": "model-1"}, {})


def test_containers_of_a_model_do_not_matter_to_a_step_without_one() -> None:
    key = CACHE_KEYS["Processing"]
    assert MODEL_NAME not in signature_of(key, {}, {}, [{}])


def test_every_type_that_the_language_lets_be_cached_is_compared_or_says_why_not(load_step: Any) -> None:
    cacheable = {name for name, row in STEP_TYPES.items() if row.caching}
    assert cacheable == {*CACHE_KEYS, "Endpoint", "EndpointConfig"}
    assert CACHE_KEYS.keys() == LISTED.keys()


@pytest.fixture
def load_step(processing_arguments: Any) -> Any:
    def load(**members: Any) -> Step:
        step = {"Name": "S", "Type": "Processing", "Arguments": processing_arguments, **members}
        return load_pipeline({"Version": "2020-12-01", "Steps": [step]}).step("S")

    return load


def test_caching_is_off_unless_the_definition_turns_it_on(load_step: Any) -> None:
    assert cache_key_of(load_step()) is None
    assert cache_key_of(load_step(CacheConfig={"Enabled": False, "ExpireAfter": "<time>"})) is None
    assert cache_key_of(load_step(CacheConfig={"Enabled": True, "ExpireAfter": "1d"})) is CACHE_KEYS["Processing"]


ON = {"CacheConfig": {"Enabled": True}}


def test_a_job_run_whose_application_is_deleted_is_never_reused(load_step: Any) -> None:
    running = {"JobConfig": {}, "ApplicationId": "a"}
    assert cache_key_of(load_step(Type="EMRServerless", Arguments=running, **ON)) is CACHE_KEYS["EMRServerless"]
    own = load_step(Type="EMRServerless", Arguments={"JobConfig": {}, "ApplicationConfig": {}}, **ON)
    assert cache_key_of(own) is None
    assert "deleted after each run" in never_reused(own)


def test_what_serves_models_is_never_reused(load_step: Any) -> None:
    deployed = load_step(Type="Endpoint", Arguments={"EndpointConfigName": "c"}, **ON)
    assert cache_key_of(deployed) is None
    assert "may change after the run" in never_reused(deployed)
    config = load_step(Type="EndpointConfig", Arguments={"ProductionVariants": []}, **ON)
    assert cache_key_of(config) is None
    assert never_reused(config)


@pytest.mark.parametrize(
    ("step_type", "path", "attribute"),
    [
        ("Processing", ("Arguments", "ProcessingInputs", 0, "S3Input", "S3Uri"), "ProcessingInputs"),
        ("Processing", ("Arguments", "ProcessingOutputConfig"), ""),
        (
            "Tuning",
            ("Arguments", "TrainingJobDefinition", "InputDataConfig", 0),
            "TrainingJobDefinition.InputDataConfig",
        ),
        ("Tuning", ("Arguments", "TrainingJobDefinition", "RoleArn"), ""),
        ("Tuning", ("Arguments", "TrainingJobDefinitions", 0, "RoleArn"), "TrainingJobDefinitions"),
        ("QualityCheck", ("SkipCheck",), "SkipCheck"),
        ("QualityCheck", ("FailOnViolation",), ""),
        ("Lambda", ("Arguments", "anything"), "Arguments"),
        ("Processing", ("DependsOn", 0), ""),
    ],
)
def test_a_place_belongs_to_an_attribute_or_does_not_count(step_type: str, path: Any, attribute: str) -> None:
    assert CACHE_KEYS[step_type].attribute_at(path) == attribute


# -- digests -----------------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reordered(value[name]) for name in reversed(value)}
    return [_reordered(one) for one in value] if isinstance(value, list) else value


@given(values, values)
def test_two_values_have_one_digest_if_and_only_if_they_are_the_same_json(one: Any, other: Any) -> None:
    assert digest(one) == digest(_reordered(one))
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest(one) == digest(other)) == same


def test_no_value_can_be_read_from_a_signature() -> None:
    signature = signature_of(CACHE_KEYS["Processing"], {"Environment": {"PASSWORD": "hunter2"}}, {})
    assert "hunter2" not in str(signature)
    assert signature["AppSpecification"] == "", "an absent attribute is a value of its own"
