"""Which asset events a step's task sends with the message of its success."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.sdk import Asset
from airflow.sdk.definitions.asset import AssetAlias
from airflow.sdk.execution_time.task_runner import _build_asset_profiles, _serialize_outlet_events
from botocore.stub import ANY

from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.execution import selection
from airflow_sm_pipelines.execution.selection import Part
from airflow_sm_pipelines.semantics.selection import StepRole
from tests.conftest import FakeSageMaker

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3"
GROUP = "x-sagemaker://model-package-group/abalone"
CLEAN = Asset(name="clean", uri="x-data://clean")


def register_step(**arguments: Any) -> dict[str, Any]:
    arguments = {"ModelPackageGroupName": "abalone", "ModelApprovalStatus": "Approved", **arguments}
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


@pytest.fixture
def in_a_worker(context: Any, ti: Any) -> Callable[[Any], Any]:
    """A task as Airflow's task runner hands it to its own process."""

    def prepare(task: Any) -> Any:
        prepared = task.prepare_for_execution()
        ti.task_id, ti.task = task.task_id, prepared
        return prepared

    return prepare


@pytest.fixture
def registers(api: Any) -> Callable[..., None]:
    """Let SageMaker register a version."""

    def answer(group: str = "abalone", status: str = "Completed") -> None:
        described = {
            "ModelPackageName": group,
            "ModelPackageGroupName": group,
            "ModelPackageArn": ARN,
            "ModelPackageVersion": 3,
            "ModelApprovalStatus": "Approved",
            "CreationTime": 0,
            "ModelPackageStatus": status,
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
        }
        created = {"ModelPackageGroupName": group, "ModelPackageGroupArn": "arn:aws:sagemaker:eu-west-1:1:g/group"}
        status_of_group = {"CreationTime": 0, "CreatedBy": {}, "ModelPackageGroupStatus": "Completed"}
        api.add_response("describe_model_package_group", {**created, **status_of_group})
        api.add_response("create_model_package", {"ModelPackageArn": ARN})
        api.add_response("describe_model_package", described, {"ModelPackageName": ANY})

    return answer


def sent(task: Any, context: Any) -> list[tuple[str, dict[str, Any]]]:
    """Asset and extra of each event that Airflow's server would make of the success."""
    named = {(one.name, one.uri) for one in _build_asset_profiles(task.outlets) if one.type == "Asset"}
    extras = {
        tuple(one["dest_asset_key"].values()): one["extra"]
        for one in _serialize_outlet_events(context["outlet_events"])
    }
    assert extras.keys() <= named, "an extra without an event"
    return [(str(uri), extras.get((name, uri), {})) for name, uri in sorted(named)]


def test_a_registered_version_is_an_event_of_its_group(
    make_tasks: Any, in_a_worker: Any, registers: Any, context: Any
) -> None:
    task = in_a_worker(make_tasks(register_step())["Register"])
    registers()

    task.execute(context)

    ((uri, extra),) = sent(task, context)
    assert uri == GROUP
    assert extra == {
        "ModelPackageArn": ARN,
        "ModelPackageName": "abalone",
        "ModelPackageGroupName": "abalone",
        "ModelPackageVersion": 3,
        "ModelApprovalStatus": "Approved",
    }
    assert json.loads(json.dumps(extra)) == extra


def test_a_name_that_only_the_run_knows_is_the_assets(
    make_tasks: Any, in_a_worker: Any, registers: Any, context: Any
) -> None:
    step = register_step(ModelPackageGroupName={"Get": "Parameters.Group"})
    task = in_a_worker(
        make_tasks(step, parameters=[{"Name": "Group", "Type": "String", "DefaultValue": "abalone"}])["Register"]
    )
    context["params"] = {"Group": "other"}
    registers("other")

    task.execute(context)

    assert [uri for uri, _ in sent(task, context)] == ["x-sagemaker://model-package-group/other"]


def test_a_failed_step_has_no_event(make_tasks: Any, in_a_worker: Any, registers: Any, context: Any) -> None:
    task = in_a_worker(make_tasks(register_step())["Register"])
    registers(status="Failed")

    with pytest.raises(StepFailedError):
        task.execute(context)

    assert sent(task, context) == []


def test_a_task_that_starts_does_not_depend_on_its_own_asset(make_tasks: Any, in_a_worker: Any) -> None:
    task = make_tasks(register_step())["Register"]
    assert [outlet.uri for outlet in task.outlets] == [GROUP]

    assert in_a_worker(task).outlets == []
    assert [outlet.uri for outlet in task.outlets] == [GROUP]


def test_the_authors_outlets_take_the_place_of_the_steps_own_asset(
    make_tasks: Any, in_a_worker: Any, registers: Any, context: Any
) -> None:
    alias = AssetAlias("anything")
    tasks = make_tasks(register_step(), overrides={"Register": {"outlets": [CLEAN, alias]}})
    task = in_a_worker(tasks["Register"])
    assert task.outlets == [CLEAN, alias]
    registers()

    task.execute(context)

    ((uri, extra),) = sent(task, context)
    assert uri == CLEAN.uri
    assert extra["ModelPackageArn"] == ARN


def test_without_outlets_by_the_authors_wish_there_is_no_event(
    make_tasks: Any, in_a_worker: Any, registers: Any, context: Any
) -> None:
    task = in_a_worker(make_tasks(register_step(), overrides={"RegisterModel": {"outlets": []}})["Register"])
    registers()

    task.execute(context)

    assert sent(task, context) == []


# -- outlets that the DAG's author declares, on any job --------------------------------------------------------------


@pytest.fixture
def jobs(sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch) -> FakeSageMaker:
    from airflow_sm_pipelines.execution.connection import AwsConnection

    monkeypatch.setattr(AwsConnection, "client", lambda *_: sagemaker)
    return sagemaker


def test_a_declared_output_is_an_event_that_tells_of_the_job(
    make_tasks: Any, processing: Any, in_a_worker: Any, jobs: FakeSageMaker, context: Any
) -> None:
    task = in_a_worker(make_tasks(processing("Clean"), overrides={"Clean": {"outlets": [CLEAN]}})["Clean"])

    properties = task.execute(context)

    ((uri, extra),) = sent(task, context)
    assert uri == CLEAN.uri
    assert extra["ProcessingJobName"] == properties["ProcessingJobName"]
    assert extra["ProcessingJobArn"] == properties["ProcessingJobArn"]


def test_what_the_author_has_put_into_the_extra_stays(
    make_tasks: Any, processing: Any, in_a_worker: Any, jobs: FakeSageMaker, context: Any
) -> None:
    task = in_a_worker(make_tasks(processing("Clean"), overrides={"Clean": {"outlets": [CLEAN]}})["Clean"])
    context["outlet_events"][CLEAN].extra = {"ProcessingJobName": "mine", "rows": 7}

    task.execute(context)

    ((_, extra),) = sent(task, context)
    assert (extra["ProcessingJobName"], extra["rows"]) == ("mine", 7)


def test_a_step_without_outlets_does_nothing_for_them(
    make_tasks: Any, processing: Any, in_a_worker: Any, jobs: FakeSageMaker, context: Any, monkeypatch: Any
) -> None:
    from airflow_sm_pipelines.execution import asset_events

    monkeypatch.setattr(asset_events, "changed_assets", lambda *_, **__: pytest.fail("looked for assets"))
    task = in_a_worker(make_tasks(processing("Clean"))["Clean"])

    task.execute(context)

    assert task.outlets == []
    assert dict(context["outlet_events"]._dict) == {}


def test_a_result_of_an_earlier_run_is_no_event(
    make_tasks: Any,
    processing: Any,
    in_a_worker: Any,
    jobs: FakeSageMaker,
    context: Any,
    ti: Any,
    variables: dict[str, str],
) -> None:
    cached = processing("Clean", CacheConfig={"Enabled": True, "ExpireAfter": "1d"})
    declared = make_tasks(cached, overrides={"Clean": {"outlets": [CLEAN]}})["Clean"]
    first = in_a_worker(declared)
    first.execute(context)
    assert [uri for uri, _ in sent(first, context)] == [CLEAN.uri]
    ti.run_id = "second"
    context["task_state_store"].texts.clear()
    context["outlet_events"]._dict.clear()

    second = in_a_worker(declared)
    second.execute(context)

    told = json.loads(ti.xcoms["Clean", "sm_pipelines_cache"])
    assert (told["outcome"], told["run_id"]) == ("hit", "run")
    assert sent(second, context) == []
    assert second.get_openlineage_facets_on_complete(ti) == OperatorLineage()


def test_a_step_that_a_selection_reuses_has_no_event(
    make_tasks: Any, processing: Any, in_a_worker: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context["params"] = {"sm_select_steps": ["Other"]}
    reused = Part(StepRole.REUSED, properties={"ProcessingJobArn": "arn"}, shown={})
    monkeypatch.setattr(selection, "part_of_task", lambda *_: reused)
    task = in_a_worker(make_tasks(processing("Clean"), overrides={"Clean": {"outlets": [CLEAN]}})["Clean"])

    task.execute(context)

    assert sent(task, context) == []


# -- lineage -----------------------------------------------------------------------------------------------------------


def test_a_step_tells_openlineage_what_it_has_read_and_written(
    make_tasks: Any, processing: Any, in_a_worker: Any, jobs: FakeSageMaker, context: Any, ti: Any
) -> None:
    step = processing("Clean")
    step["Arguments"] = {
        **step["Arguments"],
        "ProcessingInputs": [
            {"InputName": "raw", "S3Input": {"S3Uri": "s3://b/raw", "LocalPath": "/opt", "S3DataType": "S3Prefix"}}
        ],
    }
    task = in_a_worker(make_tasks(step)["Clean"])

    assert task.get_openlineage_facets_on_complete(ti) == OperatorLineage()
    task.execute(context)

    found = task.get_openlineage_facets_on_complete(ti)
    assert [(one.namespace, one.name) for one in found.inputs] == [("s3://b", "raw")]
