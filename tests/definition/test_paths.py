from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.paths import (
    format_path,
    look_up,
    look_up_json,
    parse_path,
)
from airflow_sm_pipelines.errors import MissingMemberError, PathSyntaxError


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("ModelName", ("ModelName",)),
        (".ModelArtifacts.S3ModelArtifacts", ("ModelArtifacts", "S3ModelArtifacts")),
        (
            "ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri",
            ("ProcessingOutputConfig", "Outputs", "train", "S3Output", "S3Uri"),
        ),
        ('Environment["K"]', ("Environment", "K")),
        ("[0][12].a", (0, 12, "a")),
        ("FinalMetricDataList['validation:rmse'].Value", ("FinalMetricDataList", "validation:rmse", "Value")),
        ("OutputParameters['name with space']", ("OutputParameters", "name with space")),
        ("x['a.b[0]'].c", ("x", "a.b[0]", "c")),
        ("Result[2]['a b'c']", ("Result", 2, "a b'c")),
        ("metrics['confusion matrix'][0][1]", ("metrics", "confusion matrix", 0, 1)),
        ("x['']", ("x", "")),
    ],
)
def test_path_grammar(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["a..b", "a.", "a[", "a[x]", "a[-1]", "a['b'", "a]b", "a['b']c", ".", "a[1234567890]"])
def test_path_outside_the_grammar_is_refused(text):
    with pytest.raises(PathSyntaxError):
        parse_path(text)


def test_unquoted_key_is_explained():
    with pytest.raises(PathSyntaxError, match=r"write \['train'\], not \[train\]"):
        parse_path("Outputs[train].S3Output")


def test_format_path_quotes_only_what_needs_quotes():
    path = ("Arguments", "Environment", "a.b", "Std:Join", "Values", 1, "two words")
    assert format_path(path, "Steps[2]") == "Steps[2].Arguments.Environment['a.b'].Std:Join.Values[1]['two words']"
    assert format_path(("Steps", 0)) == "Steps[0]"


PROCESSING = {
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
            {"OutputName": "test", "S3Output": {"S3Uri": "s3://b/test"}},
        ]
    },
    "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://b/in"}}],
    "AppSpecification": {"ContainerArguments": ["--env", "prod"]},
    "ProcessingJobStatus": "Completed",
    "JobConfigDocument": '{"OutputDataConfig": {"S3OutputPath": "s3://b/rft"}, "Tags": [1, 2]}',
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri", "s3://b/test"),
        ("ProcessingOutputConfig.Outputs[0].S3Output.S3Uri", "s3://b/train"),
        ("ProcessingInputs['in'].S3Input.S3Uri", "s3://b/in"),
        ("AppSpecification.ContainerArguments[1]", "prod"),
        ("JobConfigDocument.OutputDataConfig.S3OutputPath", "s3://b/rft"),
        ("JobConfigDocument.Tags[1]", 2),
        ("", PROCESSING),
    ],
)
def test_look_up_in_the_properties_of_a_step(text, value):
    assert look_up(PROCESSING, parse_path(text)) == value


def test_metrics_are_keyed_by_name():
    properties = {"FinalMetricDataList": [{"MetricName": "validation:rmse", "Value": 0.25}]}
    assert look_up(properties, parse_path("FinalMetricDataList['validation:rmse'].Value")) == 0.25


def test_of_equal_names_the_first_counts_and_elements_without_a_name_do_not():
    properties = {"ProcessingInputs": [{"a": 0}, "x", {"InputName": "in", "a": 1}, {"InputName": "in", "a": 2}]}
    assert look_up(properties, parse_path("ProcessingInputs['in'].a")) == 1


def test_lists_are_keyed_by_name_inside_an_iteration_too():
    loop = {"IterationOutputs": [{"Body": PROCESSING}]}
    path = parse_path("IterationOutputs[0].Body.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri")
    assert look_up(loop, path) == "s3://b/train"


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        (
            "ProcessingOutputConfig.Outputs['tset']",
            "`ProcessingOutputConfig.Outputs` has no member 'tset'; its names (OutputName) are 'train', 'test'"
            " (did you mean `test`?)",
        ),
        ("ProcessingOutputConfig.Outputs[2]", "`ProcessingOutputConfig.Outputs` has no element [2]; it is a list of 2"),
        (
            "ProcessingJobStatus.Reason",
            "`ProcessingJobStatus` has no member 'Reason'; it is the string 'Completed', which is not a JSON object or"
            " list",
        ),
        (
            "AppSpecification.ContainerArguments['x']",
            "`AppSpecification.ContainerArguments` has no member 'x'; it is a list of 2",
        ),
        ("AppSpecification.Image", "`AppSpecification` has no member 'Image'; its members are 'ContainerArguments'"),
        ("AppSpecification[0]", "`AppSpecification` has no element [0]; its members are 'ContainerArguments'"),
    ],
)
def test_missing_member_says_what_was_there_instead(text, instead):
    with pytest.raises(MissingMemberError) as caught:
        look_up(PROCESSING, parse_path(text))
    assert str(caught.value) == instead


def test_plain_json_knows_no_lists_keyed_by_name_and_no_embedded_json():
    with pytest.raises(MissingMemberError):
        look_up_json(PROCESSING, parse_path("ProcessingInputs['in']"))
    with pytest.raises(MissingMemberError):
        look_up_json(PROCESSING, parse_path("JobConfigDocument.Tags"))
    assert look_up_json({"a": [{"b c": None}]}, parse_path("a[0]['b c']")) is None


def test_an_output_parameter_has_no_members():
    """Developer guide, "Lambda step": a nested value is one string."""
    properties = {"OutputParameters": {"report": '{"auc": 1}'}, "JobConfigDocument": '{"auc": 1}'}
    assert look_up(properties, ("OutputParameters", "report")) == '{"auc": 1}'
    assert look_up(properties, ("JobConfigDocument", "auc")) == 1
    with pytest.raises(MissingMemberError, match=r"`OutputParameters\.report` is an output parameter"):
        look_up(properties, ("OutputParameters", "report", "auc"))
