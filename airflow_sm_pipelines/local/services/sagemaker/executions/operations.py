"""The operations that read executions of pipelines, answered from recordings.

The local AWS runs no pipelines. A person or a test puts recordings of executions into it; nothing here changes them, or
makes one up. All error texts are assumed; their codes are those that the API reference has for the operations.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, MutableMapping
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.executions.recording import (
    DEFINITION,
    DESCRIPTION,
    LISTED,
    OF_RESOURCES,
    PARAMETERS,
    STEPS,
    names_in,
    read_recording,
)
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_Entry = tuple[int, Document]
"""An entry of a recorded list, and its position there."""


class PipelineExecutions:
    """The recorded executions, and the operations that read them. Safe for use by many threads.

    Args:
        recordings: Where they are kept, by the ARNs of the executions.
    """

    def __init__(self, recordings: MutableMapping[str, Document] | None = None) -> None:
        self._lock = threading.Lock()
        self._recordings = {} if recordings is None else recordings

    def record(self, document: object) -> Document:
        """Add an execution, in place of an earlier recording of it, and return its description.

        Raises:
            ValueError: The recording has faults; the message has all of them.
        """
        recording = read_recording(document)
        with self._lock:
            self._recordings[recording[DESCRIPTION]["PipelineExecutionArn"]] = recording
        description: Document = recording[DESCRIPTION]
        return description

    def describe(self) -> list[Document]:
        """Return the descriptions of all recorded executions."""
        with self._lock:
            return [recording[DESCRIPTION] for recording in self._recordings.values()]

    def clear(self) -> None:
        """Forget all recordings."""
        with self._lock:
            self._recordings.clear()

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            DESCRIPTION: lambda context, request: self._answer(context, request, DESCRIPTION),
            DEFINITION: lambda context, request: self._answer(context, request, DEFINITION),
            STEPS: lambda context, request: self._page(context, request, STEPS, _STEPS),
            PARAMETERS: lambda context, request: self._page(context, request, PARAMETERS, _PARAMETERS),
            "ListPipelineExecutions": self._list,
            "StartPipelineExecution": self._refuse_to_start,
        }

    def descriptions(self, own: Mapping[str, Operation]) -> Mapping[str, Operation]:
        """Return the operations that describe resources, which answer with a recorded description where there is one.

        Args:
            own: The operations of the local AWS's own resources, which answer for all others.
        """
        return {name: self._description(name, own.get(name, _no_pipeline)) for name in OF_RESOURCES}

    def _description(self, name: str, own: Operation) -> Operation:
        def describe(context: RequestContext, request: Document) -> Document:
            wanted = {member: request[member] for member in OF_RESOURCES[name]}
            recorded = (one for recording in self._in(context) for one in recording.get(name, ()))
            found = next((one for one in recorded if _is_of(one, wanted)), None)
            return own(context, request) if found is None else found

        return describe

    def _answer(self, context: RequestContext, request: Document, operation: str) -> Document:
        arn = request.get("PipelineExecutionArn")
        if arn is None:  # the model of ListPipelineExecutionSteps does not require it
            raise validation_error("PipelineExecutionArn is required")
        found = [one for one in self._in(context) if one[DESCRIPTION]["PipelineExecutionArn"] == arn]
        if not found:
            raise _not_found(f"Pipeline execution with ARN {arn} does not exist")
        if operation not in found[0]:
            raise _not_found(f"The recording of {arn} has no answer of {operation}")
        answer: Document = found[0][operation]
        return answer

    def _page(
        self, context: RequestContext, request: Document, operation: str, listing: Listing[_Entry]
    ) -> dict[str, Any]:
        entries = self._answer(context, request, operation)[LISTED[operation]]
        page, token = listing.page(list(enumerate(entries)), request)
        return {LISTED[operation]: [entry for _, entry in page], "NextToken": token}

    def _list(self, context: RequestContext, request: Document) -> Document:
        name = request["PipelineName"]
        found = [recording[DESCRIPTION] for recording in self._in(context)]
        found = [one for one in found if _is_named(one["PipelineArn"], name)]
        if not found:
            raise _not_found(f"Pipeline {name} does not exist")
        page, token = _EXECUTIONS.page(found, request)
        return {"PipelineExecutionSummaries": [_summary(one) for one in page], "NextToken": token}

    def _refuse_to_start(self, _: RequestContext, request: Document) -> Document:
        raise _not_found(
            f"Pipeline {request['PipelineName']} does not exist: the local AWS runs no pipelines. It only has recorded "
            "executions; run the pipeline in Airflow"
        )

    def _in(self, context: RequestContext) -> list[Document]:
        """Return the recordings of a region."""
        with self._lock:
            return [one for arn, one in self._recordings.items() if arn.split(":")[3] == context.region]


def _is_of(description: Document, wanted: Document) -> bool:
    return all(value in names_in(description, member) for member, value in wanted.items())


def _is_named(pipeline_arn: str, name: str) -> bool:
    """Tell whether a pipeline has a name, or an ARN; some ARNs of the service have the name in lower case."""
    own = pipeline_arn if name.startswith("arn:") else pipeline_arn.rpartition("/")[2]
    return own.lower() == name.lower()


def _summary(description: Document) -> Document:
    return {
        "PipelineExecutionArn": description["PipelineExecutionArn"],
        "StartTime": description["CreationTime"],
        "PipelineExecutionStatus": description["PipelineExecutionStatus"],
        "PipelineExecutionDescription": description.get("PipelineExecutionDescription"),
        "PipelineExecutionDisplayName": description.get("PipelineExecutionDisplayName"),
        "PipelineExecutionFailureReason": description.get("FailureReason"),
        "PipelineVersionAliases": description.get("PipelineVersionAliases"),
    }


def _time(seconds: float | None) -> str:
    return "" if seconds is None else sortable(utc(seconds))


def _position(entry: _Entry) -> str:
    return f"{entry[0]:06}"


_EXECUTIONS: Listing[Document] = Listing(
    name=lambda description: str(description["PipelineExecutionArn"]),
    filters={
        "CreatedAfter": lambda description, moment: description["CreationTime"] > moment,
        "CreatedBefore": lambda description, moment: description["CreationTime"] < moment,
        "PipelineVersionAlias": lambda description, alias: alias in description.get("PipelineVersionAliases", ()),
    },
    sort_keys={
        "CreationTime": lambda description: _time(description["CreationTime"]),
        "PipelineExecutionArn": lambda description: str(description["PipelineExecutionArn"]),
    },
    default_order="Descending",
)
"""The order without SortOrder is assumed."""

_STEPS: Listing[_Entry] = Listing(
    name=_position,
    filters={},
    sort_keys={"StartTime": lambda entry: _time(entry[1].get("StartTime"))},
    default_sort="StartTime",
    default_order="Descending",
)
"""The order is that of the developer guide's examples."""

_PARAMETERS: Listing[_Entry] = Listing(
    name=_position, filters={}, sort_keys={"Position": _position}, default_sort="Position"
)


def _no_pipeline(_: RequestContext, request: Document) -> Document:
    raise _not_found(f"Pipeline {request['PipelineName']} does not exist")


def _not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFound", message)
