"""Descriptions and summaries of clusters and steps."""

from __future__ import annotations

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.services.emr.table import Cluster, EmrStep

_ECHOED = (
    "LogUri",
    "ReleaseLabel",
    "Applications",
    "Configurations",
    "ServiceRole",
    "SecurityConfiguration",
    "AutoScalingRole",
    "ScaleDownBehavior",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "VisibleToAllUsers",
    "OSReleaseLabel",
)
"""Members of a RunJobFlow request that DescribeCluster repeats."""


def describe_cluster(cluster: Cluster) -> Document:
    """Return ``Cluster`` of DescribeCluster."""
    request, instances = cluster.request, cluster.request["Instances"]
    return {
        **summarize_cluster(cluster),
        **{member: request[member] for member in _ECHOED if member in request},
        "AutoTerminate": not cluster.keeps_alive,
        "TerminationProtected": bool(instances.get("TerminationProtected")),
        "StepConcurrencyLevel": request.get("StepConcurrencyLevel", 1),
        "InstanceCollectionType": "INSTANCE_FLEET" if "InstanceFleets" in instances else "INSTANCE_GROUP",
        "Tags": [{"Key": key, "Value": value} for key, value in cluster.tags.items()],
    }


def summarize_cluster(cluster: Cluster) -> Document:
    """Return a summary of ListClusters."""
    ending = cluster.ending
    reason = {"Code": ending.code, "Message": ending.message} if ending else {}
    return {
        "Id": cluster.id,
        "Name": cluster.request["Name"],
        "ClusterArn": cluster.arn,
        "NormalizedInstanceHours": 0,
        "Status": {
            "State": cluster.state.value,
            "StateChangeReason": reason,
            "Timeline": {
                "CreationDateTime": cluster.created,
                "ReadyDateTime": cluster.created,
                "EndDateTime": cluster.ended,
            },
        },
    }


def describe_step(cluster: Cluster, step: EmrStep) -> Document:
    """Return ``Step`` of DescribeStep."""
    role = {"ExecutionRoleArn": step.role} if step.role else {}
    return {**summarize_step(cluster, step), **role}


def summarize_step(cluster: Cluster, step: EmrStep) -> Document:
    """Return a summary of ListSteps."""
    runs = step.config["HadoopJarStep"]
    return {
        "Id": step.id,
        "Name": step.config["Name"],
        "Config": {
            "Jar": runs["Jar"],
            "Properties": {one["Key"]: one.get("Value", "") for one in runs.get("Properties", ())},
            "MainClass": runs.get("MainClass"),
            "Args": runs.get("Args", []),
        },
        "ActionOnFailure": step.config.get("ActionOnFailure", "TERMINATE_CLUSTER"),
        "Status": {
            "State": step.state.value,
            "StateChangeReason": {"Message": step.message} if step.message else {},
            "FailureDetails": _failure(cluster, step),
            "Timeline": {
                "CreationDateTime": step.created,
                "StartDateTime": step.started,
                "EndDateTime": step.ended,
            },
        },
    }


def log_uri(cluster: Cluster, step: EmrStep) -> str | None:
    """Return where the output of a step goes (EMR management guide, "View log files"); ``None`` without a LogUri."""
    folder = cluster.request.get("LogUri")
    return f"{folder.rstrip('/')}/{cluster.id}/steps/{step.id}/stdout.gz" if folder else None


def _failure(cluster: Cluster, step: EmrStep) -> Document | None:
    if not step.failure_reason:
        return None
    return {"Reason": step.failure_reason, "LogFile": log_uri(cluster, step)}
