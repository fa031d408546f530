from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.graph import Branch, Edge, StepPlan, Trigger, find_cycles, steps_upstream_of
from airflow_sm_pipelines.definition.models import Step


def get(text):
    return {"Get": text}


@pytest.fixture
def edges(load):
    """Return step -> its edges as text: ``A``, ``A:Failed``, ``C?if``."""

    def of(*steps, **members):
        return {plan.step.name: [text_of(edge) for edge in plan.edges] for plan in load(*steps, **members).plans}

    return of


def text_of(edge):
    branch = f"?{edge.branch}" if edge.branch else ""
    trigger = "" if edge.trigger is Trigger.COMPLETED else f":{edge.trigger}"
    return f"{edge.upstream}{branch}{trigger}"


OUT = [{"OutputName": "o"}]


def test_plans_come_in_document_order(load, step):
    condition = step("C", "Condition", {"IfSteps": [step("B")]})
    plans = load(step("Z"), condition, step("A")).plans
    assert [plan.step.name for plan in plans] == ["Z", "C", "B", "A"]


def test_depends_on_with_triggers(edges, step):
    depends_on = [
        {"Step": "F", "Trigger": "Failed"},
        "E",
        {"Step": "S", "Trigger": "Stopped"},
        {"Step": "A", "Trigger": "Any"},
    ]
    found = edges(*(step(name) for name in "FESA"), step("X", DependsOn=depends_on))
    assert found["X"] == ["A:Any", "E", "F:Failed", "S:Stopped"]
    assert found["F"] == []


def test_data_references_are_edges_wherever_they_stand(edges, step):
    files = [{"PropertyFileName": "R", "OutputName": "o", "FilePath": "r.json"}]
    processing = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o"}]}}
    found = edges(
        step(
            "X",
            "QualityCheck",
            {
                "a": [{"b": get("Steps.Deep.Model")}],
                "j": {"Std:Join": {"On": "", "Values": [{"Std:Join": {"On": "", "Values": [get("Steps.Joined.M")]}}]}},
                "f": {"Std:JsonGet": {"PropertyFile": get("Steps.File.PropertyFiles.R"), "Path": "p"}},
                "u": {"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "", "Values": [get("Steps.Uri.M")]}}, "Path": "p"}},
            },
            ModelPackageGroupName=get("Steps.Member.Model"),
        ),
        *(step(name, "Training") for name in ("Deep", "Joined", "Uri", "Member")),
        step("File", "Processing", processing, PropertyFiles=files),
    )
    assert found["X"] == ["Deep", "File", "Joined", "Member", "Uri"]


def test_one_edge_per_upstream_step(edges, step):
    target = step("T", OutputParameters=OUT)
    use = step("X", arguments={"a": get("Steps.T.OutputParameters['o']"), "b": get("Steps.T.OutputParameters['o']")})
    assert edges(target, {**use, "DependsOn": ["T"]})["X"] == ["T"]


def test_explicit_trigger_wins_over_a_data_reference(edges, step):
    use = step("X", arguments={"job": get("Steps.T.TrainingJobName")}, DependsOn=[{"Step": "T", "Trigger": "Failed"}])
    assert edges(step("T", "Training"), use)["X"] == ["T:Failed"]


def test_a_branch_step_waits_for_its_condition_and_the_condition_not_for_its_inputs(edges, step):
    child = step("Child", arguments={"x": get("Steps.T.TrainingJobName")})
    equals = {"Type": "Equals", "LeftValue": get("Steps.P.OutputParameters['o']"), "RightValue": 1}
    condition = step("C", "Condition", {"Conditions": [equals], "IfSteps": [child], "ElseSteps": [step("Other")]})
    found = edges(condition, step("T", "Training"), step("P", OutputParameters=OUT))
    assert found["C"] == ["P"]
    assert found["Child"] == ["C?if", "T"]
    assert found["Other"] == ["C?else"]


def test_branch_edge_is_completed_whatever_depends_on_says(edges, step):
    child = step("Child", DependsOn=[{"Step": "C", "Trigger": "Any"}])
    assert edges(step("C", "Condition", {"ElseSteps": [child]}))["Child"] == ["C?else"]


def test_branch_lists_hold_direct_members_only(load, step):
    inner = step("Inner", "Condition", {"IfSteps": [step("Deep")]})
    plans = load(step("Outer", "Condition", {"IfSteps": [step("A"), inner], "ElseSteps": [step("B")]})).plans
    outer, _, inner_plan, deep, _ = plans
    assert (outer.if_steps, outer.else_steps, outer.step.branch) == (("A", "Inner"), ("B",), None)
    assert (inner_plan.if_steps, inner_plan.step.branch) == (("Deep",), Branch("Outer", "if"))
    assert deep.step.branch == Branch("Inner", "if")
    assert deep.edges == (Edge("Inner", Trigger.COMPLETED, "if"),)


def test_depending_on_a_condition_has_no_branch(edges, step):
    found = edges(
        step("C", "Condition"), step("X", DependsOn=["C"]), step("Y", arguments={"x": get("Steps.C.Outcome")})
    )
    assert (found["X"], found["Y"]) == (["C"], ["C"])


def test_a_loop_waits_for_what_its_body_waits_for_outside(edges, load, step):
    first = step("First", arguments={"x": get("Steps.Out.OutputParameters['o']")}, OutputParameters=OUT)
    second = step("Second", arguments={"x": get("Steps.First.OutputParameters['o']")}, DependsOn=["Other"])
    loop = step(
        "L", "ForEach", {"ForEachBody": [first, second], "IterableItems": get("Steps.List.OutputParameters['o']")}
    )
    others = [step("Out", OutputParameters=OUT), step("Other"), step("List", OutputParameters=OUT)]
    found = edges(loop, *others)
    assert found["L"] == ["List", "Other", "Out"]
    assert found["First"] == ["Out"]
    assert found["Second"] == ["First", "Other"]
    plans = {plan.step.name: plan for plan in load(loop, *others).plans}
    assert plans["L"].body_steps == ("First", "Second")
    assert plans["Second"].step.body_of == "L"


def test_a_loop_starts_in_any_outcome_when_its_body_steps_want_different_ones(edges, step):
    body = [step("B1", DependsOn=["Out"]), step("B2", DependsOn=[{"Step": "Out", "Trigger": "Failed"}])]
    loop = step("L", "ForEach", {"ForEachBody": body})
    assert edges(loop, step("Out"))["L"] == ["Out:Any"]


def test_a_loops_own_trigger_wins_over_that_of_its_body(edges, step):
    loop = step(
        "L",
        "ForEach",
        {"ForEachBody": [step("B", DependsOn=[{"Step": "Out", "Trigger": "Failed"}])]},
        DependsOn=["Out"],
    )
    found = edges(loop, step("Out"))
    assert (found["L"], found["B"]) == (["Out"], ["Out:Failed"])


def test_the_selector_of_a_loop_is_no_edge(edges, step):
    selector = {"Pick": "MaxBy", "Field": get("IterationOutput.B.OutputParameters['o']")}
    loop = step("L", "ForEach", {"ForEachBody": [step("B", OutputParameters=OUT)], "Selector": selector})
    assert edges(loop)["L"] == []


def test_cleanup_waits_for_the_steps_it_cleans_up_after(edges, step):
    resources = {"Resources": {"S3": [{"StepName": "A"}, {"StepName": "B"}]}}
    cleanup = step("C", "Cleanup", resources, DependsOn=[{"Step": "A", "Trigger": "Any"}])
    assert edges(step("A"), step("B"), cleanup)["C"] == ["A:Any", "B"]


class Counted(str):
    """A name that counts how often a set or a dict looks it up."""

    __slots__ = ()
    looked_up = 0

    def __hash__(self):
        Counted.looked_up += 1
        return super().__hash__()


@pytest.mark.parametrize("waits", [lambda me, other: me != other, lambda me, other: other == me ^ 1])
def test_finding_cycles_takes_a_few_looks_at_each_edge_however_many_there_are(waits):
    looks = {}
    for steps in (20, 80):
        names = [Counted(f"S{number:02}") for number in range(steps)]
        plans = [
            StepPlan(
                Step(names[me], "Lambda", {}),
                tuple(Edge(names[other], Trigger.COMPLETED, None) for other in range(steps) if waits(me, other)),
            )
            for me in range(steps)
        ]
        Counted.looked_up = 0
        assert list(find_cycles(plans))
        looks[steps] = Counted.looked_up / sum(1 + len(plan.edges) for plan in plans)
    assert looks[80] < 1.5 * looks[20]


def test_equal_literal_names_are_no_edge(edges, step):
    found = edges(
        step("M", "Model", {"ModelName": "m"}),
        step("E", "EndpointConfig", {"ProductionVariants": [{"ModelName": "m"}]}),
    )
    assert found == {"M": [], "E": []}


def test_text_that_only_looks_like_a_reference_is_no_edge(edges, step):
    arguments = {"a": '{"Get": "Steps.T.x"}', "b": {"Get": "Steps.T.x", "c": 1}, "Steps.T.x": "{{ Steps.T.x }}"}
    assert edges(step("T"), step("X", arguments=arguments))["X"] == []


def test_step_names_with_hyphens(edges, step):
    use = step("X", arguments={"x": get("Steps.A-CreateModel.ModelName")})
    assert edges(step("A-CreateModel", "Model"), step("A", "Model"), use)["X"] == ["A-CreateModel"]


def test_upstream_are_all_steps_that_one_waits_for_directly_or_not(load, step):
    chosen = step("C", "Condition", {"IfSteps": [step("D")]}, DependsOn=["B"])
    plans = load(step("A"), step("B", DependsOn=["A"]), chosen, step("E", DependsOn=["A"])).plans

    assert {plan.step.name: sorted(steps_upstream_of(plan.step.name, plans)) for plan in plans} == {
        "A": [],
        "B": ["A"],
        "C": ["A", "B"],
        "D": ["A", "B", "C"],
        "E": ["A"],
    }
