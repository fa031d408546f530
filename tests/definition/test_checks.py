from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition import known_steps, suggestions


def get(text):
    return {"Get": text}


def test_step_names_are_unique_across_branches(faults, step):
    condition = step("C", "Condition", {"IfSteps": [step("A")]})
    found = faults(step("A"), condition)
    assert list(found) == ["Steps[1].Arguments.IfSteps[0].Name"]
    assert "duplicate step name 'A', first used at Steps[0].Name" in str(found)


def test_names_that_differ_in_case_or_hyphens_are_different(load, step):
    assert len(load(step("Train"), step("train"), step("a-b"), step("a_b")).steps) == 4


def test_parameter_names_are_unique(faults, step):
    found = faults(step("A"), Parameters=[{"Name": "P"}, {"Name": "Q"}, {"Name": "P"}])
    assert list(found) == ["Parameters[2].Name"]


FILE = {"PropertyFileName": "R", "OutputName": "o", "FilePath": "r.json"}
OUTPUTS = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o"}]}}


def test_property_file_names_are_unique_in_their_step_only(faults, load, step):
    assert load(
        step("A", "Processing", OUTPUTS, PropertyFiles=[FILE]), step("B", "Processing", OUTPUTS, PropertyFiles=[FILE])
    )
    found = faults(step("A", "Processing", OUTPUTS, PropertyFiles=[FILE, FILE]))
    assert list(found) == ["Steps[0].PropertyFiles[1].PropertyFileName"]


def test_property_file_names_an_output_of_its_step(faults, step):
    found = faults(step("A", "Processing", OUTPUTS, PropertyFiles=[{**FILE, "OutputName": "oo"}]))
    assert "the step has no output 'oo' | did you mean `o`?" in found["Steps[0].PropertyFiles[0].OutputName"]


@pytest.mark.parametrize("member", ["PropertyFileName", "OutputName", "FilePath"])
def test_property_file_has_all_its_members(faults, step, member):
    file = {name: value for name, value in FILE.items() if name != member}
    found = faults(step("A", "Processing", OUTPUTS, PropertyFiles=[file]))
    assert f"a property file requires '{member}'" in found["Steps[0].PropertyFiles[0]"]


FUNCTION = {
    "AlgorithmSpecification": {
        "ContainerEntrypoint": ["/bin/bash", "/opt/ml/input/data/sagemaker_remote_function_bootstrap/job_driver.sh"],
        "ContainerArguments": [
            "--pipeline_step_name",
            "F",
            "--pipeline_execution_id",
            get("Execution.PipelineExecutionId"),
        ],
    }
}
CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}}


def test_a_step_of_a_function_is_not_cached(faults, load, step):
    found = faults(step("F", "Training", FUNCTION, **CACHED))
    assert list(found) == ["Steps[0].CacheConfig"]
    assert "F is an @step function; these cannot be cached | remove CacheConfig" in str(found)
    assert load(step("F", "Training", FUNCTION), step("G", "Training", FUNCTION, CacheConfig={"Enabled": False}))


@pytest.mark.parametrize(
    "algorithm",
    [
        {"ContainerEntrypoint": ["python3"], "ContainerArguments": ["--pipeline_step_name", "F"]},
        {"ContainerEntrypoint": ["sagemaker_remote_function_bootstrap"], "ContainerArguments": ["--other"]},
        {},
    ],
)
def test_any_other_training_step_may_be_cached(load, step, algorithm):
    assert load(step("T", "Training", {"AlgorithmSpecification": algorithm}, **CACHED))


def test_a_step_of_a_function_has_no_property_files(faults, step):
    found = faults(step("F", "Training", FUNCTION, PropertyFiles=[FILE]))
    assert "a Training step has no member 'PropertyFiles'" in found["Steps[0].PropertyFiles"]


def test_depends_on_an_unknown_step(faults, step):
    found = faults(step("AbaloneProcess"), step("B", DependsOn=["AbaloneProces"]))
    assert found == {"Steps[1].DependsOn[0]": "there is no step 'AbaloneProces' | did you mean `AbaloneProcess`?\n"}


def test_depends_on_itself(faults, step):
    assert "itself" in faults(step("A", DependsOn=["A"]))["Steps[0].DependsOn[0]"]


def test_nothing_depends_on_a_fail_step(faults, step):
    found = faults(step("F", "Fail"), step("A", DependsOn=[{"Step": "F", "Trigger": "Failed"}]))
    assert "F is a Fail step; no step can wait for it or refer to it" in found["Steps[1].DependsOn[0]"]


def test_depends_on_a_condition_or_a_step_of_a_branch_is_allowed(load, step):
    condition = step("C", "Condition", {"IfSteps": [step("A")]})
    assert load(condition, step("B", DependsOn=["C", "A"]))


def test_one_step_waits_for_another_with_one_trigger(faults, load, step):
    assert load(step("A"), step("B", DependsOn=["A", "A"]))
    found = faults(step("A"), step("B", DependsOn=["A", {"Step": "A", "Trigger": "Failed"}]))
    assert (
        "DependsOn names A with two triggers, Completed and Failed | use one entry with the trigger Any"
        in found["Steps[1].DependsOn[1]"]
    )


def test_cleanup_names_steps_that_exist(faults, step):
    found = faults(step("A"), step("C", "Cleanup", {"Resources": {"S3": [{"StepName": "A"}, {"StepName": "AA"}]}}))
    assert list(found) == ["Steps[1].Arguments.Resources.S3[1].StepName"]


def test_depends_on_a_body_step_from_outside(faults, step):
    loop = step("L", "ForEach", {"ForEachBody": [step("B")]})
    found = faults(loop, step("A", DependsOn=["B"]))
    assert "B runs once per item inside L | wait for L" in found["Steps[1].DependsOn[0]"]


def test_a_body_step_cannot_wait_for_its_own_loop(faults, step):
    loop = step("L", "ForEach", {"ForEachBody": [step("B", DependsOn=["L"])]})
    assert list(faults(loop)) == ["Steps[0].Arguments.ForEachBody[0].DependsOn[0]"]


@pytest.mark.parametrize("type_", ["Condition", "Fail", "ForEach"])
def test_a_loop_body_has_no_condition_no_fail_and_no_loop(faults, step, type_):
    inner = step("B", type_, {"ForEachBody": [step("Z")]} if type_ == "ForEach" else None)
    found = faults(step("L", "ForEach", {"ForEachBody": [inner]}))
    assert f"a {type_} step is not allowed in the body" in found["Steps[0].Arguments.ForEachBody[0].Type"]


def test_no_step_is_named_like_an_iteration_of_a_body_step(faults, load, step):
    loop = step("L", "ForEach", {"ForEachBody": [step("B")]})
    assert load(loop, step("B-x"), step("A-1"))
    assert "'B-12' is reserved for an iteration of the loop step 'B'" in faults(loop, step("B-12"))["Steps[1].Name"]


def test_cycle_names_its_steps(faults, step):
    found = faults(
        step("X"),
        step("A", arguments={"x": get("Steps.C.OutputParameters['o']")}),
        step("B", DependsOn=["A", "X"]),
        step("C", DependsOn=["B"], OutputParameters=[{"OutputName": "o"}]),
        step("D", DependsOn=["C"]),
    )
    assert found == {"Steps[1]": "circular dependency: A -> C -> B -> A | each step waits for the next one\n"}


def test_every_cycle_is_found(faults, step):
    pairs = [
        step("A", DependsOn=["B"]),
        step("B", DependsOn=["A"]),
        step("C", DependsOn=["D"]),
        step("D", DependsOn=["C"]),
    ]
    assert list(faults(*pairs)) == ["Steps[0]", "Steps[2]"]


def test_a_cycle_that_waits_for_another_one_is_found_too(faults, step):
    found = faults(
        step("A", DependsOn=["B"]),
        step("B", DependsOn=["A"]),
        step("C", DependsOn=["A", "D"]),
        step("D", DependsOn=["C"]),
    )
    assert list(found) == ["Steps[0]", "Steps[2]"]


def test_a_step_that_waits_for_itself_does_not_hide_a_cycle(faults, step):
    found = faults(step("A", DependsOn=["A", "B"]), step("B", DependsOn=["A"]))
    assert "cannot wait for or refer to itself" in found["Steps[0].DependsOn[0]"]
    assert "circular dependency: A -> B -> A" in found["Steps[0]"]


def test_steps_that_all_wait_for_each_other_are_one_error(faults, step):
    names = [f"S{number:02}" for number in range(30)]
    found = faults(*(step(name, DependsOn=[other for other in names if other != name]) for name in names))
    assert found == {"Steps[0]": "circular dependency: S00 -> S01 -> S00 | each step waits for the next one\n"}


def test_a_long_cycle_names_a_dozen_steps_and_counts_the_others(faults, step):
    steps = [step(f"S{number:03}", DependsOn=[f"S{(number + 1) % 600:03}"]) for number in range(600)]
    [message] = faults(*steps).values()
    assert message.startswith("circular dependency: S000 -> S001 -> ")
    assert " -> S011 -> (588 more) -> S000 |" in message


def test_a_thousand_misspelt_references_are_searched_for_twenty_times(faults, step, monkeypatch):
    searched = []
    monkeypatch.setattr(suggestions, "_close_matches", lambda name, known: searched.append(name) or [])
    monkeypatch.setattr(known_steps, "_literal_names", counted(known_steps._literal_names, lists := []))
    first = step(
        "First",
        "Processing",
        {"ProcessingOutputConfig": {"Outputs": [{"OutputName": f"out{number}"} for number in range(300)]}},
    )
    place = "Steps.First.ProcessingOutputConfig.Outputs['{}'].S3Output.S3Uri"
    steps = [
        step(
            f"Step{number}",
            "Processing",
            {"of": get(f"Steps.Stap{number}.X"), "p": get(f"Parameters.P{number}"), "o": get(place.format(number))},
            DependsOn=[f"Stop{number}"],
        )
        for number in range(300)
    ]

    found = faults(first, *steps)

    assert len(found) == 4 * 300
    assert len(searched) == 3 * 20, "of steps, of parameters and of outputs"
    assert len(lists) == 1, "the outputs of First are listed once"


def counted(function, calls):
    """Return the function, which then writes down each of its calls."""
    return lambda *arguments: calls.append(arguments) or function(*arguments)


def test_a_condition_that_waits_for_a_step_of_its_own_branch_is_a_cycle(faults, step):
    child = step("A", OutputParameters=[{"OutputName": "o"}])
    equals = {"Type": "Equals", "LeftValue": get("Steps.A.OutputParameters['o']"), "RightValue": "x"}
    condition = step("C", "Condition", {"Conditions": [equals], "IfSteps": [child]})
    assert "C -> A -> C" in faults(condition)["Steps[0]"]


def test_a_loop_whose_body_waits_for_what_waits_for_the_loop_is_a_cycle(faults, step):
    loop = step("L", "ForEach", {"ForEachBody": [step("B", DependsOn=["A"])]})
    assert "circular dependency" in faults(loop, step("A", DependsOn=["L"]))["Steps[0]"]
