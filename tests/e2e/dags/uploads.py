"""A pipeline that starts on the events of a queue. The test of it makes the queue; until then the trigger waits."""

import os

from gate import definition

from airflow_sm_pipelines import pipeline_dag, start_on_events_dag

dag = pipeline_dag(definition(), dag_id="uploads")
starts = start_on_events_dag(
    dag,
    queue_url=os.environ["AWS_ENDPOINT_URL"] + "/123456789012/uploads",
    parameters={"Key": "$.detail.object.key"},
    visibility_timeout=15,
)
