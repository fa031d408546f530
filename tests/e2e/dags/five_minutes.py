"""A pipeline with schedules of EventBridge; paused, so that other tests are not disturbed."""

from gate import definition

from airflow_sm_pipelines import PipelineSchedule, pipeline_dag

dag = pipeline_dag(
    definition(),
    dag_id="five_minutes",
    schedule=[
        PipelineSchedule(name="often", cron="0/5 * ? * SUN-SAT *", timezone="Asia/Kolkata"),
        PipelineSchedule(name="once", at="2023-12-13T10:15:20"),
        PipelineSchedule(name="off", rate=(1, "minute"), enabled=False),
    ],
    is_paused_upon_creation=True,
)
