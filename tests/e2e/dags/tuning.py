"""One Tuning step, deferred early; the run says how long each of its training jobs lasts."""

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.settings import Waiting

TUNE = {
    "Name": "Tune",
    "Type": "Tuning",
    "Arguments": {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "1", "MaxValue": "1000"}]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+)"}],
            },
            "StaticHyperParameters": {
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": '"s3://e2e/tuning/sourcedir.tar.gz"',
                "seconds": {"Get": "Parameters.Seconds"},
            },
            "OutputDataConfig": {"S3OutputPath": "s3://e2e/tuning/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    },
}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Seconds", "Type": "Integer", "DefaultValue": 0}],
    "PipelineExperimentConfig": {"ExperimentName": "tuning", "TrialName": {"Get": "Execution.PipelineExecutionId"}},
    "Steps": [TUNE],
}

dag = pipeline_dag(DEFINITION, dag_id="tuning", poll_interval=2)
dag.get_task("Tune").waiting = Waiting(poll_interval=2, settle=1)
