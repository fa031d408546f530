"""Definitions as the SDK and people write them, against the graphs they must become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings
from airflow_sm_pipelines.preview.cache_advice import compared_attributes, never_reused_results
from airflow_sm_pipelines.preview.graph import as_json
from airflow_sm_pipelines.semantics.without_effect import without_effect

GOLDEN = Path(__file__).parent.parent / "golden"
DEFINITIONS = sorted(file for file in GOLDEN.glob("*.json") if not file.name.endswith(".graph.json"))


def test_there_are_golden_definitions():
    assert len(DEFINITIONS) >= 12


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_graph(file):
    graph = as_json(load_pipeline(file).plans)
    assert json.loads(graph) == json.loads(file.with_suffix(".graph.json").read_text())


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_sdk_output_gives_no_false_alarm(file):
    pipeline = load_pipeline(file)
    true_alarms = [one.message for one in (*without_effect(pipeline), *never_reused_results(pipeline))]
    found = [warning.message for warning in warnings(pipeline) if warning.message not in true_alarms]
    assert [message for message in found if "never runs" not in message] == []


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_every_cached_step_of_sdk_output_says_what_it_is_compared_by_or_that_nothing_is_reused(file):
    pipeline = load_pipeline(file)
    cached = {step.path for step in pipeline.steps if step.cache_config and step.cache_config.enabled}
    compared = {step.path for step in pipeline.steps if compared_attributes(step)}
    ignored = {one.path.removesuffix(".CacheConfig") for one in without_effect(pipeline)}
    assert compared <= cached <= compared | ignored
