"""Definitions as the SDK and people write them, against the graphs they must become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings
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
    true_alarms = [member.message for member in without_effect(pipeline)]
    found = [warning.message for warning in warnings(pipeline) if warning.message not in true_alarms]
    assert [message for message in found if "never runs" not in message] == []


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_a_cache_of_sdk_output_is_told(file):
    text = file.read_text()
    expected = {name for name, sign in SIGNS.items() if sign in text}
    assert {warning.path.split(".")[-1] for warning in warnings(load_pipeline(file))} >= expected


SIGNS = {"CacheConfig": '"Enabled": true'}
