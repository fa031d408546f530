"""The processing job of a check: what the service adds to the request, and what the finished job says of it.

The containers take a baseline as two files and two environment variables (developer guide, "Container Contract Inputs",
and Processing jobs that Model Monitor has started; that a pipeline's check is given the same is *assumed*).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from airflow_sm_pipelines.aws.calls import read_object
from airflow_sm_pipelines.aws.check_types import Baseline
from airflow_sm_pipelines.aws.s3_objects import split_uri, write_object
from airflow_sm_pipelines.errors import SageMakerPipelinesError

_ANALYSIS_CONFIG = "analysis_config"
_CONFIG_FILE = "analysis_config.json"


class CheckRequestError(SageMakerPipelinesError, ValueError):
    """A check's request cannot be completed; the message says what is wrong with it."""


class _BaselineInput(NamedTuple):
    """How a container is given one file of a baseline."""

    name: str
    folder: str
    variable: str


_CONSTRAINTS = _BaselineInput("baseline_constraints", "/opt/ml/processing/baseline/constraints", "baseline_constraints")
_STATISTICS = _BaselineInput("baseline_statistics", "/opt/ml/processing/baseline/stats", "baseline_statistics")


def with_baseline(request: Mapping[str, Any], baseline: Baseline) -> dict[str, Any]:
    """Return a CreateProcessingJob request whose job checks its data against a baseline.

    Args:
        request: The request.
        baseline: The baseline; a file that it lacks is not given.
    """
    inputs, environment = list(request.get("ProcessingInputs") or ()), dict(request.get("Environment") or {})
    for place, uri in ((_CONSTRAINTS, baseline.constraints), (_STATISTICS, baseline.statistics)):
        if not uri:
            continue
        source = {
            "S3Uri": uri,
            "LocalPath": place.folder,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        }
        inputs.append({"InputName": place.name, "AppManaged": False, "S3Input": source})
        environment[place.variable] = f"{place.folder}/{uri.rpartition('/')[2]}"
    return {**request, "ProcessingInputs": inputs, "Environment": environment}


def checked_against(description: Mapping[str, Any]) -> Baseline:
    """Return the baseline that a job was told to check its data against; empty if it was told none.

    Args:
        description: The DescribeProcessingJob response.
    """
    uris = {entry.get("InputName"): _s3_uri(entry) for entry in description.get("ProcessingInputs", ())}
    return Baseline(uris.get(_CONSTRAINTS.name, ""), uris.get(_STATISTICS.name, ""))


def output_folder(request: Mapping[str, Any]) -> str:
    """Return the S3 URI of the folder that the job writes its results into.

    Args:
        request: The CreateProcessingJob request, or the DescribeProcessingJob response.

    Raises:
        CheckRequestError: The job has no output in S3, or several.
    """
    folders = list(_output_folders(request))
    if len(folders) != 1:
        found = ", ".join(folders) or "none"
        raise CheckRequestError(f"a check writes its results into one output in S3, ProcessingOutputConfig has {found}")
    return folders[0]


def _output_folders(request: Mapping[str, Any]) -> Iterator[str]:
    config = request.get("ProcessingOutputConfig") or {}
    for entry in config.get("Outputs") or ():
        uri = (entry.get("S3Output") or {}).get("S3Uri")
        if uri:
            yield str(uri)


def with_model_name(request: Mapping[str, Any], model: str, attempt: str, s3: Any) -> dict[str, Any]:
    """Return the request of a Clarify job whose analysis configuration names the model.

    The SDK leaves the model out of ``analysis_config.json``, since it is known only in the run. The completed copy goes
    into a folder of the attempt beside the original, which other runs may read at the same time.

    Args:
        request: The CreateProcessingJob request.
        model: Name of the model.
        attempt: Name of the attempt's job.
        s3: A boto3 client for S3.

    Raises:
        CheckRequestError: There is no such input, or it is no configuration.
        NoObjectUriError: The input is not at an S3 URI.
        CallRefusedError: S3 refused a call.
    """
    inputs = list(request.get("ProcessingInputs") or ())
    place = next((index for index, entry in enumerate(inputs) if entry.get("InputName") == _ANALYSIS_CONFIG), None)
    if place is None:
        raise CheckRequestError(f"ProcessingInputs has no {_ANALYSIS_CONFIG}, into which the model's name belongs")
    original = _s3_uri(inputs[place])
    if not original.endswith(".json"):
        original = f"{original.rstrip('/')}/{_CONFIG_FILE}"
    completed = f"{original.rpartition('/')[0]}/{attempt}/{_CONFIG_FILE}"
    write_object(s3, completed, _with_model(read_object(s3, *split_uri(original)), original, model))
    source = {**inputs[place]["S3Input"], "S3Uri": completed}
    inputs[place] = {**inputs[place], "S3Input": source}
    return {**request, "ProcessingInputs": inputs}


def _with_model(body: bytes, uri: str, model: str) -> bytes:
    try:
        config = json.loads(body)
    except ValueError as error:
        raise CheckRequestError(f"{uri} is not a JSON document: {error}") from error
    predictor = config.setdefault("predictor", {}) if isinstance(config, dict) else None
    if not isinstance(predictor, dict):
        raise CheckRequestError(f"{uri} is no analysis configuration: an object with an object `predictor`")
    predictor["model_name"] = model
    return json.dumps(config).encode()


def _s3_uri(entry: Mapping[str, Any]) -> str:
    return str((entry.get("S3Input") or {}).get("S3Uri") or "")
