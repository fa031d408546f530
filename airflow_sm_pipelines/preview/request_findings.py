"""What AWS would refuse of the requests that a definition leads to, without asking AWS.

The requests come from the builders that a run uses. They are compared with botocore's model of the API: an error is
what the API refuses whatever the parameters are. What depends on the defaults of parameters, or may merely be newer
than the installed botocore, such as an instance type, is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from airflow_sm_pipelines.aws.requests.shaping import UNKNOWN_MEMBER, texts
from airflow_sm_pipelines.aws.requests.step_start import AwsCall
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Namespace, Unknown, evaluate
from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.preview.advice import DefinitionWarning, has_placeholder
from airflow_sm_pipelines.preview.api_models import botocore_version, input_shape
from airflow_sm_pipelines.preview.images import is_image, names_registry
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.preview.planned_calls import FLAGS, CallMisfit, planned_calls

if TYPE_CHECKING:
    from botocore.model import Shape

Finding: TypeAlias = "DefinitionError | DefinitionWarning"

# Operation -> beginning of a path in its request -> the place in the step that the value comes from.
_PLACES: dict[str, dict[str, str]] = {
    "AddJobFlowSteps": {"Steps[0]": "Arguments.StepConfig", "JobFlowId": "Arguments.ClusterId", "": "Arguments"},
    "RunJobFlow": {"Steps[0]": "Arguments.StepConfig", "": "Arguments.ClusterConfig"},
    "StartJobRun": {"applicationId": "Arguments.ApplicationId", "": "Arguments.JobConfig"},
    "CreateApplication": {"": "Arguments.ApplicationConfig"},
    "Invoke": {"FunctionName": "FunctionArn"},
    "SendMessage": {"QueueUrl": "SqsQueueUrl"},
}
# Written by the SDK (sagemaker 3.27: the template of MultiTurnRLEvaluator, `capture_create_job_request`). The public
# API has no such members; what the SageMaker Pipelines service does with them is not documented.
_MEMBERS_OF_SDK = {("CreateJob", "VpcConfig"), ("CreateJob", "CustomerDetails")}
_MOST_VALUES_SHOWN = 8
_MLFLOW = "MlflowConfig"


def request_findings(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield what AWS would refuse of each step's requests.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    parameters = {entry.name: Unknown(f"<Parameters.{entry.name}>") for entry in pipeline.parameters}
    whatever_is_given, by_default = PlaceholderScope(pipeline, parameters), PlaceholderScope(pipeline, {})
    for plan in pipeline.plans:
        if not CATALOG[plan.step.type].calls:
            continue
        found = _findings(plan.step, pipeline, whatever_is_given)
        yield from found
        if any(reference.namespace is Namespace.PARAMETER for _, reference in plan.step.references):
            known = {finding.path for finding in found}
            for finding in _findings(plan.step, pipeline, by_default):
                if finding.path not in known:
                    message = f"with the defaults of the parameters: {finding.message}"
                    yield DefinitionWarning(finding.path, message, finding.hint)


def _findings(step: Step, pipeline: Pipeline, scope: PlaceholderScope) -> list[Finding]:
    planned = planned_calls(step, pipeline, scope)
    found = [_refusal(step, misfit) for misfit in planned.misfits]
    refused = {finding.path for finding in found}
    for call in planned.calls:
        found += (finding for finding in _doubtful_texts(step, call) if finding.path not in refused)
    # A flag that is not known yet is taken for its default, which need not be what it will be.
    if planned.end and not any(isinstance(evaluate(step.members.get(name), scope), Unknown) for name in FLAGS):
        found.append(DefinitionError(step.path, f"the step would fail before its work starts: {planned.end}"))
    return found


def _refusal(step: Step, found: CallMisfit) -> Finding:
    misfit = found.misfit
    path = _path(step, found.operation, misfit.place)
    if misfit.fault != UNKNOWN_MEMBER:
        kind = DefinitionWarning if has_placeholder(misfit.value) else DefinitionError
        return kind(path, f"{found.operation}: {misfit.fault}", misfit.hint)
    message = f"{found.operation} has no such member (botocore {botocore_version()})"
    if (found.operation, misfit.place) in _MEMBERS_OF_SDK:
        message = f"version 3 of the SDK writes it, but {message}: the step fails before its job is created"
        return DefinitionWarning(path, message, "remove it, if the job may run without it")
    return DefinitionError(path, message, misfit.hint)


def _path(step: Step, operation: str, place: str) -> str:
    """Return the JSON path in the definition of a place in a request."""
    if place.startswith(_MLFLOW) and _MLFLOW not in step.arguments:
        return place  # of the whole pipeline
    kind = CATALOG[step.type].kind_of(step.arguments)
    places = _PLACES.get(operation) or ({"": "Arguments"} if kind and operation == kind.create else {})
    for beginning, origin in places.items():
        rest = place.removeprefix(beginning)
        if place.startswith(beginning):
            return f"{step.path}.{origin}{'.' if rest and rest[0] not in '.[' else ''}{rest}"
    return f"{step.path}.Arguments" if step.arguments else step.path


# -- texts -------------------------------------------------------------------------------------------------------------


def _doubtful_texts(step: Step, call: AwsCall) -> Iterator[Finding]:
    shape = input_shape(call.service, call.operation)
    for place, text, text_shape in texts(call.request, shape) if shape is not None else ():
        # A builder may have made a text around a placeholder, which is no `Unknown` any more.
        if "<" not in text and not isinstance(text, Unknown) and not has_placeholder(text):
            for rule in _TEXT_RULES:
                yield from rule(text, text_shape, _path(step, call.operation, place))


def _unknown_value(text: str, shape: Shape, path: str) -> Iterator[Finding]:
    """Warn about a value that the model does not list: it is misspelt, or newer than the installed botocore."""
    values = shape.enum
    if values and text not in values:
        some = f" ({list_names(values)})" if len(values) <= _MOST_VALUES_SHOWN else ""
        message = f"{text!r} is none of the {len(values)} values that botocore {botocore_version()} knows{some}"
        yield DefinitionWarning(path, message, did_you_mean(text, values))


def _other_form(text: str, shape: Shape, path: str) -> Iterator[Finding]:
    """Warn about a text that does not have the form that the model demands."""
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern and shape.name not in _IMAGE_SHAPES else None
    if compiled is not None and not compiled.fullmatch(text):
        yield DefinitionWarning(path, f"{_short(text)} does not have the form that the API demands: {pattern}")


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return a pattern of the model, ``None`` if it uses what only Java knows, such as Unicode categories."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


_IMAGE_SHAPES = frozenset({"AlgorithmImage", "ContainerImage", "ImageUri"})
_IMAGE_FORM = "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG"


def _no_image(text: str, shape: Shape, path: str) -> Iterator[Finding]:
    """Tell of a text that cannot name an image, and of an image that is in no registry."""
    if shape.name not in _IMAGE_SHAPES:
        return
    if not is_image(text):
        yield DefinitionError(path, f"{_short(text)} is not a container image", f"write {_IMAGE_FORM}")
    elif not names_registry(text):
        message = f"the image {_short(text)} is in no registry; SageMaker takes images from Amazon ECR"
        yield DefinitionWarning(path, message, f"write {_IMAGE_FORM}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:97]}...")


_TEXT_RULES: tuple[Callable[[str, Shape, str], Iterator[Finding]], ...] = (_unknown_value, _other_form, _no_image)
