"""Tuning steps through ``dag.test()``: real trials, the best model registered and used, warm start, two algorithms."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.demo.examples import dags_folder
from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import BUNDLE_CLASS, ROLE, Ended, _dag_of, _xcoms

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

DEFINITIONS = Path(__file__).parent / "definitions"
BUCKET = "integration"


@dataclass
class Tuned(Ended):
    """What one run left behind.

    Attributes:
        reasons: Task -> why it failed.
    """

    reasons: dict[str, str]


RunDefinition = Callable[..., Tuned]


@pytest.fixture
def run_definition(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDefinition:
    bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.setattr(connection, "_clients", {})

    def run(path: str, **conf: Any) -> Tuned:
        name = Path(path).name
        settings = {"dag_id": name, "deferrable": False, "poll_interval": 0.2, "role_arn": ROLE}
        file = tmp_path / f"{name}.py"
        source = f"{DEFINITIONS / path}.json"
        file.write_text(
            f"from airflow_sm_pipelines import pipeline_dag\n\ndag = pipeline_dag({source!r}, **{settings!r})\n"
        )
        dag, reasons = _dag_of(file), {}

        def note(context: Any) -> None:
            reasons[context["ti"].task_id] = str(context["exception"])

        for task in dag.tasks:
            task.on_failure_callback = [note]
        dag_run = dag.test(run_conf=conf)
        tasks = {ti.task_id: ti.state for ti in dag_run.get_task_instances()}
        return Tuned(str(dag_run.state), tasks, _xcoms(name, dag_run.run_id), reasons)

    return run


@pytest.fixture(scope="module", autouse=True)
def _code(aws: LocalAws) -> None:
    s3 = boto3.client("s3")
    prepare = dags_folder() / "diabetes_scripts" / "prepare.py"
    s3.put_object(Bucket=BUCKET, Key="tuning/code/prepare.py", Body=prepare.read_bytes())
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(DEFINITIONS / "tuning_scripts" / "train.py", "train.py")
    s3.put_object(Bucket=BUCKET, Key="tuning/code/sourcedir.tar.gz", Body=stream.getvalue())


def objective(summary: dict[str, Any]) -> float:
    return float(summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_the_best_models_of_real_trials_are_registered_and_used(run_definition: RunDefinition) -> None:
    ended = run_definition("tuning_diabetes")
    assert ended.state == "success", ended.reasons
    first, warm = ended.xcoms["HPTuning"], ended.xcoms["HPTuningWarmStart"]
    assert len(first["TrainingJobSummaries"]) == 4
    values = [objective(summary) for summary in first["TrainingJobSummaries"]]
    assert values == sorted(values), "the best first: the error is to be minimized"
    assert first["BestTrainingJob"]["TrainingJobName"] == first["TrainingJobSummaries"][0]["TrainingJobName"]
    [parent] = warm["WarmStartConfig"]["ParentHyperParameterTuningJobs"]
    assert parent["HyperParameterTuningJobName"] == first["HyperParameterTuningJobName"]
    assert objective(warm["OverallBestTrainingJob"]) == min(values[0], objective(warm["BestTrainingJob"]))
    model = ended.xcoms["BestModel-CreateModel"]["PrimaryContainer"]["ModelDataUrl"]
    assert model == f"s3://{BUCKET}/models/{warm['TrainingJobSummaries'][0]['TrainingJobName']}/output/model.tar.gz"
    package = ended.xcoms["SecondBest-RegisterModel"]
    assert (
        package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"].split("/")[-3]
        == (first["TrainingJobSummaries"][1]["TrainingJobName"])
    )
    assert package["CustomerMetadataProperties"]["eta"] == first["BestTrainingJob"]["TunedHyperParameters"]["eta"]
    _, _, folder = ended.xcoms["Predict"]["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
    answer = boto3.client("s3").get_object(Bucket=BUCKET, Key=f"{folder}/features.csv.out")
    assert len([float(line) for line in answer["Body"].read().decode().splitlines()]) == 89


def test_the_pipelines_role_is_that_of_the_trials(run_definition: RunDefinition) -> None:
    ended = run_definition("tuning_diabetes", MaxTrainingJobs=1)
    best = ended.xcoms["HPTuning"]["BestTrainingJob"]["TrainingJobName"]
    assert boto3.client("sagemaker").describe_training_job(TrainingJobName=best)["RoleArn"] == ROLE


def test_the_best_of_two_algorithms_is_registered_if_it_is_good_though_a_trial_has_failed(
    run_definition: RunDefinition,
) -> None:
    ended = run_definition("tuning_algorithms")
    assert ended.state == "success", ended.reasons
    tuned = ended.xcoms["Algorithms"]
    assert tuned["TrainingJobStatusCounters"]["Completed"] == 6
    assert tuned["TrainingJobStatusCounters"]["NonRetryableError"] == 1, "degree 3 brings bad luck"
    scores = [objective(summary) for summary in tuned["TrainingJobSummaries"]]
    assert scores == sorted(scores, reverse=True)
    assert {one["TrainingJobDefinitionName"] for one in tuned["TrainingJobSummaries"]} == {"plain", "ridge"}
    registered = ended.xcoms["Register-RegisterModel"]["CustomerMetadataProperties"]
    assert registered["degree"] == "2", "the points lie on a parabola"


def test_a_tuning_step_whose_trials_all_fail_tells_their_reasons(run_definition: RunDefinition, tmp_path: Path) -> None:
    document = json.loads((DEFINITIONS / "tuning_algorithms.json").read_text())
    definitions = document["Steps"][0]["Arguments"]["TrainingJobDefinitions"]
    definitions[0]["HyperParameterRanges"] = {"CategoricalParameterRanges": [{"Name": "degree", "Values": ["3"]}]}
    del definitions[1:]
    path = tmp_path / "all_fail.json"
    path.write_text(json.dumps(document))
    ended = run_definition(str(path.with_suffix("")))
    assert ended.tasks["Algorithms"] == "failed"
    assert "No training job succeeded after 1 attempts" in ended.reasons["Algorithms"]
    assert "degree 3 brings bad luck" in ended.reasons["Algorithms"]
