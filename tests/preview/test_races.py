from __future__ import annotations

import pytest

from airflow_sm_pipelines.preview.advice import warnings


def get(text):
    return {"Get": text}


def join(*values):
    return {"Std:Join": {"On": "/", "Values": list(values)}}


@pytest.fixture
def hidden(load):
    """Return JSON path -> message and hint of the hidden orders among some steps."""

    def of(*steps):
        return {warning.path: f"{warning.message} | {warning.hint}" for warning in warnings(load(*steps))}

    return of


def endpoint_config(step, name, **members):
    return step("Config", "EndpointConfig", {"ProductionVariants": [{"ModelName": name}]}, **members)


def training(step, uri):
    return step("Train", "Training", {"OutputDataConfig": {"S3OutputPath": uri}})


def processing(step, uri, **members):
    return step("Use", "Processing", {"ProcessingInputs": [{"S3Input": {"S3Uri": uri}}]}, **members)


NAME_PATH = "Steps[1].Arguments.ProductionVariants[0].ModelName"
URI_PATH = "Steps[1].Arguments.ProcessingInputs[0].S3Input.S3Uri"


def test_literal_name_shared_without_an_edge(hidden, step):
    found = hidden(step("M", "Model", {"ModelName": "m"}), endpoint_config(step, "m"))
    assert list(found) == [NAME_PATH]
    assert "uses the ModelName 'm' of M" in found[NAME_PATH]
    assert 'write {"Get": "Steps.M.ModelName"}' in found[NAME_PATH]


def test_name_that_is_the_same_expression(hidden, step):
    name = join("m", get("Execution.PipelineExecutionId"))
    found = hidden(step("M", "Model", {"ModelName": name}), endpoint_config(step, name))
    assert "'m/{Execution.PipelineExecutionId}'" in found[NAME_PATH]


def test_no_hidden_order_with_an_edge(hidden, step):
    model = step("M", "Model", {"ModelName": "m"})
    assert not hidden(model, endpoint_config(step, "m", DependsOn=["M"]))
    assert not hidden(model, endpoint_config(step, "other"))
    assert not hidden(model, endpoint_config(step, "m/below"))
    assert not hidden(model, step("Between", DependsOn=["M"]), endpoint_config(step, "m", DependsOn=["Between"]))


@pytest.mark.parametrize("uri", ["s3://b/out", "s3://b/out/", "s3://b/out/model.tar.gz"])
def test_s3_uri_at_or_below_an_output(hidden, step, uri):
    assert (
        "uses the output 's3://b/out' of Train"
        in hidden(training(step, "s3://b/out/"), processing(step, uri))[URI_PATH]
    )


@pytest.mark.parametrize("uri", ["s3://b/outer", "s3://b", "s3://c/out", "b/out"])
def test_s3_uri_elsewhere(hidden, step, uri):
    assert not hidden(training(step, "s3://b/out"), processing(step, uri))


def test_s3_uri_of_expressions(hidden, step):
    base = ("s3:/", get("Execution.PipelineName"), "out")
    assert URI_PATH in hidden(training(step, join(*base)), processing(step, join(*base, "x.csv")))


def test_the_root_of_a_bucket_says_nothing(hidden, step):
    assert not hidden(training(step, "s3://b/"), processing(step, "s3://b/data"))


def test_a_step_in_a_loop_is_ordered_by_its_loop(hidden, step):
    use = processing(step, "s3://b/out")
    loop = step("L", "ForEach", {"ForEachBody": [use]}, DependsOn=["Train"])
    assert not hidden(training(step, "s3://b/out"), loop)


def test_one_warning_per_pair_of_steps(hidden, step):
    inputs = [{"S3Input": {"S3Uri": f"s3://b/out/{number}"}} for number in range(3)]
    assert len(hidden(training(step, "s3://b/out"), step("Use", "Processing", {"ProcessingInputs": inputs}))) == 1


def test_payloads_are_not_searched(hidden, step):
    assert not hidden(training(step, "s3://b/out"), step("L", arguments={"uri": "s3://b/out"}))
