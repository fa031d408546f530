"""Takes the pictures of docs/ from real runs: ``python -m tests.browser.screenshots``.

It starts an Airflow and a local AWS with the example DAGs and one whose job prints while it runs, runs them, and shows
Airflow's pages in a headless Chromium. It takes a few minutes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_sm_pipelines.demo.airflow_api import AirflowApi
from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.demo.examples import DIABETES, dags_folder, upload_scripts
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.browser.chromium import Chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PATIENCE_SECONDS = 180.0
CONFS: tuple[dict[str, float], ...] = ({}, {"TestFraction": 0.3}, {"MaxMse": 1})
"""Parameters of the runs; the model of the last one is refused."""


def main() -> None:
    with stage() as airflow:
        take(airflow)


# -- what is shown -----------------------------------------------------------------------------------------------------


@contextmanager
def stage() -> Iterator[AirflowProcesses]:
    """Start Airflow and a local AWS, and yield Airflow when the runs of the example have ended."""
    with ExitStack() as running:
        home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="screenshots-")))
        shutil.copytree(dags_folder(), home / "dags")
        (home / "dags" / "slow_training.json").write_text(json.dumps(SLOW_TRAINING))
        (home / "dags" / "slow_training.py").write_text(
            "from airflow_sm_pipelines import pipeline_dag\n\ndag = pipeline_dag('slow_training.json')\n"
        )
        aws = running.enter_context(LocalAws())
        upload_scripts(aws.client("s3"), DIABETES)
        airflow = running.enter_context(AirflowProcesses(home, home / "dags", environment=aws.environment()))
        for name in (DIABETES.name, "slow_training"):
            wait_for(lambda name=name: airflow.api.has_dag(name))  # type: ignore[misc]
        for conf in CONFS:
            run = airflow.api.trigger(DIABETES.name, conf)
            wait_for(lambda run=run: airflow.api.run_state(DIABETES.name, run) in ("success", "failed"))  # type: ignore[misc]
        yield airflow


EPOCHS = "import time; [print(f'epoch {n}/40: loss={1.9 / n:.4f}', flush=True) or time.sleep(3) for n in range(1, 41)]"
"""One line: AWS takes no others in an entrypoint."""
SLOW_TRAINING = {
    "Version": "2020-12-01",
    "Steps": [
        {
            "Name": "Train",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
                },
                "AppSpecification": {"ImageUri": "training", "ContainerEntrypoint": ["python3", "-c", EPOCHS]},
                "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
            },
        }
    ],
}


def wait_for(look: Any, pause: float = 1.0) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(pause)


# -- the pictures ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: Its file in docs/images, without the suffix.
        path: The page of Airflow's UI, with the names of runs in braces.
        ready: A script that returns whether the page is; it may also click.
        size: Width and height of the window.
        theme: ``light`` or ``dark``.
        view: What Airflow shows beside a run, ``grid`` or ``graph``.
    """

    name: str
    path: str
    ready: str
    size: tuple[int, int] = (1500, 900)
    theme: str = "light"
    view: str = "grid"


_PAGE = "document.querySelector('iframe')?.contentDocument"


def tab(name: str, ready: str) -> str:
    """A script that opens a tab of the pipeline page."""
    return f"""
if (!{_PAGE}?.querySelector('td .links, td .short')) return false;
if (!window.opened) {{ window.opened = true; {_PAGE}.querySelector('#tab-{name}').click(); }}
{ready}
"""


_STEPS = f"return /rmse/.test({_PAGE}.body.textContent) && !/being read/.test({_PAGE}.body.textContent)"
_FAILED_RUN = f"""
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
_METRICS = f"return {_PAGE}.querySelector('#metrics-note').textContent.startsWith('The last')"
_COMPARISON = f"return {_PAGE}.querySelectorAll('#comparison table').length > 1"
_TALL = (1500, 1180)


def button(label: str) -> str:
    """A script that presses a button of Airflow once it is there, and no second time."""
    return f"""
const button = document.querySelector('button[aria-label="{label}"]');
if (!window.pressed) {{
  if (!button) return false;
  window.pressed = true;
  button.click();
}}
"""


_GRAPH = f"""
{button("Collapse Details Panel")}
if (document.querySelectorAll('.react-flow__node').length < 8) return false;
document.querySelector('button[aria-label="Fit View"]').click();
return true;
"""
_GRID = "return document.body.innerText.includes('Register-RegisterModel')"
_FORM = f"{button('Trigger Dag')} return document.body.innerText.includes('ModelApprovalStatus')"
_LOG = "return document.body.innerText.includes('epoch 6/40')"

PICTURES = (
    Picture("airflow-log", "dags/slow_training/runs/{running}/tasks/Train", _LOG),  # first, since its job ends,
    Picture("pipeline-page", "dags/diabetes/plugin/pipeline", tab("steps", _STEPS), _TALL),
    Picture("pipeline-page-dark", "dags/diabetes/plugin/pipeline", tab("steps", _FAILED_RUN), _TALL, "dark"),
    Picture("pipeline-page-metrics", "dags/diabetes/plugin/pipeline", tab("metrics", _METRICS), _TALL),
    Picture("pipeline-page-compare", "dags/diabetes/plugin/pipeline", tab("compare", _COMPARISON), _TALL),
    Picture("airflow-graph", "dags/diabetes/runs/{good}", _GRAPH, (1500, 640), view="graph"),
    Picture("airflow-grid", "dags/diabetes", _GRID, (1500, 800)),
    Picture("airflow-trigger-form", "dags/diabetes", _FORM, (1500, 1340)),
)


def take(airflow: AirflowProcesses, wanted: str = "") -> None:
    """Take the pictures.

    Args:
        airflow: An Airflow as `stage` yields it.
        wanted: Only those whose names begin so.
    """
    api = airflow.api
    runs = {"good": latest(api, DIABETES.name, "success"), "running": api.trigger("slow_training")}
    for picture in PICTURES:
        if picture.name.startswith(wanted):
            _take(picture, api.base_url, runs, airflow.login)


def latest(api: AirflowApi, dag_id: str, state: str) -> str:
    """Return the id of the latest run in a state."""
    found = api.request("GET", f"dags/{dag_id}/dagRuns", state=state, order_by="-run_after", limit=1)
    return str(found["dag_runs"][0]["dag_run_id"])


def _take(picture: Picture, base_url: str, runs: dict[str, str], login: tuple[str, str]) -> None:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Chromium(Path(folder), size=picture.size) as browser,
    ):
        browser.open(f"{base_url}/sm-pipelines/page/page.css")  # a page of the origin that the cookie is for
        browser.add_cookie("_token", _token(base_url, login))
        browser.run("localStorage.setItem('theme', arguments[0])", picture.theme)
        browser.run("localStorage.setItem('default_dag_view', JSON.stringify(arguments[0]))", picture.view)
        browser.open(f"{base_url}/{picture.path.format(**{name: quote(run) for name, run in runs.items()})}")
        browser.wait(picture.ready, seconds=PATIENCE_SECONDS)
        time.sleep(3)  # for Airflow's own part of the page
        browser.screenshot(IMAGES / f"{picture.name}.png")


def _token(base_url: str, login: tuple[str, str]) -> str:
    body = json.dumps({"username": login[0], "password": login[1]}).encode()
    request = urllib.request.Request(f"{base_url}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["access_token"])


if __name__ == "__main__":
    main()
