from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import EvaluationError
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, FilePlace
from airflow_sm_pipelines.rehearsal.scope import files_read

LIMIT = {"Get": "Parameters.Limit"}
SCORE = {"Get": "Steps.Ask.OutputParameters['score']"}


@pytest.fixture
def scope(definition):
    """The scope of a definition with a parameter, a Lambda step, and a document below the pipeline's name."""
    parameter = {"Name": "Limit", "Type": "Integer", "DefaultValue": 3}
    outputs = [
        {"OutputName": "score", "OutputType": "Float"},
        {"OutputName": "role"},
        {"OutputName": "sure", "OutputType": "Boolean"},
    ]
    ask = {"Name": "Ask", "Type": "Lambda", "FunctionArn": "f", "OutputParameters": outputs}
    uri = {"Std:Join": {"On": "/", "Values": ["s3://b", {"Get": "Execution.PipelineName"}, "x.json"]}}
    read = {"Std:JsonGet": {"S3Uri": uri, "Path": "mse"}}
    use = {"Name": "Use", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"mse": read}}
    model = {
        "Name": "Model",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": {"Get": "Steps.Ask.OutputParameters['role']"}},
    }
    pipeline = load_pipeline(definition(ask, use, model, Parameters=[parameter]))

    def make(name):
        return files_read(pipeline, {"Limit": 3}, name)[2]

    return make


def test_declared_outputs_have_values_of_their_types_and_of_the_form_that_the_api_wants(scope):
    file = scope("p").files[FilePlace("Ask", OUTPUTS, "")]
    assert file.values == {
        ("score",): 1.0,
        ("role",): "arn:aws:iam::123456789012:role/rehearsal-role",
        ("sure",): False,
    }


def test_a_document_is_located_by_the_name_of_the_pipeline_where_that_is_known(scope):
    assert FilePlace("", "", "s3://b/p/x.json") in scope("p").files
    assert all(place.output == OUTPUTS for place in scope(None).files)


def test_expressions_see_what_was_chosen(scope):
    known = scope("p")
    for expression, value in ((LIMIT, 7), (SCORE, 0.25)):
        free = known.free_value(expression)
        free.set(value)
        assert evaluate(expression, known) == value
    assert known.parameter_values() == {"Limit": 7}


@pytest.mark.parametrize("expression", [1, "text", {"Get": "Execution.PipelineName"}, {"Get": "Steps.Use.FunctionArn"}])
def test_nothing_else_is_free(scope, expression):
    assert scope("p").free_value(expression) is None


def test_what_differs_between_iterations_has_no_value(scope):
    with pytest.raises(EvaluationError):
        scope("p").current_item()


# -- files ------------------------------------------------------------------------------------------------------------

REPORT = {"Get": "Steps.Evaluate.PropertyFiles.Report"}


def json_get(path, source=REPORT):
    member = "PropertyFile" if source is REPORT else "S3Uri"
    return {"Std:JsonGet": {member: source, "Path": path}}


def compare(left, right, kind="Equals"):
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.fixture
def read(definition, processing_arguments):
    """What a definition reads whose Condition has these conditions, behind a Processing step with one output."""
    folder = {"Std:Join": {"On": "/", "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}, "out"]}}
    evaluate = {
        "Name": "Evaluate",
        "Type": "Processing",
        "Arguments": {
            **processing_arguments,
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "evaluation", "S3Output": {"S3Uri": folder}}]},
        },
        "PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "a/report.json"}],
    }

    def read_by(*conditions, parameters=()):
        choice = {"Conditions": list(conditions), "IfSteps": [], "ElseSteps": []}
        condition = {"Name": "Choose", "Type": "Condition", "Arguments": choice, "DependsOn": ["Evaluate"]}
        document = definition(evaluate, condition, Parameters=list(parameters))
        values = {one["Name"]: one["DefaultValue"] for one in parameters}
        files, notes, _ = files_read(load_pipeline(document), values)
        return files, notes

    return read_by


def test_a_property_file_holds_every_path_that_is_read(read):
    [file], notes = read(
        compare(json_get("metrics.mse.value"), 6, "LessThan"), compare(0, json_get("metrics['a b'][1].x"), "LessThan")
    )
    assert notes == []
    assert file.place == FilePlace("Evaluate", "evaluation", "a/report.json")
    assert file.content("note") == {
        "rehearsal": "note",
        "metrics": {"mse": {"value": 0.0}, "a b": [None, {"x": 0.0}]},
    }


@pytest.mark.parametrize(
    ("other", "default"), [(6, 0.0), ("yes", ""), (False, True), ({"Get": "Parameters.Text"}, ""), (json_get("x"), 0.0)]
)
def test_a_compared_value_is_of_the_type_of_the_other_operand(read, other, default):
    text = {"Name": "Text", "Type": "String", "DefaultValue": "t"}
    [file], _ = read(compare(json_get("value"), other), parameters=[text])
    assert file.values[("value",)] == default


def test_a_queried_value_is_of_the_type_of_the_values(read):
    [file], _ = read({"Type": "Not", "Condition": {"Type": "In", "QueryValue": json_get("kind"), "Values": ["a", "b"]}})
    assert file.values == {("kind",): ""}


@pytest.mark.parametrize("order", [1, -1])
def test_a_comparison_decides_the_type_wherever_else_the_value_stands(read, order):
    joined = {"Std:Join": {"On": "", "Values": [json_get("kind")]}}
    conditions = [compare(joined, "x"), compare(json_get("kind"), "x")]
    [file], _ = read(*conditions[::order])
    assert file.values == {("kind",): ""}


def test_a_document_in_an_output_of_a_step_is_located_there(read):
    output = {"Get": "Steps.Evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"}
    uri = {"Std:Join": {"On": "/", "Values": [output, "other.json"]}}
    [file], _ = read(compare(json_get("value", uri), 1))
    assert (file.place, file.names) == (FilePlace("Evaluate", "evaluation", "other.json"), ["Evaluate.other.json"])


def test_a_document_elsewhere_is_there_before_the_run(read):
    [file], _ = read(compare(json_get("value", "s3://elsewhere/x.json"), 1))
    assert (file.place, file.names) == (FilePlace("", "", "s3://elsewhere/x.json"), ["s3://elsewhere/x.json"])


def test_a_document_whose_place_only_the_run_knows_is_noted(read):
    uri = {"Std:Join": {"On": "/", "Values": ["s3://elsewhere", {"Get": "Execution.PipelineExecutionId"}, "x.json"]}}
    files, [note] = read(compare(json_get("value", uri), 1))
    assert files == []
    assert note == (
        "Choose reads a file that cannot be located before the run: "
        "s3://elsewhere/<Execution.PipelineExecutionId>/x.json: no output of a step is there"
    )
