"""QualityCheck and ClarifyCheck steps, whole: from the operator to the calls to AWS."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.errors import RequestError, StepError, StepFailedError, UndefinedReferenceError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.settings import Waiting
from airflow_sm_pipelines.execution.xcoms import read_properties, read_status
from airflow_sm_pipelines.operators.checks import ClarifyCheckOperator, QualityCheckOperator
from airflow_sm_pipelines.semantics.readiness import StepStatus

FOLDER = "s3://bucket/out"
NEW = {
    "CalculatedBaselineConstraints": f"{FOLDER}/constraints.json",
    "CalculatedBaselineStatistics": f"{FOLDER}/statistics.json",
}
PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3"
REGISTERED = {
    "Constraints": {"S3Uri": "s3://registry/constraints.json"},
    "Statistics": {"S3Uri": "s3://registry/statistics.json"},
}
CONFIG = "s3://bucket/cfg/analysis_config.json"
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeS3:
    """GetObject and PutObject over a dict from URI to a JSON document, or to an error."""

    def __init__(self, client_error: Any, meta: Any) -> None:
        self.meta = meta
        self.objects: dict[str, Any] = {}
        self.last_modified = CREATED
        self.client_error = client_error

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        found = self.objects.get(f"s3://{Bucket}/{Key}", self.client_error("NoSuchKey"))
        if isinstance(found, Exception):
            raise found
        return {"Body": io.BytesIO(json.dumps(found).encode())}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.get_object(Bucket=Bucket, Key=Key)
        return {"LastModified": self.last_modified}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803
        self.objects[f"s3://{Bucket}/{Key}"] = json.loads(Body)
        return {}


@pytest.fixture
def s3(sagemaker: Any, client_error: Any, s3_meta: Any, monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    def no_log(**_: Any) -> Any:
        raise client_error("ResourceNotFoundException")

    describe = sagemaker.describe_processing_job
    sagemaker.describe_processing_job = lambda **query: {**describe(**query), "CreationTime": CREATED}
    s3, logs = FakeS3(client_error, s3_meta), SimpleNamespace(describe_log_streams=no_log)
    clients = {"sagemaker": sagemaker, "s3": s3, "logs": logs}
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: clients[service])
    return s3


@pytest.fixture
def registry(sagemaker: Any) -> dict[str, Any]:
    """``DriftCheckBaselines`` of the only approved version of group ``abalone``."""
    baselines: dict[str, Any] = {
        "ModelDataQuality": REGISTERED,
        "Bias": {"PreTrainingConstraints": {"S3Uri": "s3://b/a"}},
    }

    def list_model_packages(**query: Any) -> dict[str, Any]:
        assert (query["ModelPackageGroupName"], query["ModelApprovalStatus"]) == ("abalone", "Approved")
        sagemaker.calls.append("ListModelPackages")
        return {"ModelPackageSummaryList": [{"ModelPackageArn": PACKAGE}]}

    def describe_model_package(**query: Any) -> dict[str, Any]:
        assert query == {"ModelPackageName": PACKAGE}
        return {"DriftCheckBaselines": baselines}

    sagemaker.list_model_packages = list_model_packages
    sagemaker.describe_model_package = describe_model_package
    return baselines


@pytest.fixture
def check(processing_arguments: dict[str, Any], make_tasks: Any, s3: FakeS3, ti: Any) -> Any:
    """Make the task of a check step; a QualityCheck of data unless told otherwise."""

    def make(inputs: list[dict[str, Any]] | None = None, parameters: Any = (), **members: Any) -> Any:
        arguments = {
            **processing_arguments,
            "ProcessingInputs": inputs or [],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "quality_check_output",
                        "S3Output": {"S3Uri": FOLDER, "LocalPath": "/out", "S3UploadMode": "EndOfJob"},
                    }
                ]
            },
        }
        step = {
            "Name": "Check",
            "Type": "QualityCheck",
            "CheckType": "DATA_QUALITY",
            "Arguments": arguments,
            "ModelPackageGroupName": None,
            **members,
        }
        ti.task_id = "Check"
        return make_tasks(step, parameters=list(parameters))["Check"]

    return make


def sent(sagemaker: Any) -> dict[str, Any]:
    [request] = sagemaker.requests
    return dict(request)


def inputs_of(request: dict[str, Any]) -> dict[str, str]:
    return {entry["InputName"]: entry["S3Input"]["S3Uri"] for entry in request["ProcessingInputs"]}


def report(s3: FakeS3, *violations: dict[str, Any]) -> None:
    s3.objects[f"{FOLDER}/constraint_violations.json"] = {"violations": list(violations)}


def test_they_run_processing_jobs(check: Any) -> None:
    assert check().kind is PROCESSING_JOB
    assert {operator.ui_color for operator in (QualityCheckOperator, ClarifyCheckOperator)} != {PROCESSING_JOB.colour}


# -- the table ---------------------------------------------------------------------------------------------------------


def test_a_check_runs_against_the_registered_baseline_and_carries_it_over(
    check: Any, context: Any, sagemaker: Any, s3: FakeS3, registry: Any
) -> None:
    report(s3)
    properties = check(ModelPackageGroupName="abalone").execute(context)

    assert inputs_of(sent(sagemaker)) == {
        "baseline_constraints": "s3://registry/constraints.json",
        "baseline_statistics": "s3://registry/statistics.json",
    }
    assert properties == {
        **NEW,
        "BaselineUsedForDriftCheckConstraints": "s3://registry/constraints.json",
        "BaselineUsedForDriftCheckStatistics": "s3://registry/statistics.json",
    }


def test_a_check_that_registers_publishes_the_new_baseline(
    check: Any, context: Any, sagemaker: Any, s3: FakeS3, registry: Any
) -> None:
    report(s3)
    properties = check(ModelPackageGroupName="abalone", RegisterNewBaseline=True).execute(context)

    assert inputs_of(sent(sagemaker))["baseline_constraints"] == "s3://registry/constraints.json"
    assert properties["BaselineUsedForDriftCheckConstraints"] == NEW["CalculatedBaselineConstraints"]
    assert properties["BaselineUsedForDriftCheckStatistics"] == NEW["CalculatedBaselineStatistics"]


def test_a_skipped_check_carries_the_registered_baseline_over_without_giving_it_to_the_job(
    check: Any, context: Any, sagemaker: Any, registry: Any
) -> None:
    properties = check(ModelPackageGroupName="abalone", SkipCheck=True).execute(context)

    assert inputs_of(sent(sagemaker)) == {}
    assert properties == {
        **NEW,
        "BaselineUsedForDriftCheckConstraints": "s3://registry/constraints.json",
        "BaselineUsedForDriftCheckStatistics": "s3://registry/statistics.json",
    }


def test_a_skipped_check_that_registers_asks_nobody_for_a_baseline(
    check: Any, context: Any, sagemaker: Any, registry: Any
) -> None:
    properties = check(ModelPackageGroupName="abalone", SkipCheck=True, RegisterNewBaseline=True).execute(context)

    assert "ListModelPackages" not in sagemaker.calls
    assert properties["BaselineUsedForDriftCheckConstraints"] == NEW["CalculatedBaselineConstraints"]


# -- the previous baseline ---------------------------------------------------------------------------------------------


def test_a_supplied_baseline_wins_over_that_of_the_group(
    check: Any, context: Any, sagemaker: Any, s3: FakeS3, registry: Any
) -> None:
    report(s3)
    properties = check(
        ModelPackageGroupName="abalone",
        SuppliedBaselineConstraints="s3://mine/c.json",
        SuppliedBaselineStatistics="s3://mine/s.json",
    ).execute(context)

    assert "ListModelPackages" not in sagemaker.calls
    assert sent(sagemaker)["Environment"] == {
        "baseline_constraints": "/opt/ml/processing/baseline/constraints/c.json",
        "baseline_statistics": "/opt/ml/processing/baseline/stats/s.json",
    }
    assert properties["BaselineUsedForDriftCheckStatistics"] == "s3://mine/s.json"


def test_supplied_constraints_are_not_paired_with_the_statistics_of_another_baseline(
    check: Any, context: Any, sagemaker: Any, s3: FakeS3, registry: Any
) -> None:
    report(s3)
    task = check(ModelPackageGroupName="abalone", SuppliedBaselineConstraints="s3://mine/c.json")
    properties = task.execute(context)

    assert inputs_of(sent(sagemaker)) == {"baseline_constraints": "s3://mine/c.json"}
    assert "BaselineUsedForDriftCheckStatistics" not in properties


def test_an_empty_text_supplies_nothing(check: Any, context: Any, sagemaker: Any, s3: FakeS3, registry: Any) -> None:
    """So definitions with a parameter for the supplied baseline write it."""
    report(s3)
    parameter = {"Name": "Supplied", "Type": "String", "DefaultValue": ""}
    task = check(
        parameters=[parameter],
        ModelPackageGroupName="abalone",
        SuppliedBaselineConstraints={"Get": "Parameters.Supplied"},
    )
    context["params"] = {"Supplied": ""}
    task.execute(context)

    assert inputs_of(sent(sagemaker))["baseline_constraints"] == "s3://registry/constraints.json"


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({}, "neither SuppliedBaselineConstraints nor a ModelPackageGroupName"),
        ({"ModelPackageGroupName": "abalone"}, "group abalone has no approved version whose DriftCheckBaselines"),
        ({"SuppliedBaselineStatistics": "s3://b/s"}, "without SuppliedBaselineConstraints"),
    ],
)
def test_a_check_without_a_previous_baseline_fails_before_it_costs_anything(
    check: Any, context: Any, sagemaker: Any, registry: Any, members: Any, where: str
) -> None:
    registry.clear()
    with pytest.raises(StepFailedError, match=where) as caught:
        check(**members).execute(context)

    assert "set SkipCheck and RegisterNewBaseline to true" in caught.value.message
    assert caught.value.exception_type is None
    assert sagemaker.requests == []


def test_a_skipped_check_that_registers_nothing_needs_a_previous_baseline_too(
    check: Any, context: Any, sagemaker: Any, registry: Any
) -> None:
    """Developer guide, "Controlling step behaviors for drift check": it must be available for each of the flags."""
    registry.clear()
    with pytest.raises(
        StepFailedError, match="no previous baseline to carry over, which RegisterNewBaseline"
    ) as caught:
        check(ModelPackageGroupName="abalone", SkipCheck=True).execute(context)

    assert caught.value.exception_type is None
    assert sagemaker.requests == []


def test_a_baseline_that_disappears_while_the_job_runs_is_not_carried_over(
    check: Any, context: Any, sagemaker: Any, registry: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    describe = sagemaker.describe_processing_job

    def withdraw(**query: Any) -> Any:
        registry.clear()
        return describe(**query)

    sagemaker.describe_processing_job = withdraw

    assert check(ModelPackageGroupName="abalone", SkipCheck=True).execute(context) == NEW
    assert "no previous baseline to carry over" in capsys.readouterr().out


def test_the_baseline_that_the_job_was_given_counts_not_a_later_approval(
    check: Any, context: Any, sagemaker: Any, s3: FakeS3, registry: Any
) -> None:
    report(s3)
    describe = sagemaker.describe_processing_job

    def approve_another(**query: Any) -> Any:
        registry["ModelDataQuality"] = {"Constraints": {"S3Uri": "s3://registry/later.json"}}
        return describe(**query)

    sagemaker.describe_processing_job = approve_another
    properties = check(ModelPackageGroupName="abalone").execute(context)

    assert properties["BaselineUsedForDriftCheckConstraints"] == "s3://registry/constraints.json"


def test_a_busy_registry_is_a_failure_that_can_be_retried(
    check: Any, context: Any, sagemaker: Any, client_error: Any
) -> None:
    def throttled(**_: Any) -> Any:
        raise client_error("ThrottlingException", "slow down")

    sagemaker.list_model_packages = throttled
    with pytest.raises(StepFailedError) as caught:
        check(ModelPackageGroupName="abalone").execute(context)
    assert caught.value.exception_type == "Step.THROTTLING"


# -- violations --------------------------------------------------------------------------------------------------------

VIOLATION = {"feature_name": "rings", "constraint_check_type": "data_type_check", "description": "Too many texts."}
SUPPLIED = {"SuppliedBaselineConstraints": "s3://mine/c.json"}


def test_violations_fail_the_step_and_are_named(check: Any, context: Any, s3: FakeS3, sagemaker: Any) -> None:
    report(s3, VIOLATION)
    with pytest.raises(StepFailedError) as caught:
        check(**SUPPLIED).execute(context)

    assert str(caught.value) == (
        f"Step Check: violations of the previous baseline: 1, see {FOLDER}/constraint_violations.json\n"
        "    feature_name rings: data_type_check: Too many texts."
    )
    assert caught.value.exception_type is None
    assert caught.value.job == sent(sagemaker)["ProcessingJobName"]


def test_a_step_after_violations_can_read_the_baselines(check: Any, context: Any, s3: FakeS3) -> None:
    report(s3, VIOLATION)
    with pytest.raises(StepFailedError):
        check(**SUPPLIED).execute(context)

    assert read_status(context, "Check") is StepStatus.FAILED
    assert read_properties(context, "Check") == {
        **NEW,
        "BaselineUsedForDriftCheckConstraints": "s3://mine/c.json",
    }
    assert context["task_state_store"].get(RECORD_KEY)["closed"] is True


def test_violations_that_may_be_are_logged(
    check: Any, context: Any, s3: FakeS3, capsys: pytest.CaptureFixture[str]
) -> None:
    report(s3, VIOLATION)
    properties = check(FailOnViolation=False, **SUPPLIED).execute(context)
    assert properties["CalculatedBaselineConstraints"] == f"{FOLDER}/constraints.json"
    logged = capsys.readouterr().out
    assert "rings: data_type_check" in logged
    assert "its FailOnViolation is false" in logged


def test_a_report_of_a_skipped_check_is_not_read(check: Any, context: Any, s3: FakeS3) -> None:
    report(s3, VIOLATION)  # of an earlier run into the same folder
    assert check(SkipCheck=True, RegisterNewBaseline=True).execute(context)


def test_a_report_of_an_earlier_run_in_the_same_folder_is_not_this_jobs(check: Any, context: Any, s3: FakeS3) -> None:
    report(s3, VIOLATION)
    s3.last_modified = CREATED - timedelta(hours=1)
    assert check(**SUPPLIED).execute(context)


def test_a_job_without_a_report_has_found_nothing(
    check: Any, context: Any, s3: FakeS3, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(**SUPPLIED).execute(context)
    assert "taken as no violations" in capsys.readouterr().out


def test_a_job_that_says_it_found_violations_is_believed_without_a_report(
    check: Any, context: Any, s3: FakeS3, sagemaker: Any
) -> None:
    verdict = "CompletedWithViolations: Job completed successfully with 2 violations."
    sagemaker.ending = {"ProcessingJobStatus": "Completed", "ExitMessage": verdict}
    with pytest.raises(StepFailedError, match="Job completed successfully with 2 violations"):
        check(**SUPPLIED).execute(context)


def test_a_report_that_cannot_be_read_now_is_read_again_by_the_next_try(
    check: Any, context: Any, s3: FakeS3, sagemaker: Any, client_error: Any
) -> None:
    s3.objects[f"{FOLDER}/constraint_violations.json"] = client_error("SlowDown", status=503)
    task = check(**SUPPLIED)
    with pytest.raises(StepFailedError) as caught:
        task.execute(context)
    assert caught.value.exception_type == "Step.THROTTLING"

    report(s3)
    context["ti"].try_number = 2
    assert task.execute(context)
    assert len(sagemaker.requests) == 1


def test_a_report_that_is_none_fails_the_step(check: Any, context: Any, s3: FakeS3) -> None:
    s3.objects[f"{FOLDER}/constraint_violations.json"] = {"violations": "many"}
    with pytest.raises(StepFailedError, match="is not a violation report"):
        check(**SUPPLIED).execute(context)


# -- members -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, "True", "true"])
def test_flags_are_resolved_and_may_be_texts(check: Any, context: Any, sagemaker: Any, value: Any) -> None:
    parameter = {"Name": "Skip", "Type": "Boolean" if value is True else "String", "DefaultValue": value}
    task = check(parameters=[parameter], SkipCheck={"Get": "Parameters.Skip"}, RegisterNewBaseline=True)
    context["params"] = {"Skip": value}
    task.execute(context)
    assert inputs_of(sent(sagemaker)) == {}


def test_a_flag_that_is_none_is_an_error(check: Any, context: Any, sagemaker: Any) -> None:
    parameter = {"Name": "Skip", "Type": "String", "DefaultValue": "maybe"}
    task = check(parameters=[parameter], SkipCheck={"Get": "Parameters.Skip"})
    context["params"] = {"Skip": "maybe"}
    with pytest.raises(RequestError, match="SkipCheck must be true or false, but is 'maybe'"):
        task.execute(context)
    assert sagemaker.requests == []


def test_a_member_that_refers_to_nothing_is_named(check: Any, context: Any) -> None:
    parameter = {"Name": "Skip", "Type": "Boolean", "DefaultValue": True}
    task = check(parameters=[parameter], SkipCheck={"Get": "Parameters.Skip"})
    with pytest.raises(UndefinedReferenceError, match=r"^Step Check: SkipCheck: Parameters\.Skip: the DAG run has no"):
        task.execute(context)


def test_a_job_without_an_output_is_refused_before_it_runs(
    make_tasks: Any, processing_arguments: Any, s3: FakeS3, context: Any, sagemaker: Any
) -> None:
    step = {"Name": "Check", "Type": "QualityCheck", "CheckType": "DATA_QUALITY", "Arguments": processing_arguments}
    task = make_tasks({**step, "SkipCheck": True})["Check"]
    with pytest.raises(RequestError, match="one output in S3, but ProcessingOutputConfig has none"):
        task.execute(context)
    assert sagemaker.requests == []


def test_a_job_that_fails_says_why(check: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError: no such column"}
    with pytest.raises(StepFailedError, match="ended Failed: AlgorithmError: no such column"):
        check(SkipCheck=True, RegisterNewBaseline=True).execute(context)
    assert read_status(context, "Check") is StepStatus.FAILED


# -- Clarify -----------------------------------------------------------------------------------------------------------


def config_input(uri: str = CONFIG) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/input/config", "S3DataType": "S3Prefix"}
    return {"InputName": "analysis_config", "S3Input": source}


def test_clarify_is_given_the_name_of_the_model(check: Any, context: Any, s3: FakeS3, sagemaker: Any) -> None:
    s3.objects[CONFIG] = {"methods": {}, "predictor": {"instance_count": 1}}
    task = check(
        [config_input()],
        Type="ClarifyCheck",
        CheckType="MODEL_BIAS",
        ModelName="abalone-1",
        SkipCheck=True,
        RegisterNewBaseline=True,
    )
    properties = task.execute(context)

    job = sent(sagemaker)["ProcessingJobName"]
    copy = f"s3://bucket/cfg/{job}/analysis_config.json"
    assert inputs_of(sent(sagemaker)) == {"analysis_config": copy}
    assert s3.objects[copy]["predictor"] == {"instance_count": 1, "model_name": "abalone-1"}
    assert properties == {
        "CalculatedBaselineConstraints": f"{FOLDER}/analysis.json",
        "BaselineUsedForDriftCheckConstraints": f"{FOLDER}/analysis.json",
    }


def test_clarify_checks_data_bias_against_its_own_baseline(
    check: Any, context: Any, s3: FakeS3, sagemaker: Any, registry: Any
) -> None:
    report(s3, {"facet": "Sex", "facet_value": "F", "metric_name": "CI", "constraint_check_type": "bias_drift_check"})
    task = check([config_input()], Type="ClarifyCheck", CheckType="DATA_BIAS", ModelPackageGroupName="abalone")
    with pytest.raises(StepFailedError, match=r"facet Sex = F, metric_name CI: bias_drift_check"):
        task.execute(context)

    assert inputs_of(sent(sagemaker)) == {"analysis_config": CONFIG, "baseline_constraints": "s3://b/a"}
    assert sent(sagemaker)["Environment"] == {"baseline_constraints": "/opt/ml/processing/baseline/constraints/a"}


def test_a_missing_configuration_fails_the_step_before_its_job(check: Any, context: Any, sagemaker: Any) -> None:
    task = check([config_input()], Type="ClarifyCheck", CheckType="MODEL_BIAS", ModelName="m", SkipCheck=True)
    with pytest.raises(StepFailedError, match="cannot prepare its job: AWS refused GetObject: NoSuchKey"):
        task.execute(context)
    assert sagemaker.requests == []


def test_a_crash_before_create_writes_the_same_copy_again(
    check: Any, context: Any, s3: FakeS3, sagemaker: Any, client_error: Any
) -> None:
    s3.objects[CONFIG] = {}
    sagemaker.faults["CreateProcessingJob"] = [client_error("InternalFailure", status=500)]
    flags = {"SkipCheck": True, "RegisterNewBaseline": True}
    task = check([config_input()], Type="ClarifyCheck", CheckType="MODEL_BIAS", ModelName="m", **flags)
    with pytest.raises(StepFailedError):
        task.execute(context)
    context["ti"].try_number = 2
    task.execute(context)

    assert len(s3.objects) == 2
    assert inputs_of(sent(sagemaker))["analysis_config"] in s3.objects


# -- deferral, crash and kill ------------------------------------------------------------------------------------------


def deferred(task: Any, context: Any, sagemaker: Any) -> dict[str, Any]:
    """Run the task to its deferral; returns the running job."""
    sagemaker.ending, task.waiting = None, Waiting(settle=0.0)
    with pytest.raises(TaskDeferred) as deferral:
        task.execute(context)
    assert deferral.value.method_name == "resume"
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    return sent(sagemaker)


def test_another_process_concludes_what_the_first_has_started(
    check: Any, context: Any, s3: FakeS3, sagemaker: Any, registry: Any
) -> None:
    deferred(check(ModelPackageGroupName="abalone"), context, sagemaker)
    report(s3, VIOLATION)
    registry.clear()  # what the job was given is read back from the job
    with pytest.raises(StepFailedError, match="violations of the previous baseline: 1"):
        check(ModelPackageGroupName="abalone").resume(context, {"status": "Completed"})
    assert read_properties(context, "Check")["BaselineUsedForDriftCheckConstraints"] == "s3://registry/constraints.json"


def test_after_a_crash_the_next_try_adopts_the_job_with_its_baseline(
    check: Any, context: Any, s3: FakeS3, sagemaker: Any, registry: Any
) -> None:
    deferred(check(ModelPackageGroupName="abalone"), context, sagemaker)
    report(s3)
    context["ti"].try_number = 2
    registry.clear()

    properties = check(ModelPackageGroupName="abalone").execute(context)

    assert properties["BaselineUsedForDriftCheckConstraints"] == "s3://registry/constraints.json"
    assert len(sagemaker.requests) == 1


def test_a_killed_check_stops_its_job(
    check: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_sm_pipelines.execution.step_run.task_state", lambda *_: "failed")
    task, describe = check(SkipCheck=True, RegisterNewBaseline=True), sagemaker.describe_processing_job
    sagemaker.ending = None

    def kill_meanwhile(**query: Any) -> Any:
        task.on_kill()
        return describe(**query)

    sagemaker.describe_processing_job = kill_meanwhile
    with pytest.raises(StepError, match="its job was stopped"):
        task.execute(context)
    assert "StopProcessingJob" in sagemaker.calls
