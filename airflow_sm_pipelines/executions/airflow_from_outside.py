"""Airflow's REST API over the network, for commands: who asks, and what to do if there is no answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from json import JSONDecodeError
from typing import TypeVar

import httpx

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.executions.airflow_client import OWN_REFUSAL, AirflowClient, refusal

_Answer = TypeVar("_Answer")
_SECONDS = 60.0
_LOGIN_REQUIRED = (
    "Airflow requires a login; set AIRFLOW_API_TOKEN, or AIRFLOW_API_USER and AIRFLOW_API_PASSWORD, or pass --token"
)


class NoAnswerError(SageMakerPipelinesError):
    """Airflow did not answer, or refused the request; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whose name requests are sent in.

    Attributes:
        token: An access token; empty to get one for the user.
        user: Name of the user; empty for an Airflow that lets everybody in (``[core] simple_auth_manager_all_admins``).
        password: The user's password.
    """

    token: str = ""
    user: str = ""
    password: str = ""


class AirflowFromOutside(AirflowClient):
    """A client of Airflow's REST API over the network.

    Args:
        http: Sends the requests; its base is ``/api/v2/``.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http


async def with_airflow(url: str, login: Login, question: Callable[[AirflowClient], Awaitable[_Answer]]) -> _Answer:
    """Log in, ask, and return the answer.

    Args:
        url: Address of Airflow's API server.
        login: Who asks.
        question: Asks.

    Raises:
        NoAnswerError: There is no answer, or Airflow refused it.
    """
    base = url.rstrip("/")
    try:
        async with httpx.AsyncClient(base_url=f"{base}/api/v2/", timeout=_SECONDS) as http:
            token = login.token or await _token(http, base, login)
            http.headers["Authorization"] = f"Bearer {token}"
            return await question(AirflowFromOutside(http))
    except RefusedRequestError as error:
        advice = "" if error.code == OWN_REFUSAL else f"{_ADVICE.get(error.code, 'Airflow refused the request')}: "
        raise NoAnswerError(f"{advice}{error.message}") from error
    except (httpx.HTTPError, httpx.InvalidURL, JSONDecodeError) as error:
        raise NoAnswerError(f"Airflow at {url}: {_reason(error)}") from error


async def _token(http: httpx.AsyncClient, base: str, login: Login) -> str:
    body = {"username": login.user, "password": login.password}
    answer = await http.post(f"{base}/auth/token", json=body)
    if answer.is_client_error and not login.user:
        raise NoAnswerError(_LOGIN_REQUIRED)
    if not answer.is_success:
        raise refusal(answer)
    return str(answer.json()["access_token"])


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if "CERTIFICATE" in text.upper():
        return f"its TLS certificate is not trusted ({text}); set SSL_CERT_FILE to the certificates of its authority"
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({text}); is --airflow-url right, and the API server running?"
    if isinstance(error, httpx.TimeoutException):
        return f"did not answer within {_SECONDS:.0f} s"
    if isinstance(error, JSONDecodeError):
        return "the answer is not that of Airflow's REST API; is --airflow-url right?"
    return text


_ADVICE = {
    "UnrecognizedClientException": "Airflow does not know you; pass a valid token, or user and password (401)",
    "ExpiredTokenException": "the token has expired; get a new one",
    "AccessDeniedException": "you may not do this in Airflow; ask for the permission (403)",
    "ResourceNotFound": "Airflow has no such DAG or run, or you may not see it (404)",
}
