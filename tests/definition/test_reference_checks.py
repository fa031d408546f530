from __future__ import annotations

import pytest


def get(text):
    return {"Get": text}


@pytest.fixture
def fault(faults, step):
    """Return what is wrong with one reference in the Arguments of a Lambda step among others."""

    def refuse(text, *others, type_="Lambda", **members):
        user = step("User", type_, {"x": get(text)})
        found = faults(user, *others, **members)
        return found["Steps[0].Arguments.x"]

    return refuse


@pytest.fixture
def accepted(load, step):
    def use(text, *others, type_="Lambda", **members):
        assert load(step("User", type_, {"x": get(text)}), *others, **members)

    return use


def test_undeclared_parameter(fault):
    assert "declares no parameter 'Rate' | did you mean `Rates`?" in fault(
        "Parameters.Rate", Parameters=[{"Name": "Rates"}]
    )


def test_unknown_step(fault, step):
    assert "there is no step 'Trian' | did you mean `Train`?" in fault("Steps.Trian.x", step("Train", "Training"))


def test_a_step_cannot_refer_to_itself(fault):
    assert "itself" in fault("Steps.User.OutputParameters['x']")


def test_nothing_refers_to_a_fail_step(fault, step):
    assert "no step can wait for it or refer to it" in fault("Steps.F.ErrorMessage", step("F", "Fail"))


def test_a_step_without_a_property_is_no_value(fault, step):
    assert "does not name a property of the step" in fault("Steps.Train", step("Train", "Training"))


def test_properties_of_aws_calls_are_not_the_languages_business(accepted, step):
    accepted("Steps.Train.AnyMember.Of['the'].Answer[0]", step("Train", "Training"))


@pytest.mark.parametrize(
    ("type_", "path", "message"),
    [
        ("Condition", "Outcom", "did you mean `Outcome`?"),
        ("QualityCheck", "CalculatedBaseline", "a QualityCheck step has no property 'CalculatedBaseline'"),
        ("Cleanup", "Status", "it has none"),
        ("Lineage", "Arns", "'ActionArns', 'ArtifactArns', 'ContextArns', 'Associations'"),
        ("Lambda", "Payload", "it has 'OutputParameters'"),
    ],
)
def test_types_whose_properties_the_language_defines(fault, step, type_, path, message):
    assert message in fault(f"Steps.T.{path}", step("T", type_))


@pytest.mark.parametrize("type_", ["Lambda", "Callback"])
def test_output_parameters_are_declared(fault, accepted, step, type_):
    target = step("T", type_, OutputParameters=[{"OutputName": "name with space", "OutputType": "Float"}])
    accepted("Steps.T.OutputParameters['name with space']", target)
    assert "did you mean `name with space`?" in fault("Steps.T.OutputParameters['name_with_space']", target)
    assert "does not name an output parameter; it declares 'name with space'" in fault(
        "Steps.T.OutputParameters", target
    )
    assert "it declares none" in fault("Steps.T.OutputParameters['x']", step("T", type_))


PROCESSING = {
    "ProcessingInputs": [{"InputName": "in"}],
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "train"}, {"OutputName": "test"}]},
}


def test_outputs_and_inputs_of_a_processing_step_are_those_it_is_given(fault, accepted, step):
    target = step("T", "Processing", PROCESSING)
    accepted("Steps.T.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri", target)
    accepted("Steps.T.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri", target)
    accepted("Steps.T.ProcessingInputs['in'].S3Input.S3Uri", target)
    assert (
        "T has no 'tset' in its ProcessingOutputConfig.Outputs; it has 'train', 'test' | did you mean `test`?"
        in fault("Steps.T.ProcessingOutputConfig.Outputs['tset'].S3Output.S3Uri", target)
    )
    assert "T has no 'on' in its ProcessingInputs" in fault("Steps.T.ProcessingInputs['on'].S3Input.S3Uri", target)


def test_outputs_named_by_an_expression_are_known_at_run_time_only(accepted, step):
    outputs = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": get("Parameters.P")}]}}
    target = step("T", "Processing", outputs)
    accepted("Steps.T.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri", target, Parameters=[{"Name": "P"}])


def json_get(text):
    return {"Std:JsonGet": {"PropertyFile": get(text), "Path": "a"}}


def test_property_file_exists(faults, load, step):
    files = [{"PropertyFileName": "Report", "OutputName": "train", "FilePath": "r.json"}]
    target = step("T", "Processing", PROCESSING, PropertyFiles=files)
    assert load(step("U", arguments={"x": json_get("Steps.T.PropertyFiles.Report")}), target)
    found = faults(
        step("U", arguments={"x": json_get("Steps.T.PropertyFiles.Raport"), "y": json_get("Steps.M.PropertyFiles.R")}),
        target,
        step("M", "Model"),
    )
    path = "Steps[0].Arguments.{}.Std:JsonGet.PropertyFile"
    assert "T has no property file 'Raport'; it has 'Report' | did you mean `Report`?" in found[path.format("x")]
    assert "M has no property file 'R'; it has none" in found[path.format("y")]


@pytest.mark.parametrize(
    ("variable", "type_"),
    [
        ("TrainingJobName", "Training"),
        ("ProcessingJobName", "Processing"),
        ("ProcessingJobName", "QualityCheck"),
        ("PipelineExecutionId", "Lambda"),
    ],
)
def test_job_name_variables_stand_in_the_step_that_creates_the_job(accepted, variable, type_):
    accepted(f"Execution.{variable}", type_=type_)


@pytest.mark.parametrize(("variable", "type_"), [("TrainingJobName", "Processing"), ("ProcessingJobName", "Lambda")])
def test_job_name_variables_stand_nowhere_else(fault, variable, type_):
    assert f"a {type_} step, which creates no such job" in fault(f"Execution.{variable}", type_=type_)


def test_experiment_reference_needs_an_experiment(fault, accepted):
    accepted("PipelineExperimentConfig.TrialName", PipelineExperimentConfig={})
    accepted("PipelineExperimentConfig.TrialName", PipelineExperimentConfig={"TrialName": "t"})
    assert "has no experiment" in fault("PipelineExperimentConfig.TrialName", PipelineExperimentConfig=None)
    assert "has no experiment" in fault("PipelineExperimentConfig.TrialName")


def test_current_item_stands_in_a_loop_body_only(fault, load, step):
    assert "is only allowed in the body of a ForEach" in fault("ForEach.CurrentItem.name")
    assert load(step("L", "ForEach", {"ForEachBody": [step("B", arguments={"x": get("ForEach.CurrentItem")})]}))


def loop(step, *body, **arguments):
    return step("L", "ForEach", {"ForEachBody": list(body), **arguments})


def test_iteration_output_stands_in_the_selector_of_its_loop_only(fault, faults, load, step):
    assert "is only allowed as Selector.Field" in fault("IterationOutput.B.OutputParameters['x']", step("B"))
    body = step("Body")
    assert load(loop(step, body, Selector={"Pick": "MaxBy", "Field": get("IterationOutput.Body.x")}))
    found = faults(loop(step, body, Selector={"Pick": "MaxBy", "Field": get("IterationOutput.Bdy.x")}))
    assert "did you mean `Body`?" in found["Steps[0].Arguments.Selector.Field"]


def test_body_steps_refer_to_each_other_but_nobody_outside_refers_to_them(fault, load, step):
    first = step("First", OutputParameters=[{"OutputName": "o"}])
    second = step("Second", arguments={"x": get("Steps.First.OutputParameters['o']")})
    assert load(loop(step, first, second))
    assert "refer to `Steps.L.IterationOutputs[0].First`" in fault(
        "Steps.First.OutputParameters['o']", loop(step, first, second)
    )


def test_a_body_step_cannot_refer_to_its_own_loop(faults, step):
    found = faults(loop(step, step("B", arguments={"x": get("Steps.L.Status")})))
    assert "runs inside L" in found["Steps[0].Arguments.ForEachBody[0].Arguments.x"]


def test_a_loop_cannot_refer_to_its_own_body(faults, step):
    body = step("B", OutputParameters=[{"OutputName": "o"}])
    found = faults(loop(step, body, IterableItems=get("Steps.B.OutputParameters['o']")))
    assert "B runs once per item inside L" in found["Steps[0].Arguments.IterableItems"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("IterationOutputs", "write [0] after IterationOutputs"),
        ("IterationOutputs['0'].B.x", "does not name an iteration"),
        ("IterationOutputs[0]", "does not name a step in the body of L; the steps are 'B'"),
        ("IterationOutputs[0].b.x", "did you mean `B`?"),
        ("IterationOutputs[0].B", "does not name a property of B"),
        ("Selected.x", "L has no Selector"),
        ("Items", "a ForEach step has no property 'Items'"),
    ],
)
def test_faulty_reference_to_the_result_of_a_loop(fault, step, path, message):
    assert message in fault(f"Steps.L.{path}", loop(step, step("B")))


@pytest.mark.parametrize("path", ["Status", "SucceededStepCount", "IterationOutputs[3].B.x", "Selected.x"])
def test_reference_to_the_result_of_a_loop(accepted, step, path):
    selector = {"Pick": "MinBy", "Field": get("IterationOutput.B.x")}
    accepted(f"Steps.L.{path}", loop(step, step("B"), Selector=selector))


def test_references_outside_arguments_are_checked(faults, step):
    found = faults(step("A", "Callback", SqsQueueUrl=get("Parameters.Nope")))
    assert "declares no parameter" in found["Steps[0].SqsQueueUrl"]


def test_references_in_conditions_are_checked(faults, step):
    equals = {"Type": "Equals", "LeftValue": get("Steps.Nope.x"), "RightValue": 1}
    condition = step("C", "Condition", {"Conditions": [{"Type": "Not", "Condition": equals}]})
    assert list(faults(condition)) == ["Steps[0].Arguments.Conditions[0].Condition.LeftValue"]


def test_a_dot_in_a_step_name_is_one_fault_not_one_per_reference(faults, step):
    found = faults(step("A", arguments={"x": get("Steps.my.step.ModelName")}), {**step("my.step", "Model")})
    assert list(found) == ["Steps[1].Name"]


def test_property_file_of_an_unknown_step(faults, step):
    found = faults(step("U", arguments={"x": json_get("Steps.Nope.PropertyFiles.R")}))
    assert "there is no step 'Nope'" in found["Steps[0].Arguments.x.Std:JsonGet.PropertyFile"]


def test_references_to_a_step_of_unknown_type_are_left_alone(faults, step):
    broken = {"Name": "B", "Type": "Nope", "Arguments": {}}
    assert list(faults(step("A", arguments={"x": get("Steps.B.Any")}), broken)) == ["Steps[1].Type"]


@pytest.mark.parametrize("type_", ["Lambda", "Callback"])
def test_nothing_refers_into_a_nested_output(fault, accepted, step, type_):
    """Developer guide, "Lambda step" and "Callback step": such a reference is an error that is not retried."""
    target = step("T", type_, OutputParameters=[{"OutputName": "report"}])
    accepted("Steps.T.OutputParameters['report']", target)
    for deep in (".auc", "['auc']", "[0]", ".metrics.auc"):
        found = fault(f"Steps.T.OutputParameters['report']{deep}", target)
        assert "`OutputParameters.report` is an output parameter: a nested value is one string" in found
        assert "an output parameter of its own" in found


def test_nothing_refers_into_a_nested_output_of_an_iteration(faults, load, step):
    body = step("B", OutputParameters=[{"OutputName": "report"}])

    def loop(deep):
        field = get(f"IterationOutput.B.OutputParameters['report']{deep}")
        return step("L", "ForEach", {"ForEachBody": [body], "Selector": {"Pick": "MaxBy", "Field": field}})

    first, selected = (
        "Steps.L.IterationOutputs[0].B.OutputParameters['report']",
        "Steps.L.Selected.OutputParameters['report']",
    )
    assert load(loop(""), step("U", arguments={"x": get(first), "y": get(selected)}))
    found = faults(loop(".auc"), step("U", arguments={"x": get(f"{first}.auc"), "y": get(f"{selected}.auc")}))
    assert list(found) == ["Steps[0].Arguments.Selector.Field", "Steps[1].Arguments.x", "Steps[1].Arguments.y"]
    assert all("an output parameter" in message for message in found.values())
