"""The DAG bundle, as Airflow's DAG processor and workers use it."""

from __future__ import annotations

import json
import multiprocessing
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from airflow_sm_pipelines.bundle.account_bundle import LOADER_FILE, SageMakerDagBundle
from airflow_sm_pipelines.bundle.store import StoreError
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.connection import AwsConnection
from tests.bundle.conftest import ROLE, Account, definition, refusal

Bundles = Callable[..., SageMakerDagBundle]


@pytest.fixture
def bundles(tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch) -> Bundles:
    """Makes the bundle on a machine, with a store that all machines share."""

    def client(connection: AwsConnection, service: str) -> Account:
        assert service == "sagemaker"
        return account

    monkeypatch.setattr(AwsConnection, "client", client)

    def make(machine: str = "processor", **options: Any) -> SageMakerDagBundle:
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / machine))
        return SageMakerDagBundle(**{"name": "ml", "store": str(tmp_path / "store"), **options})

    return make


def started(bundle: SageMakerDagBundle) -> SageMakerDagBundle:
    bundle.initialize()
    return bundle


def version_of(bundle: BaseDagBundle) -> str:
    version = bundle.get_current_version()
    assert isinstance(version, BundleVersion)
    return version.version


def dags_of(bundle: SageMakerDagBundle) -> dict[str, Any]:
    """The DAGs that the bundle's one DAG file makes."""
    found: dict[str, Any] = runpy.run_path(str(bundle.path / LOADER_FILE))["dags"]
    return found


def message(dag: Any) -> str:
    return str(dag.get_task("Stop").request.body["ErrorMessage"])


def test_each_pipeline_becomes_a_dag_with_its_name_role_tags_and_parallelism(
    account: Account, bundles: Bundles
) -> None:
    account.upsert(
        "abalone-train",
        Tags=[{"Key": "team", "Value": "ml"}],
        PipelineDescription="Rings of abalones",
        ParallelismConfiguration={"MaxParallelExecutionSteps": 2},
    )

    bundle = started(bundles(region_name="us-west-2"))

    [dag] = dags_of(bundle).values()
    assert dag.dag_id == "abalone-train"
    assert dag.description == "Rings of abalones"
    assert "team=ml" in dag.tags
    settings = dag.get_task("Stop").settings
    assert (settings.name, settings.role_arn, settings.max_parallel_steps) == ("abalone-train", ROLE, 2)


def test_the_dag_file_is_found_by_airflow_and_holds_no_text_of_a_definition(account: Account, bundles: Bundles) -> None:
    from airflow.utils.file import might_contain_dag

    account.upsert("abalone", definition('{{ ds }}"""'))
    bundle = started(bundles())
    loader = bundle.path / LOADER_FILE
    assert [path.name for path in bundle.path.rglob("*.py")] == [LOADER_FILE]
    assert might_contain_dag(str(loader), safe_mode=True)
    assert "{{" not in loader.read_text()
    assert "abalone" not in loader.read_text()
    assert dags_of(bundle)["abalone"]


def test_a_broken_definition_becomes_a_placeholder_beside_the_others(account: Account, bundles: Bundles) -> None:
    account.upsert("broken", json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Trainin"}]}))
    account.upsert("good")

    dags = dags_of(started(bundles()))

    assert "broken-definition" in dags["broken"].tags
    assert "broken-definition" not in dags["good"].tags


def test_a_name_that_cannot_be_the_id_of_a_dag_still_makes_one(account: Account, bundles: Bundles) -> None:
    account.upsert("a" * 256)
    [dag] = dags_of(started(bundles())).values()
    assert len(dag.dag_id) == 250
    assert "broken-definition" not in dag.tags


def test_an_account_without_pipelines_makes_no_dags(bundles: Bundles) -> None:
    assert dags_of(started(bundles())) == {}


def test_the_jobs_run_where_the_pipelines_come_from(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone")
    role = "arn:aws:iam::210987654321:role/Other"
    bundle = started(bundles(aws_conn_id="ml_aws", region_name="eu-west-1", assume_role_arn=role))

    connection = dags_of(bundle)["abalone"].get_task("Stop").connection
    assert (connection.aws_conn_id, connection.region_name, connection.assume_role_arn) == (
        "ml_aws",
        "eu-west-1",
        role,
    )


def test_dag_arguments_reach_all_dags(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone")
    arguments = {"default_args": {"queue": "ml"}, "max_active_runs": 3, "schedule": "rate(1 day)"}
    dag = dags_of(started(bundles(dag_arguments=arguments, dag_id_prefix="prod.")))["prod.abalone"]
    assert dag.get_task("Stop").queue == "ml"
    assert dag.max_active_runs == 3


def test_a_loader_of_ones_own_is_part_of_the_version(account: Account, bundles: Bundles, tmp_path: Path) -> None:
    account.upsert("abalone")
    own = tmp_path / "own_dags.py"
    own.write_text(
        "from datetime import timedelta\n"
        "from airflow_sm_pipelines import load_pipelines\n"
        "dags = load_pipelines('pipelines', dagrun_timeout=timedelta(hours=1))\n"
    )
    bundle = started(bundles(loader=str(own)))
    before = version_of(bundle)
    assert dags_of(bundle)["abalone"].dagrun_timeout.total_seconds() == 3600
    own.write_text(own.read_text().replace("hours=1", "hours=2"))

    bundle.refresh()

    assert version_of(bundle) != before
    assert dags_of(bundle)["abalone"].dagrun_timeout.total_seconds() == 7200
    old = started(bundles("worker", loader="/not/on/this/machine.py", version=before))
    assert dags_of(old)["abalone"].dagrun_timeout.total_seconds() == 3600


def test_an_upsert_makes_a_new_version_at_the_next_refresh(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone", definition("old"))
    bundle = started(bundles())
    before = version_of(bundle)
    account.upsert("abalone", definition("new"))

    bundle.refresh()

    assert version_of(bundle) != before
    assert message(dags_of(bundle)["abalone"]) == "new"


def test_a_refresh_without_a_change_keeps_version_and_path(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone")
    bundle = started(bundles())
    before = (version_of(bundle), bundle.path, (bundle.path / LOADER_FILE).stat().st_mtime_ns)
    account.count()

    bundle.refresh()

    assert (version_of(bundle), bundle.path, (bundle.path / LOADER_FILE).stat().st_mtime_ns) == before
    assert account.count() == ["ListPipelines"]


def test_a_deleted_pipeline_has_no_dag(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone")
    account.upsert("churn")
    bundle = started(bundles())
    account.delete("churn")

    bundle.refresh()

    assert list(dags_of(bundle)) == ["abalone"]


def test_another_machine_makes_an_old_version_from_the_store_alone(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone", definition("old"))
    processor = started(bundles())
    old = version_of(processor)
    account.upsert("abalone", definition("new"))
    processor.refresh()
    account.count()

    worker = started(bundles("worker", version=old))

    assert "worker" in worker.path.parts
    assert version_of(worker) == old
    assert message(dags_of(worker)["abalone"]) == "old"
    assert account.count() == []


def test_a_worker_without_a_version_has_what_the_processor_saw_last(account: Account, bundles: Bundles) -> None:
    """A DAG run is not pinned with ``disable_bundle_versioning``."""
    account.upsert("abalone", definition("old"))
    processor = started(bundles())
    account.upsert("abalone", definition("new"))
    processor.refresh()
    account.upsert("abalone", definition("newer"))
    account.count()

    worker = started(bundles("worker"))

    assert message(dags_of(worker)["abalone"]) == "new"
    assert account.count() == []


def test_a_processor_on_a_new_machine_keeps_the_last_good_state_while_the_account_is_away(
    account: Account, bundles: Bundles
) -> None:
    account.upsert("abalone")
    before = version_of(started(bundles()))
    account.faults["ListPipelines"] = refusal("ListPipelines", "ThrottlingException")

    processor = started(bundles("other-processor"))
    processor.refresh()

    assert version_of(processor) == before
    assert list(dags_of(processor)) == ["abalone"]


def test_an_account_that_was_never_seen_makes_no_empty_version(account: Account, bundles: Bundles) -> None:
    account.faults["ListPipelines"] = refusal("ListPipelines", "AccessDeniedException")
    bundle = bundles()
    with pytest.raises(AwsCallError):
        bundle.initialize()
    assert not bundle.is_initialized
    assert bundle.get_current_version() is None


def test_a_version_that_the_store_lacks_is_an_error(bundles: Bundles) -> None:
    with pytest.raises(StoreError, match="the store has no version"):
        bundles("worker", version="0" * 64).initialize()


def test_another_selection_does_not_take_the_state_of_this_one(account: Account, bundles: Bundles) -> None:
    account.upsert("abalone")
    account.upsert("churn")
    started(bundles())
    assert list(dags_of(started(bundles("worker", pipelines=["churn"])))) == ["churn"]


def test_a_version_is_not_refreshed(bundles: Bundles) -> None:
    with pytest.raises(RuntimeError, match="never changes"):
        bundles(version="0" * 64).refresh()


def _initialize(bundle: SageMakerDagBundle, start: Any, answers: Any) -> None:
    start.wait()
    bundle.initialize()
    answers.put(sorted(path.name for path in (bundle.path / "pipelines").iterdir()))


def test_several_tasks_of_one_machine_can_begin_at_once(account: Account, bundles: Bundles) -> None:
    for number in range(20):
        account.upsert(f"p{number}")
    version = version_of(started(bundles()))
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Event(), fork.Queue()
    tasks = [
        fork.Process(target=_initialize, args=(bundles("worker", version=version), start, answers)) for _ in range(4)
    ]
    for task in tasks:
        task.start()
    start.set()

    wanted = sorted(["README", *(f"p{number}.json" for number in range(20))])
    assert [answers.get(timeout=60) for _ in tasks] == [wanted] * 4
    for task in tasks:
        task.join(60)
        assert task.exitcode == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"store": "store"}, ValueError, "expected s3://BUCKET/PREFIX"),
        ({"pipelines": "abalone"}, TypeError, "expected a list of patterns"),
        ({"pipelines": ["arn:aws:s3:::bucket"]}, ValueError, "is not the ARN of a pipeline"),
        ({"loader": "dags.py"}, ValueError, "expected the absolute path"),
        ({"loader": "/dags.py", "dag_arguments": {"schedule": "@daily"}}, TypeError, "no effect beside loader"),
        ({"dag_arguments": {"start_date": object()}}, TypeError, "use a DAG file of your own"),
        ({"prefix": "x"}, TypeError, "prefix"),
    ],
)
def test_options_that_cannot_be_are_refused(
    bundles: Bundles, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        bundles(**options)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, None),
        (
            {"region_name": "eu-west-1"},
            "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/studio-landing",
        ),
        (
            {"region_name": "cn-north-1"},
            "https://cn-north-1.console.amazonaws.cn/sagemaker/home?region=cn-north-1#/studio-landing",
        ),
        ({"region_name": "eu-west-1", "view_url_template": "https://studio/pipelines"}, "https://studio/pipelines"),
    ],
)
def test_the_bundle_links_to_the_console(bundles: Bundles, options: dict[str, str], url: str | None) -> None:
    bundle = bundles(**options)
    assert bundle.view_url_template() == url
    assert bundle.view_url("0" * 64) == url


def test_airflow_finds_the_bundle_by_its_class_path(
    account: Account, bundles: Bundles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    account.upsert("abalone")
    version = version_of(started(bundles()))
    configured = {
        "name": "ml",
        "classpath": "airflow_sm_pipelines.bundle.account_bundle.SageMakerDagBundle",
        "kwargs": {"store": str(tmp_path / "store")},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([configured]))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

    bundle = DagBundlesManager().get_bundle("ml", version)

    assert isinstance(bundle, SageMakerDagBundle)
    bundle.initialize()
    assert list(dags_of(bundle)) == ["abalone"]


def test_a_process_that_only_reads_the_list_of_bundles_loads_nothing_of_aws() -> None:
    program = (
        "import sys, airflow.dag_processing.bundles.base; before = set(sys.modules)\n"
        "import airflow_sm_pipelines.bundle.account_bundle as module\n"
        "module.SageMakerDagBundle(name='ml', store='s3://bucket/prefix').view_url_template()\n"
        "new = set(sys.modules) - before\n"
        "heavy = {name.partition('.')[0] for name in new} & {'boto3', 'botocore', 'pydantic'}\n"
        "assert not heavy, heavy\n"
        "ours = {'airflow_sm_pipelines.translation', 'airflow_sm_pipelines.operators'} & new\n"
        "assert not ours, ours\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_setting_in_the_documentation_can_be_pasted(
    bundles: Bundles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    page = (Path(__file__).parents[2] / "docs" / "pipelines-of-an-account.md").read_text()
    setting, arguments = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.S))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(setting))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

    found = {bundle.name: bundle for bundle in DagBundlesManager().get_all_dag_bundles()}

    assert isinstance(found["sagemaker"], SageMakerDagBundle)
    assert bundles(**arguments).name == "ml"
