"""The EMRServerless step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call, input_shape
from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_APPLICATION, EMR_SERVERLESS_JOB
from airflow_sm_pipelines.aws.requests.emr import application_request, job_run_request
from airflow_sm_pipelines.aws.requests.shaping import shape_request
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.errors import RequestError, StepFailedError
from airflow_sm_pipelines.execution.links import EmrConsoleLink
from airflow_sm_pipelines.operators.base import JobOperator


class EmrServerlessJobSensor(JobOperator):
    """Starts one job run of EMR Serverless and waits for it; its properties are the GetJobRun response.

    With ``ApplicationConfig`` an application is made for the run, and stopped and deleted behind it.

    A sensor as `airflow_sm_pipelines.sensors.emr.EmrStepSensor` is one.

    Args:
        plan: The step and its edges.
        kwargs: As for every step operator.
    """

    operator_extra_links = (EmrConsoleLink(),)
    ui_color = EMR_SERVERLESS_JOB.colour

    def __init__(self, *, plan: StepPlan, **kwargs: Any) -> None:
        super().__init__(plan=plan, **kwargs)
        owns = "ApplicationConfig" in plan.step.arguments
        self.kind = EMR_SERVERLESS_APPLICATION if owns else EMR_SERVERLESS_JOB

    def complete_request(self, request: dict[str, Any], client: Any) -> dict[str, Any]:
        """Return the StartJobRun request of the step's Arguments; makes the application if it is our own."""
        application = request.get("ApplicationId") or self._application(request, client)
        return job_run_request(request, application, request["clientToken"], request["Tags"])

    def described_request(self, properties: Mapping[str, Any], members: Iterable[str]) -> dict[str, Any]:
        """Return what GetJobRun repeats of the StartJobRun request."""
        return super().described_request(properties["jobRun"], members)

    def _application(self, request: dict[str, Any], client: Any) -> str:
        """Make the attempt's application, or find it if it has been made already; returns its id."""
        step = self.plan.step.name
        asked = application_request(request["ApplicationConfig"], request["clientToken"], request["Tags"])
        try:
            shaped, faults = shape_request(asked, input_shape(client, "CreateApplication"))
            if faults:
                places = "\n".join(f"    {fault}" for fault in faults)
                raise RequestError(step, f"its ApplicationConfig does not fit CreateApplication:\n{places}")
            return str(call(client, "CreateApplication", shaped)["applicationId"])
        except CallRefusedError as error:
            message = f"cannot make its application: {error.in_words()}"
            raise StepFailedError(step, message, exception_type=error.exception_type) from error
