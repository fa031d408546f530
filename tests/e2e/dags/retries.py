"""Steps that fail in four ways, with SageMaker's retry policies."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

POLICIES = [
    {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 3, "BackoffRate": 2.0, "MaxAttempts": 2},
    {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 4, "BackoffRate": 2.0, "MaxAttempts": 2},
    {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 2, "BackoffRate": 1.0, "MaxAttempts": 1},
]

dag = pipeline_dag(
    definition(
        *({**step(name, 0), "RetryPolicies": POLICIES} for name in ("Throttled", "Capacity", "Internal")),
        {**step("Algorithm", 0, exit_code=7), "RetryPolicies": POLICIES},
    ),
    dag_id="retries",
    poll_interval=2,
)
