"""Layers: archives that functions see beside their code."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.job_site import Clients
from airflow_sm_pipelines.local.services.lambda_functions.code import read_code
from airflow_sm_pipelines.local.settings import ACCOUNT_ID
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_VERSION_ARN = re.compile(
    rf"arn:aws:lambda:(?P<region>[a-z0-9-]+):{ACCOUNT_ID}:layer:(?P<name>[\w-]+):(?P<version>\d+)"
)
_NAME = re.compile(r"(arn:aws:lambda:[a-z0-9-]+:\d{12}:layer:)?(?P<name>[\w-]+)")


class Layers:
    """Layer versions, which never change.

    Args:
        documents: Where they are kept.
        clients: Clients of the local AWS itself.
    """

    def __init__(self, documents: MutableMapping[str, Document], clients: Clients) -> None:
        self._documents = documents
        self._clients = clients
        self._lock = threading.Lock()

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "PublishLayerVersion": self._publish,
            "GetLayerVersion": self._get,
            "DeleteLayerVersion": self._delete,
        }

    def archives(self, arns: list[str]) -> list[bytes]:
        """Return the archives of some layer versions, in the order of the ARNs.

        Raises:
            AwsError: One does not exist.
        """
        return [self._archive(arn) for arn in arns]

    def size(self, arn: str) -> int:
        """Return the size of a layer version's archive in bytes.

        Raises:
            AwsError: It does not exist.
        """
        return len(self._archive(arn))

    def _archive(self, arn: str) -> bytes:
        found = _VERSION_ARN.fullmatch(arn)
        document = self._documents.get(f"{found['region']}/{found['name']}") if found else None
        version = document["versions"].get(found["version"]) if document and found else None
        if version is None:
            raise AwsError("InvalidParameterValueException", f"Layer version {arn} does not exist.")
        return base64.b64decode(version["code"])

    def _publish(self, context: RequestContext, request: Document) -> Document:
        code = read_code(self._clients, context.region, request["Content"])
        name = _name(request)
        key, layer_arn = f"{context.region}/{name}", f"arn:aws:lambda:{context.region}:{ACCOUNT_ID}:layer:{name}"
        with self._lock:
            document = self._documents.get(key, {"versions": {}, "published": 0})
            number = document["published"] + 1
            shown = {
                "Content": {
                    "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
                    "CodeSize": len(code),
                },
                "LayerArn": layer_arn,
                "LayerVersionArn": f"{layer_arn}:{number}",
                "Description": request.get("Description", ""),
                "CreatedDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
                "Version": number,
                "CompatibleRuntimes": request.get("CompatibleRuntimes"),
                "LicenseInfo": request.get("LicenseInfo"),
            }
            version = {"shown": shown, "code": base64.b64encode(code).decode()}
            self._documents[key] = {
                "versions": {**document["versions"], str(number): version},
                "published": number,
            }
        return shown

    def _get(self, context: RequestContext, request: Document) -> Document:
        document = self._documents.get(f"{context.region}/{_name(request)}", {"versions": {}})
        version = document["versions"].get(str(request["VersionNumber"]))
        if version is None:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        shown: Document = version["shown"]
        return shown

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = f"{context.region}/{_name(request)}"
        with self._lock:
            if document := self._documents.get(key):
                rest = {
                    name: one for name, one in document["versions"].items() if name != str(request["VersionNumber"])
                }
                self._documents[key] = {**document, "versions": rest}
        return {}


def _name(request: Document) -> str:
    found = _NAME.fullmatch(request["LayerName"])
    if found is None:
        raise AwsError("InvalidParameterValueException", f"{request['LayerName']} is no name and no ARN of a layer")
    return found["name"]
