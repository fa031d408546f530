"""A folder of definitions as DAGs."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.sdk.definitions._internal.contextmanager import DagContext
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.observability import stats
from airflow.serialization.serialized_objects import DagSerialization
from markdown_it import MarkdownIt
from msgspec import msgpack

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.translation import folder as folder_module
from airflow_sm_pipelines.translation.folder import BROKEN_TAG, BrokenDefinition

TRANSLATOR = "airflow_sm_pipelines.translation.translator"


@pytest.fixture
def folder(tmp_path: Path, definition: Any, processing_arguments: Any) -> Path:
    pipelines = tmp_path / "pipelines"
    pipelines.mkdir()
    good = definition({"Name": "A", "Type": "Processing", "Arguments": processing_arguments})
    for name in ("first", "second"):
        (pipelines / f"{name}.json").write_text(json.dumps(good))
    (pipelines / "notes.txt").write_text("no definition")
    return pipelines


@pytest.fixture
def dags(tmp_path: Path, folder: Path) -> Any:
    """Import a DAG file beside the folder, as Airflow does; return its module."""

    def load(call: str = 'load_pipelines("pipelines")') -> ModuleType:
        file = tmp_path / "all.py"
        file.write_text(f"from airflow_sm_pipelines import load_pipelines\n\ndags = {call}\n")
        spec = importlib.util.spec_from_file_location("all_pipelines", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_every_definition_is_a_dag_of_its_files_name(dags: Any, tmp_path: Path) -> None:
    found = dags().dags

    assert sorted(found) == ["first", "second"]
    assert {dag.fileloc for dag in found.values()} == {str(tmp_path / "all.py")}


def test_arguments_are_for_all_of_them(dags: Any) -> None:
    found = dags('load_pipelines("pipelines", schedule="@daily", tags=["ml"], pattern="f*.json")').dags

    assert {name: (dag.tags, dag.schedule) for name, dag in found.items()} == {"first": ({"ml"}, "@daily")}


def test_airflow_finds_them_without_a_name(dags: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "all_pipelines", ModuleType("all_pipelines"))
    monkeypatch.setattr(DagContext, "current_autoregister_module_name", "all_pipelines")
    DagContext.autoregistered_dags.clear()

    dags()

    assert {dag.dag_id for dag, _ in DagContext.autoregistered_dags} == {"first", "second"}
    DagContext.autoregistered_dags.clear()


def test_a_broken_definition_costs_only_its_own_dag_which_shows_the_errors(dags: Any, folder: Path) -> None:
    (folder / "broken.json").write_text('{"Version": "2020-12-01", "Steps": [{"Name": "A"}]}')

    found = dags('load_pipelines("pipelines", schedule="@daily")').dags

    assert sorted(found) == ["broken", "first", "second"]
    broken = found["broken"]
    assert BROKEN_TAG in broken.tags
    assert broken.fileloc == found["first"].fileloc
    assert broken.schedule is None
    assert "Steps[0]" in broken.doc_md
    assert "\\n" not in broken.doc_md
    [task] = broken.tasks
    with pytest.raises(AirflowFailException, match=r"Steps\[0\]"):
        task.execute({})


def test_a_broken_definition_cannot_be_mistaken_for_a_pipeline(dags: Any, folder: Path) -> None:
    (folder / "broken.json").write_text('{"Version": "2020-12-01", "Steps": [{"Name": "```\\n<b>"}]}')

    broken = dags('load_pipelines("pipelines", tags=["team-a"])').dags["broken"]

    assert broken.dag_display_name == "broken (broken definition)"
    assert broken.description == "The pipeline definition is broken. This DAG stands in for it, and only fails."
    assert broken.tags == {BROKEN_TAG, "team-a"}, "who filters by the tags of the others sees it, too"
    assert not broken.params
    page = MarkdownIt().parse(broken.doc_md)
    assert [token.type for token in page if token.type in {"fence", "html_block", "heading_open"}] == ["fence"]
    assert "This DAG only stands in for it" in page[-2].content
    assert broken.tasks[0].doc_md == broken.doc_md
    assert dags().dags["broken"].tags == {BROKEN_TAG, "sagemaker"}


def test_whoever_loads_the_folder_is_told_of_each_broken_definition(dags: Any, folder: Path) -> None:
    (folder / "broken.json").write_text('{"Version": "2020-12-01", "Steps": [{"Name": "A"}]}')
    (folder / "other one.json").write_text("{}")
    told: list[BrokenDefinition] = []
    folder_module.told = told  # type: ignore[attr-defined]
    call = (
        "load_pipelines('pipelines', "
        "on_broken_definition=__import__('airflow_sm_pipelines.translation.folder').translation.folder.told.append)"
    )

    dags(call)
    first = list(told)
    dags(call)

    assert [(one.dag_id, one.file.name) for one in first] == [
        ("broken", "broken.json"),
        ("other_one", "other one.json"),
    ]
    assert "Steps[0]" in first[0].errors
    assert [one.key for one in told] == [*(one.key for one in first)] * 2, "the same fault has the same key"
    assert len({one.key for one in told}) == 2
    (folder / "broken.json").write_text('{"Version": "2020-12-01", "Steps": [{"Name": "B"}, {"Name": "C"}]}')
    dags(call)
    assert told[-2].key != first[0].key


def test_a_call_that_fails_costs_no_dag_and_is_logged(
    dags: Any, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "broken.json").write_text("{}")

    found = dags('load_pipelines("pipelines", on_broken_definition=lambda broken: 1 / 0)').dags

    assert sorted(found) == ["broken", "first", "second"]
    assert "on_broken_definition has failed for broken" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_each_parse_counts_its_broken_definitions(dags: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(stats, "incr", lambda name, *, tags: counted.append((name, tags)))
    dags()
    assert not counted

    (folder / "broken.json").write_text("{}")
    dags()

    assert counted == [("sm_pipelines.broken_definitions", {"dag_id": "broken"})]


def test_the_process_of_a_task_tells_nobody(dags: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        dag_id = "broken"

    (folder / "broken.json").write_text("{}")
    monkeypatch.setattr(folder_module, "get_parsing_context", Context)
    monkeypatch.setattr(stats, "incr", lambda *given, **named: pytest.fail("counted"))

    call = "load_pipelines('pipelines', on_broken_definition=lambda broken: 1 / 0)"
    assert list(dags(call).dags) == ["broken"]


def test_a_definition_that_cannot_be_read_is_a_broken_one(dags: Any, folder: Path) -> None:
    (folder / "gone.json").symlink_to(folder / "nowhere.json")

    assert "No such file" in dags().dags["gone"].doc_md


HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    ("members", "place"),
    [
        (f'"RetryPolicies": [{{"ExceptionType": ["Step.THROTTLING"], "BackoffRate": {HUGE}}}]', "BackoffRate"),
        ('"Description": "half a pair: \\ud800"', "Description"),
        ('"Half a pair \\ud800": {"in a key": "\\udc00"}', "in a key"),
        (f'"CacheConfig": {{"Enabled": {"9" * 5000}}}', "Enabled"),
    ],
    ids=["a number beyond a double", "half a pair", "half a pair in a path", "a number of 5,000 digits"],
)
def test_what_airflows_processes_cannot_carry_costs_only_its_own_dag(
    dags: Any, folder: Path, members: str, place: str
) -> None:
    text = (folder / "first.json").read_text().replace('"Name": "A"', f'"Name": "A", {members}')
    (folder / "odd.json").write_text(text)

    found = dags().dags

    assert sorted(found) == ["first", "odd", "second"]
    assert BROKEN_TAG in found["odd"].tags
    assert place in found["odd"].doc_md
    # The process that parses a file sends its DAGs to Airflow's DAG processor so.
    assert all(msgpack.encode(DagSerialization.to_dict(dag)) for dag in found.values())


@pytest.mark.parametrize("place", ["airflow_sm_pipelines.definition.loading.check", f"{TRANSLATOR}.dag_documentation"])
def test_a_fault_of_ours_costs_only_one_dag_which_says_so_with_the_traceback(
    dags: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    module, _, name = place.rpartition(".")
    original = getattr(sys.modules[module], name)

    def fails_at_second(*given: Any) -> Any:
        pipeline = next(one for one in given if isinstance(one, Pipeline))
        return 1 / 0 if pipeline.source.endswith("second.json") else original(*given)

    monkeypatch.setattr(place, fails_at_second)

    found = dags().dags

    assert sorted(found) == ["first", "second"]
    assert BROKEN_TAG not in found["first"].tags
    second = found["second"]
    assert BROKEN_TAG in second.tags
    assert second.doc_md.startswith("This pipeline definition cannot become a DAG:")
    for expected in (
        "second.json: a fault of airflow_sm_pipelines, not of this definition: ZeroDivisionError",
        "Please",
    ):
        assert expected in second.doc_md
        assert expected in caplog.text
    assert "fails_at_second" in second.doc_md
    assert "Traceback (most recent call last)" in caplog.text
    with pytest.raises(AirflowFailException, match="Please report it"):
        second.tasks[0].execute({})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [("scheduel=None", "scheduel"), ("tags=5", "not iterable")],
)
def test_a_wrong_argument_is_an_import_error_and_no_fault_of_the_definitions(
    dags: Any, arguments: str, message: str
) -> None:
    with pytest.raises(Exception, match=message) as caught:
        dags(f'load_pipelines("pipelines", {arguments})')
    assert "fault of airflow_sm_pipelines" not in str(caught.value)


def test_a_file_name_that_cannot_be_an_id_costs_only_its_own_dag(dags: Any, folder: Path) -> None:
    text = (folder / "first.json").read_text()
    for name in ("my pipeline (1)", "first_", "first "):
        (folder / f"{name}.json").write_text(text)

    found = dags().dags

    good = {"first", "second", "first_"}
    assert good <= found.keys()
    assert {dag_id for dag_id, dag in found.items() if BROKEN_TAG not in dag.tags} == good
    assert found.keys() - good == {"my_pipeline__1_", "first_-2"}
    assert "my pipeline (1).json: the name of the file cannot be the id of a DAG" in found["my_pipeline__1_"].doc_md


def test_a_task_process_makes_only_its_own_dag(dags: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        dag_id = "second"

    monkeypatch.setattr(folder_module, "get_parsing_context", Context)

    assert list(dags().dags) == ["second"]


def test_a_missing_folder_is_an_import_error(dags: Any) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere is not a folder"):
        dags('load_pipelines("nowhere")')


def test_one_dag_id_cannot_be_for_all(dags: Any) -> None:
    with pytest.raises(TypeError, match="dag_id is not supported: each DAG is named after its file"):
        dags('load_pipelines("pipelines", dag_id="x")')
