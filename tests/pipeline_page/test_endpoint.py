"""The endpoint of the pipeline page: its files, whose permissions hold, and what a browser may do with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.pipeline_page import endpoint
from airflow_sm_pipelines.pipeline_page.details import MOST_TASKS
from tests.pipeline_page.stand_ins import LOGIN

STATIC = Path(endpoint.__file__).parent / "static"
FILES = sorted(endpoint._FILES)
DATA = [
    ("graph", {}),
    ("runs", {}),
    ("run", {"run": "good"}),
    ("details", {"run": "good", "task": "Train@-1"}),
    ("measures", {"run": "good"}),
    ("comparison", {"run": "good", "other": "bad"}),
]
every_report = pytest.mark.parametrize(("name", "query"), DATA, ids=[name for name, _ in DATA])


@pytest.mark.parametrize("path", FILES)
def test_its_files_are_served_with_their_types(get: Any, path: str) -> None:
    answer = get(path, headers={})
    kind = {"": "html", "css": "css", "js": "javascript", "svg": "svg"}[path.rpartition(".")[2]]
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]


def test_every_file_of_the_folder_is_served_and_no_other(get: Any) -> None:
    assert {name for name, _ in endpoint._FILES.values()} == {file.name for file in STATIC.iterdir()}
    assert get("../../pyproject.toml", headers={}).status_code == 404
    assert get("page.py", headers={}).status_code == 404


@every_report
def test_without_a_login_there_is_nothing(get: Any, airflow: Any, name: str, query: dict[str, str]) -> None:
    answer = get(f"data/{name}", headers={}, dag="abalone", **query)
    assert (answer.status_code, list(answer.json())) == (401, ["error"])
    assert airflow.asked == []


@every_report
def test_who_may_not_read_the_dag_gets_nothing_of_it(get: Any, airflow: Any, name: str, query: dict[str, str]) -> None:
    airflow.hidden.add("abalone")
    answer = get(f"data/{name}", dag="abalone", **query)
    assert (answer.status_code, list(answer.json())) == (403, ["error"])
    assert airflow.asked == []


@every_report
def test_a_cookie_and_an_access_token_are_both_a_login(get: Any, name: str, query: dict[str, str]) -> None:
    for headers in ({"Cookie": f"_token={LOGIN}"}, {"Authorization": f"Bearer {LOGIN}"}):
        assert get(f"data/{name}", headers=headers, dag="abalone", **query).status_code == 200


@pytest.mark.parametrize(
    ("name", "query"), [one for one in DATA if one[0] in ("graph", "run", "details", "comparison")]
)
def test_a_dag_that_is_not_there_is_not_found(get: Any, name: str, query: dict[str, str]) -> None:
    assert get(f"data/{name}", dag="other", **query).status_code == 404


@every_report
@pytest.mark.parametrize("dag", ["", "~", "..", "."])
def test_an_id_that_stands_for_all_dags_is_refused(get: Any, airflow: Any, name: str, query: Any, dag: str) -> None:
    assert get(f"data/{name}", dag=dag, **query).status_code == 400
    assert airflow.asked == []


@pytest.mark.parametrize("task", ["Train", "Train@x", "@"])
def test_a_task_without_a_map_index_is_refused(get: Any, task: str) -> None:
    assert get("data/details", dag="abalone", run="good", task=task).status_code == 400


def test_a_request_for_too_many_tasks_is_refused(get: Any) -> None:
    tasks = [f"T{number}@-1" for number in range(MOST_TASKS + 1)]
    assert get("data/details", dag="abalone", run="good", task=tasks).status_code == 400


@pytest.mark.parametrize("path", [*FILES, "data/graph?dag=abalone", "data/graph?dag=~"])
def test_a_browser_may_load_nothing_from_elsewhere_and_run_nothing_inline(get: Any, path: str) -> None:
    headers = get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src", "frame-ancestors")} == {
        "'self'"
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_data_stays_in_no_cache(get: Any) -> None:
    assert get("data/graph", dag="abalone").headers["cache-control"] == "no-store"


def test_the_files_name_nothing_from_elsewhere_and_never_read_a_text_as_markup() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text), (
            file
        )
        assert not re.search(r"<script>|<style|\son[a-z]+=|style=", text), file.name
