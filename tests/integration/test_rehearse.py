"""Golden definitions through Airflow, without their code and data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.preview.cache_advice import compared_attributes, never_reused_results
from airflow_sm_pipelines.rehearsal.rehearsals import Rehearsals, prepare
from airflow_sm_pipelines.semantics.cache_keys import CACHE_KEYS

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

GOLDEN = Path(__file__).parents[1] / "golden"
ABALONE = GOLDEN / "v2_abalone_full.json"
PSEUDO_FUNCTIONS = GOLDEN / "v2_pseudo_functions.json"
CHECKS = GOLDEN / "v2_clarify_quality_checks.json"
MSE = "AbaloneEval.EvaluationReport.regression_metrics.mse.value"
FILES = [path for path in sorted(GOLDEN.glob("*.json")) if not path.name.endswith(".graph.json")]
RUNNABLE = [path for path in FILES if {step.type for step in load_pipeline(path).steps} <= CATALOG.keys()]

Rehearsed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rehearsals() -> Iterator[Rehearsals]:
    """One Airflow for all rehearsals of this module."""
    with Rehearsals() as rehearsals:
        yield rehearsals


@pytest.fixture
def rehearsed(rehearsals: Rehearsals) -> Rehearsed:
    """Rehearses a file, and returns how it ended."""

    def run(file: Path, **chosen: Any) -> dict[str, Any]:
        return asdict(rehearsals.run(prepare(load_pipeline(file), file, **chosen).scenario))

    return run


@pytest.mark.parametrize("file", RUNNABLE, ids=lambda path: path.stem)
def test_all_reachable_steps_of_a_golden_definition_succeed(rehearsed: Rehearsed, file: Path) -> None:
    ended = rehearsed(file)
    assert ended["reasons"] == {}
    assert set(ended["tasks"].values()) <= {"success", "skipped"}
    assert ended["state"] == "success"


def test_a_bound_of_parallel_steps_is_obeyed_and_nothing_waits_for_ever(rehearsed: Rehearsed, tmp_path: Path) -> None:
    file = tmp_path / "bounded.json"
    definition = json.loads((GOLDEN / "v3_foreach.json").read_text())
    bound = {"ParallelismConfiguration": {"MaxParallelExecutionSteps": 1}}
    file.write_text(json.dumps({**bound, "PipelineDefinition": definition}))

    ended = rehearsed(file)

    assert (ended["state"], ended["reasons"]) == ("success", {})
    assert set(ended["tasks"].values()) <= {"success", "skipped"}


def test_a_branch_is_chosen_by_a_value(rehearsed: Rehearsed) -> None:
    ended = rehearsed(ABALONE, values={MSE: 100})
    assert ended["tasks"]["AbaloneMSEFail"] == "failed"
    assert ended["tasks"]["AbaloneTransform"] == "skipped"
    assert list(ended["reasons"]) == ["AbaloneMSEFail"]


def test_a_failure_is_chosen_by_an_outcome_and_not_retried(rehearsed: Rehearsed) -> None:
    ended = rehearsed(ABALONE, outcomes={"AbaloneTrain": "failed:InternalServerError: try again"})
    assert ended["state"] == "failed"
    assert "InternalServerError: try again" in ended["reasons"]["AbaloneTrain"]
    assert ended["tasks"]["AbaloneEval"] == "upstream_failed"


def test_a_violation_is_found_on_request(rehearsed: Rehearsed) -> None:
    ended = rehearsed(CHECKS, outcomes={"DataBiasCheckStep": "violation"})
    assert ended["tasks"]["TrainAbaloneModel"] == "upstream_failed"
    assert ended["tasks"]["DataQualityCheckStep"] == "success"
    assert list(ended["reasons"]) == ["DataBiasCheckStep", "pipeline_status"]
    assert "facet rehearsal = 0, metric_name CI: bias_drift_check" in ended["reasons"]["DataBiasCheckStep"]


def test_a_violation_may_be_where_the_definition_allows_it(rehearsed: Rehearsed) -> None:
    outcomes = {"DataQualityCheckStep": "violation", "DataBiasCheckStep": "violation"}
    ended = rehearsed(CHECKS, parameters={"FailOnViolation": False}, outcomes=outcomes)
    assert ended["state"] == "success"


def test_a_stopped_job_is_no_success(rehearsed: Rehearsed) -> None:
    ended = rehearsed(ABALONE, outcomes={"AbaloneProcess": "stopped"})
    assert ended["tasks"]["AbaloneProcess"] == "failed"
    assert "Stopped" in ended["reasons"]["AbaloneProcess"]


def test_the_command_runs_airflow_by_itself_and_reports() -> None:
    # The user's own AWS settings, for another purpose: an address where nobody listens.
    environment = {**os.environ, "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:9"}
    options = ("--format", "json", "--outcome", "AbaloneTrain=failed:AlgorithmError: no")
    command = [sys.executable, "-m", "airflow_sm_pipelines.cli.main", "rehearse", str(ABALONE), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    states = {step["name"]: step["state"] for step in report["steps"]}
    assert (states["AbaloneProcess"], states["AbaloneTrain"]) == ("succeeded", "failed")
    assert states["AbaloneEval"] == "not run"
    assert "AlgorithmError: no" in next(step["reason"] for step in report["steps"] if step["name"] == "AbaloneTrain")
    synthetic = next(step["synthetic"] for step in report["steps"] if step["name"] == "AbaloneProcess")
    assert {uri.rpartition("/")[2] for uri in synthetic} == {"rehearsal.json"}
    assert len(synthetic) == 3


def test_what_aws_would_refuse_is_told_and_the_rehearsal_goes_on(rehearsed: Rehearsed) -> None:
    ended = rehearsed(PSEUDO_FUNCTIONS, parameters={"MaxRows": 1000})
    assert ended["state"] == "success"
    refusal = ended["refusals"][0]
    assert [one["step"] for one in ended["refusals"]] == ["Everything", "JsonGetInArgs"]
    assert refusal["operation"] == "CreateProcessingJob"
    assert "Value '1000' at 'processingResources.clusterConfig.instanceCount'" in refusal["reason"]
    assert "less than or equal to 100" in refusal["reason"]


TEMPLATE = {
    "Version": "2020-12-01",
    "Steps": [
        {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "${image}"},
                "OutputDataConfig": {"S3OutputPath": "${artifacts}"},
                "ResourceConfig": {"InstanceType": "${instance_type}", "InstanceCount": 1, "VolumeSizeInGB": 20},
                "RoleArn": "${role}",
            },
        },
        {
            "Name": "Deploy",
            "Type": "Endpoint",
            "Arguments": {"EndpointName": "${endpoint}", "EndpointConfigName": "${config}"},
        },
    ],
}


def test_an_unfilled_template_whose_steps_name_each_other_literally_succeeds_with_warnings(
    rehearsed: Rehearsed, tmp_path: Path
) -> None:
    (tmp_path / "template.json").write_text(json.dumps(TEMPLATE))
    ended = rehearsed(tmp_path / "template.json")
    assert (ended["state"], ended["reasons"]) == ("success", {})
    told = [f"{one['step']}: {one['operation']}: {one['reason']}" for one in ended["refusals"]]
    assert [line for line in told if line.startswith("Train: PutObject: ${artifacts}/") and "no S3 URI" in line]
    assert [line for line in told if line.startswith("Deploy: CreateEndpoint: Could not find endpoint configuration")]


def test_several_files_are_rehearsed_in_one_airflow_and_a_bad_one_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    assert main(["rehearse", "--format", "json", str(PSEUDO_FUNCTIONS), str(bad), str(ABALONE)]) == 1
    captured = capsys.readouterr()
    assert [report["state"] for report in json.loads(captured.out)] == ["succeeded", "succeeded"]
    assert "bad.json" in captured.err


def _job(name: str, bucket: str, **members: Any) -> dict[str, Any]:
    output = {
        "OutputName": "out",
        "S3Output": {"S3Uri": f"s3://{bucket}/{name}", "LocalPath": "/opt/ml/processing/out"},
    }
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingJobName": "same-name",
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1"},
        "ProcessingOutputConfig": {
            "Outputs": [{**output, "S3Output": {**output["S3Output"], "S3UploadMode": "EndOfJob"}}]
        },
    }
    cache = {"Enabled": True, "ExpireAfter": "1d"}
    return {"Name": name, "Type": "Processing", "Arguments": arguments, "CacheConfig": cache, **members}


def _model() -> dict[str, Any]:
    """A step whose resource has the same name in every run: a second one of that name is refused."""
    variants = [{"VariantName": "a", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}]
    return {
        "Name": "Config",
        "Type": "EndpointConfig",
        "Arguments": {"EndpointConfigName": "of-every-run", "ProductionVariants": variants},
    }


@pytest.mark.parametrize("runs", [1, 2])
def test_nothing_of_one_file_is_left_for_the_next_even_of_the_same_name(
    rehearsals: Rehearsals, tmp_path: Path, runs: int
) -> None:
    documents = {
        "first": [_job("Prepare", "shared"), _job("Only", "of-the-first")],
        "second": [_job("Prepare", "shared"), _model()],
    }
    found = {}
    for turn in ("first", "second", "second again"):
        folder = tmp_path / turn
        folder.mkdir()
        document = {"Version": "2020-12-01", "Steps": documents[turn.removesuffix(" again")]}
        (folder / "pipeline.json").write_text(json.dumps(document))
        report = rehearsals.rehearse(folder / "pipeline.json", runs=runs)
        scenario = prepare(load_pipeline(folder / "pipeline.json"), folder / "pipeline.json").scenario
        found[turn] = report, rehearsals.run(scenario)

    assert found["first"][0].succeeded, str(found["first"][0])
    assert set(found["first"][1].objects) == {"Prepare", "Only"}
    for turn in ("second", "second again"):
        report, result = found[turn]
        states = {step.name: (step.state, step.reason) for step in report.steps}
        assert states == {"Prepare": ("succeeded", None), "Config": ("succeeded", None)}
        assert report.step("Prepare").synthetic == ["s3://shared/Prepare/rehearsal.json"], "it ran, and was not reused"
        assert result.objects == {"Prepare": ["s3://shared/Prepare/rehearsal.json"]}
        assert set(result.tasks) == {"Prepare", "Config"}
        for later in report.later_runs if runs > 1 else ():
            assert [step.cache.runs for step in later.steps if step.cache] == [[1]]


# -- several runs of one definition -----------------------------------------------------------------------------------

CACHEABLE = (
    "v2_abalone_full",
    "v2_automl",
    "v2_clarify_quality_checks",
    "v2_emr_cluster_lifecycle",
    "v2_emr_running_cluster",
    "v2_lambda_callback_nested",
    "v2_pipeline_model_repack",
    "v2_tuning",
    "v3_emr_serverless",
    "v3_foreach",
    "v3_job_createjob",
)
"""Definitions that together have every step type that can be cached."""


def cached(steps: list[dict[str, Any]]) -> None:
    """Turn caching on for every step that can be cached, also in branches and loops."""
    for step in steps:
        if STEP_TYPES[step["Type"]].caching:
            step["CacheConfig"] = {"Enabled": True, "ExpireAfter": "1d"}
        for nested in ("IfSteps", "ElseSteps", "ForEachBody"):
            cached((step.get("Arguments") or {}).get(nested) or [])


@pytest.mark.parametrize("name", CACHEABLE)
def test_a_second_run_reuses_every_result_but_those_of_which_check_says_that_they_are_new(
    rehearsals: Rehearsals, name: str
) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    cached(document["Steps"])
    pipeline = load_pipeline(json.dumps(document))
    never = {one.path.removesuffix(".CacheConfig") for one in never_reused_results(pipeline)}

    report = rehearsals.rehearse(document, runs=2)

    assert report.succeeded, str(report)
    [second] = report.later_runs
    ran = [step for step in second.steps if step.state == "succeeded" and compared_attributes(pipeline.step(step.name))]
    assert ran
    for step in ran:
        assert step.cache is not None, step.name
        expected = pipeline.step(step.name).path not in never
        assert (step.cache.misses == 0) == expected, (step.name, step.cache.in_words)
        assert step.cache.runs == ([1] if expected else [])


def test_the_definitions_above_have_every_type_that_can_be_cached() -> None:
    types = {step.type for name in CACHEABLE for step in load_pipeline(GOLDEN / f"{name}.json").steps}
    assert CACHE_KEYS.keys() <= types


def test_a_later_run_reuses_nothing_of_a_rehearsal_before(rehearsals: Rehearsals) -> None:
    """Its local AWS is another one, but outputs of Lambda functions are noted in Airflow."""
    function = {"Name": "F", "Type": "Lambda", "FunctionArn": "f", "CacheConfig": {"Enabled": True}}
    document = {"Version": "2020-12-01", "Steps": [function]}
    assert rehearsals.rehearse(document, runs=2).succeeded
    for runs in (1, 2):
        report = rehearsals.rehearse(document, outcomes={"F": "failed:no"}, runs=runs)
        assert report.step("F").state == "failed"


def test_a_selection_runs_after_a_run_of_all_steps(rehearsals: Rehearsals) -> None:
    report = rehearsals.rehearse(ABALONE, select=["AbaloneTrain", "AbaloneEval"])

    assert report.succeeded, str(report)
    assert {step.name: step.state for step in report.steps} == {
        "AbaloneProcess": "reused",
        "AbaloneTrain": "succeeded",
        "AbaloneEval": "succeeded",
        "AbaloneMSECond": "not selected",
        "AbaloneRegisterModel-RegisterModel": "not selected",
        "AbaloneCreateModel-CreateModel": "not selected",
        "AbaloneTransform": "not selected",
        "AbaloneMSEFail": "not selected",
    }


def test_a_property_file_of_a_reused_step_is_read(rehearsals: Rehearsals) -> None:
    report = rehearsals.rehearse(ABALONE, select=["AbaloneMSECond"], values={MSE: 1})

    assert report.succeeded, str(report)
    assert report.step("AbaloneEval").state == "reused"
    assert report.step("AbaloneMSECond").state == "succeeded"
