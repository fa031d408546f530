"""Finding running resources that no live task owns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import EMR_STEP, PROCESSING_JOB, TRAINING_JOB
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError
from airflow_sm_pipelines.execution import orphans
from airflow_sm_pipelines.execution.identity import Deployment
from airflow_sm_pipelines.execution.orphans import facts_of_database, facts_of_worker, find_orphans, stop_orphan
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.semantics.ownership import ABSENT
from tests.airflow_database import Database


@pytest.fixture(autouse=True)
def _only_processing_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in for SageMaker has no other kind."""
    monkeypatch.setattr(orphans, "RESOURCE_KINDS", {PROCESSING_JOB.key: PROCESSING_JOB})


@pytest.fixture
def run_job(sagemaker: Any) -> Any:
    """Start a job with some tags."""
    sagemaker.ending = None

    def create(name: str, tags: list[dict[str, str]]) -> None:
        sagemaker.create_processing_job(ProcessingJobName=name, Tags=tags)

    return create


class Facts(dict[str, Any]):
    """State and present attempt of each task, by its id; a list of them for one question after the other."""

    def __call__(self, owner: Owner, _: str) -> Any:
        known = self[owner.task_id]
        return known.pop(0) if isinstance(known, list) else known


class Told:
    """Hears what a search says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def refused(self, kind: Any, error: AwsCallError) -> None:
        self.lines.append(f"{kind.key}: {error.code or error.in_words()}")

    def of_another_installation(self, kind: Any, name: str, owner: Owner) -> None:
        self.lines.append(f"{name} is of {owner.installation}")


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(orphans.time, "sleep", waited.append)
    return waited


BLUE = Deployment("blue", "blue-1")


def search(connection: Any, facts: Facts) -> list[Any]:
    told = Told()
    found = list(find_orphans(connection, BLUE, facts, told))
    assert told.lines == []
    return found


def owned_by(task_id: str, deployment: str = "blue", installation: str = "blue-1") -> list[dict[str, str]]:
    return owner_tags(Owner(deployment, "dag", "run", task_id, installation=installation))


def test_only_what_no_live_task_of_the_deployment_owns_is_an_orphan(connection: Any, run_job: Any, facts: Any) -> None:
    run_job("of-live-task", owned_by("Live"))
    run_job("of-failed-task", owned_by("Failed"))
    run_job("of-deleted-run", owned_by("Deleted"))
    run_job("of-earlier-attempt", owned_by("Retried"))
    run_job("of-other-deployment", owned_by("Failed", deployment="green"))
    run_job("of-somebody-else", [{"Key": "team", "Value": "ml"}])
    facts.update(
        {
            "Live": ("deferred", "of-live-task"),
            "Failed": ("failed", "of-failed-task"),
            "Deleted": (ABSENT, None),
            "Retried": ("running", "of-this-attempt"),
        }
    )

    found = {orphan.name: orphan.state for orphan in search(connection, facts)}

    assert found == {"of-failed-task": "failed", "of-deleted-run": ABSENT, "of-earlier-attempt": "running"}


def test_an_orphan_is_stopped_once(connection: Any, sagemaker: Any, run_job: Any, facts: Any) -> None:
    run_job("job", owned_by("Failed"))
    facts["Failed"] = ("failed", "job")
    (orphan,) = search(connection, facts)

    assert stop_orphan(connection, orphan) is True
    assert stop_orphan(connection, orphan) is False
    assert sagemaker.jobs["job"]["ProcessingJobStatus"] == "Stopped"
    assert search(connection, facts) == []


def test_a_task_is_asked_for_twice_before_its_job_is_stopped(
    connection: Any, run_job: Any, facts: Any, pauses: list[float]
) -> None:
    """It may pass from one state to the next, and from one attempt to the next."""
    run_job("starting", owned_by("Starting"))
    run_job("left", owned_by("Left"))
    facts["Starting"] = [(None, ""), ("running", "starting")]
    facts["Left"] = [(None, "left"), (None, "left")]

    assert [orphan.name for orphan in search(connection, facts)] == ["left"]
    assert pauses == [5.0]


def test_another_deployment_of_the_same_name_is_noticed_and_its_jobs_are_left_alone(
    connection: Any, run_job: Any, facts: Any
) -> None:
    run_job("ours", owned_by("Failed"))
    run_job("theirs", owned_by("Failed", installation="blue-2"))
    run_job("of-an-older-version", owned_by("Failed", installation=""))
    facts["Failed"] = ("failed", "ours")
    told = Told()

    found = [orphan.name for orphan in find_orphans(connection, BLUE, facts, told)]

    assert sorted(found) == ["of-an-older-version", "ours"]
    assert told.lines == ["theirs is of blue-2"]


class Refusing:
    """The stand-in for SageMaker, some of whose operations are refused, or not there at all."""

    def __init__(self, sagemaker: Any, refused: dict[str, Exception], lacking: str = "") -> None:
        self._sagemaker, self._refused, self._lacking = sagemaker, refused, lacking
        self.meta = SimpleNamespace(service_model=SimpleNamespace(service_name="sagemaker"))

    def __getattr__(self, operation: str) -> Any:
        if operation == self._lacking:
            raise AttributeError(operation)
        return self._refuse if operation in self._refused else getattr(self._sagemaker, operation)

    def _refuse(self, **query: Any) -> Any:
        raise next(iter(self._refused.values()))


@pytest.fixture
def two_kinds(run_job: Any, facts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training jobs are looked at before processing jobs, of which one is an orphan."""
    run_job("job", owned_by("Failed"))
    facts["Failed"] = ("failed", "job")
    monkeypatch.setattr(orphans, "RESOURCE_KINDS", {"first": TRAINING_JOB, "second": PROCESSING_JOB})


def found_and_told(connection: Any, facts: Facts) -> tuple[list[str], list[str]]:
    told = Told()
    found = list(find_orphans(connection, BLUE, facts, told))
    return [orphan.name for orphan in found], told.lines


@pytest.mark.usefixtures("two_kinds")
def test_a_kind_that_aws_refuses_to_show_does_not_hide_the_others(
    connection: Any, sagemaker: Any, facts: Any, client_error: Any
) -> None:
    denied = {"list_training_jobs": client_error("AccessDeniedException", "no")}
    connection.clients["sagemaker"] = Refusing(sagemaker, denied)

    assert found_and_told(connection, facts) == (["job"], ["training-job: AccessDeniedException"])


@pytest.mark.usefixtures("two_kinds")
def test_an_operation_that_the_installed_botocore_lacks_does_not_hide_the_others(
    connection: Any, sagemaker: Any, facts: Any
) -> None:
    connection.clients["sagemaker"] = Refusing(sagemaker, {}, lacking="list_training_jobs")

    assert found_and_told(connection, facts) == (["job"], ["training-job: OperationNotFoundError"])


@pytest.mark.usefixtures("two_kinds")
def test_a_service_that_the_connection_cannot_reach_does_not_hide_the_others(
    connection: Any, sagemaker: Any, facts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sagemaker.list_training_jobs = lambda **_: {}
    kinds = {"emr": EMR_STEP, "first": TRAINING_JOB, "second": PROCESSING_JOB}
    monkeypatch.setattr(orphans, "RESOURCE_KINDS", kinds)
    client, unusable = connection.client, CallNotMadeError("the installed botocore does not know emr")

    def one_client(service: str) -> Any:
        if service == "emr":
            raise unusable
        return client(service)

    monkeypatch.setattr(connection, "client", one_client)

    assert found_and_told(connection, facts) == (["job"], ["emr-step: the installed botocore does not know emr"])


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [("AccessDeniedException", "no", ["processing-job: AccessDeniedException"]), ("ResourceNotFound", "gone", [])],
)
def test_one_whose_tags_are_not_shown_does_not_hide_the_others_of_its_kind(
    connection: Any, sagemaker: Any, run_job: Any, facts: Any, client_error: Any, code: str, message: str, told: Any
) -> None:
    run_job("hidden", owned_by("Failed"))
    run_job("shown", owned_by("Failed"))
    facts["Failed"] = ("failed", "shown")
    list_tags = sagemaker.list_tags

    def list_some_tags(ResourceArn: str) -> Any:  # noqa: N803
        if ResourceArn.endswith("hidden"):
            raise client_error(code, message)
        return list_tags(ResourceArn=ResourceArn)

    sagemaker.list_tags = list_some_tags

    assert found_and_told(connection, facts) == (["shown"], told)


# -- what Airflow's database says --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("default")  # SQLAlchemy and Airflow warn of what Airflow itself uses
@pytest.mark.parametrize(
    ("record", "recorded_name"),
    [
        (None, ""),
        ({"epoch": "4/4", "token": "t", "failures": 0, "name": "job"}, "job"),
        ({"epoch": "4/4", "name": "job", "type": "job", "added_later": 1}, "job"),
        ({"type": "invocation", "epoch": "4/4", "token": "t", "failures": 0, "name": "call-0"}, "call-0"),
        ("s3://bucket/where/a/custom/backend/keeps/it", "attempt"),
    ],
    ids=["none", "without a tag", "of a newer version", "of a Lambda step, which it is now", "kept elsewhere"],
)
def test_the_state_and_the_record_of_a_task_are_read(database: Database, record: Any, recorded_name: Any) -> None:
    if record is not None:
        database.put(RECORD_KEY, record)

    assert facts_of_database(Owner("blue", "dag", "run", "Ask"), "attempt") == ("deferred", recorded_name)


@pytest.mark.filterwarnings("default")
def test_a_task_whose_run_was_deleted_is_absent(database: Database) -> None:
    assert facts_of_database(Owner("blue", "dag", "another run", "Ask"), "attempt") == (ABSENT, "")


# -- what a worker is told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "named", "installation", "present"),
    [
        ("running", "job", "blue-1", "job"),
        ("deferred", "job", "blue-1", "job"),
        # A try that has just begun has named nothing yet, and may adopt the job.
        ("running", None, "blue-1", None),
        # A deferred one owns what it has named, and nothing else.
        ("deferred", None, "blue-1", ""),
        # Older versions named nothing.
        ("deferred", None, "", None),
        (ABSENT, None, "blue-1", None),
    ],
)
def test_a_worker_asks_airflow_for_the_state_and_the_attempt_of_a_task(
    monkeypatch: pytest.MonkeyPatch, state: str, named: str | None, installation: str, present: str | None
) -> None:
    task = ("dag", "run", "Train", 3)
    monkeypatch.setattr(orphans, "task_state", lambda *asked: {task: state}[asked])
    monkeypatch.setattr(orphans, "other_xcom_at_once", lambda *asked: {(*task, "sm_pipelines_attempt"): named}[asked])

    assert facts_of_worker(Owner("blue", *task, installation), "job") == (state, present)
