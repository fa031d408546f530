"""The rows of EMR and EMR Serverless."""

from __future__ import annotations

from dataclasses import replace

from airflow_sm_pipelines.aws.kinds.resource_kind import NewestFirst, ResourceKind

LIVE_CLUSTER_STATES = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
"""States in which a cluster takes steps (API reference, AddJobFlowSteps)."""

EMR_STEP = ResourceKind(
    key="emr-step",
    noun="EMR step",
    service="emr",
    protocol="emr-steps",
    create="AddJobFlowSteps",
    describe="DescribeStep",
    stop="CancelSteps",
    list="ListSteps",
    name_member="Name",
    named_by_service=True,
    parent_member="JobFlowId",
    name_limit=256,
    arn_member="",
    status_member="Status",
    summaries_member="Steps",
    # API reference, ListSteps: in reverse order, 50 on a page.
    newest_first=NewestFirst(
        ("Id",),
        ("Status", "State"),
        ("Status", "Timeline", "CreationDateTime"),
        query={},
        page_size=50,
        parent_member="ClusterId",
        name_filter="",
        time_filter="",
        page_token="Marker",  # noqa: S106 - the name of a member
    ),
    # EMR writes logs to S3, with a delay of some minutes; the failure reason names the file.
    log_group="",
    console_path="/emr/home?region={region}#/clusterDetails/{first}",
    colour="#fde0c5",
    # A runtime role requires a cluster whose security configuration allows it: the pipeline's is never filled in.
    role_member="",
    succeeded=frozenset({"COMPLETED"}),
    failed=frozenset({"FAILED"}),
    stopped=frozenset({"CANCELLED", "INTERRUPTED"}),
    running_states=("PENDING", "RUNNING", "CANCEL_PENDING"),
    stopping_states=frozenset({"CANCEL_PENDING"}),
    reason_members=(),
    iam_actions=(
        "elasticmapreduce:AddJobFlowSteps",
        "elasticmapreduce:DescribeStep",
        "elasticmapreduce:ListSteps",
        "elasticmapreduce:CancelSteps",
        "elasticmapreduce:DescribeCluster",
        "elasticmapreduce:ListClusters",
    ),
)

EMR_CLUSTER = ResourceKind(
    key="emr-cluster",
    noun="EMR cluster",
    service="emr",
    protocol="emr-clusters",
    create="RunJobFlow",
    describe="DescribeCluster",
    stop="TerminateJobFlows",
    list="ListClusters",
    name_member="Name",
    name_limit=256,
    arn_member="ClusterArn",
    status_member="Status",
    # ListClusters tells all clusters of the account "in unsorted order": each is described by itself.
    summaries_member="Clusters",
    log_group="",
    console_path="/emr/home?region={region}#/clusterDetails/{name}",
    colour="#fde0c5",
    role_member="",
    succeeded=frozenset(),
    failed=frozenset({"TERMINATED_WITH_ERRORS"}),
    stopped=frozenset({"TERMINATED"}),
    running_states=("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"),
    stopping_states=frozenset({"TERMINATING"}),
    reason_members=(),
    iam_actions=(
        "elasticmapreduce:RunJobFlow",
        "elasticmapreduce:DescribeCluster",
        "elasticmapreduce:ListClusters",
        "elasticmapreduce:ListSteps",
        "elasticmapreduce:TerminateJobFlows",
        "elasticmapreduce:AddTags",
        "iam:PassRole",
    ),
)

EMR_SERVERLESS_JOB = ResourceKind(
    key="emr-serverless-job",
    noun="EMR Serverless job run",
    service="emr-serverless",
    protocol="emr-serverless",
    create="StartJobRun",
    describe="GetJobRun",
    stop="CancelJobRun",
    list="ListJobRuns",
    name_member="name",
    token_member="clientToken",  # noqa: S106 - the name of a member
    named_by_service=True,
    parent_member="applicationId",
    name_limit=64,
    arn_member="arn",
    status_member="jobRun",
    # The order of ListJobRuns is not documented: each run is described by itself.
    summaries_member="jobRuns",
    # The configuration decides where the logs go; the console shows them.
    log_group="",
    console_path="/emr/home?region={region}#/serverless-applications/{first}/{last}",
    colour="#fce4d6",
    role_member="ExecutionRoleArn",
    succeeded=frozenset({"SUCCESS"}),
    failed=frozenset({"FAILED"}),
    stopped=frozenset({"CANCELLED"}),
    running_states=("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING", "QUEUED"),
    stopping_states=frozenset({"CANCELLING"}),
    reason_members=(),
    iam_actions=(
        "emr-serverless:StartJobRun",
        "emr-serverless:GetJobRun",
        "emr-serverless:CancelJobRun",
        "emr-serverless:ListJobRuns",
        "emr-serverless:ListApplications",
        "emr-serverless:ListTagsForResource",
        "emr-serverless:TagResource",
        "iam:PassRole",
    ),
)

EMR_SERVERLESS_APPLICATION = replace(
    EMR_SERVERLESS_JOB,
    key="emr-serverless-application",
    named_by_service=False,
    leaves_behind="EMR Serverless application",
    iam_actions=(
        *EMR_SERVERLESS_JOB.iam_actions,
        "emr-serverless:CreateApplication",
        "emr-serverless:GetApplication",
        "emr-serverless:StopApplication",
        "emr-serverless:DeleteApplication",
    ),
)

KINDS = (
    EMR_STEP,
    EMR_CLUSTER,
    EMR_SERVERLESS_JOB,
    EMR_SERVERLESS_APPLICATION,
)
"""The rows of this module."""
