from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings
from airflow_sm_pipelines.preview.races import find_races


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


def test_a_use_of_what_many_steps_create_is_one_warning_that_counts_them(hidden, step):
    makers = [
        step(f"M{number:03}", "Training", {"OutputDataConfig": {"S3OutputPath": "s3://b/out"}}) for number in range(200)
    ]
    users = [
        step(f"U{number:03}", "Processing", {"ProcessingInputs": [{"S3Input": {"S3Uri": "s3://b/out/x"}}]})
        for number in range(200)
    ]
    found = hidden(*makers, *users)
    assert len(found) == 200
    assert set(found.values()) == {
        "uses the output 's3://b/out' of M000 and 199 more, but does not wait for them: all start at the same time | "
        "add M000 to DependsOn, or reference its output instead of repeating the URI"
    }


URIS = ["s3://b/out", "s3://b/out/x", "s3://b/out/x/y", "s3://b/other"]


@settings(max_examples=50, deadline=None, database=None)
@given(st.data())
def test_the_races_are_the_pairs_of_steps_without_an_order(data):
    names = [f"S{number}" for number in range(6)]
    waits = {
        name: data.draw(st.sets(st.sampled_from(names[:index]))) if index else set() for index, name in enumerate(names)
    }
    made, used = ({name: data.draw(st.sampled_from(URIS)) for name in names} for _ in range(2))
    steps = [
        {
            "Name": name,
            "Type": "Processing",
            "DependsOn": sorted(waits[name]),
            "Arguments": {
                "ProcessingResources": {},
                "AppSpecification": {},
                "ProcessingInputs": [{"S3Input": {"S3Uri": used[name]}}],
                "ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": made[name]}}]},
            },
        }
        for name in names
    ]

    def before(name):
        return waits[name].union(*(before(other) for other in waits[name]))

    racing = {
        user: [
            maker
            for maker in names
            if maker != user
            and maker not in before(user)
            and user not in before(maker)
            and f"{used[user]}/".startswith(f"{made[maker]}/")
        ]
        for user in names
    }
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": steps})
    found = {race.path.partition(".")[0]: (race.producer, race.others) for race in find_races(pipeline.plans)}
    assert found == {
        f"Steps[{names.index(user)}]": (makers[0], len(makers) - 1) for user, makers in racing.items() if makers
    }


def test_payloads_are_not_searched(hidden, step):
    assert not hidden(training(step, "s3://b/out"), step("L", arguments={"uri": "s3://b/out"}))
