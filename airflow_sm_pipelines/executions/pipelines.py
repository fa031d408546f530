"""Finding the DAG of a pipeline, and the run of an execution."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.references import ExecutionReference, PipelineReference
from airflow_sm_pipelines.executions.statuses import moment
from airflow_sm_pipelines.semantics.pipeline_names import is_named, name_tag, pipeline_name
from airflow_sm_pipelines.semantics.run_options import RUN_OPTIONS

_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class PipelineDag:
    """A DAG that was made from a pipeline definition.

    Attributes:
        dag_id: Its id.
        reference: Its pipeline, with its name as far as the DAG tells it.
        params: Its params: value and schema by name.
        is_paused: Whether Airflow starts none of its tasks.
    """

    dag_id: str
    reference: PipelineReference
    params: Mapping[str, Mapping[str, Any]]
    is_paused: bool


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution: a DAG run.

    Attributes:
        dag: Its pipeline's DAG.
        run: The run, as Airflow's API describes it.
        arn: Its ARN.
    """

    dag: PipelineDag
    run: Mapping[str, Any]
    arn: str

    @property
    def path(self) -> tuple[str, ...]:
        """Its path in Airflow's API."""
        return ("dags", self.dag.dag_id, "dagRuns", str(self.run["dag_run_id"]))


class Finder:
    """Finds DAGs and runs in the name of whoever has sent the request.

    Args:
        airflow: Airflow's API.
    """

    def __init__(self, airflow: AirflowClient) -> None:
        self._airflow = airflow

    async def pipeline(self, wanted: PipelineReference) -> PipelineDag:
        """Return the DAG of a pipeline: the one with this id, else the one whose pipeline has this name.

        Raises:
            RefusedRequestError: There is none, there are several, or the user may not see it.
        """
        unknown = self._unknown(wanted.arn)
        try:
            own = await self._dag(wanted.name, wanted)
        except RefusedRequestError as error:
            if error.code != "AccessDeniedException":
                raise
            own, unknown = None, error  # of an id that does not exist, Airflow may say the same
        if own is not None:
            return own
        dag_ids = await self._named(wanted.name)
        if len(dag_ids) > 1:
            raise RefusedRequestError(
                "ConflictException",
                f"several DAGs run a pipeline of the name {wanted.name}: {', '.join(sorted(dag_ids))}; "
                "pass the id of one of them as PipelineName",
            )
        found = await self._dag(dag_ids[0], wanted) if dag_ids else None
        if found is None:
            raise unknown
        return found

    async def execution(self, wanted: ExecutionReference) -> Execution:
        """Return an execution.

        Raises:
            RefusedRequestError: There is none of this ARN, or the user may not see it.
        """
        remembered = _remembered.get(wanted.execution_id)
        if remembered is not None:
            found = await self._found(wanted, *remembered)
            if found is not None:
                return found
        found = await self._search(wanted, wanted.pipeline.name)
        if found is None:
            for dag_id in await self._named(wanted.pipeline.name):
                found = found or await self._search(wanted, dag_id)
        if found is None:
            raise self._unknown(wanted.arn)
        return found

    async def execution_of_run(self, dag: PipelineDag, run: Mapping[str, Any]) -> Execution:
        """Return the execution that a run is.

        Args:
            dag: The DAG.
            run: The run, as Airflow's API describes it.
        """
        name = await run_in_threadpool(_id_of_run, dag.dag_id, run)
        _remember(name, dag.dag_id, str(run["dag_run_id"]))
        return Execution(dag, run, dag.reference.execution_arn(name))

    async def _search(self, wanted: ExecutionReference, dag_id: str) -> Execution | None:
        run_id = await run_in_threadpool(_run_of, dag_id, wanted.execution_id)
        return None if run_id is None else await self._found(wanted, dag_id, run_id)

    async def _found(self, wanted: ExecutionReference, dag_id: str, run_id: str) -> Execution | None:
        run = await self._airflow.find("dags", dag_id, "dagRuns", run_id)
        dag = None if run is None else await self._dag(dag_id, wanted.pipeline)
        if run is None or dag is None or await run_in_threadpool(_id_of_run, dag_id, run) != wanted.execution_id:
            return None  # deleted, or created again under the same id: another execution
        _remember(wanted.execution_id, dag_id, run_id)
        return Execution(dag, run, wanted.arn)

    async def _dag(self, dag_id: str, wanted: PipelineReference) -> PipelineDag | None:
        """Return a DAG, ``None`` if there is none of this id, or it was made from no definition."""
        found = await self._airflow.find("dags", dag_id, "details")
        if found is None or not {*RUN_OPTIONS} <= {*(found["params"] or ())}:
            return None
        name = pipeline_name(dag_id, _tags(found))
        return PipelineDag(dag_id, PipelineReference(name, wanted.start), found["params"], bool(found["is_paused"]))

    async def _named(self, name: str) -> list[str]:
        """Return the ids of the DAGs whose pipeline has a name: by their tag, or by their id."""
        tagged = await self._airflow.all("dags", "dags", tags=name_tag(name))
        like = await self._airflow.all("dags", "dags", dag_id_pattern=name.replace("-", "%"))
        dags = {dag["dag_id"]: dag for dag in [*tagged, *like]}
        return [dag_id for dag_id, dag in dags.items() if is_named(name, dag_id, _tags(dag))]

    def _unknown(self, arn: str) -> RefusedRequestError:
        return RefusedRequestError(
            "ResourceNotFound", f"{arn}: Airflow has no such pipeline or execution, or you may not see it"
        )


def _tags(dag: Mapping[str, Any]) -> list[str]:
    return [str(tag["name"]) for tag in dag["tags"]]


# -- ids of executions -------------------------------------------------------------------------------------------------

# Which run an execution is: an id is a digest, so finding it means to make the ids of all runs of its DAG.
_remembered: OrderedDict[str, tuple[str, str]] = OrderedDict()


def _remember(name: str, dag_id: str, run_id: str) -> None:
    _remembered[name] = dag_id, run_id
    while len(_remembered) > _MOST_REMEMBERED:
        _remembered.popitem(last=False)


def _deployment() -> str:
    from airflow_sm_pipelines.execution.installation import registered_deployment

    deployment = registered_deployment()
    if deployment is None:
        raise RefusedRequestError(
            "ServiceUnavailable", "this Airflow has no name yet, which its scheduler makes when it starts", 503
        )
    return deployment.name


def _id_of_run(dag_id: str, run: Mapping[str, Any]) -> str:
    run_after = moment(run["run_after"])
    return execution_id(_deployment(), dag_id, str(run["dag_run_id"]), run_after.isoformat() if run_after else "")


def _run_of(dag_id: str, wanted: str) -> str | None:
    """Return the run of a DAG that has an execution id, ``None`` if none has."""
    from airflow_sm_pipelines.execution.airflow_internals.server import database_session, run_times

    deployment = _deployment()
    with database_session() as session:
        for run_id, run_after in run_times(session, dag_id):
            if execution_id(deployment, dag_id, run_id, run_after.isoformat()) == wanted:
                return run_id
    return None
