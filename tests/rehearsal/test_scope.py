from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import EvaluationError
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, FilePlace, FreeValue, ReadFile
from airflow_sm_pipelines.rehearsal.files import files_read

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


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [("Integer", 1, 1.5), ("Float", 1, "1"), ("String", "x", 1), ("Boolean", True, 1), (None, [1], None)],
)
def test_a_value_takes_what_its_declared_type_allows(kind, taken, refused):
    file = ReadFile(FilePlace("S", "o", ""), ["S.o"], {("x",): 0}, {} if kind is None else {("x",): kind})
    value = FreeValue(file.place, ("x",), file)
    assert value.takes(taken)
    assert kind is None or not value.takes(refused)


def test_a_value_takes_only_what_is_allowed():
    file = ReadFile(FilePlace("", "Parameters", ""), ["Parameters"], {("x",): "a"}, allowed={("x",): ("a", "b")})
    value = FreeValue(file.place, ("x",), file)
    assert value.takes("b")
    assert not value.takes("c")
