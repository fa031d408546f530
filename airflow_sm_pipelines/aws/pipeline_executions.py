"""What the service tells of an execution of a pipeline: its state, its parameters, and how each of its steps ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import call, pages

if TYPE_CHECKING:
    from botocore.client import BaseClient

_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]+):[0-9]{12}:pipeline/(?P<pipeline>[^/]+)/execution/[^/]+"
)

ENDED_STATES = frozenset({"Succeeded", "Failed", "CompletedWithFailures"})
"""States in which an execution has results to reuse (developer guide, "Selective execution of pipeline steps").

The guide names the first two. It is older than the third, which is *assumed*.
"""


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """A step of an execution.

    Attributes:
        status: ``StepStatus``, e.g. ``Succeeded``.
        metadata: ``Metadata``: what the step created or returned, by the kind of step.
    """

    status: str
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def results(self) -> Mapping[str, Any]:
        """The members of its metadata; a step has one kind of them."""
        return next(iter(self.metadata.values()), {})


@dataclass(frozen=True, slots=True)
class ListedStep:
    """A step as the service lists it; a step in the body of a ForEach is listed once for each iteration.

    Attributes:
        name: Name of the step.
        executed: How it ended, and what it created.
        cached_from: ARN of the execution whose result it reused by caching; empty if it ran.
        selected_from: ARN of the execution that a selective execution took its result from; empty if it ran.
        iteration: Index of the iteration; ``None`` outside of a ForEach.
        item: The item of the iteration, as text.
    """

    name: str
    executed: ExecutedStep
    cached_from: str = ""
    selected_from: str = ""
    iteration: int | None = None
    item: str = ""


@dataclass(frozen=True, slots=True)
class PipelineExecution:
    """An execution of a pipeline in the service.

    Attributes:
        status: ``PipelineExecutionStatus``.
        steps: The steps that were started, by name, without the iterations of ForEach steps.
    """

    status: str
    steps: Mapping[str, ExecutedStep]


def is_execution_arn(text: str) -> bool:
    """Tell whether a text is the ARN of an execution of a pipeline."""
    return _ARN.fullmatch(text) is not None


def region_of_execution(arn: str) -> str:
    """Return the region of an execution."""
    found = _ARN.fullmatch(arn)
    return found["region"] if found else ""


def pipeline_of_execution(arn: str) -> str:
    """Return the name of the pipeline of an execution, in lower case: some ARNs of the service have it so."""
    found = _ARN.fullmatch(arn)
    return found["pipeline"].lower() if found else ""


def read_execution(client: BaseClient, arn: str) -> PipelineExecution:
    """Read an execution from the service.

    Args:
        client: A boto3 client for SageMaker.
        arn: ARN of the execution.

    Raises:
        AwsCallError: A call failed.
    """
    request = {"PipelineExecutionArn": arn}
    status = str(call(client, "DescribePipelineExecution", request)["PipelineExecutionStatus"])
    steps = {step.name: step.executed for step in listed_steps(client, arn) if step.iteration is None}
    return PipelineExecution(status, steps)


def listed_steps(client: BaseClient, arn: str) -> list[ListedStep]:
    """Return the steps of an execution that were started, each iteration of a loop by itself.

    Args:
        client: A boto3 client for SageMaker.
        arn: ARN of the execution.

    Raises:
        AwsCallError: A call failed.
    """
    request = {"PipelineExecutionArn": arn}
    return [_listed(step) for step in pages(client, "ListPipelineExecutionSteps", request, "PipelineExecutionSteps")]


def _listed(step: Mapping[str, Any]) -> ListedStep:
    source = "SourcePipelineExecutionArn"
    context = step.get("IterationContext")
    return ListedStep(
        name=str(step["StepName"]),
        executed=ExecutedStep(str(step.get("StepStatus", "")), step.get("Metadata", {})),
        cached_from=str(step.get("CacheHitResult", {}).get(source, "")),
        selected_from=str(step.get("SelectiveExecutionResult", {}).get(source, "")),
        iteration=None if context is None else int(context.get("Index", 0)),
        item="" if context is None else str(context.get("Item", "")),
    )


def execution_parameters(client: BaseClient, arn: str) -> dict[str, str]:
    """Return the values of all parameters of an execution, as texts.

    Args:
        client: A boto3 client for SageMaker.
        arn: ARN of the execution.

    Raises:
        AwsCallError: A call failed.
    """
    listed = pages(client, "ListPipelineParametersForExecution", {"PipelineExecutionArn": arn}, "PipelineParameters")
    return {str(one["Name"]): str(one["Value"]) for one in listed}
