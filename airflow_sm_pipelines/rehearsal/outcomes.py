"""How the jobs of a step end in a rehearsal, as the user chooses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airflow_sm_pipelines.aws.check_types import VIOLATIONS_FILE
from airflow_sm_pipelines.aws.kinds import MODEL_PACKAGE
from airflow_sm_pipelines.catalog import CATALOG, AnsweredBy, StepTypeRow
from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome

OUTCOME_FORMS = "completed, stopped, failed:REASON or, of a check, violation"
"""How outcomes are written."""

_EITHER = frozenset({"completed", "failed"})
_ALL = _EITHER | {"stopped", "violation"}


def _outcomes_of(row: StepTypeRow) -> frozenset[str]:
    """Return the outcomes that can be chosen for steps of a type; none for a type that runs no job."""
    if row.answered_by in (AnsweredBy.FUNCTION, AnsweredBy.PEOPLE):
        return _EITHER
    if row.kind is None or not row.kind.status_member or row.kind is MODEL_PACKAGE:
        return frozenset()  # nothing is created, or it is complete at once
    # No operation stops a deployment.
    stopped = {"stopped"} if row.kind.stop else set()
    return _EITHER | stopped | ({"violation"} if row.finds_violations else set())


OUTCOMES: Mapping[str, frozenset[str]] = {
    step_type: outcomes for step_type, row in CATALOG.items() if (outcomes := _outcomes_of(row))
}
"""Step type -> the outcomes that can be chosen for it; other types have none."""


class OutcomeError(SageMakerPipelinesError, ValueError):
    """An outcome was chosen for a step that cannot have it, or in an unknown form."""


def chosen_outcomes(pipeline: Pipeline, chosen: Mapping[str, str]) -> dict[str, Outcome]:
    """Return the outcome of each step that the user has chosen one for.

    Args:
        pipeline: The definition.
        chosen: Step -> ``completed``, ``stopped``, ``failed:REASON`` or ``violation``.

    Raises:
        OutcomeError: The step does not exist or cannot have the outcome, or there is no such outcome.
    """
    types = {step.name: step.type for step in pipeline.steps}
    outcomes = {}
    for name, text in chosen.items():
        if name not in types:
            hint = did_you_mean(name, types) or f"it has {list_names(types)}"
            raise OutcomeError(f"the definition has no step {name!r} ({hint})")
        _check(name, types[name], text)
        outcome, _, reason = text.partition(":")
        outcomes[name] = Outcome(
            failure_reason=reason or None, stopped=outcome == "stopped", violation=outcome == "violation"
        )
    return outcomes


def violations_without_effect(
    outcomes: Mapping[str, Outcome], states: Mapping[str, str], objects: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield a note for each violation that was chosen for a check which then had nothing to compare with.

    Args:
        outcomes: Step -> what was chosen.
        states: Step -> how it ended.
        objects: Step -> S3 URIs of the objects that its jobs have written.
    """
    for name, outcome in outcomes.items():
        has_report = any(uri.endswith(f"/{VIOLATIONS_FILE}") for uri in objects.get(name, ()))
        if outcome.violation and states.get(name) == "succeeded" and not has_report:
            yield f"{name}: the outcome violation has no effect, since its SkipCheck is true: its job compares nothing"


def _check(name: str, step_type: str, text: str) -> None:
    step = f"step {name} is of type {step_type}"
    allowed = OUTCOMES.get(step_type)
    if allowed is None:
        raise OutcomeError(f"{step}, which runs no job; outcomes are for {list_names(OUTCOMES)}")
    outcome, colon, reason = text.partition(":")
    if outcome not in _ALL or bool(colon) is not (outcome == "failed") or bool(colon) is not bool(reason):
        raise OutcomeError(f"expected STEP= and {OUTCOME_FORMS}, found {f'{name}={text}'!r}")
    if outcome not in allowed:
        raise OutcomeError(f"{step}, which {_REFUSALS[outcome]}")


_REFUSALS = {"violation": "finds no violations", "stopped": "cannot be stopped"}
