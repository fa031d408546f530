"""Tells whether Airflow's API server serves the endpoint that answers callbacks; runs in the worker.

An API server that was started before the package was installed, or with plugins off, does not: a message goes out, and
nobody who gets it can answer.
"""

from __future__ import annotations

import http.client
from email.message import Message
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.execution.airflow_internals.worker import api_server_url, is_dag_test

_PATH = "/sm-pipelines/callback"
_LONGEST_SECONDS = 2.0
_PAGE_BYTES = 4096


def warn_if_unserved(log: Log, *, deferrable: bool) -> None:
    """Say in a task's log that handlers cannot answer, if that is so.

    Args:
        log: The task's log.
        deferrable: Whether the step waits without a worker: then what people answer reaches it all the same.
    """
    unserved = unserved_endpoint()
    if unserved:
        log.warning(
            "Airflow's API server does not serve %s: restart it, so that it loads the plugin of airflow-sm-pipelines. "
            "Until then handlers cannot answer; %s",
            unserved,
            "people can, in Airflow" if deferrable else "what people answer in Airflow is not heard either",
        )


def unserved_endpoint() -> str | None:
    """Return the address of the endpoint if Airflow's API server certainly does not serve it.

    The endpoint refuses GET (405). An API server without it answers GET of any unknown path with Airflow's UI. Whatever
    else comes, e.g. from a proxy, from a server of the Execution API alone, or nothing in time, tells nothing.
    """
    if is_dag_test():  # no API server at all
        return None
    address = f"{api_server_url()}{_PATH}"
    return address if _answers_with_ui(address) else None


def _answers_with_ui(address: str) -> bool:
    try:
        request = Request(address, headers={"Accept": "text/html"})  # noqa: S310 - the scheme is the administrator's
        with build_opener(_NoRedirect).open(request, timeout=_LONGEST_SECONDS) as response:
            page = response.read(_PAGE_BYTES).decode(errors="replace")
            return response.headers.get_content_type() == "text/html" and "<title>Airflow" in page
    except (HTTPError, URLError, OSError, ValueError, http.client.HTTPException):
        return False


class _NoRedirect(HTTPRedirectHandler):
    """Leaves redirects alone: they lead to the login of a proxy."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None
