"""A CreateHyperParameterTuningJob request: what it asks for, and what the service refuses of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.services.sagemaker.containers.training import is_built_in, metric_definitions
from airflow_sm_pipelines.local.services.sagemaker.tuning.ranges import SearchSpace, range_problems, read_space

MINIMIZE = "Minimize"
GRID = "Grid"
_DEFAULT_TRIALS = 10
"""Trials of a tuning job that leaves their number to AWS (Autotune): only a stand-in comes so far."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The objective metric of a tuning job.

    Attributes:
        kind: ``Minimize`` or ``Maximize``.
        metric: Name of the metric.
    """

    kind: str
    metric: str

    def is_better(self, value: float, than: float) -> bool:
        """Tell whether one value of the metric is better than another."""
        return value < than if self.kind == MINIMIZE else value > than

    def is_reached(self, value: float, target: float) -> bool:
        """Tell whether a value of the metric is as good as a target."""
        return value == target or self.is_better(value, target)


@dataclass(frozen=True, slots=True)
class TrialDefinition:
    """One ``TrainingJobDefinition``: an algorithm and what is tried of it.

    Attributes:
        name: Its ``DefinitionName``; empty for the only one without a name.
        objective: What its trials are measured by.
        space: What its trials differ in.
        members: The definition itself.
    """

    name: str
    objective: Objective
    space: SearchSpace
    members: Document


@dataclass(frozen=True, slots=True)
class Tuning:
    """A tuning job as its request describes it.

    Attributes:
        strategy: ``Bayesian``, ``Random``, ``Hyperband`` or ``Grid``.
        definitions: Its algorithms.
        most_trials: How many trials at most.
        most_parallel: How many of them at once.
        max_seconds: When it ends at the latest; ``None`` for no limit.
        target: The value of the objective that is good enough; ``None`` for none.
        most_without_progress: After how many trials that are no better it ends; ``None`` for never.
        seed: Of its random numbers; ``None`` for a new one each time.
        parents: Names of the tuning jobs that it starts from.
        shares_results: Whether trials of the parents count when the best of all is named.
    """

    strategy: str
    definitions: tuple[TrialDefinition, ...]
    most_trials: int
    most_parallel: int
    max_seconds: float | None
    target: float | None
    most_without_progress: int | None
    seed: int | None
    parents: tuple[str, ...]
    shares_results: bool


def read_tuning(request: Document) -> Tuning:
    """Read a request without `tuning_problems`."""
    config = request["HyperParameterTuningJobConfig"]
    limits, criteria = config["ResourceLimits"], config.get("TuningJobCompletionCriteria", {})
    definitions = tuple(_definition(config, members) for members in _definitions(request))
    warm = request.get("WarmStartConfig", {})
    return Tuning(
        strategy=config["Strategy"],
        definitions=definitions,
        most_trials=limits.get("MaxNumberOfTrainingJobs") or _natural_number(config, definitions),
        most_parallel=limits["MaxParallelTrainingJobs"],
        max_seconds=limits.get("MaxRuntimeInSeconds"),
        target=criteria.get("TargetObjectiveMetricValue"),
        most_without_progress=criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving"),
        seed=config.get("RandomSeed"),
        parents=tuple(parent["HyperParameterTuningJobName"] for parent in _parents(request)),
        shares_results=warm.get("WarmStartType") == "IdenticalDataAndAlgorithm",
    )


def _definition(config: Document, members: Document) -> TrialDefinition:
    objective, ranges = _objective(config, members) or {}, _ranges(config, members)
    return TrialDefinition(
        name=members.get("DefinitionName", ""),
        objective=Objective(objective["Type"], objective["MetricName"]),
        space=read_space(ranges),
        members=members,
    )


def _definitions(request: Document) -> list[Document]:
    if "TrainingJobDefinition" in request:
        return [request["TrainingJobDefinition"]]
    return list(request.get("TrainingJobDefinitions", ()))


def _objective(config: Document, members: Document) -> Mapping[str, str] | None:
    found: Mapping[str, str] | None = members.get("TuningObjective", config.get("HyperParameterTuningJobObjective"))
    return found


def _ranges(config: Document, members: Document) -> Document:
    found: Document = members.get("HyperParameterRanges", config.get("ParameterRanges", {}))
    return found


def _parents(request: Document) -> list[Mapping[str, str]]:
    found: list[Mapping[str, str]] = request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return found


def _natural_number(config: Document, definitions: tuple[TrialDefinition, ...]) -> int:
    if config["Strategy"] == GRID:
        return sum(definition.space.size for definition in definitions)
    return _DEFAULT_TRIALS


def tuning_problems(request: Document) -> Iterator[str]:
    """Yield violations of rules that API reference and developer guide state (the texts are assumed)."""
    config = request["HyperParameterTuningJobConfig"]
    if ("TrainingJobDefinition" in request) == ("TrainingJobDefinitions" in request):
        yield "exactly one of TrainingJobDefinition and TrainingJobDefinitions is required"
    for number, members in enumerate(_definitions(request)):
        is_only = "TrainingJobDefinition" in request
        place = "TrainingJobDefinition" if is_only else f"TrainingJobDefinitions[{number}]"
        if not is_only and "DefinitionName" not in members:
            yield f"{place}: DefinitionName is required beside other definitions"
        yield from (f"{place}: {problem}" for problem in _definition_problems(config, members))
    names = [members.get("DefinitionName", "") for members in _definitions(request)]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield f"DefinitionName must be unique, but {name} occurs {names.count(name)} times"
    is_counted = config["Strategy"] == GRID or "Autotune" in request
    if not is_counted and "MaxNumberOfTrainingJobs" not in config["ResourceLimits"]:
        yield f"ResourceLimits.MaxNumberOfTrainingJobs is required for the strategy {config['Strategy']}"


def _definition_problems(config: Document, members: Document) -> Iterator[str]:
    objective, ranges = _objective(config, members), _ranges(config, members)
    if objective is None:
        yield "an objective is required: HyperParameterTuningJobObjective, or TuningObjective of the definition"
    elif not _is_emitted(objective["MetricName"], members):
        yield (
            f"The objective metric for the hyperparameter tuning job, [{objective['MetricName']}], isn't valid: it is "
            "not among the metrics of the algorithm"
        )
    if "ResourceConfig" not in members and "HyperParameterTuningResourceConfig" not in members:
        yield "one of ResourceConfig and HyperParameterTuningResourceConfig is required"
    problems = list(range_problems(ranges))
    yield from problems
    both = {entry["Name"] for entries in ranges.values() for entry in entries} & set(
        members.get("StaticHyperParameters", {})
    )
    for name in sorted(both):
        yield f"hyperparameter {name} is both static and tuned"
    if config["Strategy"] == GRID and not problems:
        yield from _grid_problems(config, ranges)


def _is_emitted(metric: str, members: Document) -> bool:
    """Tell whether an algorithm declares the metric, or declares none, so that only AWS knows."""
    algorithm = members["AlgorithmSpecification"]
    own = {definition["Name"] for definition in algorithm.get("MetricDefinitions", ())}
    image = {"AlgorithmSpecification": {"TrainingImage": algorithm.get("TrainingImage", "")}}
    script = {
        "HyperParameters": members.get("StaticHyperParameters", {}),
        "Environment": members.get("Environment", {}),
    }
    seen = {**image, **script}
    if is_built_in(seen):
        return metric in {definition.name for definition in metric_definitions(seen)}
    return not own or metric in own


def _grid_problems(config: Document, ranges: Document) -> Iterator[str]:
    """Yield problems of a grid search: categorical ranges only, one trial per combination ("Grid search")."""
    for member in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        if ranges.get(member):
            yield f"{member}: only categorical parameters are supported when using the Grid strategy"
            return
    asked = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    number = read_space(ranges).size
    if asked is not None and "ParameterRanges" in config and asked != number:
        yield f"ResourceLimits.MaxNumberOfTrainingJobs is {asked}, but the grid has {number} combinations"
