"""The pipeline page in a real Airflow: its tab, its login, and what it tells of a real run."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

from tests.e2e.conftest import World

pytestmark = pytest.mark.e2e


def token(world: World) -> str:
    name, password = world.airflow.login
    login = json.dumps({"username": name, "password": password}).encode()
    request = urllib.request.Request(f"{world.airflow.api.base_url}/auth/token", login)
    request.add_header("Content-Type", "application/json")
    return str(json.load(urllib.request.urlopen(request))["access_token"])


def get(world: World, path: str, **headers: str) -> Any:
    request = urllib.request.Request(f"{world.airflow.api.base_url}/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_it_tells_a_real_run_to_whoever_is_logged_in_and_to_nobody_else(world: World) -> None:
    run = world.trigger("for_each", Items=json.dumps([{"seconds": 0, "exit": 0, "then": 0}] * 2))
    run.wait()
    query = urlencode({"dag": run.dag_id, "run": run.run_id})
    for report in ("graph", "runs", "run", "measures"):
        with pytest.raises(HTTPError) as refused:
            get(world, f"sm-pipelines/page/data/{report}?{query}")
        assert refused.value.code == 401
        refused.value.close()

    valid = token(world)
    by_cookie = get(world, f"sm-pipelines/page/data/run?{query}", Cookie=f"_token={valid}")
    assert by_cookie == get(world, f"sm-pipelines/page/data/run?{query}", Authorization=f"Bearer {valid}")
    assert by_cookie["run"]["ended"]
    graph = get(world, f"sm-pipelines/page/data/graph?{query}", Cookie=f"_token={valid}")
    assert [(node["step"], node["type"]) for node in graph["nodes"]] == [
        ("After", "Processing"),
        ("Each", "ForEach"),
        ("Each", "ForEach (end)"),
        ("Each", "ForEach (turn)"),  # our own task, which keeps MaxConcurrency
        ("First", "Processing"),
        ("Second", "Processing"),
    ]
    assert {node["task"] for node in graph["nodes"]} == {task["task"] for task in by_cookie["tasks"]}
    tasks = urlencode({"task": ["First@1", "After@-1"]}, doseq=True)
    told = get(world, f"sm-pipelines/page/data/details?{query}&{tasks}", Cookie=f"_token={valid}")["details"]
    assert [one["index"] for one in told] == [1, -1]
    for one in told:
        assert one["arn"].startswith("arn:aws:sagemaker:")
        assert one["running"] is not None


def test_it_is_a_tab_of_every_dag_and_run(world: World) -> None:
    found = get(world, "api/v2/plugins", Authorization=f"Bearer {token(world)}")
    (plugin,) = [one for one in found["plugins"] if one["name"] == "sm_pipelines"]
    assert {view["destination"] for view in plugin["external_views"]} == {"dag", "dag_run"}
