"""Links from a task in the Airflow UI: to its resource and its log in the AWS console, its outputs, the reused run.

Airflow's usual links are stored by the task, each with a request of its own. These store nothing: the plugin registers
them with the operators, and the API server calls ``get_link``, which reads what the task has stored anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from airflow_sm_pipelines.aws.console import AwsPlace, has_log_page
from airflow_sm_pipelines.aws.job_facts import PLACES, facts_of
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS, ResourceKind
from airflow_sm_pipelines.catalog import CATALOG, StepTypeRow
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.execution.xcoms import CACHE_KEY, PROPERTIES_KEY
from airflow_sm_pipelines.semantics.cache_keys import CACHE_KEYS

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


class TaskKey(Protocol):
    """Airflow's key of a task instance."""

    @property
    def dag_id(self) -> str:
        """The DAG."""

    @property
    def run_id(self) -> str:
        """The DAG run."""

    @property
    def task_id(self) -> str:
        """The task."""

    @property
    def map_index(self) -> int:
        """Index within a mapped task, ``-1`` if it is not mapped."""


class ResourceLink(BaseOperatorLink):
    """A link that follows from the resource of the task's latest attempt, or from the one whose result it reuses."""

    name = ""
    needs: ClassVar[tuple[str, ...]] = (CACHE_KEY,)
    """XComs of the task that it follows from."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskKey) -> str:
        """Return the URL; empty before there is a resource, and where there is no such page. Runs in the API server."""
        from airflow_sm_pipelines.execution.airflow_internals.server import stored_of_task
        from airflow_sm_pipelines.execution.records import RECORD_KEY, Attempt, read_attempt

        task = (ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
        record, xcoms = stored_of_task(*task, RECORD_KEY, self.needs)
        attempt = read_attempt(record)
        if not isinstance(attempt, Attempt) or attempt.kind not in RESOURCE_KINDS:
            return ""
        reference = _reused(xcoms.get(CACHE_KEY), "resource") or (attempt.reference if attempt.submitted_at else "")
        if not reference:
            return ""
        kind, place = RESOURCE_KINDS[attempt.kind], AwsPlace(attempt.region, attempt.partition)
        return self.url(place, kind, reference, xcoms)

    def url(self, place: AwsPlace, kind: ResourceKind, reference: str, xcoms: JsonObject) -> str:
        """Return the URL.

        Args:
            place: Where the resource is.
            kind: Its row.
            reference: Its reference.
            xcoms: What the task has published.
        """
        return place.page_url(kind, reference)


class JobConsoleLink(ResourceLink):
    """The resource's page in the SageMaker console."""

    name = "SageMaker console"


class EmrConsoleLink(ResourceLink):
    """The resource's page in the EMR console, which also shows its logs."""

    name = "EMR console"


class ModelPackageLink(ResourceLink):
    """The page of the model package that the step has registered."""

    name = "Model package"


class EndpointLink(ResourceLink):
    """The page of the endpoint that the step has created or updated."""

    name = "Endpoint"


class JobLogsLink(ResourceLink):
    """The resource's log streams in CloudWatch."""

    name = "CloudWatch logs"

    def url(self, place: AwsPlace, kind: ResourceKind, reference: str, xcoms: JsonObject) -> str:
        """Return the URL of the log streams."""
        return place.logs_url(kind, reference)


class OutputsLink(ResourceLink):
    """The folder in S3 with what the job has written."""

    name = "S3 outputs"
    needs: ClassVar[tuple[str, ...]] = (CACHE_KEY, PROPERTIES_KEY)

    def url(self, place: AwsPlace, kind: ResourceKind, reference: str, xcoms: JsonObject) -> str:
        """Return the URL of the folder; empty as long as the task has published no properties."""
        properties = xcoms.get(PROPERTIES_KEY)
        return place.objects_url(facts_of(kind, properties).outputs) if isinstance(properties, dict) else ""


class CacheSourceLink(BaseOperatorLink):
    """The task of the earlier run whose result the step has reused."""

    name = "Reused run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskKey) -> str:
        """Return the address of the page in this Airflow; empty if the step has run. Runs in the API server."""
        from airflow_sm_pipelines.execution.airflow_internals.server import stored_of_task

        task = (ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
        _, xcoms = stored_of_task(*task, "", (CACHE_KEY,))
        run_id = _reused(xcoms.get(CACHE_KEY), "run_id")
        if not run_id:
            return ""
        base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
        page = "/".join(quote(part, safe="") for part in (ti_key.dag_id, "runs", run_id, "tasks", ti_key.task_id))
        return f"{base}/dags/{page}"


def _reused(told: Json, member: str) -> str:
    """Return what a task says of the result that it has reused; empty if it has reused none."""
    return str(told.get(member) or "") if isinstance(told, dict) and told.get("outcome") == "hit" else ""


_PAGES: dict[str, type[ResourceLink]] = {
    "emr-step": EmrConsoleLink,
    "emr-serverless-job": EmrConsoleLink,
    "model-package": ModelPackageLink,
    "endpoint": EndpointLink,
}
"""The link to a resource's page, by its kind; to that of all others, `JobConsoleLink`."""


def _links_of(row: StepTypeRow) -> list[type[BaseOperatorLink]]:
    """Return the links that tasks of a step type may have."""
    links: list[type[BaseOperatorLink]] = []
    if row.kind is not None:
        links.append(_PAGES.get(row.kind.key, JobConsoleLink))
        links += [JobLogsLink] if has_log_page(row.kind) else []
        links += [OutputsLink] if PLACES[row.kind.key].outputs else []
    if row.step_type in CACHE_KEYS:
        links.append(CacheSourceLink)
    return links


def registered_links() -> list[BaseOperatorLink]:
    """Return the links for Airflow's plugin, each with the operators whose tasks have it.

    Airflow lays them over the operators of a DAG that the API server has read from the database.
    """
    operators: dict[type[BaseOperatorLink], list[type[BaseOperator]]] = {}
    for row in CATALOG.values():
        for link in _links_of(row):
            operators.setdefault(link, []).append(row.operator_class())
    for link, classes in operators.items():
        link.operators = classes
    return [link() for link in operators]
