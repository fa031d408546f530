"""What the jobs of Model Monitor and Clarify put out in a rehearsal."""

from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.aws.requests.tags import TASK_TAG
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

BUCKET = "test-bucket"
MONITOR = "159807026194.dkr.ecr.us-west-2.amazonaws.com/sagemaker-model-monitor-analyzer"
CLARIFY = "306415355426.dkr.ecr.us-west-2.amazonaws.com/sagemaker-clarify-processing:1.0"
REHEARSAL = Rehearsal(
    outcomes={"Drifts": Outcome(violation=True)},
    files={"Reads": {"result": {"statistics.json": {"dataset": {"item_count": 5}}, "more.json": {"a": 1}}}},
    job_seconds=0.05,
)


@pytest.fixture(scope="module")
def rehearsing(open_workbench):
    with open_workbench(stand_in=REHEARSAL, sandbox="rewrite") as bench:
        yield bench


@pytest.fixture
def outputs(rehearsing, processing_output):
    """The JSON documents that a check puts out, by file name."""

    def run(name, image, *, baseline, step="Check"):
        environment = {"baseline_constraints": "/opt/ml/processing/baseline/constraints/x.json"} if baseline else {}
        ended = rehearsing.run(
            name,
            [],
            AppSpecification={"ImageUri": image},
            Environment=environment,
            ProcessingOutputConfig={"Outputs": [processing_output("result", f"s3://{BUCKET}/{name}")]},
            Tags=[{"Key": TASK_TAG, "Value": step}],
        )
        assert ended["ProcessingJobStatus"] == "Completed"
        found = rehearsing.objects(f"{name}/")
        return {path: json.loads(text) for path, text in found.items() if path != "rehearsal.json"}

    return run


def test_model_monitor_calculates_a_baseline(outputs):
    found = outputs("calculates", MONITOR, baseline=False)
    assert found.keys() == {"statistics.json", "constraints.json"}
    assert found["constraints.json"]["features"] == []
    assert all(document["rehearsal"] == NOTE for document in found.values())


def test_clarify_writes_an_analysis_and_its_reports(outputs):
    found = outputs("analyses", CLARIFY, baseline=False)
    assert found.keys() == {"analysis.json", "report.html", "report.ipynb", "report.pdf"}


@pytest.mark.parametrize("image", [MONITOR, CLARIFY])
def test_a_check_against_a_baseline_finds_nothing(outputs, image):
    found = outputs(f"checks-{image[:3]}", image, baseline=True)
    assert found["constraint_violations.json"]["violations"] == []


@pytest.mark.parametrize(
    ("image", "member"), [(MONITOR, ("feature_name", "data_type_check")), (CLARIFY, ("facet", "bias_drift_check"))]
)
def test_a_violation_is_found_on_request(outputs, image, member):
    found = outputs(f"drifts-{image[:3]}", image, baseline=True, step="Drifts")
    [violation] = found["constraint_violations.json"]["violations"]
    assert (violation[member[0]], violation["constraint_check_type"]) == ("rehearsal", member[1])
    assert violation["description"] == NOTE


def test_a_job_that_checks_nothing_finds_no_violation_on_request(outputs):
    assert "constraint_violations.json" not in outputs("skips", MONITOR, baseline=False, step="Drifts")


def test_what_the_definition_reads_of_a_file_is_in_it(outputs):
    found = outputs("reads", MONITOR, baseline=False, step="Reads")
    assert found["statistics.json"]["dataset"] == {"item_count": 5}
    assert found["statistics.json"]["features"] == []
    assert found["more.json"] == {"a": 1}


def test_a_job_with_another_image_puts_out_only_the_violation_that_was_asked_for(outputs):
    image = "123456789012.dkr.ecr.us-west-2.amazonaws.com/mine:1"
    assert outputs("other", image, baseline=True) == {}
    assert outputs("other-drifts", image, baseline=True, step="Drifts").keys() == {"constraint_violations.json"}
