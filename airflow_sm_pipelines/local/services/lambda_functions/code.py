"""The code of a function or layer: a zip archive, from the request or from S3."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from pathlib import Path

from botocore.exceptions import ClientError

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.job_site import Clients


def read_code(clients: Clients, region: str, source: Document) -> bytes:
    """Return the archive that a request brings, or names in S3.

    Args:
        clients: Clients of the local AWS itself.
        region: The request's region.
        source: ``Code`` of CreateFunction, ``Content`` of PublishLayerVersion, or what UpdateFunctionCode has of it.

    Raises:
        AwsError: There is none, or it is no zip archive.
    """
    if "ImageUri" in source:
        raise AwsError(
            "InvalidParameterValueException", "The local AWS runs functions from zip archives, not from images"
        )
    if "ZipFile" in source:
        code = _decoded(source["ZipFile"])
    elif "S3Bucket" in source and "S3Key" in source:
        code = _object(clients, region, source)
    else:
        raise AwsError("InvalidParameterValueException", "Please provide a source for function code.")
    if not zipfile.is_zipfile(io.BytesIO(code)):
        message = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise AwsError("InvalidParameterValueException", message)
    return code


def unpack(code: bytes, folder: Path) -> None:
    """Unpack an archive, with the permissions that it notes.

    Args:
        code: The archive.
        folder: Where to; files that are there are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        for member in archive.infolist():
            place = Path(archive.extract(member, folder))
            permissions = member.external_attr >> 16 & 0o777
            if permissions and place.is_file():
                place.chmod(permissions | 0o600)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise AwsError("SerializationException", f"ZipFile is not base64: {error}") from error


def _object(clients: Clients, region: str, source: Document) -> bytes:
    place = {"Bucket": source["S3Bucket"], "Key": source["S3Key"]}
    if version := source.get("S3ObjectVersion"):
        place["VersionId"] = version
    try:
        code: bytes = clients.get("s3", region).get_object(**place)["Body"].read()
    except ClientError as error:
        said = error.response["Error"]
        reason = f"S3 Error Code: {said['Code']}. S3 Error Message: {said.get('Message', '')}"
        message = f"Error occurred while GetObject. {reason}"
        raise AwsError("InvalidParameterValueException", message) from error
    return code
