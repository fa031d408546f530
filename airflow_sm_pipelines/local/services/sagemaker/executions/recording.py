"""The recording of a pipeline execution: what AWS has answered about it, by operation.

::

    {
        "DescribePipelineExecution": {…},                  required; the others as far as somebody will ask for them
        "ListPipelineExecutionSteps": {…},                 all pages in one, as the AWS CLI writes it
        "ListPipelineParametersForExecution": {…},         likewise
        "DescribePipelineDefinitionForExecution": {…},
        "DescribeProcessingJob": [{…}, {…}],               what its steps created, and the pipeline: one answer for each
    }
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import botocore
import botocore.session
from botocore.model import OperationModel, Shape

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.validation import MISSING, violations

DESCRIPTION = "DescribePipelineExecution"
STEPS = "ListPipelineExecutionSteps"
PARAMETERS = "ListPipelineParametersForExecution"
DEFINITION = "DescribePipelineDefinitionForExecution"

LISTED = {STEPS: "PipelineExecutionSteps", PARAMETERS: "PipelineParameters"}
"""Member with the entries, by operation."""

OF_RESOURCES: Mapping[str, tuple[str, ...]] = {
    "DescribePipeline": ("PipelineName",),
    "DescribeAutoMLJob": ("AutoMLJobName",),
    "DescribeEndpoint": ("EndpointName",),
    "DescribeEndpointConfig": ("EndpointConfigName",),
    "DescribeInferenceComponent": ("InferenceComponentName",),
    "DescribeJob": ("JobName", "JobCategory"),
    "DescribeModel": ("ModelName",),
    "DescribeModelPackage": ("ModelPackageName",),
    "DescribeProcessingJob": ("ProcessingJobName",),
    "DescribeTrainingJob": ("TrainingJobName",),
    "DescribeTransformJob": ("TransformJobName",),
}
"""The operations that describe the pipeline and what steps create, with the members that say which one.

What steps create: API reference, PipelineExecutionStepMetadata. Tuning jobs are not among them: their results are the
training jobs of another list.
"""

_ALWAYS_THERE = {
    DESCRIPTION: ("PipelineArn", "PipelineExecutionArn", "PipelineExecutionStatus", "CreationTime"),
    DEFINITION: ("PipelineDefinition",),
    STEPS: ("StepName",),
}
"""Members that every answer, or every entry of it, has, although the model requires none."""

_ABOUT_THE_CALL = "ResponseMetadata"
"""What boto3 adds to an answer."""


def names_in(description: Document, member: str) -> list[Any]:
    """Return what a request may have as a member to name the resource that is described: its name, or its ARN."""
    places = (member, f"{member.removesuffix('Name')}Arn")
    return [description[place] for place in places if description.get(place) is not None]


def read_recording(document: object) -> Document:
    """Read a recording from JSON, and check each answer against botocore's model.

    Returns:
        The same, with every time as seconds since the epoch. The AWS CLI writes them as texts.

    Raises:
        ValueError: With every problem, each at its place.
    """
    if not isinstance(document, dict):
        raise ValueError(f"a recording is a JSON object with the answers by operation, not {_shown(document)}")
    reading = _Reading()
    recording = {operation: reading.answers(operation, recorded) for operation, recorded in document.items()}
    if DESCRIPTION not in document:
        reading.problems.append(f"{DESCRIPTION}: is missing")
    if reading.problems:
        raise ValueError("; ".join(reading.problems))
    return recording


class _Reading:
    """One recording that is read; it collects all problems."""

    def __init__(self) -> None:
        self._model = botocore.session.get_session().get_service_model("sagemaker")
        self.problems: list[str] = []

    def answers(self, operation: str, recorded: object) -> Any:
        """Return what was recorded of an operation."""
        offered = (DESCRIPTION, *LISTED, DEFINITION, *OF_RESOURCES)
        known = [name for name in offered if name in self._model.operation_names]  # an old botocore lacks some
        if operation not in known:
            self.problems.append(f"{operation}: cannot be recorded, only {', '.join(known)}")
            return None
        model = self._model.operation_model(operation)
        if operation in LISTED:
            return self._list(model, LISTED[operation], recorded)
        if operation in OF_RESOURCES:
            return self._resources(model, recorded)
        return self._answer(model.output_shape, recorded, operation, _ALWAYS_THERE[operation])

    def _list(self, model: OperationModel, entries: str, recorded: object) -> Any:
        operation = model.name
        found = recorded if isinstance(recorded, dict) else {}
        if found.get("NextToken"):
            self.problems.append(f"{operation}.NextToken: leads to another page: record all pages in one")
        others = [name for name in found if name not in (entries, "NextToken", _ABOUT_THE_CALL)]
        self.problems += [f"{operation}.{name}: is no member of this answer" for name in others]
        shape, place = model.output_shape.members[entries].member, f"{operation}.{entries}"
        return {entries: self._each(shape, found.get(entries), place, _ALWAYS_THERE.get(operation, ()))}

    def _resources(self, model: OperationModel, recorded: object) -> Any:
        descriptions = self._each(model.output_shape, recorded, model.name, ())
        for index, description in enumerate(descriptions or ()):
            nameless = [name for name in OF_RESOURCES[model.name] if not names_in(description or {}, name)]
            self.problems += [f"{model.name}[{index}].{name}: is missing" for name in nameless]
        return descriptions

    def _each(self, shape: Shape, recorded: object, place: str, members: tuple[str, ...]) -> Any:
        if not isinstance(recorded, list):
            self.problems.append(f"{place}: must be a list, not {_shown(recorded)}")
            return None
        return [self._answer(shape, one, f"{place}[{index}]", members) for index, one in enumerate(recorded)]

    def _answer(self, shape: Shape, recorded: object, place: str, members: tuple[str, ...]) -> Any:
        if not isinstance(recorded, dict):
            self.problems.append(f"{place}: must be an object, not {_shown(recorded)}")
            return None
        before = len(self.problems)
        self.problems += [f"{place}.{name}: is missing" for name in members if recorded.get(name) is None]
        answer = self._plain(shape, {name: recorded[name] for name in recorded if name != _ABOUT_THE_CALL}, place)
        if len(self.problems) == before:
            self.problems += [f"{place}: {problem}" for problem in _violations(shape, answer)]
        return answer

    def _plain(self, shape: Shape, value: Any, place: str) -> Any:
        """Return a value with its times as numbers; report those that are none, and members that nobody knows."""
        if shape.type_name == "structure" and isinstance(value, Mapping):
            known = {name: held for name, held in value.items() if name in shape.members}
            others = [f"{place}.{name}" for name in value if name not in known]
            self.problems += [f"{other}: botocore {botocore.__version__} knows no such member" for other in others]
            return {name: self._plain(shape.members[name], held, f"{place}.{name}") for name, held in known.items()}
        if shape.type_name == "list" and isinstance(value, list):
            return [self._plain(shape.member, held, f"{place}[{index}]") for index, held in enumerate(value)]
        if shape.type_name == "map" and isinstance(value, Mapping):
            return {key: self._plain(shape.value, held, f"{place}.{key}") for key, held in value.items()}
        if shape.type_name == "timestamp" and isinstance(value, str):
            return self._seconds(value, place)
        return value

    def _seconds(self, text: str, place: str) -> float | None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.problems.append(f"{place}: must be seconds since the epoch, or an ISO 8601 time with its offset")
            return None
        return moment.timestamp()


def _violations(shape: Shape, answer: Document) -> list[str]:
    """Return what contradicts the model, except for members that it requires: AWS itself leaves some of them out."""
    try:
        found = violations(shape, answer)
    except AwsError as error:
        return [error.message]
    return [f"{where} failed to satisfy constraint: {what}" for where, what in found if what != MISSING]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
