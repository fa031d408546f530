"""References: the text of a ``Get``, and what it names.

======================================================  ======================================================
``Parameters.<name>``                                   a pipeline parameter, with its type
``Execution.<variable>``                                one of `EXECUTION_VARIABLES`
``PipelineExperimentConfig.<member>``                   the resolved ExperimentName or TrialName
``Steps.<step>.<path>``                                 a property of a step's result
``Steps.<step>.PropertyFiles.<name>``                   only as PropertyFile of a ``Std:JsonGet``
``ForEach.CurrentItem<path>``                           the current item; only in the body of a ForEach
``IterationOutput.<body step>.<path>``                  only as ``Selector.Field`` of a ForEach
======================================================  ======================================================

Source: `sagemaker.workflow` (``properties``, ``execution_variables``, ``parameters``, ``functions``) and, for the
last two, `sagemaker.mlops.workflow.for_each_step`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.paths import Path, parse_path
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import ExpressionSyntaxError, PathSyntaxError

EXECUTION_VARIABLES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
    "CurrentDateTime",
    "TrainingJobName",
    "ProcessingJobName",
)
EXPERIMENT_DEFAULTS = {"ExperimentName": "PipelineName", "TrialName": "PipelineExecutionId"}
"""The execution variable that gives a member of ``PipelineExperimentConfig`` that the definition leaves out."""
EXPERIMENT_MEMBERS = tuple(EXPERIMENT_DEFAULTS)


class Namespace(Enum):
    """The kind of thing that a ``Get`` names, by its first part."""

    PARAMETER = "Parameters"
    EXECUTION = "Execution"
    EXPERIMENT = "PipelineExperimentConfig"
    STEP = "Steps"
    PROPERTY_FILE = "PropertyFiles"
    CURRENT_ITEM = "ForEach"
    ITERATION_OUTPUT = "IterationOutput"


class Reference(NamedTuple):
    """One parsed ``Get``.

    Attributes:
        namespace: What kind of thing is named.
        name: The parameter, the variable, the member of PipelineExperimentConfig, or the step.
        path: The path into the step's properties or the current item; of a property file, its name alone.
        text: The text of the ``Get``.
    """

    namespace: Namespace
    name: str
    path: Path
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def is_outcome(self) -> bool:
        """Tell whether this is the outcome of a Condition step, ``Steps.<Condition>.Outcome``."""
        return self.namespace is Namespace.STEP and self.path == ("Outcome",)


@lru_cache(maxsize=4096)
def parse_reference(text: str) -> Reference:
    """Parse the text of a ``Get``.

    Raises:
        ExpressionSyntaxError: The text is not a reference of the language.
    """
    head, _, rest = text.partition(".")
    form = _FORMS.get(head)
    if form is None:
        hint = did_you_mean(head, _FORMS) or f"a reference starts with one of {list_names(_FORMS)}"
        raise ExpressionSyntaxError(f"`{text}` is not a known reference", hint, ("Get",))
    try:
        return form(text, rest)
    except PathSyntaxError as error:
        raise ExpressionSyntaxError(f"`{text}`: {error}", member=("Get",)) from error


def _parameter(text: str, rest: str) -> Reference:
    if not rest:
        raise PathSyntaxError("the name of a parameter is missing")
    return Reference(Namespace.PARAMETER, rest, (), text)


def _one_of(namespace: Namespace, names: tuple[str, ...]) -> Callable[[str, str], Reference]:
    def parse(text: str, rest: str) -> Reference:
        if rest not in names:
            hint = did_you_mean(rest, names) or f"it has {list_names(names)}"
            raise ExpressionSyntaxError(f"`{text}`: {namespace.value} has no {rest!r}", hint, ("Get",))
        return Reference(namespace, rest, (), text)

    return parse


def _step_output(text: str, rest: str) -> Reference:
    name, path = _split_step(rest)
    if path[:1] != ("PropertyFiles",):
        return Reference(Namespace.STEP, name, path, text)
    # The SDK writes the name as it is, dots and all.
    dotted = rest[len(name) :].removeprefix(".PropertyFiles.")
    names = path[1:] if len(path) == 1 or text.endswith("]") else (dotted,)
    if len(names) != 1 or not isinstance(names[0], str):
        raise PathSyntaxError("a property file is written Steps.<step>.PropertyFiles.<name>")
    return Reference(Namespace.PROPERTY_FILE, name, names, text)


def _current_item(text: str, rest: str) -> Reference:
    path = parse_path(rest)
    if path[:1] != ("CurrentItem",):
        raise PathSyntaxError("only ForEach.CurrentItem is supported")
    return Reference(Namespace.CURRENT_ITEM, "CurrentItem", path[1:], text)


def _iteration_output(text: str, rest: str) -> Reference:
    name, path = _split_step(rest)
    return Reference(Namespace.ITERATION_OUTPUT, name, path, text)


def _split_step(rest: str) -> tuple[str, Path]:
    # A name has neither dots nor brackets, but hyphens: Steps.Abalone-CreateModel.ModelName.
    name = rest.partition(".")[0].partition("[")[0]
    if not name:
        raise PathSyntaxError("the name of a step is missing")
    return name, parse_path(rest[len(name) :])


_FORMS: dict[str, Callable[[str, str], Reference]] = {
    "Parameters": _parameter,
    "Execution": _one_of(Namespace.EXECUTION, EXECUTION_VARIABLES),
    "PipelineExperimentConfig": _one_of(Namespace.EXPERIMENT, EXPERIMENT_MEMBERS),
    "Steps": _step_output,
    "ForEach": _current_item,
    "IterationOutput": _iteration_output,
}
