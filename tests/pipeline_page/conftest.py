"""The page's application in a stand-in for Airflow's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.pipeline_page.stand_ins import LOGIN, PageAirflow, add_example, api_server


@pytest.fixture
def airflow() -> PageAirflow:
    fake = PageAirflow()
    add_example(fake)
    return fake


@pytest.fixture
def get(airflow: PageAirflow) -> Callable[..., httpx.Response]:
    """Ask the endpoint as a browser does that is logged in, unless other headers are given."""

    def ask(path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(api_server(airflow))
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                login = {"Cookie": f"_token={LOGIN}"} if headers is None else headers
                return await client.get(f"/sm-pipelines/page/{path}", params=query, headers=login)

        return asyncio.run(send())

    return ask


@pytest.fixture
def report(get: Callable[..., httpx.Response]) -> Callable[..., Any]:
    """Return a report's JSON; the DAG is the example's unless said otherwise."""

    def ask(name: str, **query: Any) -> Any:
        answer = get(f"data/{name}", **{"dag": "abalone", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask
