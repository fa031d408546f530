"""Selective execution: which steps run, which are reused, which stay out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.graph import Branch, Edge, StepPlan, Trigger
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep, needs_gate, unmet_edges
from airflow_sm_pipelines.semantics.selection import Selection, SelectionError, StepRole, select

SELECTED, REUSED, NOT_SELECTED = StepRole.SELECTED, StepRole.REUSED, StepRole.NOT_SELECTED
SUCCEEDED, FAILED, NOT_RUN = (UpstreamStep(s) for s in (StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.NOT_RUN))
ABALONE = "tests/golden/v2_abalone_full.json"


def plan(name: str, *after: str | Edge, branch: Branch | None = None) -> StepPlan:
    edges = [one if isinstance(one, Edge) else Edge(one, Trigger.COMPLETED, None) for one in after]
    edges += [Edge(branch.condition, Trigger.COMPLETED, branch.side)] if branch else []
    return StepPlan(Step(name, "Processing", {}, branch=branch), tuple(edges))


def on_failure_of(upstream: str) -> Edge:
    return Edge(upstream, Trigger.FAILED, None)


CHAIN = [plan("Process"), plan("Train", "Process"), plan("Eval", "Train"), plan("Cond", "Eval"), plan("Aside")]


def reasons(plans: list[StepPlan], *names: str, has_source: bool = True) -> list[str]:
    with pytest.raises(SelectionError) as error:
        select(plans, names, has_source=has_source)
    return list(error.value.reasons)


@pytest.fixture(scope="module")
def abalone() -> list[StepPlan]:
    return list(load_pipeline(ABALONE).plans)


# -- the document's own example ----------------------------------------------------------------------------------------


def test_the_steps_of_the_guides_example_can_be_selected(abalone: list[StepPlan]) -> None:
    selection = select(abalone, ["AbaloneTrain", "AbaloneEval"], has_source=True)

    assert selection.role("AbaloneTrain") is selection.role("AbaloneEval") is SELECTED
    assert selection.reused == ("AbaloneProcess",)
    assert {name for name, role in selection.roles.items() if role is NOT_SELECTED} == {
        "AbaloneMSECond",
        "AbaloneRegisterModel-RegisterModel",
        "AbaloneCreateModel-CreateModel",
        "AbaloneTransform",
        "AbaloneMSEFail",
    }


def test_the_guides_example_of_unconnected_steps_is_refused(abalone: list[StepPlan]) -> None:
    assert reasons(abalone, "AbaloneTrain", "AbaloneMSECond") == [
        "they are not connected: AbaloneTrain | AbaloneMSECond; select the steps between them as well, or run each "
        "part by itself"
    ]


def test_the_guides_example_without_a_source_needs_none(abalone: list[StepPlan]) -> None:
    selection = select(abalone, ["AbaloneProcess", "AbaloneTrain"], has_source=False)

    assert selection.reused == ()


# -- the rules ---------------------------------------------------------------------------------------------------------


def test_what_selected_steps_wait_for_is_reused_also_through_others() -> None:
    assert select(CHAIN, ["Eval"], has_source=True).roles == {
        "Process": REUSED,
        "Train": REUSED,
        "Eval": SELECTED,
        "Cond": NOT_SELECTED,
        "Aside": NOT_SELECTED,
    }


def test_steps_are_connected_through_a_common_step_whatever_the_direction() -> None:
    plans = [plan("A"), plan("Left", "A"), plan("Right", "A"), plan("Both", "Left", "Right")]

    assert select(plans, ["Left", "Both", "Right"], has_source=True).reused == ("A",)
    assert reasons(plans, "Left", "Right")[0].startswith("they are not connected: Left | Right;")


def test_a_trigger_and_a_branch_connect_steps_like_any_dependency() -> None:
    plans = [plan("A"), plan("C", on_failure_of("A")), plan("Then", branch=Branch("C", "if"))]

    assert select(plans, ["A", "C", "Then"], has_source=False).role("Then") is SELECTED


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert reasons(CHAIN, "Trian", "Process", "Eval", "Nothing", has_source=False) == [
        "there is no step Trian; did you mean `Train`?",
        "there is no step Nothing",
        "they are not connected: Process | Eval; select the steps between them as well, or run each part by itself",
        "Eval waits for Train, which is not selected, and there is no source run to reuse it from: select Train, too, "
        "or name a source run",
    ]


def loop_plans() -> list[StepPlan]:
    each = Step("Each", "Processing", {}, body_of="Loop")
    return [
        plan("Process"),
        StepPlan(Step("Loop", "ForEach", {}), (Edge("Process", Trigger.COMPLETED, None),), body_steps=("Each",)),
        StepPlan(each, (Edge("Process", Trigger.COMPLETED, None),)),
        plan("After", "Loop"),
    ]


def test_a_for_each_is_selected_as_a_whole() -> None:
    assert reasons(loop_plans(), "Each") == ["Each is in the body of Loop, which is executed as a whole: select Loop"]
    selection = select(loop_plans(), ["Loop"], has_source=True)
    assert selection.role("Each") is SELECTED
    assert select(loop_plans(), ["After"], has_source=True).role("Each") is REUSED
    assert select(loop_plans(), ["Process"], has_source=True).role("Each") is NOT_SELECTED


def test_the_selected_steps_that_read_a_step_are_known_also_those_of_a_body(
    definition: Any, processing_arguments: dict[str, Any]
) -> None:
    step = {"Type": "Processing", "Arguments": processing_arguments}
    arn = {"Get": "Steps.Process.ProcessingJobArn"}
    body = {"Name": "Each", "Type": "Processing", "Arguments": {**processing_arguments, "Environment": {"ARN": arn}}}
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [body]}
    loop = {"Name": "Loop", "Type": "ForEach", "Arguments": arguments}
    reading = {"Name": "Read", "Type": "Processing", "Arguments": {**processing_arguments, "Environment": {"ARN": arn}}}
    waiting = {**step, "Name": "Wait", "DependsOn": ["Process", "Read", "Loop"]}
    plans = load_pipeline(definition({**step, "Name": "Process"}, loop, reading, waiting)).plans
    assert select(plans, ["Loop", "Read", "Wait"], has_source=True).readers("Process") == ["Loop", "Read"]
    assert select(plans, ["Wait"], has_source=True).readers("Process") == []


def test_a_step_of_a_branch_that_the_source_did_not_take_cannot_run() -> None:
    plans = [plan("C"), plan("Then", branch=Branch("C", "if")), plan("Else", branch=Branch("C", "else"))]
    source = {"C": UpstreamStep(StepStatus.SUCCEEDED, "else")}

    assert select(plans, ["Else"], has_source=True).unfulfilled(source) == []
    assert select(plans, ["Then"], has_source=True).unfulfilled(source) == ["Then: C did not choose its if branch"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (FAILED, "Eval: Train is Failed, but the trigger is Completed"),
        (NOT_RUN, "Eval: Train is NotRun, but the trigger is Completed"),
    ],
)
def test_a_step_without_what_it_waits_for_cannot_run(source: UpstreamStep, reason: str) -> None:
    found = select(CHAIN, ["Eval"], has_source=True).unfulfilled({"Process": SUCCEEDED, "Train": source})

    assert found == [reason]


def test_a_failure_of_the_source_starts_a_selected_handler() -> None:
    plans = [plan("Train"), plan("Notify", on_failure_of("Train"))]

    assert select(plans, ["Notify"], has_source=True).unfulfilled({"Train": FAILED}) == []
    assert select(plans, ["Notify"], has_source=True).unfulfilled({"Train": SUCCEEDED}) == [
        "Notify: Train is Succeeded, but the trigger is Failed"
    ]


def test_a_reused_step_without_a_result_is_not_skipped_if_one_with_a_result_waits_for_it() -> None:
    selection = select(CHAIN, ["Cond"], has_source=True)

    assert not selection.holds_nothing_up("Process", {"Process": NOT_RUN, "Train": NOT_RUN, "Eval": SUCCEEDED})
    assert selection.holds_nothing_up("Process", {"Process": NOT_RUN, "Train": NOT_RUN, "Eval": NOT_RUN})


def test_a_step_beside_the_selected_ones_is_skipped_unless_that_could_hide_their_failure() -> None:
    plans = [plan("A"), plan("S", "A"), plan("Next", "S"), plan("Beside", "A"), plan("Both", "Next", "Beside")]
    plans.append(plan("Aside", "Beside"))
    selection = select(plans, ["S"], has_source=True)

    assert {name for name in ("Next", "Beside", "Both", "Aside") if selection.hides_a_failure(name)} == {"Beside"}
    shown = select([*plans, plan("After", "S")], ["S"], has_source=True)
    assert not shown.hides_a_failure("Beside")  # After tells that S has failed
    told = select([*plans, plan("Notify", on_failure_of("A"))], ["S"], has_source=True)
    assert not told.hides_a_failure("Beside")  # such a pipeline has the task pipeline_status


# -- random graphs -----------------------------------------------------------------------------------------------------

Side = Literal["if", "else"]


@dataclass(frozen=True)
class World:
    """A graph, a source run, a selection, and what the conditions and jobs of this run would do."""

    plans: tuple[StepPlan, ...]
    source: Mapping[str, UpstreamStep]
    names: tuple[str, ...]
    ends: Mapping[str, UpstreamStep]


@st.composite
def worlds(draw: Any) -> World:
    names = [f"S{number}" for number in range(draw(st.integers(2, 8)))]
    conditions: list[str] = []
    plans = []
    for index, name in enumerate(names):
        before = names[:index]
        branch = None
        if conditions and draw(st.integers(0, 2)) == 0:
            branch = Branch(draw(st.sampled_from(conditions)), draw(st.sampled_from(["if", "else"])))
        upstream = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        edges = [
            Edge(one, draw(st.sampled_from([Trigger.COMPLETED] * 8 + list(Trigger))), None)
            for one in upstream
            if branch is None or one != branch.condition
        ]
        plans.append(plan(name, *edges, branch=branch))
        if draw(st.integers(0, 3)) == 0:
            conditions.append(name)
    ended = st.sampled_from([StepStatus.SUCCEEDED] * 4 + list(StepStatus))

    def outcome(name: str) -> UpstreamStep:
        status = draw(ended)
        chose = name in conditions and status is StepStatus.SUCCEEDED
        return UpstreamStep(status, draw(st.sampled_from(["if", "else"])) if chose else None)

    source = {name: outcome(name) for name in names}
    if draw(st.booleans()):  # nobody has meddled with the source run
        for one in plans:
            if unmet_edges(one, source):
                source[one.step.name] = NOT_RUN
    ends = {name: outcome(name) for name in names}
    ends = {name: SUCCEEDED if end.status is StepStatus.NOT_RUN else end for name, end in ends.items()}
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=4))
    return World(tuple(plans), source, tuple(chosen), ends)


def selected_or_discarded(world: World) -> Selection:
    try:
        return select(world.plans, world.names, has_source=True)
    except SelectionError:
        assume(False)
        raise


def states_on_airflow(world: World, selection: Selection) -> dict[str, str]:
    """Run the tasks by Airflow's rules, each doing what its role says; a task of a step that runs is ``executed …``."""
    source = {name: world.source[name] for name in selection.reused}
    states: dict[str, str] = {}
    known: dict[str, UpstreamStep] = dict(source)
    for one in world.plans:
        name, upstream = one.step.name, [states[edge.upstream] for edge in one.edges]
        if not needs_gate(one) and any("failed" in state for state in upstream):
            states[name] = "upstream_failed"
        elif (not needs_gate(one) and "skipped" in upstream) or selection.role(name) is NOT_SELECTED:
            states[name] = "skipped"
        elif selection.role(name) is REUSED:
            is_skipped = source[name].status is not StepStatus.SUCCEEDED and selection.holds_nothing_up(name, source)
            states[name] = "skipped" if is_skipped else "success"
        elif unmet_edges(one, {edge.upstream: known.get(edge.upstream, NOT_RUN) for edge in one.edges}):
            states[name] = "skipped"
        else:
            known[name] = world.ends[name]
            states[name] = "executed" if world.ends[name].status is StepStatus.SUCCEEDED else "executed and failed"
    return states


def should_run(world: World, selection: Selection) -> set[str]:
    """Return the selected steps whose edges all hold, with the source's results for what is reused."""
    known: dict[str, UpstreamStep] = {name: world.source[name] for name in selection.reused}
    running = set()
    for one in world.plans:
        if selection.role(one.step.name) is SELECTED:
            runs = not unmet_edges(one, {edge.upstream: known.get(edge.upstream, NOT_RUN) for edge in one.edges})
            known[one.step.name] = world.ends[one.step.name] if runs else NOT_RUN
            running |= {one.step.name} if runs else set()
    return running


@given(worlds())
def test_exactly_the_selected_steps_run_whose_conditions_hold(world: World) -> None:
    selection = selected_or_discarded(world)
    source = {name: world.source[name] for name in selection.reused}
    assume(not selection.unfulfilled(source))
    # A reused step behind one that runs anew waits for it, and goes down with it.
    assume(not any(edge.upstream in world.names for name in selection.reused for edge in selection.plans[name].edges))

    states = states_on_airflow(world, selection)

    assert {name for name, state in states.items() if "executed" in state} == should_run(world, selection)


@settings(max_examples=400)
@given(worlds())
def test_a_reused_step_with_a_result_always_publishes_it(world: World) -> None:
    selection = selected_or_discarded(world)
    source = {name: world.source[name] for name in selection.reused}
    assume(not any(edge.upstream in world.names for name in selection.reused for edge in selection.plans[name].edges))

    states = states_on_airflow(world, selection)

    reused = {name for name, end in source.items() if end.status is StepStatus.SUCCEEDED}
    assert {states[name] for name in reused} <= {"success"}


@given(worlds())
def test_roles_follow_the_graph(world: World) -> None:
    selection = selected_or_discarded(world)
    needed = {
        edge.upstream for one in world.plans for edge in one.edges if selection.role(one.step.name) is not NOT_SELECTED
    }

    assert {name for name, role in selection.roles.items() if role is SELECTED} == set(world.names)
    assert set(selection.reused) == needed - set(world.names)


@st.composite
def failing_worlds(draw: Any) -> tuple[tuple[StepPlan, ...], str, tuple[str, ...]]:
    """A graph without triggers and branches, a selection, and the selected step that fails after all else has ended."""
    names = [f"S{number}" for number in range(draw(st.integers(2, 9)))]
    plans = tuple(
        plan(name, *(draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []))
        for index, name in enumerate(names)
    )
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=4))
    return plans, draw(st.sampled_from(chosen)), tuple(chosen)


@given(failing_worlds())
def test_a_failure_of_a_selected_step_always_fails_the_run(
    world: tuple[tuple[StepPlan, ...], str, tuple[str, ...]],
) -> None:
    plans, failing, names = world
    selection = selected_or_discarded(World(plans, {}, names, {}))
    states: dict[str, str] = {}

    def settle(name: str, upstream: list[str]) -> str | None:
        if "failed" in upstream or "upstream_failed" in upstream:
            return "upstream_failed"
        if "skipped" in upstream:  # at once, whatever else it waits for
            return "skipped"
        if len(upstream) < len(selection.plans[name].edges):
            return None
        is_skipped = selection.role(name) is NOT_SELECTED and not selection.hides_a_failure(name)
        return "skipped" if is_skipped else "success"

    def go_on() -> None:
        for one in plans:
            name = one.step.name
            if name not in states and (name != failing or "failed" in states.values()):
                state = settle(name, [states[edge.upstream] for edge in one.edges if edge.upstream in states])
                if state is not None:
                    states[name] = state

    go_on()
    states[failing] = "failed"
    go_on()
    waited_for = {edge.upstream for one in plans for edge in one.edges}

    assert {states[name] for name in selection.plans if name not in waited_for} & {"failed", "upstream_failed"}
