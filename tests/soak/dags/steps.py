"""The definition of the soaked pipeline: every type of step that waits (no DAG here)."""

_ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
_IMAGE = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
_EXECUTION = {"Get": "Execution.PipelineExecutionId"}
_POLICIES = [
    {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"],
        "IntervalSeconds": 15,
        "BackoffRate": 1.0,
        "MaxAttempts": 20,
    }
]


def _named(*parts):
    return {"Std:Join": {"On": "-", "Values": [*parts, _EXECUTION]}}


def _step(name, kind, arguments, *depends_on, **members):
    return {"Name": name, "Type": kind, "Arguments": arguments, "DependsOn": [*depends_on], **members}


def _resources(volume=1):
    return {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": volume}


def _processing(name, *depends_on, volume=1, **members):
    arguments = {
        "ProcessingResources": {"ClusterConfig": _resources(volume)},
        "AppSpecification": {"ImageUri": _IMAGE},
        "RoleArn": _ROLE,
    }
    return _step(name, "Processing", arguments, *depends_on, **members)


def _training(name, *depends_on, **members):
    arguments = {
        "AlgorithmSpecification": {"TrainingImage": _IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://soak/models"},
        "ResourceConfig": _resources(),
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "RoleArn": _ROLE,
    }
    return _step(name, "Training", arguments, *depends_on, **members)


def _tuning(name, *depends_on):
    arguments = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "1", "MaxValue": "9"}]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": _IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+)"}],
            },
            "OutputDataConfig": {"S3OutputPath": "s3://soak/tuning"},
            "ResourceConfig": _resources(),
            "RoleArn": _ROLE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }
    return _step(name, "Tuning", arguments, *depends_on)


def _auto_ml(name, *depends_on):
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://soak/data"}}
    arguments = {
        "InputDataConfig": [{"DataSource": source, "TargetAttributeName": "y", "ChannelType": "training"}],
        "OutputDataConfig": {"S3OutputPath": "s3://soak/automl"},
        "AutoMLJobConfig": {"CompletionCriteria": {"MaxCandidates": 1}, "Mode": "ENSEMBLING"},
        "RoleArn": _ROLE,
    }
    return _step(name, "AutoML", arguments, *depends_on)


def _model(name):
    arguments = {"ExecutionRoleArn": _ROLE, "PrimaryContainer": {"Image": _IMAGE}}
    return _step(name, "Model", arguments)


def _transform(name, model):
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://soak/data"}}
    arguments = {
        "ModelName": {"Get": f"Steps.{model}.ModelName"},
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": "s3://soak/transformed"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    return _step(name, "Transform", arguments)


def _callback(name):
    return _step(
        name,
        "Callback",
        {"run": {"Get": "Parameters.Run"}},
        SqsQueueUrl={"Get": "Parameters.QueueUrl"},
        OutputParameters=[{"OutputName": "answer", "OutputType": "String"}],
    )


def _lambda(name, *depends_on):
    return _step(
        name,
        "Lambda",
        {"run": _EXECUTION},
        *depends_on,
        FunctionArn="arn:aws:lambda:us-west-2:123456789012:function:soak",
        OutputParameters=[{"OutputName": "choice", "OutputType": "String"}],
    )


_SPARK = {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}


def _emr_step(name, *depends_on):
    return _step(name, "EMR", {"ClusterId": "j-SOAK", "StepConfig": _SPARK}, *depends_on)


def _emr_cluster(name, *depends_on):
    cluster = {"ReleaseLabel": "emr-7.0.0", "Instances": {"InstanceCount": 1}}
    return _step(name, "EMR", {"ClusterConfig": cluster, "StepConfig": _SPARK}, *depends_on)


def _emr_serverless(name, **application):
    arguments = {
        "ExecutionRoleArn": _ROLE,
        "JobConfig": {"jobDriver": {"sparkSubmit": {"entryPoint": "s3://soak/job.py"}}},
        **application,
    }
    return _step(name, "EMRServerless", arguments)


def _endpoint_config(name, model):
    arguments = {
        "EndpointConfigName": _named("config"),
        "ProductionVariants": [
            {
                "VariantName": "all",
                "ModelName": {"Get": f"Steps.{model}.ModelName"},
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    }
    return _step(name, "EndpointConfig", arguments)


def _endpoint(name, config):
    arguments = {
        "EndpointName": _named("endpoint"),
        "EndpointConfigName": {"Get": f"Steps.{config}.EndpointConfigName"},
    }
    return _step(name, "Endpoint", arguments)


def _condition(name, call, chosen, other):
    left = {"Get": f"Steps.{call}.OutputParameters['choice']"}
    arguments = {
        "Conditions": [{"Type": "Equals", "LeftValue": left, "RightValue": "yes"}],
        "IfSteps": [chosen],
        "ElseSteps": [other],
    }
    return _step(name, "Condition", arguments)


def _for_each(name, *depends_on):
    arguments = {
        "IterableItems": ["one", "two"],
        "MaxConcurrency": 2,
        "ForEachBody": [_processing("Each-First"), _training("Each-Second", "Each-First")],
    }
    return _step(name, "ForEach", arguments, *depends_on)


def definition(volume, extra):
    """Return the definition as somebody has edited it.

    Args:
        volume: Size of the first step's volume, in GB.
        extra: Whether it has the step ``Extra``.
    """
    return {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Run", "Type": "String", "DefaultValue": "none"},
            {"Name": "QueueUrl", "Type": "String", "DefaultValue": "unused"},
        ],
        "Steps": [
            _processing("Prepare", volume=volume),
            _training("Retried", RetryPolicies=_POLICIES),
            _processing("Retried-Too", RetryPolicies=_POLICIES),
            _callback("Ask"),
            _lambda("Call"),
            _emr_step("Emr"),
            _emr_serverless("Serverless", ApplicationId="00soak"),
            _emr_serverless("Serverless-Own", ApplicationConfig={"releaseLabel": "emr-7.0.0", "type": "SPARK"}),
            _model("Model"),
            _training("Train", "Prepare"),
            _tuning("Tune", "Prepare"),
            _auto_ml("Auto", "Prepare"),
            _transform("Transform", "Model"),
            _endpoint_config("Config", "Model"),
            _endpoint("Endpoint", "Config"),
            _condition("Choose", "Call", _processing("Chosen"), _processing("Not-Chosen")),
            _for_each("Each", "Prepare"),
            _emr_cluster("Emr-Cluster", "Call"),
            _processing("After-Answer", "Ask"),
            _training("Whatever", {"Step": "Train", "Trigger": "Any"}, {"Step": "Retried", "Trigger": "Any"}),
            *([_processing("Extra", "Model")] if extra else []),
        ],
    }
