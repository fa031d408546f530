"""Rehearses definitions: a whole run through Airflow in seconds, without their code, their data and AWS.

For users' own tests::

    from airflow_sm_pipelines import rehearse


    def test_the_pipeline_runs() -> None:
        report = rehearse("pipelines/abalone.json")
        assert report.succeeded, str(report)
"""

from __future__ import annotations

import json
import os
import warnings as python_warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.errors import RehearsalError
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.preview.untried import untried_report
from airflow_sm_pipelines.rehearsal.checks import needs_of_checks
from airflow_sm_pipelines.rehearsal.chosen_values import ChosenValues, GivenByUser, Values, choose
from airflow_sm_pipelines.rehearsal.isolation import aws_settings_hidden
from airflow_sm_pipelines.rehearsal.later_runs import EndedLaterRun
from airflow_sm_pipelines.rehearsal.outcomes import chosen_outcomes, violations_without_effect
from airflow_sm_pipelines.rehearsal.run import (
    RehearsalAirflow,
    RehearsalResult,
    RehearsalScenario,
    dag_id_of,
    run_scenario,
)
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE
from airflow_sm_pipelines.rehearsal.step_states import state_with_role, step_state
from airflow_sm_pipelines.rehearsal.untried import untried_steps
from airflow_sm_pipelines.semantics.given_options import RunOptionError
from airflow_sm_pipelines.semantics.run_options import LATEST_RUN, NO_RUN, SOURCE_RUN
from airflow_sm_pipelines.semantics.selection import StepRole
from airflow_sm_pipelines.semantics.selection import select as select_steps

if TYPE_CHECKING:
    from airflow_sm_pipelines.rehearsal.report import LaterRun, RehearsalReport, RehearsedStep

Source: TypeAlias = "str | os.PathLike[str] | JsonObject"

_NAME_WITHOUT_FILE = "pipeline"


def rehearse(
    source: Source,
    *,
    parameters: Mapping[str, object] | None = None,
    outcomes: Mapping[str, str] | None = None,
    values: Values | None = None,
    runs: int = 1,
    select: Sequence[str] = (),
    source_run: str = LATEST_RUN,
) -> RehearsalReport:
    """Rehearse a definition on an Airflow and a local AWS of its own; needs the ``[local]`` extra.

    Starting Airflow takes most of the time: use `Rehearsals` for more than one definition.

    Args:
        source: A path, relative to the working directory; or JSON text; or the same as a dict.
        parameters: Values of pipeline parameters. The others have their default, else a placeholder.
        outcomes: Step -> how its jobs end: ``completed`` (the default), ``stopped``, ``failed:REASON`` or, of a check,
            ``violation``.
        values: ``STEP.PROPERTYFILE.PATH`` -> the value that the definition reads there, and
            ``STEP.OutputParameters.NAME`` -> an output of a Lambda or Callback step. The others get values with which
            the conditions avoid Fail steps, if there are such values.
        runs: How often to run it, one after the other: the later runs show which results they reuse (`CacheConfig`).
        select: The only steps to execute; what they wait for is reused from a run of all steps, which goes before.
            Empty for all steps.
        source_run: ``latest``, or ``none`` to select steps without such a run.

    Raises:
        InvalidDefinitionError: The definition breaks rules of the language; the group holds every error.
        ValueError: A parameter, a step or a value does not exist, or cannot have the given value or outcome; or the
            steps cannot be selected.
        RehearsalError: The rehearsal could not be carried out.
        OSError: The file cannot be read.
    """
    with Rehearsals() as rehearsals:
        return rehearsals.rehearse(
            source,
            parameters=parameters,
            outcomes=outcomes,
            values=values,
            runs=runs,
            select=select,
            source_run=source_run,
        )


class Rehearsals:
    """Rehearsals that share one Airflow, a context manager.

    Airflow is started for the first rehearsal, in a process and a folder of its own::

        with Rehearsals() as rehearsals:
            reports = [rehearsals.rehearse(file) for file in Path("pipelines").glob("*.json")]
    """

    def __init__(self) -> None:
        self._running = ExitStack()
        self._airflow: RehearsalAirflow | None = None

    def __enter__(self) -> Rehearsals:
        self._airflow = self._running.enter_context(RehearsalAirflow())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._airflow = None
        self._running.__exit__(kind, error, trace)

    def rehearse(
        self,
        source: Source,
        *,
        parameters: Mapping[str, object] | None = None,
        outcomes: Mapping[str, str] | None = None,
        values: Values | None = None,
        runs: int = 1,
        select: Sequence[str] = (),
        source_run: str = LATEST_RUN,
    ) -> RehearsalReport:
        """Rehearse a definition; arguments and errors are those of the function `rehearse`."""
        pipeline = load_pipeline(source)
        prepared = prepare(
            pipeline,
            self._file_of(source),
            parameters=parameters,
            outcomes=outcomes,
            values=values,
            runs=runs,
            select=select,
            source_run=source_run,
        )
        return report_of(prepared, self.run(prepared.scenario))

    def run(self, scenario: RehearsalScenario) -> RehearsalResult:
        """Run a scenario.

        Raises:
            RehearsalError: The rehearsal could not be carried out.
        """
        airflow = self._started()
        try:
            with aws_settings_hidden(), python_warnings.catch_warnings():
                python_warnings.simplefilter("ignore")  # moto's, which are not about the definition
                return run_scenario(scenario, airflow)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("airflow_sm_pipelines"):
                raise
            message = f"{error.name} is not installed: pip install 'airflow-sm-pipelines[local]'"
            raise RehearsalError(message) from error
        except LocalAwsError as error:
            raise RehearsalError(str(error)) from error

    def _file_of(self, source: Source) -> Path:
        """Return the file of a definition; one that came from none is written into the folder of the Airflow."""
        is_text = isinstance(source, str) and source.lstrip(" \t\r\n\ufeff").startswith("{")
        if not is_text and not isinstance(source, dict):
            return Path(source)
        document = json.loads(source.lstrip("\ufeff")) if isinstance(source, str) else source
        file = self._started().home / f"{_NAME_WITHOUT_FILE}.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        return file

    def _started(self) -> RehearsalAirflow:
        if self._airflow is None:
            raise RuntimeError("Rehearsals is a context manager: use it in a `with` statement")
        return self._airflow


@dataclass(frozen=True, slots=True)
class PreparedRehearsal:
    """A scenario with what its report says beside its result.

    Attributes:
        pipeline: The definition.
        scenario: What is run.
        given: What the user has chosen.
        chosen: All values.
        notes: What the rehearsal cannot show, and which values it changed.
    """

    pipeline: Pipeline
    scenario: RehearsalScenario
    given: GivenByUser
    chosen: ChosenValues
    notes: Sequence[str]


def prepare(
    pipeline: Pipeline,
    file: Path,
    *,
    parameters: Mapping[str, object] | None = None,
    outcomes: Mapping[str, str] | None = None,
    values: Values | None = None,
    runs: int = 1,
    select: Sequence[str] = (),
    source_run: str = LATEST_RUN,
) -> PreparedRehearsal:
    """Return the rehearsal of a definition.

    Args:
        pipeline: The definition.
        file: Its path.
        parameters: Values of parameters, as for `rehearse`.
        outcomes: Outcomes of steps, likewise.
        values: Values that the definition reads, likewise.
        runs: How often to run it.
        select: The steps to execute, likewise.
        source_run: Where the others come from, likewise.

    Raises:
        ValueError: ``runs`` is not at least 1.
        ParameterValueError: A parameter does not exist, or cannot have the value.
        OutcomeError: A step does not exist or cannot have the outcome, or there is no such outcome.
        ChosenValueError: The definition does not read the value.
        SelectionError: The steps cannot be selected.
        RunOptionError: A rehearsal has no such source run.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, not {runs}")
    if source_run not in (LATEST_RUN, NO_RUN):
        raise RunOptionError(SOURCE_RUN, f"of a rehearsal is {LATEST_RUN} or {NO_RUN}, not {source_run!r}")
    if select:
        select_steps(pipeline.plans, select, has_source=source_run != NO_RUN)
    given = GivenByUser.of(dag_id_of(file), parameters, values)
    chosen = choose(pipeline, given)
    checks, remarks = needs_of_checks(pipeline, chosen.parameters)
    ends = chosen_outcomes(pipeline, outcomes or {})
    scenario = RehearsalScenario(file, chosen.parameters, chosen.files, ends, checks, runs, tuple(select), source_run)
    return PreparedRehearsal(pipeline, scenario, given, chosen, [*chosen.notes, *remarks, *_selection_note(scenario)])


def _selection_note(scenario: RehearsalScenario) -> list[str]:
    if not scenario.select:
        return []
    before = "" if scenario.source_run == NO_RUN else ", after a run of all steps, from which it reuses the others"
    return [f"this run executes only {', '.join(scenario.select)}{before}"]


def report_of(prepared: PreparedRehearsal, result: RehearsalResult) -> RehearsalReport:
    """Return the report of a rehearsal that has ended."""
    from airflow_sm_pipelines.rehearsal import report

    scenario = prepared.scenario
    roles = _roles(prepared)
    steps = [_step_report(step, result, roles.get(step.name)) for step in prepared.pipeline.steps]
    states = {step.name: step.state for step in steps}
    # What is not selected needs other options of the run, not other values.
    untried = [] if scenario.select else untried_steps(prepared.pipeline, states, prepared.given, prepared.chosen)
    return report.RehearsalReport(
        file=prepared.pipeline.source,
        state=_state_of(result.state, *(run.state for run in result.later)),
        note=NOTE,
        parameters=dict(scenario.parameters),
        placeholders=list(prepared.chosen.placeholders),
        values=[
            report.RehearsedValue(name=format_path(path, file.names[0]), value=value)
            for file in scenario.files
            for path, value in file.values.items()
        ],
        steps=steps,
        untried=untried_report(untried),
        notes=[*prepared.notes, *violations_without_effect(scenario.outcomes, states, result.objects)],
        warnings=[
            report.Refusal(step=one.step or None, operation=one.operation, message=one.reason)
            for one in result.refusals
        ],
        **({"later_runs": [_later_run(prepared.pipeline, run, roles) for run in result.later]} if result.later else {}),
    )


def _state_of(*runs: str) -> Literal["succeeded", "failed"]:
    return "succeeded" if all(state == "success" for state in runs) else "failed"


def _later_run(pipeline: Pipeline, run: EndedLaterRun, roles: Mapping[str, StepRole]) -> LaterRun:
    from airflow_sm_pipelines.rehearsal.report import LaterRun, LaterStep, StepReuse

    def reuse_of(step: Step) -> StepReuse | None:
        found = run.reuse_of(step)
        if found is None:
            return None
        return StepReuse(
            hits=len(found.hits),
            misses=len(found.misses),
            runs=list(found.sources),
            because=list(found.reasons),
            in_words=found.in_words(),
        )

    steps = [
        LaterStep(
            name=step.name,
            type=step.type,
            state=state_with_role(ended.state, roles.get(step.name)),
            reason=ended.reason,
            cache=reuse_of(step),
        )
        for step in pipeline.steps
        for ended in [run.state_of(step)]
    ]
    return LaterRun(number=run.number, state=_state_of(run.state), steps=steps)


def _roles(prepared: PreparedRehearsal) -> dict[str, StepRole]:
    """Return the role of each step in a run that executes only some; empty if it executes all."""
    pipeline, scenario = prepared.pipeline, prepared.scenario
    if not scenario.select:
        return {}
    selection = select_steps(pipeline.plans, scenario.select, has_source=scenario.source_run != NO_RUN)
    return {step.name: selection.role(step.name) for step in pipeline.steps}


def _step_report(step: Step, result: RehearsalResult, role: StepRole | None) -> RehearsedStep:
    from airflow_sm_pipelines.rehearsal.report import RehearsedIteration, RehearsedStep

    ended = step_state(step, result.tasks, result.reasons)
    iterations = [RehearsedIteration(state=one.state, reason=one.reason) for one in ended.iterations]
    return RehearsedStep(
        name=step.name,
        type=step.type,
        state=state_with_role(ended.state, role),
        reason=ended.reason,
        synthetic=list(result.objects.get(step.name, ())),
        **({"iterations": iterations} if iterations else {}),
    )
