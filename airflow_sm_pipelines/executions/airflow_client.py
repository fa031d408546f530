"""Airflow's own REST API, asked from inside of its API server, in the name of whoever has sent the request.

The request goes through the very application that serves ``/api/v2``, without a network: its authentication, its
permissions, its checks of params and its audit log hold, and nobody gets more here than there. Only that API is used,
which is public and stable.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
from starlette.types import ASGIApp

from airflow_sm_pipelines.aws_json import RefusedRequestError

_CODES = {
    400: ("ValidationException", 400),
    401: ("UnrecognizedClientException", 403),
    403: ("AccessDeniedException", 400),
    404: ("ResourceNotFound", 400),
    409: ("ConflictException", 400),
    422: ("ValidationException", 400),
}
"""What Airflow's HTTP status is in AWS's terms: the error's code and the HTTP status."""

OWN_REFUSAL = "OwnRefusal"
"""Code of what we refuse ourselves, before or after Airflow was asked."""
_INVALID_TOKEN = "Invalid JWT token"  # noqa: S105 - Airflow's words for it; it has the status of a missing permission
_EXPIRED_TOKEN = "Token Expired"  # noqa: S105
_PAGE = 100


class AirflowClient:
    """A client of Airflow's REST API for one request.

    Args:
        app: Airflow's web application.
        authorization: The header ``Authorization`` of the request.
        client: Address and port of whoever has sent the request, for Airflow's log.
        cookie: The header ``Cookie`` of the request: how a browser shows who is logged in. A request that changes
            something must not pass it on, since a browser also sends it for the pages of others.
    """

    def __init__(
        self, app: ASGIApp, authorization: str, client: tuple[str, int] | None = None, cookie: str = ""
    ) -> None:
        login = {"Authorization": authorization, "Cookie": cookie}
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=client or ("", 0)),
            base_url="http://airflow/api/v2/",
            headers={**{name: value for name, value in login.items() if value}, "Accept-Encoding": "identity"},
        )

    async def get(self, *path: str, **query: Any) -> Any:
        """Return what Airflow has under a path.

        Args:
            path: The parts of the path below ``/api/v2``, unquoted.
            query: Query parameters.

        Raises:
            RefusedRequestError: Airflow refuses it; of the code that AWS has for that.
        """
        return await self._send("GET", path, query=query)

    async def find(self, *path: str, **query: Any) -> Any:
        """Return what Airflow has under a path, ``None`` if there is nothing; raises as `get`."""
        try:
            return await self.get(*path, **query)
        except RefusedRequestError as error:
            if error.code == "ResourceNotFound":
                return None
            raise

    async def all(self, member: str, *path: str, **query: Any) -> list[Any]:
        """Return every entry of a list, page by page; raises as `get`.

        Args:
            member: Member of the answer that holds the entries.
            path: As for `get`.
            query: Query parameters.
        """
        found: list[Any] = []
        while True:
            page = await self.get(*path, **query, limit=_PAGE, offset=len(found))
            found += page[member]
            if not page[member] or len(found) >= page["total_entries"]:
                return found

    async def post(self, *path: str, body: dict[str, Any]) -> Any:
        """Send a POST request; raises as `get`."""
        return await self._send("POST", path, body=body)

    async def patch(self, *path: str, body: dict[str, Any]) -> Any:
        """Send a PATCH request; raises as `get`."""
        return await self._send("PATCH", path, body=body)

    async def _send(
        self,
        method: str,
        path: tuple[str, ...],
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Any:
        address = "/".join(quote(part, safe="~") for part in path)
        answer = await self._http.request(method, address, params=query, json=body)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise refusal(answer)


def refusal(answer: httpx.Response) -> RefusedRequestError:
    """Return what a refusal of Airflow is in AWS's terms."""
    reason = _reason(answer)
    if answer.status_code not in _CODES:
        return RefusedRequestError("InternalFailure", f"Airflow answered {answer.status_code}: {reason}", 500)
    code, status = _CODES[answer.status_code]
    if answer.status_code == httpx.codes.FORBIDDEN and reason == _INVALID_TOKEN:
        code, status = _CODES[401]
    if reason == _EXPIRED_TOKEN:
        code = "ExpiredTokenException"
    return RefusedRequestError(code, reason, status)


def _reason(answer: httpx.Response) -> str:
    """Return what Airflow says of a refusal: a text, or a list of faults."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.text[:1000]
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, fault.get('loc', ())))}: {fault.get('msg')}" for fault in detail)
    if isinstance(detail, dict):
        return str(detail.get("reason") or detail.get("message") or detail)
    return str(detail).partition("\n")[0]  # of a wrong param, the schema follows
