"""The endpoint of the pipeline page; runs in Airflow's API server, under ``/sm-pipelines/page``.

Its files hold no data and are served to everybody. Its data is what Airflow's REST API tells whoever is logged in: the
browser's own cookie, or an access token, goes on to that API, in the same process. So whoever may not read a DAG gets
nothing of it here. Nothing is changed, so the cookie may count; other origins cannot read the answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.endpoint import mounting_app
from airflow_sm_pipelines.pipeline_page.comparison import comparison_report
from airflow_sm_pipelines.pipeline_page.details import MOST_TASKS, details_report, measures_report
from airflow_sm_pipelines.pipeline_page.graph import graph_report
from airflow_sm_pipelines.pipeline_page.runs import run_report, runs_report
from airflow_sm_pipelines.pipeline_page.viewer import Viewer

_FOLDER = Path(__file__).parent / "static"
_SCRIPTS = ("airflow.js", "comparison.js", "drawing.js", "elements.js", "metrics.js", "page.js", "steps.js")
_FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{name: (name, "text/javascript; charset=utf-8") for name in _SCRIPTS},
}

SECURITY = {
    # No inline script or style, nothing from elsewhere, and only Airflow's own pages may show it in a frame.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""

_STATUS = {
    "MissingAuthenticationTokenException": 401,
    "UnrecognizedClientException": 401,
    "ExpiredTokenException": 401,
    "AccessDeniedException": 403,
    "ResourceNotFound": 404,
    "ValidationException": 400,
}
"""HTTP status by the code of a refusal; 502 for all others: Airflow's API is out of order."""


def page_router() -> APIRouter:
    """Return the routes of the page, for the application that `executions_app` makes."""
    router = APIRouter(prefix="/page")

    def add_file(path: str) -> None:
        async def serve() -> Response:
            content, media_type = _file(path)
            return Response(content, media_type=media_type, headers={**SECURITY, "Cache-Control": "no-cache"})

        router.get(f"/{path}")(serve)

    def add_report(name: str, report: _Report) -> None:
        async def serve(request: Request) -> Response:
            return await _answer(request, report)

        router.get(f"/data/{name}")(serve)

    for path in _FILES:
        add_file(path)
    for name, report in _REPORTS.items():
        add_report(name, report)
    return router


@cache
def _file(path: str) -> tuple[bytes, str]:
    name, media_type = _FILES[path]
    return (_FOLDER / name).read_bytes(), media_type


async def _answer(request: Request, report: _Report) -> Response:
    headers = {**SECURITY, "Cache-Control": "no-store"}
    login = {name: request.headers.get(name, "") for name in ("authorization", "cookie")}
    client = (request.client.host, request.client.port) if request.client else None
    viewer = Viewer(AirflowClient(mounting_app(request), login["authorization"], client, login["cookie"]))
    try:
        return JSONResponse(await report(viewer, request), headers=headers)
    except RefusedRequestError as error:
        status = _STATUS.get(error.code, 502)
        return JSONResponse({"error": str(error)}, status_code=status, headers=headers)


# -- the reports -------------------------------------------------------------------------------------------------------

_Report = Callable[[Viewer, Request], Awaitable[JsonObject]]


async def _graph(viewer: Viewer, request: Request) -> JsonObject:
    return await graph_report(viewer, _given(request, "dag"))


async def _runs(viewer: Viewer, request: Request) -> JsonObject:
    return await runs_report(viewer, _given(request, "dag"))


async def _run(viewer: Viewer, request: Request) -> JsonObject:
    return await run_report(viewer, _given(request, "dag"), _given(request, "run"))


async def _details(viewer: Viewer, request: Request) -> JsonObject:
    tasks = [_task(text) for text in request.query_params.getlist("task")]
    if len(tasks) > MOST_TASKS:
        raise RefusedRequestError("ValidationException", f"a request is for at most {MOST_TASKS} tasks")
    return await details_report(viewer, _given(request, "dag"), _given(request, "run"), tasks)


async def _measures(viewer: Viewer, request: Request) -> JsonObject:
    return await measures_report(viewer, _given(request, "dag"), _given(request, "run"))


async def _comparison(viewer: Viewer, request: Request) -> JsonObject:
    return await comparison_report(viewer, _given(request, "dag"), _given(request, "run"), _given(request, "other"))


_REPORTS: Mapping[str, _Report] = {
    "graph": _graph,
    "runs": _runs,
    "run": _run,
    "details": _details,
    "measures": _measures,
    "comparison": _comparison,
}


def _given(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value:
        raise RefusedRequestError("ValidationException", f"the query parameter {name} is required")
    return value


def _task(text: str) -> tuple[str, int]:
    """Return task and map index of a text such as ``Train@-1``."""
    name, _, index = text.rpartition("@")
    try:
        return name, int(index)
    except ValueError as error:
        raise RefusedRequestError("ValidationException", f"a task is given as id@index, not {text!r}") from error
