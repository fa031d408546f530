"""The plugin that Airflow loads through its entry point."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import pytest
from airflow.plugins_manager import AirflowPlugin

from airflow_sm_pipelines.plugin import SageMakerPipelinesPlugin


def test_it_is_a_plugin_with_a_name_of_its_own() -> None:
    assert issubclass(SageMakerPipelinesPlugin, AirflowPlugin)
    assert SageMakerPipelinesPlugin.name == "sm_pipelines"
    SageMakerPipelinesPlugin.validate()


def test_the_web_application_is_mounted_beside_airflows_own() -> None:
    (mounted,) = SageMakerPipelinesPlugin().fastapi_apps
    assert mounted["url_prefix"] == "/sm-pipelines"
    paths = {route.path for route in mounted["app"].routes}
    page = {path for path in paths if path.startswith("/page/")}
    assert paths - page == {"/callback", "/callback/", "/api", "/api/", "/api/{operation}"}
    assert {"/page/", "/page/page.js", "/page/data/run"} <= page


def test_the_pipeline_page_is_a_tab_of_dags_and_of_runs_wherever_airflow_is_mounted() -> None:
    views = {view["destination"]: view["href"] for view in SageMakerPipelinesPlugin.external_views}
    assert views == {
        "dag": "sm-pipelines/page/?dag={DAG_ID}",
        "dag_run": "sm-pipelines/page/?dag={DAG_ID}&run={RUN_ID}",
    }


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/callback", "POST", 400, "UnknownOperationException"),
        ("/callback", "GET", 405, None),
        ("/api/", "POST", 403, "MissingAuthenticationTokenException"),
        ("/api/StartPipelineExecution", "POST", 403, "MissingAuthenticationTokenException"),
    ],
)
def test_both_endpoints_are_served(path: str, method: str, status: int, code: str | None) -> None:
    (mounted,) = SageMakerPipelinesPlugin().fastapi_apps

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(mounted["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.request(method, path)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json().get("__type")) == (status, code)


def test_only_the_api_server_imports_it() -> None:
    endpoints = (
        "'airflow_sm_pipelines.callbacks.endpoint', 'airflow_sm_pipelines.executions', "
        "'airflow_sm_pipelines.pipeline_page'"
    )
    program = (
        "import sys, airflow_sm_pipelines.plugin as p; p.SageMakerPipelinesPlugin();"
        f"print([n for n in sys.modules if n in ('fastapi', 'starlette', {endpoints})])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
