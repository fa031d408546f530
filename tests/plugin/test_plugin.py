"""The plugin that Airflow loads through its entry point."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_sm_pipelines.plugin import SageMakerPipelinesPlugin


def test_it_is_a_plugin_with_a_name_of_its_own() -> None:
    assert issubclass(SageMakerPipelinesPlugin, AirflowPlugin)
    assert SageMakerPipelinesPlugin.name == "sm_pipelines"
    SageMakerPipelinesPlugin.validate()
