"""The plugin that Airflow loads through its entry point."""

from __future__ import annotations

import subprocess
import sys

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
    assert paths == {"/callback", "/callback/", "/api", "/api/", "/api/{operation}"}


def test_only_the_api_server_imports_it() -> None:
    endpoints = "'airflow_sm_pipelines.callbacks.endpoint', 'airflow_sm_pipelines.executions'"
    program = (
        "import sys, airflow_sm_pipelines.plugin as p; p.SageMakerPipelinesPlugin();"
        f"print([n for n in sys.modules if n in ('fastapi', 'starlette', {endpoints})])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
