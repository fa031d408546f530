"""A stand-in for Airflow's API server: its REST API over dictionaries, its login, and our application in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions.endpoint import executions_app
from airflow_sm_pipelines.pipeline_page.endpoint import page_router
from tests.executions.conftest import FakeAirflow

LOGIN = "a-valid-token"


class PageAirflow(FakeAirflow):
    """What the pipeline page asks of Airflow besides.

    Attributes:
        links: The links of each task: run, task, map index.
        hidden: DAGs that the viewer may not read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[tuple[str, str, int], dict[str, str | None]] = {}
        self.hidden: set[str] = set()

    def _get(self, path: tuple[str, ...], query: Mapping[str, Any]) -> Any:
        match path:
            case ("dags", dag_id):
                return self.dags.get(dag_id)
            case (_, _, _, run_id, "taskInstances", task_id):
                return self._task(run_id, task_id, -1)
            case (_, _, _, run_id, "taskInstances", task_id, "links"):
                return {"extra_links": self.links.get((run_id, task_id, int(query["map_index"])), {})}
            case (_, _, _, run_id, "taskInstances", task_id, index) if index.isdigit():
                return self._task(run_id, task_id, int(index))
        return super()._get(path, query)

    def _task(self, run_id: str, task_id: str, index: int) -> dict[str, Any] | None:
        wanted = (task_id, index)
        tasks = self.tasks.get(run_id, [])
        return next((task for task in tasks if (task["task_id"], task["map_index"]) == wanted), None)


def api_server(airflow: PageAirflow) -> FastAPI:
    """Return an application that answers as Airflow's does, with ours mounted in it."""
    root = FastAPI()
    ours = executions_app()
    ours.include_router(page_router())
    root.mount("/sm-pipelines", ours)

    @root.get("/api/v2/{path:path}")
    async def answer(request: Request, path: str) -> Any:
        authorization = request.headers.get("authorization", "")
        if LOGIN not in (authorization.removeprefix("Bearer "), request.cookies.get("_token")):
            raise HTTPException(401, "Not authenticated")
        parts = tuple(path.split("/"))
        if len(parts) > 1 and parts[1] in airflow.hidden:
            raise HTTPException(403, "Forbidden")
        query: dict[str, Any] = dict(request.query_params)
        query |= {name: int(query[name]) for name in ("limit", "map_index") if name in query}
        try:
            found = await airflow.get(*parts, **query)
        except RefusedRequestError as error:
            raise HTTPException({"AccessDeniedException": 403}.get(error.code, 404), str(error)) from error
        for member in ("task_instances", "xcom_entries"):
            if member in found:
                first = int(query.get("offset", 0))
                found["total_entries"] = len(found[member])
                found[member] = found[member][first : first + query["limit"]]
        return found

    return root


def add_example(airflow: PageAirflow, marked: str = "") -> None:
    """Add a pipeline that trains, checks and registers, with a run that registered and one that refused.

    Args:
        airflow: Where to add it.
        marked: A text that goes wherever texts of definitions and jobs go, e.g. markup.
    """
    airflow.add_dag("abalone", "sagemaker", MaxMse=6.0, Label=f"plain{marked}")
    airflow.add_step("abalone", "Train", "TrainingOperator", "Check", "Register", "Stop")
    airflow.add_step("abalone", "Check", "ConditionOperator", "Register", "Stop")
    airflow.add_step("abalone", "Register", "RegisterModelOperator")
    airflow.add_step("abalone", "Stop", "FailOperator")
    for number, (run, mse, state) in enumerate((("good", 5.1, "success"), ("bad", 7.5, "failed"))):
        conf = {"MaxMse": 7.0} if number == 0 else {"Label": f"other{marked}"}
        airflow.add_run("abalone", run, state, conf=conf)
        request = {"AlgorithmSpecification": {"TrainingImage": f"image:{number}{marked}"}, "TrainingJobName": run}
        display = f"Train{marked}"
        airflow.add_task(
            run, "Train", "TrainingOperator", "success", rendered_fields={"request": request}, task_display_name=display
        )
        airflow.add_task(run, "Check", "ConditionOperator", "success")
        airflow.add_task(run, "Register", "RegisterModelOperator", "success" if number == 0 else "skipped")
        airflow.add_task(run, "Stop", "FailOperator", "skipped" if number == 0 else "failed")
        airflow.xcoms[run, "Train", -1, "return_value"] = training_job(run, mse / 10, marked)
        airflow.xcoms[run, "Check", -1, "sm_pipelines_condition"] = {
            "outcome": number == 0,
            "conditions": [{"text": f"Eval.mse {mse} <= MaxMse 6{marked}", "holds": number == 0}],
            "numbers": {f"Eval.mse{marked}": mse},
            "if": ["Register"],
            "else": ["Stop"],
        }
    airflow.xcoms["bad", "Train", -1, "sm_pipelines_cache"] = {"outcome": "hit", "run_id": "good", "resource": "r"}
    airflow.xcoms["bad", "Stop", -1, "sm_pipelines_failure"] = f"the error is too large{marked}"
    airflow.links["good", "Train", -1] = {
        "SageMaker console": "https://eu-west-1.console.aws.amazon.com/sagemaker/home#/jobs/good",
        "CloudWatch logs": "javascript:alert(1)",
        "Reused run": None,
    }


def training_job(name: str, error: float, marked: str = "") -> dict[str, Any]:
    return {
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}{marked}",
        "TrainingJobStatus": "Completed",
        "CreationTime": "2026-11-21T12:00:00+00:00",
        "TrainingStartTime": "2026-11-21T12:01:30+00:00",
        "TrainingEndTime": "2026-11-21T12:11:30+00:00",
        "BillableTimeInSeconds": 240,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://bucket/{name}/model.tar.gz"},
        "FinalMetricDataList": [{"MetricName": f"validation:rmse{marked}", "Value": error}],
    }
