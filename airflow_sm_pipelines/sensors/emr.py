"""The EMR and EMRServerless steps.

Sensors by what they do: they wait without a worker slot. They do not inherit Airflow's ``BaseSensorOperator``, whose
``poke`` knows neither a submission of its own, nor its adoption by the next try, nor its end on a kill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_JOB, EMR_STEP
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.operators.base import JobOperator


class EmrStepSensor(JobOperator):
    """Submits one step to Amazon EMR and waits for it; its properties are DescribeStep's ``Step`` with ``ClusterId``.

    With ``ClusterId`` the step goes to that cluster, which goes on afterwards. With ``ClusterConfig`` EMR starts a
    cluster for the step and terminates it behind the step, whatever becomes of this process.
    """

    ui_color = EMR_STEP.colour

    def described_request(self, properties: Mapping[str, Json], members: Iterable[str]) -> JsonObject:
        """Return the step as it was added; of a cluster of its own EMR tells no more than its id."""
        found = {"Name": properties.get("Name"), "ActionOnFailure": properties.get("ActionOnFailure")}
        step = {**found, "HadoopJarStep": properties.get("Config", {})}
        return {"JobFlowId": properties["ClusterId"], "Steps": [step], **super().described_request(properties, members)}


class EmrServerlessJobSensor(JobOperator):
    """Starts one job run of EMR Serverless and waits for it; its properties are the GetJobRun response.

    With ``ApplicationConfig`` an application is made for the run, and stopped and deleted behind it.
    """

    ui_color = EMR_SERVERLESS_JOB.colour

    def described_request(self, properties: Mapping[str, Json], members: Iterable[str]) -> JsonObject:
        """Return what GetJobRun repeats of the StartJobRun request."""
        run = properties["jobRun"]
        return super().described_request(run if isinstance(run, dict) else {}, members)
