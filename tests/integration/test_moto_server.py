"""The same DAG against somebody else's AWS: bare moto, whose SageMaker is canned and never saw our code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.integration.conftest import Ended

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


@pytest.fixture
def moto_endpoint(run_dag: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


def test_seven_types_run_on_bare_moto(run_dag: Callable[..., Ended], moto_endpoint: str) -> None:
    ended = run_dag("seven_types", Rounds="7")

    assert ended.tasks == {
        "Prepare": "success",
        "Train": "success",
        "Check": "success",
        "Register": "success",
        "Create": "success",
        "Predict": "success",
        "Stop": "skipped",
    }
    sagemaker = boto3.client("sagemaker")
    assert sagemaker.meta.endpoint_url == moto_endpoint
    trained = sagemaker.describe_training_job(TrainingJobName=ended.xcoms["Train"]["TrainingJobName"])
    assert trained["HyperParameters"] == {"rounds": "7"}
    assert trained["RoleArn"].endswith("role/SageMakerRole"), "the pipeline's role"
    experiment = sagemaker.describe_experiment(ExperimentName="seven-types")
    assert experiment["ExperimentName"] == "seven-types"
