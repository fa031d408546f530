from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.documents import FilePlace, ReadFile
from airflow_sm_pipelines.rehearsal.files import ChosenValueError, choose_values, files_read

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


@pytest.fixture
def files():
    place = FilePlace("Evaluate", "evaluation", "report.json")
    return [ReadFile(place, ["Evaluate.Report"], {("mse",): 0.0, ("by name", 0): 0.0})]


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("Evaluate.Report.mse=7.5", ("mse",), 7.5),
        ("Evaluate.Report['by name'][0]=true", ("by name", 0), True),
        ("Evaluate.Report.mse=a=b", ("mse",), "a=b"),
    ],
)
def test_a_value_can_be_chosen(files, assignment, path, value):
    choose_values(files, [assignment])
    assert files[0].values[path] == value


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Evalute.Report.mse=1", "the definition reads no 'Evalute.Report.mse' (did you mean `Evaluate.Report.mse`?)"),
        ("Evaluate.Report.mze=1", "the definition reads no 'mze' of Evaluate.Report (did you mean `mse`?)"),
        ("Evaluate.Report.mse", "expected STEP.FILE.PATH=VALUE, found 'Evaluate.Report.mse'"),
        ("Evaluate.Report.[=1", "'Evaluate.Report.[=1': the path '.[' is malformed at"),
    ],
)
def test_a_value_that_is_not_read_cannot_be_chosen(files, assignment, message):
    with pytest.raises(ChosenValueError) as caught:
        choose_values(files, [assignment])
    assert str(caught.value).startswith(message)
