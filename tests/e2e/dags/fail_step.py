"""Runs that fail while other steps are at work."""

from sleeping_steps import definition, step

from airflow_sm_pipelines import pipeline_dag

STOP = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}
CHECK = {"Name": "Check", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [STOP], "ElseSteps": []}}
BESIDE = definition(step("Work", {"Get": "Parameters.Seconds"}), step("After", 0, "Work"), CHECK)
QUICK = definition(
    step("Broken", 5, exit_code=3), step("Behind", 0, "Broken"), step("Work", 600), step("After", 0, "Work")
)

fail_step = pipeline_dag(BESIDE, dag_id="fail_step", poll_interval=2)
fail_fast = pipeline_dag(QUICK, dag_id="fail_fast", poll_interval=2, fail_fast=True)
goes_on = pipeline_dag(
    definition(step("Broken", 0, exit_code=3), step("Work", 20), step("After", 0, "Work")),
    dag_id="goes_on",
    poll_interval=2,
)
