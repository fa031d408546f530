"""What can be told of cached steps before a run: what is compared, and which of them never reuse a result.

The key attributes are in no other tool to be seen, and a value that is new in each run makes a cached step run each
time: both are what users of the service ask about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Namespace, Reference, references
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path, look_up
from airflow_sm_pipelines.definition.references import EXPERIMENT_DEFAULTS
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.errors import MissingMemberError
from airflow_sm_pipelines.semantics.cache_keys import MODEL_NAME, CacheKey, cache_key_of

_NEW_IN_EACH_RUN = frozenset(
    {
        "PipelineExecutionId",
        "PipelineExecutionArn",
        "StartDateTime",
        "CurrentDateTime",
        "TrainingJobName",
        "ProcessingJobName",
    }
)
# Properties whose value contains the name of the job, which is new in each run.
_NAMED_AFTER_THE_JOB = frozenset(
    {"ModelArtifacts", "OutputDataConfig", "BestTrainingJob", "TrainingJobSummaries", "BestCandidate"}
)
_IDS = frozenset({"Id", "jobRunId"})
# Property of a type -> the part of its Arguments that it repeats under another name.
_REPEATED: Mapping[tuple[str, str], Path] = {("EMR", "Config"): ("StepConfig", "HadoopJarStep")}


@dataclass(frozen=True, slots=True)
class NeverReused:
    """A cached step that computes its result in each run.

    Attributes:
        path: JSON path of what is new in each run.
        message: What it is.
        hint: What to do about it.
    """

    path: str
    message: str
    hint: str


def compared_attributes(step: Step) -> str:
    """Return what decides whether a cached step reuses a result, in words; empty for a step that is not cached."""
    key = cache_key_of(step)
    if key is None or step.cache_config is None:
        return ""
    age = step.cache_config.expire_after
    names = ", ".join(f"{name} (by its containers)" if name == MODEL_NAME else name for name in key.attributes)
    oldest = f"a result up to {age} old" if age else "a result of any age"
    return f"{oldest} is reused unless one of these has changed: {names}"


def never_reused_results(pipeline: Pipeline) -> Iterator[NeverReused]:
    """Yield the cached steps that never find a result, since a key attribute is new in each run: each once.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    novelty = _Novelty(pipeline)
    for step in pipeline.steps:
        key = cache_key_of(step)
        found = None if key is None else novelty.of_key(step, key)
        if found is not None:
            place, why = found
            message = f"{step.name} is cached but never reuses a result: {place} {why}"
            hint = "take it out of that attribute, cache the step that it comes from, too, or set Enabled to false"
            yield NeverReused(f"{step.path}.CacheConfig", message, hint)


def is_new_when_it_runs(pipeline: Pipeline, step: Step, path: Path) -> bool:
    """Tell whether a property of a step has another value whenever the step runs, as far as the definition shows it.

    Args:
        pipeline: The pipeline.
        step: The step.
        path: Path into its properties.
    """
    return _Novelty(pipeline).is_new(step, path)


def repeated_argument(step: Step, path: Path) -> Json:
    """Return what the step's Arguments have in the place that a property repeats.

    Args:
        step: The step.
        path: Path into its properties.

    Raises:
        MissingMemberError: The property repeats no argument.
    """
    first = str(path[0])
    return look_up(own_arguments(step), (*_REPEATED.get((step.type, first), path[:1]), *path[1:]))


class _Novelty:
    """Tells which values of a pipeline are new in each run, as far as the definition shows it.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._steps = {step.name: step for step in pipeline.steps}
        self._asked: set[tuple[str, str]] = set()

    def of_key(self, step: Step, key: CacheKey) -> tuple[str, str] | None:
        """Return the first key attribute of a step that is new in each run, and why it is."""
        for path, reference in step.references:
            attribute = key.attribute_at(path)
            why = self._why(reference, is_model=attribute == MODEL_NAME) if attribute else ""
            if why:
                return attribute, f"contains {reference}, {why}"
        return None

    def _why(self, reference: Reference, *, is_model: bool = False) -> str:
        """Return why a reference has another value in each run; empty if it may have the same."""
        if reference.namespace is Namespace.EXECUTION:
            return "which is new in each run" if reference.name in _NEW_IN_EACH_RUN else ""
        if reference.namespace is Namespace.EXPERIMENT:
            return self._why_experiment(reference.name)
        if reference.namespace is not Namespace.STEP:
            return ""
        asked = (reference.name, f"{reference.text}{is_model}")
        if asked in self._asked:  # a cycle is an error of its own
            return ""
        self._asked.add(asked)
        try:
            return self._why_property(self._steps[reference.name], reference.path, is_model=is_model)
        finally:
            self._asked.discard(asked)

    def _why_experiment(self, member: str) -> str:
        config = self._pipeline.experiment_config
        if not isinstance(config, dict) or member not in config:
            return "which is new in each run" if EXPERIMENT_DEFAULTS[member] in _NEW_IN_EACH_RUN else ""
        return self._why_value(config[member])

    def _why_value(self, value: Json) -> str:
        return next((why for _, reference in references(value) if (why := self._why(reference))), "")

    def _why_property(self, step: Step, path: Path, *, is_model: bool) -> str:
        key = cache_key_of(step)
        if key is not None and self.of_key(step, key) is None:
            return ""
        if is_model and step.type == "Model":
            why = self._why_value([step.arguments.get("PrimaryContainer"), step.arguments.get("Containers")])
            return f"whose containers are new in each run ({why})" if why else ""
        if not self.is_new(step, path):
            return ""
        since = "is not cached" if key is None else "never reuses a result either"
        return f"which is new in each run, since {step.name} {since}"

    def is_new(self, step: Step, path: Path) -> bool:
        """Tell whether a property of a step is new whenever the step runs."""
        kind = CATALOG[step.type].kind_of(step.arguments)
        if kind is None or not path:
            return False
        named = {kind.arn_member, "" if kind.verbatim_name else kind.name_member}
        first = str(path[0])
        if first in named or first in _NAMED_AFTER_THE_JOB or first.endswith("Time") or path[-1] in _IDS:
            return True
        try:  # Describe repeats the request
            told = repeated_argument(step, path)
        except MissingMemberError:
            return False
        return bool(self._why_value(told))
