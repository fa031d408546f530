"""Takes the pictures of docs/pipeline-page.md from real runs of the demo: ``python -m tests.browser.screenshots``.

It starts an Airflow and a local AWS, runs the pipeline three times, one of them with a model that is refused, and shows
the tab in a headless Chromium. It takes a few minutes.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from airflow_sm_pipelines.demo.examples import DIABETES
from airflow_sm_pipelines.demo.run import start
from tests.browser.chromium import Chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
CONFS: tuple[dict[str, float], ...] = ({}, {"TestFraction": 0.3}, {"MaxMse": 1})
SIZE = (1500, 1180)
_PAGE = "document.querySelector('iframe')?.contentDocument"


def main() -> None:
    with ExitStack() as running:
        stage = start(DIABETES, running, lambda: None)
        api = stage.airflow.api
        for conf in CONFS:
            run = api.trigger("diabetes", conf)
            while api.run_state("diabetes", run) not in ("success", "failed"):
                time.sleep(2)
        take(api.base_url, stage.airflow.login)


def take(base_url: str, login: tuple[str, str]) -> None:
    """Take the pictures.

    Args:
        base_url: An Airflow with runs of the demo.
        login: Name and password.
    """
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Chromium(Path(folder), size=SIZE) as browser,
    ):
        browser.open(f"{base_url}/sm-pipelines/page/page.css")
        browser.add_cookie("_token", _token(base_url, login))
        for file, theme, tab in (
            ("pipeline-page", "light", "steps"),
            ("pipeline-page-dark", "dark", "steps"),
            ("pipeline-page-metrics", "light", "metrics"),
            ("pipeline-page-compare", "light", "compare"),
        ):
            browser.run("localStorage.setItem('theme', arguments[0])", theme)
            browser.open(f"{base_url}/dags/diabetes/plugin/pipeline")
            browser.wait(f"return Boolean({_PAGE}?.querySelector('td .links, td .short'))", seconds=180)
            browser.run(f"{_PAGE}.querySelector('#tab-{tab}').click()")
            if theme == "dark":  # the failed run, with the step that failed opened
                browser.wait(CHOOSE_FAILED, seconds=180)
            browser.wait(READY[tab], seconds=180)
            time.sleep(3)  # for Airflow's own part of the page
            browser.screenshot(IMAGES / f"{file}.png")


CHOOSE_FAILED = f"""
const page = {_PAGE};
const failed = [...page.querySelectorAll('#run option')].find((one) => one.textContent.includes('Failed'));
const chosen = page.querySelector('#run');
if (chosen.value !== failed.value) {{
  chosen.value = failed.value;
  chosen.dispatchEvent(new Event('change'));
}}
const row = page.querySelector('tr[data-key="CheckMse@-1"]');
if (!row?.textContent.includes('false:')) return false;
if (!row.nextSibling.classList.contains('more')) row.querySelector('.step').click();
page.querySelector('.zoom').scrollIntoView();
return row.nextSibling.textContent.includes('Goes on with');
"""
READY = {
    "steps": f"return /rmse/.test({_PAGE}.body.textContent) && !/being read/.test({_PAGE}.body.textContent)",
    "metrics": f"return {_PAGE}.querySelector('#metrics-note').textContent.startsWith('The last')",
    "compare": f"return {_PAGE}.querySelectorAll('#comparison table').length > 1",
}


def _token(base_url: str, login: tuple[str, str]) -> str:
    body = json.dumps({"username": login[0], "password": login[1]}).encode()
    request = urllib.request.Request(f"{base_url}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["access_token"])


if __name__ == "__main__":
    main()
