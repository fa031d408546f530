"""Airflow's stand-in on the loopback interface, and a real browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from tests.browser.chromium import Chromium
from tests.pipeline_page.stand_ins import LOGIN, PageAirflow, add_example, api_server

# What Airflow's UI puts its external views into.
FRAME = """<!doctype html><title>Airflow</title>
<iframe title="Pipeline" sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"
  width="1300" height="900" src="sm-pipelines/page/?dag=abalone&run=good"></iframe>"""


@pytest.fixture
def airflow() -> PageAirflow:
    fake = PageAirflow()
    add_example(fake)
    return fake


@pytest.fixture
def base_url(airflow: PageAirflow) -> Iterator[str]:
    app = api_server(airflow)
    _add_frame(app)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listening.close()


def _add_frame(app: FastAPI) -> None:
    @app.get("/frame")
    async def frame() -> HTMLResponse:
        return HTMLResponse(FRAME)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def show(chromium: Chromium, base_url: str) -> Iterator[Callable[..., Chromium]]:
    """Open a page as somebody who is logged in, and tell afterwards whether the browser had complaints."""

    def open_page(path: str, *, login: str = LOGIN) -> Chromium:
        chromium.open(f"{base_url}/sm-pipelines/page/page.css")  # a page of the origin that the cookie is for
        chromium.run("localStorage.clear()")
        chromium.forget_cookies()
        if login:
            chromium.run("document.cookie = `_token=${arguments[0]}; path=/`", login)
        chromium.log()
        chromium.open(base_url + path)
        return chromium

    yield open_page
    complaints = [line for line in chromium.log() if "Security Policy" in line or "Error" in line]
    assert not complaints
