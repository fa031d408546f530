"""What a SageMaker account says of its pipelines: one List for what has changed, one Describe for each that has.

Runs in the DAG processor. ListPipelines tells when each pipeline was changed last, so that a refresh without a change
is that one call for each hundred pipelines. Search tells the tags as well, and finds pipelines by them. Neither knows
the pipelines that other accounts share (developer guide, "Cross-account support for Pipelines"): those are described
by their ARN, each time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import Body, call, find, pages
from airflow_sm_pipelines.aws.failures import says_denied
from airflow_sm_pipelines.definition.pipeline_resource import RESOURCE_MEMBERS
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.semantics.mirrored_pipelines import (
    arn_parts,
    arns_of,
    common_prefix,
    is_wanted,
    mirrored_dag_id,
)

if TYPE_CHECKING:
    from botocore.client import BaseClient

_log = logging.getLogger(__name__)
_PAGE = 100  # API reference: the most for MaxResults
_TEXT = "PipelineDefinition"
_KEPT = sorted({*RESOURCE_MEMBERS, _TEXT} - {"Tags"})
_NO_TAGS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pipelines are mirrored.

    Attributes:
        pipelines: Patterns of names, and ARNs.
        tags: Tags that a pipeline must have; they do not concern pipelines given by ARN.
        dag_id_prefix: What all ids of DAGs begin with.
    """

    pipelines: Sequence[str] = ("*",)
    tags: Mapping[str, str] = field(default_factory=lambda: _NO_TAGS)
    dag_id_prefix: str = ""

    @property
    def arns(self) -> list[str]:
        """Pipelines that are given by their ARN."""
        return arns_of(self.pipelines)

    @property
    def patterns(self) -> list[str]:
        """Patterns of names."""
        return [one for one in self.pipelines if not one.startswith("arn:")]


@dataclass(frozen=True, slots=True)
class ListedPipeline:
    """One pipeline, as far as it is known without a Describe.

    Attributes:
        reference: What Describe is asked for: its name, or the ARN that the user gave.
        dag_id: Id of its DAG.
        sign: A text that changes when the pipeline does; empty if only a Describe can tell.
        arn: Its ARN.
        tags: Its tags as JSON, if the list tells them; else ``None``.
    """

    reference: str
    dag_id: str
    sign: str
    arn: str
    tags: str | None = None

    @property
    def is_shared(self) -> bool:
        """Whether it was given by its ARN, and may belong to another account."""
        return self.reference == self.arn


def listed_pipelines(client: BaseClient, selection: Selection) -> list[ListedPipeline]:
    """Return the pipelines that are to be mirrored.

    Raises:
        AwsCallError: A call failed. Nothing is known then: a part of the list must not be taken for all of it.
    """
    listed = list(_listed(client, selection)) if selection.patterns else []
    known = {one.arn for one in listed}
    for arn in selection.arns:
        if arn not in known:
            account, name = arn_parts(arn)
            dag_id = mirrored_dag_id(name, prefix=selection.dag_id_prefix, account=account)
            listed.append(ListedPipeline(arn, dag_id, sign="", arn=arn))
    return listed


def _listed(client: BaseClient, selection: Selection) -> Iterator[ListedPipeline]:
    for summary in _summaries(client, selection):
        name = str(summary["PipelineName"])
        if is_wanted(name, selection.patterns):
            tags = json.dumps(sorted_tags(summary["Tags"])) if "Tags" in summary else None
            yield ListedPipeline(
                name,
                mirrored_dag_id(name, prefix=selection.dag_id_prefix),
                sign=f"{_moment(summary.get('LastModifiedTime'))} {tags or ''}".strip(),
                arn=str(summary["PipelineArn"]),
                tags=tags,
            )


def _summaries(client: BaseClient, selection: Selection) -> Iterator[Body]:
    if not selection.tags:
        prefix = common_prefix(selection.patterns)
        request: dict[str, Any] = {"MaxResults": _PAGE, **({"PipelineNamePrefix": prefix} if prefix else {})}
        yield from pages(client, "ListPipelines", request, "PipelineSummaries")
        return
    filters = [{"Name": f"Tags.{key}", "Operator": "Equals", "Value": value} for key, value in selection.tags.items()]
    request = {"Resource": "Pipeline", "SearchExpression": {"Filters": filters}, "MaxResults": _PAGE}
    for result in pages(client, "Search", request, "Results"):
        found = result.get("Pipeline", {})
        yield {**found, "Tags": found.get("Tags", ())}


def pipeline_file(client: BaseClient, listed: ListedPipeline) -> bytes | None:
    """Return the file of a pipeline: JSON with the members of DescribePipeline that count, and the pipeline's tags.

    It has no times and no names of people: it changes only when the DAG does.

    Args:
        client: A boto3 client for SageMaker.
        listed: The pipeline.

    Returns:
        The file; ``None`` if the pipeline is gone.

    Raises:
        AwsCallError: A call failed.
    """
    described = find(client, "DescribePipeline", {"PipelineName": listed.reference})
    if described is None or described.get("PipelineStatus") == "Deleting":
        return None
    members = {name: described[name] for name in _KEPT if name in described}
    tags = _tags(client, listed)
    return json.dumps({**members, **({"Tags": tags} if tags else {})}, sort_keys=True, indent=1).encode()


def _tags(client: BaseClient, listed: ListedPipeline) -> Any:
    """Return the tags of a pipeline: those of the list, else those of ListTags, which is not for those of others."""
    if listed.tags is not None:
        return json.loads(listed.tags)
    if listed.is_shared:
        return []
    try:
        answer = call(client, "ListTags", {"ResourceArn": listed.arn})
    except AwsCallError as error:
        if not says_denied(error.code):
            raise
        _log.warning("The DAG %s has no tags of its pipeline: %s", listed.dag_id, error)
        return []
    return sorted_tags(answer.get("Tags", ()))


def sorted_tags(tags: Any) -> list[dict[str, str]]:
    """Return the tags of a resource in the order of their keys, without those that AWS itself has set."""
    own = [tag for tag in tags if not tag["Key"].startswith("aws:")]
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in sorted(own, key=lambda tag: str(tag["Key"]))]


def _moment(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else ""
