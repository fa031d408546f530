"""A chain of steps, deferred while their jobs run, and a handler of a failure."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

train = step("Train", {"Get": "Parameters.Seconds"}, exit_code={"Get": "Parameters.ExitCode"})
train["Arguments"]["Environment"] = {"ARN": {"Get": "Steps.Process.ProcessingJobArn"}}

dag = pipeline_dag(
    definition(
        step("Process", 0, exit_code=0),
        train,
        step("Report", 0, "Train", exit_code=0),
        step("Notify", 0, {"Step": "Train", "Trigger": "Failed"}, exit_code=0),
    ),
    dag_id="selection",
    poll_interval=1,
)
