from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import PipelineResource
from airflow_sm_pipelines.errors import InvalidDefinitionError

DEFINITION = {
    "Version": "2020-12-01",
    "Metadata": {"Team": "ml"},
    "Parameters": [{"Name": "P", "DefaultValue": "x"}],
    "Steps": [
        {
            "Name": "A",
            "Type": "Lambda",
            "FunctionArn": "arn:aws:lambda:us-east-1:1:function:f",
            "Arguments": {"p": {"Get": "Parameters.P"}, "n": None},
        }
    ],
}
TEXT = json.dumps(DEFINITION)
MEMBERS = {
    "PipelineName": "nightly",
    "RoleArn": "arn:aws:iam::1:role/Pipeline",
    "PipelineDescription": "Trains every night",
    "Tags": [{"Key": "team", "Value": "ml"}],
    "ParallelismConfiguration": {"MaxParallelExecutionSteps": 5},
}


def refusal(source, **options):
    with pytest.raises(InvalidDefinitionError) as caught:
        load_pipeline(source, **options)
    return caught.value


def test_dict_is_loaded_and_never_changed():
    before = copy.deepcopy(DEFINITION)
    pipeline = load_pipeline(DEFINITION)
    assert pipeline.source == "<dict>"
    pipeline.steps[0].arguments["p"] = "changed"
    assert before == DEFINITION


@pytest.mark.parametrize("text", [TEXT, f" \n\t{TEXT}", f"\ufeff{TEXT}"])
def test_text_that_starts_with_a_brace_is_json(text):
    pipeline = load_pipeline(text)
    assert pipeline.source == "<text>"
    assert pipeline.step("A").arguments == {"p": {"Get": "Parameters.P"}, "n": None}


@pytest.mark.parametrize("as_path", [Path, str])
def test_file(tmp_path, as_path):
    file = tmp_path / "p.json"
    file.write_text(TEXT)
    assert load_pipeline(as_path(file)).source == str(file)


def test_relative_path_starts_from_the_base_folder(tmp_path):
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "p.json").write_text(TEXT)
    pipeline = load_pipeline("pipelines/p.json", base_folder=tmp_path)
    assert pipeline.source == "pipelines/p.json"


def test_file_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "p.json"
    file.write_text(TEXT, encoding="utf-8-sig")
    assert load_pipeline(file).steps[0].name == "A"


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_pipeline(tmp_path / "nope.json")


def test_file_that_is_not_utf8(tmp_path):
    file = tmp_path / "p.json"
    file.write_bytes(b'{"a": "\xff"}')
    assert "invalid UTF-8 at byte 7" in str(refusal(file))


def test_path_with_a_nul_character():
    assert "NUL" in str(refusal("a\0b"))


def test_digest_is_that_of_the_text():
    assert load_pipeline(TEXT).digest == hashlib.sha256(TEXT.encode()).hexdigest()
    assert load_pipeline(DEFINITION).digest == load_pipeline(json.dumps(DEFINITION)).digest


def test_digest_changes_with_the_definition():
    assert load_pipeline(TEXT).digest != load_pipeline(TEXT.replace('"x"', '"y"')).digest


def test_malformed_json_gives_line_and_column(tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{\n  "Steps": [}\n')
    error = refusal(file)
    assert error.source == str(file)
    assert "at line 2, column 13" in str(error)


@pytest.mark.parametrize(
    "wrapped",
    [
        {"PipelineName": "p", "RoleArn": "r", "PipelineDefinition": TEXT},
        {"PipelineArn": "arn", "PipelineStatus": "Active", "PipelineDefinition": TEXT, "ResponseMetadata": {}},
        {"PipelineName": "p", "PipelineDefinition": {"PipelineDefinitionBody": TEXT}},
        {"PipelineDefinitionBody": TEXT},
        {"PipelineDefinitionBody": DEFINITION},
        {
            "Type": "AWS::SageMaker::Pipeline",
            "Properties": {"PipelineName": "p", "PipelineDefinition": {"PipelineDefinitionBody": TEXT}},
        },
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
                "Pipe": {
                    "Type": "AWS::SageMaker::Pipeline",
                    "Properties": {"PipelineDefinition": {"PipelineDefinitionBody": TEXT}},
                },
            },
        },
    ],
    ids=["create", "describe", "properties", "body text", "body", "resource", "template"],
)
def test_definition_inside_a_request_an_answer_or_a_template(wrapped):
    found, wanted = load_pipeline(wrapped), load_pipeline(DEFINITION)
    assert [(step.name, step.arguments) for step in found.steps] == [
        (step.name, step.arguments) for step in wanted.steps
    ]
    assert found.steps


@pytest.mark.parametrize(
    ("wrapped", "path", "message"),
    [
        ({"PipelineDefinition": "{"}, "PipelineDefinition", "not JSON"),
        (
            {"PipelineDefinition": 5},
            "PipelineDefinition",
            "expected a pipeline definition (an object), found the number 5",
        ),
        (
            {"PipelineDefinitionS3Location": {"Bucket": "b", "ObjectKey": "k"}},
            "PipelineDefinitionS3Location",
            "stored at s3://b/k",
        ),
        (
            {"PipelineDefinitionS3Location": {"Bucket": "b", "ObjectKey": "k", "VersionId": "v1"}},
            "PipelineDefinitionS3Location",
            "run `sm-pipelines export s3://b/k --version-id v1 -o FILE`",
        ),
        (
            {"PipelineDefinition": {"PipelineDefinitionS3Location": {"Bucket": "b", "Key": "k"}}},
            "PipelineDefinition.PipelineDefinitionS3Location",
            "s3://b/k; definitions are loaded without network access"
            " (run `sm-pipelines export s3://b/k -o FILE` and load that file)",
        ),
        (
            {"PipelineDefinitionBody": {"Fn::Sub": "..."}},
            "PipelineDefinitionBody",
            "CloudFormation function 'Fn::Sub' is resolved only when the stack is deployed",
        ),
        ({"PipelineDefinitionBody": {}}, "", "a pipeline definition requires 'Steps'"),
        ({"PipelineDefinitionBody": {"Ref": "Body"}}, "PipelineDefinitionBody", "function 'Ref'"),
        ({"Resources": {}}, "Resources", "this one has none"),
        ({**DEFINITION, "Resources": {}}, "Resources", "a pipeline definition has no member 'Resources'"),
        (
            {"Resources": {name: {"Type": "AWS::SageMaker::Pipeline"} for name in "AB"}},
            "Resources",
            "this one has 'A', 'B'",
        ),
    ],
)
def test_wrapper_without_one_definition_is_refused(wrapped, path, message):
    [error] = refusal(wrapped).exceptions
    assert error.path == path
    assert message in str(error)


@pytest.mark.parametrize("source", [None, 5, [], [DEFINITION], b"{}", object()])
def test_what_is_no_source_is_refused(source):
    assert "expected a path, JSON text or a dict" in str(refusal(source))


def test_sdk_pipeline_object_is_refused_and_the_cure_named():
    class Pipeline:
        steps = ()

        def definition(self):
            raise AssertionError("making it may upload code")

    message = str(refusal(Pipeline()))
    assert "Pipeline object of the SageMaker SDK" in message
    assert "run `sm-pipelines export MODULE:NAME -o FILE` and load that file" in message


@pytest.mark.parametrize("document", ["{}", '{"a": 1}', '{"Steps": 1}', '{"Steps": []}', '{"Steps": [1]}'])
def test_json_that_is_no_definition_is_refused(document):
    refusal(document)


def test_all_errors_come_at_once_in_the_order_of_the_document():
    definition = copy.deepcopy(DEFINITION)
    definition["Version"] = "2021"
    definition["Steps"] = [
        *({"Name": f"S{n}", "Type": "Lambda", "FunctionArn": "f", "DependsOn": ["Nope"]} for n in range(11)),
        {"Type": "Lambda", "FunctionArn": "f"},
    ]
    paths = [error.path for error in refusal(definition).exceptions]
    assert paths == [*(f"Steps[{n}].DependsOn[0]" for n in range(11)), "Steps[11]", "Version"]


def test_error_reads_well():
    assert str(refusal({**DEFINITION, "Parameter": []})) == (
        "<dict>: 1 error in the pipeline definition\n"
        "  - Parameter: a pipeline definition has no member 'Parameter'; it has 'Version', 'Metadata', 'Parameters',"
        " 'PipelineExperimentConfig', 'MlflowConfig', 'Steps'"
    )


def test_loading_imports_neither_airflow_nor_aws_nor_pydantic():
    script = (
        "import sys, airflow_sm_pipelines.definition.loading, airflow_sm_pipelines.definition.graph;"
        "print([m for m in ('airflow', 'boto3', 'botocore', 'pydantic', 'difflib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_nesting_close_to_the_recursion_limit_is_refused_whatever_gives_up_first():
    limit = sys.getrecursionlimit()
    for depth in range(limit - 150, limit + 10, 3):
        refusal('{"Steps": ' + "[" * depth + "]" * depth + "}")


def test_an_object_that_merely_has_steps_is_no_sdk_pipeline():
    class Recipe:
        steps = ()

    assert "expected a path, JSON text or a dict, found a Python Recipe" in str(refusal(Recipe()))


@pytest.mark.parametrize(
    "wrapped",
    [
        {**MEMBERS, "PipelineDefinition": TEXT, "ClientRequestToken": "t"},
        {**MEMBERS, "PipelineDefinition": TEXT, "PipelineArn": "arn", "CreatedBy": {}, "PipelineStatus": "Active"},
        {
            "Type": "AWS::SageMaker::Pipeline",
            "Properties": {**MEMBERS, "PipelineDefinition": {"PipelineDefinitionBody": TEXT}},
        },
    ],
    ids=["create", "describe", "resource"],
)
def test_what_stands_around_a_definition_counts(wrapped):
    """API reference, CreatePipeline and DescribePipeline."""
    assert load_pipeline(wrapped).resource == PipelineResource(
        name="nightly",
        role_arn="arn:aws:iam::1:role/Pipeline",
        description="Trains every night",
        tags=(("team", "ml"),),
        max_parallel_steps=5,
        arn=wrapped.get("PipelineArn"),
    )


def test_a_definition_alone_has_no_resource():
    absent = dict.fromkeys(MEMBERS)
    assert load_pipeline(DEFINITION).resource == PipelineResource()
    assert load_pipeline({**absent, "PipelineDefinition": TEXT}).resource == PipelineResource()


def test_functions_of_a_template_are_noted_and_not_taken_for_values():
    properties = {
        **MEMBERS,
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "Tags": [{"Key": "team", "Value": {"Ref": "Team"}}],
        "PipelineDefinition": {"PipelineDefinitionBody": TEXT},
    }
    found = load_pipeline({"Type": "AWS::SageMaker::Pipeline", "Properties": properties}).resource
    assert (found.name, found.role_arn, found.tags) == ("nightly", None, ())
    assert found.unresolved == ("Properties.RoleArn", "Properties.Tags")


def test_faults_around_a_definition_and_in_it_come_at_once():
    wrapped = {
        "RoleArn": 5,
        "Tags": [{"Key": "team"}],
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 0},
        "PipelineDefinition": {**DEFINITION, "Version": "1"},
    }
    assert [error.path for error in refusal(wrapped).exceptions] == [
        "ParallelismConfiguration.MaxParallelExecutionSteps",
        "RoleArn",
        "Tags[0]",
        "Version",
    ]


def test_the_answer_of_boto3_with_its_dates_is_a_source():
    def answer(last_run):
        dates = {"CreationTime": datetime(2026, 1, 1, tzinfo=UTC), "LastRunTime": last_run}
        return {**MEMBERS, **dates, "PipelineDefinition": TEXT, "ResponseMetadata": {"HTTPStatusCode": 200}}

    first, second = (load_pipeline(answer(datetime(2026, 1, day, tzinfo=UTC))) for day in (2, 3))
    assert first.resource.name == "nightly"
    assert first.digest == second.digest


def test_a_definition_that_was_dumped_twice_is_recognized(tmp_path):
    file = tmp_path / "twice.json"
    file.write_text(json.dumps(json.dumps({"Version": "2020-12-01", "Steps": []})))
    with pytest.raises(InvalidDefinitionError) as caught:
        load_pipeline(file)
    [error] = caught.value.exceptions
    assert error.hint == "the file holds the definition as a JSON string: write its text itself"
