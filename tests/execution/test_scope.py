"""Where the expressions of a step find their values."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import EvaluationError, StepFailedError
from airflow_sm_pipelines.execution.scope import StepScope, step_errors
from airflow_sm_pipelines.execution.settings import PipelineRunSettings

PARAMETERS = [
    {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Dry", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Bucket", "Type": "String", "DefaultValue": ""},
]
S3_REPORT = "s3://bucket/run/out/report.json"


class FakeSts:
    meta = SimpleNamespace(partition="aws-cn", region_name="cn-north-1")

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def get_caller_identity(self) -> dict[str, str]:
        if self._error:
            raise self._error
        return {"Account": "123456789012"}


@pytest.fixture
def make_scope(context: Any, connection: Any, definition: Any, processing_arguments: Any) -> Any:
    outputs = [{"OutputName": "report", "S3Output": {"S3Uri": "s3://x/y", "S3UploadMode": "EndOfJob"}}]
    process = {
        "Name": "Process",
        "Type": "Processing",
        "Arguments": {**processing_arguments, "ProcessingOutputConfig": {"Outputs": outputs}},
        "PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}],
    }

    def make(
        job_names: dict[str, str] | None = None, values: dict[str, object] | None = None, **members: Any
    ) -> StepScope:
        pipeline = load_pipeline(definition(process, **{"Parameters": PARAMETERS, **members}))
        # The task is called otherwise than the step: nothing may mix them up.
        settings = PipelineRunSettings(pipeline, "Abalone", {"Process": "task-of-process"}, values=values or {})
        return StepScope(settings, context, connection, lambda: "abcdef012345", job_names or {})

    return make


def get(reference: str) -> dict[str, Any]:
    return {"Get": reference}


# -- parameters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("Count", 3, 3),
        ("Count", "3", 3),
        ("Count", 3.0, 3),
        ("Rate", 1, 1.0),
        ("Dry", "True", True),
        ("Bucket", "", ""),
    ],
)
def test_a_parameter_has_its_own_type(make_scope: Any, context: Any, name: str, given: Any, expected: Any) -> None:
    context["params"] = {name: given}

    found = evaluate(get(f"Parameters.{name}"), make_scope())

    assert found == expected
    assert type(found) is type(expected)


def test_the_runs_value_replaces_the_default(make_scope: Any, context: Any) -> None:
    context["params"] = {"Count": 7}

    assert make_scope().parameter("Count") == 7


def test_a_value_that_the_dag_file_fixes_is_that_of_every_run(make_scope: Any, context: Any) -> None:
    """Of a task group: the DAG around it may have a param of the same name."""
    context["params"] = {"Count": 7}

    assert make_scope(values={"Count": 9}).parameter("Count") == 9


def test_a_value_of_a_wrong_type_names_the_parameter(make_scope: Any, context: Any) -> None:
    context["params"] = {"Count": "many"}

    with pytest.raises(EvaluationError, match=r"Parameters\.Count: parameter Count must be an integer"):
        make_scope().parameter("Count")


def test_a_run_without_the_parameter_says_so(make_scope: Any) -> None:
    with pytest.raises(EvaluationError, match=r"Parameters\.Count: the DAG run has no such parameter"):
        make_scope().parameter("Count")


# -- execution ---------------------------------------------------------------------------------------------------------


def test_the_name_and_the_id_of_the_execution(make_scope: Any) -> None:
    assert make_scope().execution("PipelineName") == "Abalone"
    assert make_scope().execution("PipelineExecutionId") == "abcdef012345"


def test_arns_are_of_the_connections_account_region_and_partition(make_scope: Any, connection: Any) -> None:
    connection.clients["sts"] = FakeSts()
    pipeline = "arn:aws-cn:sagemaker:cn-north-1:123456789012:pipeline/Abalone"

    assert make_scope().execution("PipelineArn") == pipeline
    assert make_scope().execution("PipelineExecutionArn") == f"{pipeline}/execution/abcdef012345"


def test_an_account_that_cannot_be_asked_for_is_an_error(make_scope: Any, connection: Any, client_error: Any) -> None:
    connection.clients["sts"] = FakeSts(client_error("ExpiredToken", "too late"))

    with pytest.raises(EvaluationError, match="cannot tell the AWS account: GetCallerIdentity: ExpiredToken: too late"):
        make_scope().execution("PipelineArn")


def test_the_start_is_the_dag_runs_time_in_utc_which_a_clear_does_not_change(make_scope: Any, context: Any) -> None:
    context["dag_run"].start_date = datetime(2027, 1, 1, tzinfo=UTC)
    context["dag_run"].run_after = datetime(2026, 1, 2, 3, 0, tzinfo=timezone(timedelta(hours=2)))

    assert make_scope().execution("StartDateTime") == "2026-01-02T01:00:00.000Z"


def test_the_current_time_is_in_utc(make_scope: Any) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    current = datetime.fromisoformat(make_scope().execution("CurrentDateTime"))

    assert before <= current <= datetime.now(UTC)
    assert current.utcoffset() == timedelta(0)


def test_a_job_name_is_known_only_to_the_step_that_creates_the_job(make_scope: Any) -> None:
    assert make_scope({"ProcessingJobName": "job"}).execution("ProcessingJobName") == "job"
    with pytest.raises(EvaluationError, match=r"Execution\.TrainingJobName: only the step that creates such a job"):
        make_scope({"ProcessingJobName": "job"}).execution("TrainingJobName")


def test_aws_is_not_asked_for_what_airflow_knows(make_scope: Any, context: Any, connection: Any) -> None:
    context["params"] = {"Count": 1}
    names = ("Parameters.Count", "Execution.PipelineName", "Execution.StartDateTime", "Execution.PipelineExecutionId")

    evaluate([get(name) for name in names], make_scope())

    assert connection.asked == []


def test_the_current_time_is_one_for_all_that_a_step_evaluates(make_scope: Any) -> None:
    scope = make_scope()
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    evaluated = scope.execution("CurrentDateTime")

    assert scope.of_job({"ProcessingJobName": "job"}).execution("CurrentDateTime") == evaluated
    scope.set_now(moment)
    assert scope.of_job({}).execution("CurrentDateTime") == scope.execution("CurrentDateTime")
    assert scope.execution("CurrentDateTime") == "2026-01-02T03:04:05.000Z"


def test_the_account_is_asked_for_once(make_scope: Any, connection: Any) -> None:
    connection.clients["sts"] = sts = FakeSts()
    asked: list[int] = []
    answer = sts.get_caller_identity
    sts.get_caller_identity = lambda: asked.append(1) or answer()  # type: ignore[method-assign,func-returns-value]
    scope = make_scope()

    evaluate([get("Execution.PipelineArn"), get("Execution.PipelineExecutionArn")], scope.of_job({}))
    scope.execution("PipelineArn")

    assert len(asked) == 1


# -- experiment --------------------------------------------------------------------------------------------------------


def test_the_experiment_is_by_default_the_pipeline_and_the_execution(make_scope: Any) -> None:
    assert make_scope(PipelineExperimentConfig={}).experiment("ExperimentName") == "Abalone"
    assert make_scope(PipelineExperimentConfig={}).experiment("TrialName") == "abcdef012345"


def test_the_experiment_config_may_hold_expressions(make_scope: Any) -> None:
    name = {"Std:Join": {"On": "-", "Values": ["exp", get("Execution.PipelineName")]}}
    scope = make_scope(PipelineExperimentConfig={"ExperimentName": name})

    assert scope.experiment("ExperimentName") == "exp-Abalone"
    assert scope.experiment("TrialName") == "abcdef012345"


def test_the_name_of_the_trial_is_the_same_for_all_steps_whenever_they_start(make_scope: Any, context: Any) -> None:
    """A time in it is that of the execution's start: each step would create a trial of its own."""
    context["dag_run"].run_after = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    scope = make_scope(PipelineExperimentConfig={"TrialName": get("Execution.CurrentDateTime")})

    assert scope.experiment("TrialName") == "2026-01-02T03:00:00.000Z"


def test_a_dag_id_that_no_experiment_could_have_becomes_its_name_with_hyphens(make_scope: Any) -> None:
    """A pipeline of the service never has such a name; a definition in a folder is named after its file."""
    for config in ({}, {"ExperimentName": get("Execution.PipelineName")}):
        scope = make_scope(PipelineExperimentConfig=config)
        scope._settings = replace(scope._settings, name="abalone_v2.1")

        assert scope.experiment("ExperimentName") == "abalone-v2-1"
        assert scope.execution("PipelineName") == "abalone_v2.1"


def test_no_experiment_has_no_name(make_scope: Any) -> None:
    with pytest.raises(EvaluationError, match="the definition has none"):
        make_scope(PipelineExperimentConfig=None).experiment("ExperimentName")


# -- properties --------------------------------------------------------------------------------------------------------


def test_properties_come_from_the_steps_task(make_scope: Any, ti: Any) -> None:
    ti.published_by("task-of-process", {"ProcessingResources": {"ClusterConfig": {"InstanceCount": 2}}})

    found = evaluate(get("Steps.Process.ProcessingResources.ClusterConfig.InstanceCount"), make_scope())

    assert found == 2


def test_a_step_without_properties_says_which_task_and_why(make_scope: Any) -> None:
    with pytest.raises(EvaluationError, match=r"Steps\.Process: task task-of-process has published no properties"):
        make_scope().properties("Process")


def test_a_missing_property_names_the_reference_and_what_was_there(make_scope: Any, ti: Any) -> None:
    ti.published_by("task-of-process", {"ProcessingJobArn": "arn"})

    with pytest.raises(EvaluationError, match=r"(?s)Steps\.Process\.ProcessingJobName: .*ProcessingJobArn"):
        evaluate(get("Steps.Process.ProcessingJobName"), make_scope())


# -- documents ---------------------------------------------------------------------------------------------------------


def reported_at(folder: str) -> dict[str, Any]:
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "report", "S3Output": {"S3Uri": folder}}]}}


@pytest.mark.parametrize("folder", ["s3://bucket/run/out", "s3://bucket/run/out/"])
def test_a_property_file_lies_where_the_finished_job_says(make_scope: Any, ti: Any, s3: Any, folder: str) -> None:
    ti.published_by("task-of-process", reported_at(folder))
    s3.documents[S3_REPORT] = {"mse": 4.5}
    read = {"Std:JsonGet": {"PropertyFile": get("Steps.Process.PropertyFiles.Report"), "Path": "mse"}}

    assert evaluate(read, make_scope()) == 4.5


def test_a_job_without_that_output_says_so(make_scope: Any, ti: Any) -> None:
    ti.published_by("task-of-process", {"ProcessingOutputConfig": {"Outputs": []}})

    with pytest.raises(EvaluationError, match=r"Steps\.Process\.PropertyFiles\.Report: .*report"):
        make_scope().property_file("Process", "Report")


def test_a_document_is_read_once(make_scope: Any, s3: Any) -> None:
    s3.documents[S3_REPORT] = {"a": [1]}
    scope = make_scope()

    assert scope.document(S3_REPORT) == scope.document(S3_REPORT) == {"a": [1]}
    assert s3.reads == [S3_REPORT]


def test_a_document_of_null_is_read_once(make_scope: Any, s3: Any) -> None:
    s3.documents[S3_REPORT] = "null"
    scope = make_scope()

    assert scope.document(S3_REPORT) is scope.document(S3_REPORT) is None
    assert s3.reads == [S3_REPORT]


@pytest.mark.parametrize(
    "key", ["a b/naïve+%20.json", "a?b.json", "a#b.json", "?versionId=1", "#", "a//b", "/a", "a;b&c", "[a]/b", "a?b/#c"]
)
def test_keys_are_taken_as_they_are(make_scope: Any, s3: Any, key: str) -> None:
    uri = f"s3://bucket/{key}"
    s3.documents |= {"s3://bucket/a": "another object", uri: 1}

    assert make_scope().document(uri) == 1
    assert s3.reads == [uri]


def test_a_bucket_that_no_url_could_have_is_asked_for_like_any_other(
    make_scope: Any, s3: Any, client_error: Any
) -> None:
    s3.documents["s3://[b/o"] = client_error("NoSuchBucket", "The specified bucket does not exist")

    with pytest.raises(EvaluationError, match=r"s3://\[b/o: cannot read it: NoSuchBucket"):
        make_scope().document("s3://[b/o")


def test_a_file_that_is_not_json_says_so(make_scope: Any, s3: Any) -> None:
    s3.documents[S3_REPORT] = "mse=4"

    with pytest.raises(EvaluationError, match=rf"{S3_REPORT}: not a JSON document"):
        make_scope().document(S3_REPORT)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_a_file_that_is_nested_too_deeply_says_so(make_scope: Any, s3: Any, text: str) -> None:
    s3.documents[S3_REPORT] = text

    with pytest.raises(EvaluationError, match=rf"{S3_REPORT}: not a JSON document: it is nested too deeply"):
        make_scope().document(S3_REPORT)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_cannot_be_compared_is_an_error_with_file_path_and_value(
    make_scope: Any, s3: Any, number: str
) -> None:
    s3.documents[S3_REPORT] = f'{{"metrics": {{"mse": {number}, "mae": 2}}}}'
    scope = make_scope()
    read = {"Std:JsonGet": {"S3Uri": S3_REPORT, "Path": "metrics.mse"}}
    condition = {"Type": "LessThanOrEqualTo", "LeftValue": read, "RightValue": 6.0}

    with pytest.raises(EvaluationError) as caught:
        evaluate_conditions([condition], scope)
    assert str(caught.value) == (
        f"Conditions[0].LeftValue: Std:JsonGet of 'metrics.mse' in {S3_REPORT}: is {number}, which is not a finite "
        "number"
    )
    read["Std:JsonGet"]["Path"] = "metrics.mae"
    assert evaluate_conditions([condition], scope), "another value of the same file can be read"


def test_such_a_number_inside_a_value_is_an_error_too(make_scope: Any, s3: Any) -> None:
    s3.documents[S3_REPORT] = '{"metrics": [{"mse": NaN}]}'

    with pytest.raises(EvaluationError, match=r"`\[0\]\.mse` in it is NaN, which is not a finite number"):
        evaluate({"Std:JsonGet": {"S3Uri": S3_REPORT, "Path": "metrics"}}, make_scope())


def test_a_busy_s3_is_no_missing_file_but_to_be_retried(make_scope: Any, s3: Any, client_error: Any) -> None:
    s3.documents[S3_REPORT] = client_error("SlowDown", "Please reduce your request rate.", 503)

    with (
        pytest.raises(StepFailedError, match=r"^Step Deploy: cannot evaluate Arguments now: .*SlowDown") as caught,
        step_errors("Deploy", "Arguments"),
    ):
        make_scope().document(S3_REPORT)
    assert caught.value.exception_type == "Step.THROTTLING"


def test_a_file_that_cannot_be_read_says_why(make_scope: Any, s3: Any, client_error: Any) -> None:
    s3.documents[S3_REPORT] = client_error("NoSuchKey", "The specified key does not exist.")

    with pytest.raises(EvaluationError, match=rf"{S3_REPORT}: cannot read it: NoSuchKey: The specified key"):
        make_scope().document(S3_REPORT)


@pytest.mark.parametrize("uri", ["https://bucket/key", "s3://bucket", "s3://bucket/", "s3:///key", "report.json", ""])
def test_only_s3_uris_are_read(make_scope: Any, s3: Any, uri: str) -> None:
    with pytest.raises(EvaluationError, match="not an S3 URI of the form s3://bucket/key"):
        make_scope().document(uri)
    assert s3.reads == []


# -- inside a ForEach --------------------------------------------------------------------------------------------------

ITEMS = ["a", 2, {"name": "x", "tags": ["t"]}, '{"name": "y", "options": {"depth": 4}}', None]


@pytest.fixture
def make_loop_scope(context: Any, ti: Any, connection: Any, definition: Any, processing_arguments: Any) -> Any:
    """Make the scope of the body step ``Second`` in one iteration."""
    body = [{"Name": name, "Type": "Processing", "Arguments": processing_arguments} for name in ("First", "Second")]
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": body}
    outside = {"Name": "Outside", "Type": "Processing", "Arguments": processing_arguments}
    pipeline = load_pipeline(definition(outside, {"Name": "Each", "Type": "ForEach", "Arguments": arguments}))
    task_ids = {"Each": "g.Each.result", "First": "g.First", "Second": "g.Second", "Outside": "g.Outside"}
    settings = PipelineRunSettings(pipeline, "p", task_ids, first_task_ids={"Each": "g.Each.items"})
    ti.task_id = "g.Second"
    ti.published_by("g.Each.items", ITEMS)

    def make(index: int) -> StepScope:
        ti.map_index = index
        return StepScope(settings, context, connection, lambda: "abcdef012345", {})

    return make


@pytest.mark.parametrize(
    ("reference", "index", "value"),
    [
        ("ForEach.CurrentItem", 0, "a"),
        ("ForEach.CurrentItem", 1, 2),
        ("ForEach.CurrentItem", 2, ITEMS[2]),
        ("ForEach.CurrentItem.name", 2, "x"),
        ("ForEach.CurrentItem['tags'][0]", 2, "t"),
        ("ForEach.CurrentItem", 3, ITEMS[3]),
        ("ForEach.CurrentItem.name", 3, "y"),
        ("ForEach.CurrentItem.options['depth']", 3, 4),
    ],
)
def test_the_current_item_is_that_of_the_iteration(
    make_loop_scope: Any, reference: str, index: int, value: Any
) -> None:
    assert evaluate(get(reference), make_loop_scope(index)) == value


@pytest.mark.parametrize(
    ("reference", "index", "reason"),
    [
        ("ForEach.CurrentItem.size", 2, "has no member 'size'; its members are"),
        ("ForEach.CurrentItem.name", 0, "is not a JSON object"),
        ("ForEach.CurrentItem", 4, "is null, which does not count as a value"),
    ],
)
def test_an_item_without_such_a_member_says_so(make_loop_scope: Any, reference: str, index: int, reason: str) -> None:
    with pytest.raises(EvaluationError, match=rf"{re.escape(reference)}: .*{reason}"):
        evaluate(get(reference), make_loop_scope(index))


def test_an_item_that_was_never_listed_says_what_to_do(make_loop_scope: Any) -> None:
    with pytest.raises(EvaluationError, match=r"task g.Each.items has published no such item in this run; clear it"):
        evaluate(get("ForEach.CurrentItem"), make_loop_scope(5))


def test_a_step_of_the_same_body_means_the_same_iteration(make_loop_scope: Any, ti: Any) -> None:
    for index in range(2):
        ti.published_by(f"g.First[{index}]", {"ProcessingJobName": f"job {index}"})

    assert evaluate(get("Steps.First.ProcessingJobName"), make_loop_scope(1)) == "job 1"


def test_a_step_outside_means_the_only_one(make_loop_scope: Any, ti: Any) -> None:
    ti.published_by("g.Outside", {"ProcessingJobName": "job"})

    assert evaluate(get("Steps.Outside.ProcessingJobName"), make_loop_scope(1)) == "job"


def test_outside_of_a_loop_there_is_no_current_item(make_scope: Any) -> None:
    with pytest.raises(EvaluationError, match="stands outside the body of a ForEach"):
        make_scope().current_item()


def test_only_a_selector_has_iteration_outputs(make_scope: Any) -> None:
    with pytest.raises(EvaluationError, match=r"is only allowed as Selector\.Field of a ForEach"):
        make_scope().iteration_output("Process")


# -- parameters that tasks around a task group tell --------------------------------------------------------------------


@pytest.fixture
def told(ti: Any) -> Any:
    from airflow.sdk import DAG, BaseOperator

    ti.asked = []

    def xcom_pull(task_ids: str, key: str, default: Any, map_indexes: Any) -> Any:
        ti.asked.append(task_ids)
        return ti.told.get(key, default)

    ti.xcom_pull = xcom_pull
    ti.told = {"return_value": "7"}
    with DAG("own"):
        return BaseOperator(task_id="extract").output


def test_a_task_tells_a_parameter_once_for_each_try(make_scope: Any, told: Any, ti: Any) -> None:
    scope = make_scope(values={"Count": told})

    assert scope.parameter("Count") == 7, "in the parameter's own type"
    assert scope.of_job({"TrainingJobName": "x"}).parameter("Count") == scope.of_execution().parameter("Count") == 7
    assert ti.asked == ["extract"]


def test_a_task_that_tells_nothing_is_named(make_scope: Any, told: Any, ti: Any) -> None:
    ti.told = {}

    with pytest.raises(EvaluationError, match=r"Parameters.Count.*task extract has told no value in this run"):
        make_scope(values={"Count": told}).parameter("Count")
    with pytest.raises(EvaluationError, match=r"task extract has pushed no XCom of that key in this run.*'count'"):
        make_scope(values={"Count": told["count"]}).parameter("Count")


def test_an_outage_of_airflow_does_not_lose_what_a_task_tells(
    make_scope: Any, told: Any, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    from airflow_sm_pipelines.execution.airflow_internals import worker

    monkeypatch.setattr(worker.time, "sleep", lambda _: ti.__setattr__("xcom_pull", pull))
    pull = ti.xcom_pull

    def away(**_: Any) -> Any:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": None}))

    ti.xcom_pull = away

    assert make_scope(values={"Count": told}).parameter("Count") == 7
