"""Random pipelines with branches, triggers, failures and bounds, and what the rules make of their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from hypothesis import strategies as st

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.semantics.fail_step import fail_steps_that_end
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep, unmet_edges

Step = dict[str, Any]

_OUTCOMES = ("completed", "completed", "completed", "failed:no such column", "stopped")
_STATUS = {"completed": StepStatus.SUCCEEDED, "failed": StepStatus.FAILED, "stopped": StepStatus.STOPPED}
_TRIGGERS = ("Completed", "Completed", "Completed", "Failed", "Stopped", "Any")
_CONDITIONS: Mapping[str, Step] = {
    "if": {"Type": "Equals", "LeftValue": 1, "RightValue": 1},
    "else": {"Type": "Equals", "LeftValue": 1, "RightValue": 2},
    "fails": {"Type": "Equals", "LeftValue": 1, "RightValue": "one"},
}


@dataclass
class RandomPipeline:
    """A definition, and how the work of its steps ends if they run.

    Attributes:
        steps: The steps, nested in the branches of Conditions.
        outcomes: Processing step -> how its job ends.
        choices: Condition -> the branch that it chooses, or ``fails``.
        most_at_once: How many steps may be in progress; ``None`` for no bound.
    """

    steps: list[Step] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    most_at_once: int | None = None

    @property
    def definition(self) -> dict[str, Any]:
        definition = {"Version": "2020-12-01", "Steps": self.steps}
        if self.most_at_once is None:
            return definition
        bound = {"MaxParallelExecutionSteps": self.most_at_once}
        return {"PipelineDefinition": definition, "ParallelismConfiguration": bound}


@st.composite
def random_pipelines(draw: st.DrawFn, most_steps: int = 8) -> RandomPipeline:
    """Draw a pipeline: each step waits for some of those before it, and a branch is nested at most twice."""
    made = RandomPipeline(most_at_once=draw(st.sampled_from((None, None, 1, 2))))
    lists: list[tuple[list[Step], int]] = [(made.steps, 0)]
    before: list[str] = []
    for index in range(draw(st.integers(2, most_steps))):
        name = f"S{index}"
        place, depth = draw(st.sampled_from(lists))
        kind = draw(st.sampled_from(("Processing",) * 5 + ("Condition",) * 3 + ("Fail",)))
        step: Step = {"Name": name, "Type": kind, "Arguments": _ARGUMENTS[kind]()}
        waits_for = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
        step["DependsOn"] = [{"Step": one, "Trigger": draw(st.sampled_from(_TRIGGERS))} for one in waits_for]
        if kind == "Condition":
            made.choices[name] = draw(st.sampled_from(("if", "if", "else", "else", "fails")))
            step["Arguments"]["Conditions"] = [_CONDITIONS[made.choices[name]]]
            if depth < 2:
                lists += [(step["Arguments"]["IfSteps"], depth + 1), (step["Arguments"]["ElseSteps"], depth + 1)]
        elif kind == "Processing":
            made.outcomes[name] = draw(st.sampled_from(_OUTCOMES))
        if kind != "Fail":
            before.append(name)
        place.append(step)
    return made


def _processing() -> dict[str, Any]:
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/work:1"},
    }


_ARGUMENTS = {
    "Processing": _processing,
    "Condition": lambda: {"Conditions": [], "IfSteps": [], "ElseSteps": []},
    "Fail": lambda: {"ErrorMessage": "enough"},
}


# -- what the rules say ------------------------------------------------------------------------------------------------


def statuses_by_the_rules(pipeline: Pipeline, made: RandomPipeline) -> dict[str, StepStatus]:
    """Return how each step ends if nothing ends the run early.

    Args:
        pipeline: The loaded definition; each step waits only for steps before it.
        made: How the work of its steps ends.
    """
    return {name: step.status for name, step in ends_by_the_rules(pipeline, made).items()}


def ends_by_the_rules(
    pipeline: Pipeline, made: RandomPipeline, reused: Mapping[str, UpstreamStep] = MappingProxyType({})
) -> dict[str, UpstreamStep]:
    """Return how each step ends if nothing ends the run early, and which branch it chooses.

    Args:
        pipeline: The loaded definition; each step waits only for steps before it.
        made: How the work of its steps ends.
        reused: The steps that are not executed, and how they ended before.
    """
    ended: dict[str, UpstreamStep] = {}
    for plan in sorted(pipeline.plans, key=lambda plan: int(plan.step.name[1:])):
        name = plan.step.name
        runs = name not in reused and not unmet_edges(plan, ended)
        ended[name] = _end(name, made) if runs else reused.get(name, UpstreamStep(StepStatus.NOT_RUN))
    return ended


def _end(name: str, made: RandomPipeline) -> UpstreamStep:
    if name in made.outcomes:
        return UpstreamStep(_STATUS[made.outcomes[name].partition(":")[0]])
    choice = made.choices.get(name, "fails")  # a Fail step does nothing but that
    if choice == "fails":
        return UpstreamStep(StepStatus.FAILED)
    branch: Literal["if", "else"] = "if" if choice == "if" else "else"
    return UpstreamStep(StepStatus.SUCCEEDED, branch)


def may_be_ended_early(pipeline: Pipeline, statuses: Mapping[str, StepStatus]) -> set[str]:
    """Return the steps that a Fail step which is reached keeps from starting, if it is reached before them."""
    reached = {step.name for step in pipeline.steps if step.type == "Fail" and statuses[step.name] is StepStatus.FAILED}
    return {
        plan.step.name for plan in pipeline.plans if reached.intersection(fail_steps_that_end(plan, pipeline.plans))
    }
