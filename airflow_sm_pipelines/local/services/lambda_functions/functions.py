"""Lambda's operations on functions: create, change, describe, delete, publish, tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.job_site import Clients
from airflow_sm_pipelines.local.services.lambda_functions.code import read_code
from airflow_sm_pipelines.local.services.lambda_functions.layers import Layers
from airflow_sm_pipelines.local.services.lambda_functions.names import LATEST, FunctionReference, read_reference
from airflow_sm_pipelines.local.services.lambda_functions.table import FunctionTable
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_PASSED_ON = (
    "Role",
    "Handler",
    "Runtime",
    "Description",
    "Timeout",
    "MemorySize",
    "VpcConfig",
    "DeadLetterConfig",
    "Environment",
    "KMSKeyArn",
    "TracingConfig",
    "Architectures",
    "EphemeralStorage",
    "LoggingConfig",
    "PackageType",
)
"""Members of a function's configuration that requests have, too; the others have no effect here."""

_DEFAULTS: Document = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "Architectures": ["x86_64"],
    "PackageType": "Zip",
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
}
_CODE_MEMBERS = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")


class FunctionOperations:
    """The operations on functions, except Invoke.

    Args:
        table: The functions.
        layers: The layers.
        clients: Clients of the local AWS itself.
    """

    def __init__(self, table: FunctionTable, layers: Layers, clients: Clients) -> None:
        self._table = table
        self._layers = layers
        self._clients = clients

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateFunction": self._create,
            "GetFunction": self._get,
            "GetFunctionConfiguration": self._get_configuration,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
            "DeleteFunction": self._delete,
            "ListFunctions": self._list,
            "PublishVersion": self._publish,
            "CreateAlias": self._create_alias,
            "GetAlias": self._get_alias,
            "UpdateAlias": self._update_alias,
            "DeleteAlias": self._delete_alias,
            "ListTags": self._list_tags,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def _create(self, context: RequestContext, request: Document) -> Document:
        reference = _unqualified(request, context)
        configuration = {**_DEFAULTS, **self._configuration(request)}
        _require_runnable(configuration)
        code = read_code(self._clients, context.region, request["Code"])
        created = self._table.create(reference, configuration, code, request.get("Tags") or {})
        return self._table.publish(reference) if request.get("Publish") else created

    def _configuration(self, request: Document) -> Document:
        if request.get("FileSystemConfigs"):
            raise AwsError("InvalidParameterValueException", "The local AWS has no file systems to mount")
        given = {name: request[name] for name in _PASSED_ON if request.get(name) is not None}
        if request.get("Layers") is not None:
            given["Layers"] = [{"Arn": arn, "CodeSize": self._layers.size(arn)} for arn in request["Layers"]]
        return given

    def _get(self, context: RequestContext, request: Document) -> Document:
        reference = _reference(request, context)
        configuration = self._get_configuration(context, request)
        tags = self._table.document(reference)["tags"]
        return {"Configuration": configuration, "Code": {"RepositoryType": "S3"}, "Tags": tags or None}

    def _get_configuration(self, context: RequestContext, request: Document) -> Document:
        reference = _reference(request, context)
        configuration = self._table.find(reference).configuration
        return {**configuration, "FunctionArn": reference.arn} if reference.qualifier else configuration

    def _update_code(self, context: RequestContext, request: Document) -> Document:
        reference = _unqualified(request, context)
        self._table.find(reference)
        source = {name: request[name] for name in _CODE_MEMBERS if request.get(name) is not None}
        code = read_code(self._clients, context.region, source)
        if request.get("DryRun"):
            return self._table.find(reference).configuration
        architectures = {"Architectures": request["Architectures"]} if request.get("Architectures") else {}
        updated = self._table.update(reference, architectures, code)
        return self._table.publish(reference) if request.get("Publish") else updated

    def _update_configuration(self, context: RequestContext, request: Document) -> Document:
        reference = _unqualified(request, context)
        changes = self._configuration(request)
        _require_runnable({**self._table.find(reference).configuration, **changes})
        return self._table.update(reference, changes)

    def _delete(self, context: RequestContext, request: Document) -> Document:
        self._table.delete(_reference(request, context))
        return {}

    def _list(self, context: RequestContext, request: Document) -> Document:
        every = self._table.all_of(context.region)
        names = [configuration["FunctionName"] for configuration in every]
        marker, size = request.get("Marker"), request.get("MaxItems", 50)
        start = names.index(marker) if marker in names else 0
        rest = names[start + size :]
        return {"Functions": every[start : start + size], "NextMarker": rest[0] if rest else None}

    # -- versions and aliases ----------------------------------------------------------------------------------------

    def _publish(self, context: RequestContext, request: Document) -> Document:
        return self._table.publish(_unqualified(request, context))

    def _create_alias(self, context: RequestContext, request: Document) -> Document:
        reference = _unqualified(request, context)
        with self._table.changing(reference) as document:
            if request["Name"] in document["aliases"]:
                arn = FunctionReference(context.region, reference.name, request["Name"]).arn
                raise AwsError("ResourceConflictException", f"Alias already exists: {arn}", 409)
            return _set_alias(document, reference, request)

    def _update_alias(self, context: RequestContext, request: Document) -> Document:
        reference = _unqualified(request, context)
        with self._table.changing(reference) as document:
            kept = _alias(document, reference, request["Name"])
            return _set_alias(document, reference, {**kept, **request})

    def _get_alias(self, context: RequestContext, request: Document) -> Document:
        reference = _unqualified(request, context)
        return _alias(self._table.document(reference), reference, request["Name"])

    def _delete_alias(self, context: RequestContext, request: Document) -> Document:
        with self._table.changing(_unqualified(request, context)) as document:
            document["aliases"] = {name: one for name, one in document["aliases"].items() if name != request["Name"]}
        return {}

    # -- tags --------------------------------------------------------------------------------------------------------

    def _list_tags(self, context: RequestContext, request: Document) -> Document:
        return {"Tags": self._table.document(read_reference(request["Resource"], context.region))["tags"]}

    def _tag(self, context: RequestContext, request: Document) -> Document:
        with self._table.changing(read_reference(request["Resource"], context.region)) as document:
            document["tags"] = {**document["tags"], **request["Tags"]}
        return {}

    def _untag(self, context: RequestContext, request: Document) -> Document:
        with self._table.changing(read_reference(request["Resource"], context.region)) as document:
            document["tags"] = {key: value for key, value in document["tags"].items() if key not in request["TagKeys"]}
        return {}


def _reference(request: Document, context: RequestContext) -> FunctionReference:
    return read_reference(request["FunctionName"], context.region, request.get("Qualifier"))


def _unqualified(request: Document, context: RequestContext) -> FunctionReference:
    reference = read_reference(request["FunctionName"], context.region)
    if reference.qualifier not in ("", LATEST):
        message = f"The local AWS changes functions, not their versions: {request['FunctionName']}"
        raise AwsError("InvalidParameterValueException", message)
    return FunctionReference(reference.region, reference.name)


def _require_runnable(configuration: Document) -> None:
    """Refuse what no process here could run."""
    runtime = configuration.get("Runtime", "")
    if configuration.get("PackageType") != "Zip":
        raise AwsError(
            "InvalidParameterValueException", "The local AWS runs functions from zip archives, not from images"
        )
    if not configuration.get("Handler") or not runtime:
        raise AwsError(
            "InvalidParameterValueException",
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        )
    if not str(runtime).startswith("python"):
        raise AwsError("InvalidParameterValueException", f"The local AWS runs Python functions only, not {runtime}")


def _set_alias(document: dict[str, Any], reference: FunctionReference, request: Document) -> Document:
    if request.get("RoutingConfig"):
        raise AwsError("InvalidParameterValueException", "The local AWS has no weighted aliases")
    if request["FunctionVersion"] not in document["versions"]:
        raise FunctionReference(reference.region, reference.name, request["FunctionVersion"]).not_found()
    alias = {
        "AliasArn": FunctionReference(reference.region, reference.name, request["Name"]).arn,
        "Name": request["Name"],
        "FunctionVersion": request["FunctionVersion"],
        "Description": request.get("Description", ""),
    }
    document["aliases"] = {**document["aliases"], request["Name"]: alias}
    return alias


def _alias(document: Document, reference: FunctionReference, name: str) -> Document:
    alias: Document | None = document["aliases"].get(name)
    if alias is None:
        arn = FunctionReference(reference.region, reference.name, name).arn
        raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {arn}", 404)
    return alias
