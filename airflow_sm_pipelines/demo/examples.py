"""The example pipelines in the package: their files, what they need, where they run, and how runs are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.local.buckets import ensure_bucket

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from airflow_sm_pipelines.local.server.local_aws import LocalAws

_HERE = Path(__file__).resolve().parent
_FOLDERS = (
    _HERE / "example_dags",  # in an installed package
    _HERE.parents[1] / "dags",  # in a checkout
)


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that a step of an example writes into a property file.

    Attributes:
        label: Its name for people.
        step: The step that writes it.
        property_file: Name of the property file.
        path: Names of the members that lead to the number.
    """

    label: str
    step: str
    property_file: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PredictionSource:
    """Predictions of a Transform step, and the true values that another step has written.

    Attributes:
        step: The Transform step.
        file: Name of the file below its output path, one prediction in each line.
        truth_step: The Processing step that writes the true values.
        truth_output: Name of its output.
        truth_file: The CSV file in it: the true value first in each line, in the order of the predictions.
    """

    step: str
    file: str
    truth_step: str
    truth_output: str
    truth_file: str


@dataclass(frozen=True, slots=True)
class Example:
    """One example: ``<name>.py``, ``<name>.json`` and a folder with the code of its jobs.

    Attributes:
        name: Id of the DAG and stem of the files.
        scripts_folder: Name of the folder with the code of its jobs.
        code_prefix: Where in the bucket its definition expects the scripts.
        limit_parameter: Pipeline parameter with the largest mean squared error that is accepted.
    """

    name: str
    scripts_folder: str
    code_prefix: str
    limit_parameter: str

    @property
    def definition(self) -> Path:
        """The pipeline definition."""
        return dags_folder() / f"{self.name}.json"

    @property
    def bucket(self) -> str:
        """The bucket that its definition uses by default."""
        return str(self.load().parameter("Bucket").default)

    @property
    def scripts(self) -> tuple[Path, ...]:
        """The code of its jobs."""
        return tuple(sorted((dags_folder() / self.scripts_folder).glob("*.py")))

    def load(self) -> Pipeline:
        """Return the pipeline."""
        return load_pipeline(self.definition)


@dataclass(frozen=True, slots=True)
class MeasuredExample(Example):
    """An example that measures, registers and applies its model.

    Attributes:
        metric: The measure of a run.
        register_step: The step that registers the model.
        predictions: What the model predicts.
    """

    metric: Metric
    register_step: str
    predictions: PredictionSource


DIABETES = MeasuredExample(
    name="diabetes",
    scripts_folder="diabetes_scripts",
    code_prefix="code",
    limit_parameter="MaxMse",
    metric=Metric(
        label="MSE on the test data",
        step="Evaluate",
        property_file="Evaluation",
        path=("regression_metrics", "mse", "value"),
    ),
    register_step="Register-RegisterModel",
    predictions=PredictionSource(
        step="Predict",
        file="features.csv.out",
        truth_step="Prepare",
        truth_output="test",
        truth_file="test.csv",
    ),
)

CHAMPION = Example(
    name="diabetes_champion",
    scripts_folder="diabetes_scripts",
    code_prefix="code",
    limit_parameter="MaxMse",
)


def dags_folder() -> Path:
    """Return the folder of the example DAGs.

    Raises:
        FileNotFoundError: The package was installed without it.
    """
    for folder in _FOLDERS:
        if (folder / f"{DIABETES.name}.json").is_file():
            return folder
    raise FileNotFoundError(f"the example DAGs are in none of: {', '.join(map(str, _FOLDERS))}")


def upload_scripts(s3: BaseClient, example: Example) -> None:
    """Upload the scripts of an example to where its definition expects them, in a bucket that is made on demand.

    Args:
        s3: boto3 client for S3.
        example: The example.
    """
    ensure_bucket(s3, example.bucket)
    for script in example.scripts:
        s3.put_object(Bucket=example.bucket, Key=f"{example.code_prefix}/{script.name}", Body=script.read_bytes())


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an example runs.

    Attributes:
        example: The example.
        airflow: A running Airflow.
        aws: A running local AWS that holds the example's bucket.
    """

    example: Example
    airflow: AirflowProcesses
    aws: LocalAws

    def client(self, service: str, *, endpoint_url: str | None = None) -> BaseClient:
        """Return a boto3 client of the local AWS.

        Args:
            service: boto3's name of the service.
            endpoint_url: Another address to send requests to.
        """
        return self.aws.client(service, endpoint_url=endpoint_url)


@dataclass(frozen=True, slots=True)
class Demo:
    """An example and its surroundings.

    Attributes:
        example: The example.
        surroundings: Sets up what the pipeline expects beside its bucket and scripts, and yields the parameters that
            name it.
        results: Returns the results of an ended run as lines for people; takes the stage, the run's id and the
            largest error that was accepted.
    """

    example: Example
    surroundings: Callable[[Stage], AbstractContextManager[Mapping[str, object]]]
    results: Callable[[Stage, str, float], Iterable[str]]
