"""What Airflow loads through the ``airflow.plugins`` entry point; a provider's own plugins it would ignore."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

# Airflow loads plugins before it forks the processes that parse DAG files and run tasks. Imported here, the package
# is there in each of them for nothing: otherwise each would spend more time on importing it than on the DAG. So is
# what only some DAGs load, and what only tasks need: the course of a step, and of its job.
import airflow_sm_pipelines.execution.airflow_internals.shown_fields
import airflow_sm_pipelines.execution.clients
import airflow_sm_pipelines.execution.step
import airflow_sm_pipelines.operators.pipeline_status
import airflow_sm_pipelines.operators.step_course
import airflow_sm_pipelines.semantics.hidden_failures
import airflow_sm_pipelines.translation.pipeline_documentation
import airflow_sm_pipelines.translation.translator  # noqa: F401
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.plugin import listener

for _row in CATALOG.values():
    _row.operator_class()


# Addresses without a slash before them: they are below Airflow's own address, wherever that is.
_PAGE = {"name": "Pipeline", "icon": "sm-pipelines/page/icon.svg"}
PIPELINE_PAGES = [
    {**_PAGE, "destination": "dag", "url_route": "pipeline", "href": "sm-pipelines/page/?dag={DAG_ID}"},
    {
        **_PAGE,
        "destination": "dag_run",
        "url_route": "pipeline-run",
        "href": "sm-pipelines/page/?dag={DAG_ID}&run={RUN_ID}",
    },
]
"""The tab of the pipeline page on a DAG and on a DAG run, as Airflow's UI is told of it."""


class SageMakerPipelinesPlugin(AirflowPlugin):
    """The endpoints in the API server, the pipeline page, links, a listener, EventBridge's timetable."""

    name = "sm_pipelines"
    listeners = [listener]  # noqa: RUF012 - as Airflow declares it
    external_views = PIPELINE_PAGES

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the web application; Airflow asks for it in the API server only, and only there it is imported."""
        from airflow_sm_pipelines.callbacks.endpoint import callback_app
        from airflow_sm_pipelines.executions.endpoint import executions_app
        from airflow_sm_pipelines.pipeline_page.endpoint import page_router

        app = executions_app()
        app.include_router(callback_app().router)
        app.include_router(page_router())
        return [{"name": "sm-pipelines", "app": app, "url_prefix": "/sm-pipelines"}]

    @property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]
        """Return the links of tasks; Airflow asks for them where it reads DAGs from its database to show them."""
        from airflow_sm_pipelines.execution.links import registered_links

        return registered_links()

    @property
    def timetables(self) -> list[Any]:  # type: ignore[override]
        """Return the timetables; Airflow asks for them when it stores or reads a DAG with one that is not its own."""
        from airflow_sm_pipelines.translation.eventbridge_timetable import EventBridgeTimetable

        return [EventBridgeTimetable]
