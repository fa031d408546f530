"""Requests in the API's own types."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from botocore.model import DenormalizedStructureBuilder, Shape
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.requests.shaping import UNKNOWN_MEMBER, shape_request, texts

SCALARS = DenormalizedStructureBuilder().with_members(
    {
        "Text": {"type": "string"},
        "Whole": {"type": "integer"},
        "Long": {"type": "long"},
        "Float": {"type": "float"},
        "Double": {"type": "double"},
        "Flag": {"type": "boolean"},
        "At": {"type": "timestamp"},
    }
)
SCALARS_SHAPE: Shape = SCALARS.build_model()

JSON_NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
# Texts that a template engine, a shell or Python would take for something else.
TREACHEROUS = st.sampled_from(
    ["{{ ds }}", "${HOME}", "$(id)", "%(x)s", "run.sh", "'\"\\", "naïve 日本 ✓", "True", "1_0"]
)


@pytest.fixture(scope="module")
def create_processing_job(sagemaker_client: Any) -> Any:
    return sagemaker_client.meta.service_model.operation_model("CreateProcessingJob").input_shape


def shaped(member: str, value: Any) -> Any:
    request, faults = shape_request({member: value}, SCALARS_SHAPE)
    assert not faults
    return request[member]


def faults_of(member: str, value: Any) -> list[str]:
    return shape_request({member: value}, SCALARS_SHAPE)[1]


# -- scalars -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("Text", 3, "3"),
        ("Text", -7, "-7"),
        ("Text", 0.5, "0.5"),
        ("Text", 3.0, "3.0"),
        ("Text", True, "true"),
        ("Text", False, "false"),
        ("Text", "", ""),
        ("Whole", 3, 3),
        ("Whole", 3.0, 3),
        ("Whole", "3", 3),
        ("Whole", " -3 ", -3),
        ("Long", "9007199254740993", 9007199254740993),
        ("Float", "0.25", 0.25),
        ("Float", "1e-3", 0.001),
        ("Double", 2, 2),
        ("Double", 2.5, 2.5),
        ("Flag", True, True),
        ("Flag", "true", True),
        ("Flag", "False", False),
        ("At", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_scalar_takes_the_type_of_its_member(member: str, value: Any, expected: Any) -> None:
    found = shaped(member, value)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("Text", ["a"], "Text: expected text, found list ['a']"),
        ("Text", {"a": 1}, "Text: expected text, found dict {'a': 1}"),
        ("Whole", 3.5, "Whole: expected an integer, found float 3.5"),
        ("Whole", "3.0", "Whole: expected an integer, found str '3.0'"),
        ("Whole", "1_000", "Whole: expected an integer, found str '1_000'"),
        ("Whole", "٣", "Whole: expected an integer, found str '٣'"),
        ("Whole", True, "Whole: expected an integer, found bool True"),
        ("Whole", "", "Whole: expected an integer, found str ''"),
        ("Double", "nan", "Double: expected a number, found str 'nan'"),
        ("Double", "inf", "Double: expected a number, found str 'inf'"),
        ("Double", "1e999", "Double: expected a number, found str '1e999'"),
        ("Double", False, "Double: expected a number, found bool False"),
        ("Double", [1], "Double: expected a number, found list [1]"),
        ("Flag", 1, "Flag: expected true or false, found int 1"),
        ("Flag", "yes", "Flag: expected true or false, found str 'yes'"),
    ],
)
def test_a_value_of_another_type_is_a_fault_that_shows_it(member: str, value: Any, expected: str) -> None:
    assert faults_of(member, value) == [expected]


def test_a_long_value_is_cut_in_the_message() -> None:
    (fault,) = faults_of("Whole", "x" * 5000)

    assert len(fault) < 120
    assert fault.endswith("...")


@given(text=st.text() | TREACHEROUS)
def test_shaping_never_changes_text(text: str) -> None:
    assert shaped("Text", text) == text


@given(number=JSON_NUMBERS)
def test_a_number_in_a_text_member_reads_back_as_the_same_number(number: float) -> None:
    assert json.loads(shaped("Text", number)) == number


@given(text=st.text() | st.sampled_from(["nan", "-inf", "1_0", "0x10", "1e999", "\uff11"]))
def test_text_in_a_number_member_is_a_json_number_or_a_fault(text: str) -> None:
    for member in ("Whole", "Double"):
        request, faults = shape_request({member: text}, SCALARS_SHAPE)
        assert faults or math.isfinite(request[member])
        assert faults or text.strip().isascii()


# -- objects, lists, maps ----------------------------------------------------------------------------------------------


@pytest.fixture
def request_body(processing_arguments: dict[str, Any]) -> dict[str, Any]:
    return {"ProcessingJobName": "job", **processing_arguments}


def test_a_right_request_is_unchanged(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    assert shape_request(request_body, create_processing_job) == (request_body, [])


def test_nulls_are_dropped_from_objects_and_maps(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    body = {
        **request_body,
        "NetworkConfig": None,
        "Environment": {"A": None, "B": "b"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "AppSpecification": {**request_body["AppSpecification"], "ContainerArguments": None},
    }

    request, faults = shape_request(body, create_processing_job)

    assert faults == []
    assert "NetworkConfig" not in request
    assert request["Environment"] == {"B": "b"}
    assert request["AppSpecification"] == request_body["AppSpecification"]


def test_a_null_in_a_list_is_a_fault(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    request_body["AppSpecification"]["ContainerArguments"] = ["--train", None]

    _, faults = shape_request(request_body, create_processing_job)

    assert faults == ["AppSpecification.ContainerArguments[1]: expected text, found NoneType None"]


def test_a_null_does_not_stand_for_a_required_member(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    request_body["RoleArn"] = None

    assert shape_request(request_body, create_processing_job)[1] == ["RoleArn: required by the API, but missing"]


def test_the_callers_request_is_not_changed(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    request_body["Environment"] = {"A": 1, "B": None}
    before = json.dumps(request_body)

    shape_request(request_body, create_processing_job)

    assert json.dumps(request_body) == before


def test_all_faults_come_at_once_each_with_its_path(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    # In botocore before 1.43.40, InstanceType is required; a right one keeps the faults the same.
    cluster = {"InstanceCount": "two", "InstanceType": "ml.m5.large", "InstanceTyp": "x", "VolumeSizeInGB": [1]}
    body = {
        "ProcessingJobName": "job",
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingInputs": {"InputName": "x"},
        "Environment": {"A": ["list"]},
        "NetworkConfig": "none",
        "Colour": "red",
    }

    _, faults = shape_request(body, create_processing_job)

    assert faults == [
        "ProcessingResources.ClusterConfig.InstanceCount: expected an integer, found str 'two'",
        "ProcessingResources.ClusterConfig.InstanceTyp: the API knows no such member; did you mean InstanceType?",
        "ProcessingResources.ClusterConfig.VolumeSizeInGB: expected an integer, found list [1]",
        "ProcessingInputs: expected a list, found dict {'InputName': 'x'}",
        "Environment['A']: expected text, found list ['list']",
        "NetworkConfig: expected an object, found str 'none'",
        "Colour: the API knows no such member",
        "AppSpecification: required by the API, but missing",
    ]


def test_a_length_over_the_limit_is_told_with_both_numbers(
    create_processing_job: Any, request_body: dict[str, Any]
) -> None:
    request_body["AppSpecification"]["ImageUri"] = "i" * 300
    request_body["AppSpecification"]["ContainerArguments"] = ["a"] * 101
    request_body["Environment"] = {f"VARIABLE_{number}": "x" for number in range(101)}
    request_body["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 101

    assert shape_request(request_body, create_processing_job)[1] == [
        "AppSpecification.ImageUri: 300 characters, but the API allows at most 255",
        "AppSpecification.ContainerArguments: 101 entries, but the API allows at most 100",
        "ProcessingResources.ClusterConfig.InstanceCount: 101, but the API allows at most 100",
        "Environment: 101 entries, but the API allows at most 100",
    ]


def test_a_length_under_the_limit_is_told_with_both_numbers(
    create_processing_job: Any, request_body: dict[str, Any]
) -> None:
    request_body["RoleArn"] = "arn"
    request_body["AppSpecification"]["ContainerArguments"] = []
    request_body["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = "0"

    assert shape_request(request_body, create_processing_job)[1] == [
        "RoleArn: 3 characters, but the API requires at least 20",
        "AppSpecification.ContainerArguments: 0 entries, but the API requires at least 1",
        "ProcessingResources.ClusterConfig.InstanceCount: 0, but the API requires at least 1",
    ]


def test_lengths_are_those_after_coercion(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    request_body["Environment"] = {"NUMBER": 10**256}

    assert shape_request(request_body, create_processing_job)[1] == [
        "Environment['NUMBER']: 257 characters, but the API allows at most 256"
    ]


def test_the_keys_of_a_map_have_limits_too(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    request_body["Environment"] = {"K" * 257: "x"}

    (fault,) = shape_request(request_body, create_processing_job)[1]

    assert fault.startswith("the key of Environment['KKK")
    assert fault.endswith("257 characters, but the API allows at most 256")


def test_a_wrong_type_is_not_also_measured(create_processing_job: Any, request_body: dict[str, Any]) -> None:
    request_body["RoleArn"] = []
    request_body["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = False

    assert shape_request(request_body, create_processing_job)[1] == [
        "RoleArn: expected text, found list []",
        "ProcessingResources.ClusterConfig.InstanceCount: expected an integer, found bool False",
    ]


# -- generated requests ------------------------------------------------------------------------------------------------


def values_for(shape: Any) -> st.SearchStrategy[Any]:
    """Values for a shape as definitions and parameters bring them: within the limits, scalars of any spelling."""
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 30)
    if shape.type_name == "structure":
        required = {name: values_for(shape.members[name]) for name in shape.required_members}
        optional = {
            name: st.none() | values_for(member) for name, member in shape.members.items() if name not in required
        }
        return st.fixed_dictionaries(required, optional=optional)
    if shape.type_name == "list":
        return st.lists(values_for(shape.member), min_size=low, max_size=max(low, 2))
    if shape.type_name == "map":
        return st.dictionaries(st.text(max_size=9), st.none() | values_for(shape.value), max_size=3)
    if shape.type_name == "boolean":
        return st.booleans() | st.sampled_from(["true", "False"])
    if shape.type_name == "integer":
        whole = st.integers(low, high)
        return whole | whole.map(str) | whole.map(float)
    numbers = st.integers(0, 9) | st.booleans() if low <= 1 else st.nothing()
    return st.text(min_size=low, max_size=min(high, low + 9)) | numbers


@settings(max_examples=150)
@given(data=st.data())
def test_a_shaped_request_passes_botocores_own_validation(create_processing_job: Any, data: st.DataObject) -> None:
    body = data.draw(values_for(create_processing_job))

    request, faults = shape_request(body, create_processing_job)

    assert faults == []
    report = ParamValidator().validate(request, create_processing_job)
    assert not report.has_errors(), report.generate_report()


@settings(max_examples=150)
@given(data=st.data())
def test_what_botocore_would_refuse_is_a_fault(create_processing_job: Any, data: st.DataObject) -> None:
    body = data.draw(values_for(create_processing_job))
    member = data.draw(st.sampled_from(sorted(create_processing_job.members)))
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=4,
    )
    body[member] = data.draw(anything)

    request, faults = shape_request(body, create_processing_job)

    assert faults or not ParamValidator().validate(request, create_processing_job).has_errors()


def test_members_that_nobody_knows_yet_may_be_the_required_ones(create_processing_job: Any) -> None:
    request = {"<members>": "<values>", "ProcessingJobName": 7}

    shaped, faults = shape_request(request, create_processing_job, is_unknown=lambda value: str(value).startswith("<"))

    assert (shaped, faults) == ({"<members>": "<values>", "ProcessingJobName": "7"}, [])


def test_what_is_missing_or_too_large_does_not_count_where_the_service_is_to_tell(create_processing_job: Any) -> None:
    request = {"ProcessingJobName": "x" * 64, "ProcessingResources": {"ClusterConfig": {"InstanceCount": "1000"}}}
    assert len(shape_request(request, create_processing_job)[1]) > 3
    shaped_request, faults = shape_request({**request, "Nmae": 1}, create_processing_job, complete=False)
    assert [fault.partition(":")[0] for fault in faults] == ["Nmae"], "what the API does not know always counts"
    assert shaped_request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1000


@pytest.mark.parametrize("space", ["\x1c", "\x1f", "\x85", "\u2003"])
def test_only_the_white_space_of_ascii_stands_around_a_number(space: str) -> None:
    assert faults_of("Whole", f"1{space}")
    assert faults_of("Double", f"1.5{space}")


# -- the parts of a message --------------------------------------------------------------------------------------------


def test_a_misfit_has_its_place_and_its_parts() -> None:
    _, [misfit] = shape_request({"Tex": 1}, SCALARS_SHAPE)
    assert (misfit.place, misfit.fault, misfit.hint, misfit.value) == ("Tex", UNKNOWN_MEMBER, "did you mean Text?", 1)
    assert misfit == "Tex: the API knows no such member; did you mean Text?"


def test_texts_are_found_with_their_shapes(create_processing_job: Any) -> None:
    request = {
        "AppSpecification": {"ImageUri": "image", "ContainerArguments": ["a", 1]},
        "Environment": {"K": "v"},
        "Nothing": "x",
    }
    found = [(place, text, shape.name) for place, text, shape in texts(request, create_processing_job)]
    assert found == [
        ("AppSpecification.ImageUri", "image", "ImageUri"),
        ("AppSpecification.ContainerArguments[0]", "a", "ContainerArgument"),
        ("Environment['K']", "v", "ProcessingEnvironmentValue"),
    ]
