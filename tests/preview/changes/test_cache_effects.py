from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.preview.changes.cache_effects import CacheEffect, cache_effects
from airflow_sm_pipelines.preview.changes.definition_changes import definition_changes

CACHED = {"CacheConfig": {"Enabled": True}}
OUTPUT = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/out"}}]}}
FIXED_OUTPUT = {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}


def effects(old: Pipeline, new: Pipeline) -> dict[str, tuple[str, str]]:
    found = cache_effects(old, new, definition_changes(old, new).renames)
    return {one.step: (one.effect, one.because) for one in found}


def channel(uri: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]}


@pytest.fixture
def train(step: Any) -> Any:
    return lambda depth="5", uri="s3://b/in", **members: step(
        "Train", "Training", {"HyperParameters": {"max_depth": depth}, **channel(uri)}, **{**CACHED, **members}
    )


@pytest.fixture
def prepare(step: Any) -> Any:
    return lambda mode="a", **members: step(
        "Prepare", "Processing", {"Environment": {"MODE": mode}, **OUTPUT}, **members
    )


def test_a_step_none_of_whose_key_attributes_changed_is_reused(load: Any, step: Any, train: Any) -> None:
    new = train(DisplayName="Trains")
    new["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 60}

    assert effects(load(train()), load(new, step("Other"))) == {"Train": ("is reused", "")}


def test_a_step_runs_again_when_a_key_attribute_has_changed(load: Any, train: Any) -> None:
    assert effects(load(train("5")), load(train("6"))) == {"Train": ("runs again", "HyperParameters changed")}


def test_the_default_of_a_parameter_counts_in_its_place(load: Any, train: Any) -> None:
    def of(default: int) -> Pipeline:
        parameter = {"Name": "Depth", "Type": "Integer", "DefaultValue": default}
        return load(train({"Get": "Parameters.Depth"}), Parameters=[parameter])

    assert effects(of(5), of(6)) == {"Train": ("runs again", "HyperParameters changed")}
    assert effects(of(5), load(train("5"))) == {"Train": ("is reused", "")}


@pytest.mark.parametrize(
    ("before", "because"),
    [
        ({"Name": "Fit"}, "was Fit: results are kept under the name of the step"),
        ({"CacheConfig": {"Enabled": False}}, "was not cached before"),
    ],
)
def test_results_belong_to_the_name_of_a_step_that_was_cached(load: Any, train: Any, before: Any, because: str) -> None:
    assert effects(load(train(**before)), load(train())) == {"Train": ("runs again", because)}


def test_a_new_step_has_no_result(load: Any, step: Any, train: Any) -> None:
    assert effects(load(step("A")), load(step("A"), train())) == {"Train": ("runs again", "is new")}


def test_a_step_after_a_changed_one_runs_again_if_what_it_reads_is_new_then(load: Any, step: Any, train: Any) -> None:
    model = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    inputs = [{"InputName": "m", "S3Input": {"S3Uri": model, "S3DataType": "S3Prefix", "LocalPath": "/opt"}}]
    evaluate = step("Evaluate", "Processing", {"ProcessingInputs": inputs}, **CACHED)

    assert effects(load(train("5"), evaluate), load(train("6"), evaluate))["Evaluate"] == (
        "runs again",
        "follows Train, which runs again: Steps.Train.ModelArtifacts.S3ModelArtifacts is new then",
    )
    assert effects(load(train("5"), evaluate), load(train("5"), evaluate, step("X")))["Evaluate"] == ("is reused", "")


def test_a_step_after_a_changed_one_is_reused_if_what_it_reads_stays_the_same(
    load: Any, prepare: Any, train: Any
) -> None:
    old = load(prepare("a", **CACHED), train(uri=FIXED_OUTPUT))
    new = load(prepare("b", **CACHED), train(uri=FIXED_OUTPUT))

    assert effects(old, new) == {"Prepare": ("runs again", "Environment changed"), "Train": ("is reused", "")}


def test_what_only_a_run_tells_may_have_changed(load: Any, step: Any, train: Any) -> None:
    def of(x: int) -> Pipeline:
        outputs = [{"OutputName": "uri", "OutputType": "String"}]
        choose = step("Choose", arguments={"x": x}, OutputParameters=outputs)
        return load(choose, train(uri={"Get": "Steps.Choose.OutputParameters['uri']"}))

    effect, because = effects(of(1), of(2))["Train"]
    assert effect == "may run again"
    assert because == "reads Steps.Choose.OutputParameters['uri'], and Choose changed"
    assert effects(of(1), of(1))["Train"] == ("is reused", "")


def test_a_model_is_compared_by_its_containers(load: Any, step: Any) -> None:
    def of(image: str, tag: str) -> Pipeline:
        container = {"Image": image, "ModelDataUrl": "s3://b/model.tar.gz"}
        model = step("Model", "Model", {"PrimaryContainer": container, "Tags": [{"Key": "k", "Value": tag}]})
        places = {"TransformInput": {}, "TransformOutput": {}, "TransformResources": {}}
        batch = {"ModelName": {"Get": "Steps.Model.ModelName"}, **places}
        return load(model, step("Batch", "Transform", batch, **CACHED))

    assert effects(of("a", "1"), of("a", "2"))["Batch"] == ("is reused", "")
    assert effects(of("a", "1"), of("b", "1"))["Batch"] == ("runs again", "the containers of Model changed")


def test_a_step_that_never_reuses_a_result_runs_in_each_run(load: Any, train: Any) -> None:
    novel = load(train(uri={"Get": "Execution.PipelineExecutionId"}))

    effect, because = effects(novel, novel)["Train"]
    assert effect == "runs in each run"
    assert "never reuses a result" in because


def test_steps_that_are_not_cached_are_not_told(load: Any, step: Any) -> None:
    old, new = load(step("A")), load(step("A", arguments={"x": 1}))

    assert list(cache_effects(old, new, {})) == []
    assert CacheEffect("A", "is reused").because == ""
