"""Maps errors and failure reasons of AWS to SageMaker's retry exception types.

The types are those of the developer guide, "Retry Policy for Pipeline Steps". The service does not publish how it
assigns them; the patterns follow the error codes of the API references and the failure reasons of real jobs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
EMR_RESOURCE_LIMIT = "Emr.RESOURCE_LIMIT"

_THROTTLING_CODES = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_RESOURCE_LIMIT_CODES = frozenset({"ResourceLimitExceeded", "LimitExceededException"})
_SERVICE_FAULT_CODES = frozenset(
    {"InternalFailure", "InternalServerError", "InternalError", "InternalServerException", "ServiceUnavailable"}
)
_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
_ABSENT = re.compile(r"could not find|not found|does not exist|doesn't exist", re.IGNORECASE)
_PRESENT = re.compile(r"already exist|must be unique", re.IGNORECASE)

_REASONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"^\s*CapacityError|insufficient (instance )?capacity|unable to provision requested", re.I),
        CAPACITY_ERROR,
    ),
    # EMR management guide, "Throttling errors": why a cluster did not start.
    (re.compile(r"(throttled|throttling) from Amazon EC2", re.I), THROTTLING),
    (re.compile(r"^\s*ResourceLimitExceeded|service limit", re.I), RESOURCE_LIMIT),
    (
        re.compile(r"^\s*(InternalServerError|InternalError|INTERNAL_ERROR:)|encountered an internal error", re.I),
        JOB_INTERNAL_ERROR,
    ),
)


def exception_type_of_reason(reason: str) -> str | None:
    """Return the retry exception type of a job's failure reason, ``None`` if the job itself is at fault."""
    return next((exception_type for pattern, exception_type in _REASONS if pattern.search(reason)), None)


def exception_type_of_error(code: str, http_status: int) -> str | None:
    """Return the retry exception type of a refused API call, ``None`` if the request itself is at fault.

    Args:
        code: The error's code, e.g. ``ThrottlingException``.
        http_status: HTTP status of the answer, 0 if there was none.
    """
    if code in _THROTTLING_CODES:
        return THROTTLING
    if code in _RESOURCE_LIMIT_CODES:
        return RESOURCE_LIMIT
    if code in _SERVICE_FAULT_CODES or http_status >= 500:
        return SERVICE_FAULT
    return None


def says_denied(code: str) -> bool:
    """Tell whether an error means that the caller's IAM policies do not allow the call."""
    return code in _DENIED_CODES


def says_absent(code: str, message: str) -> bool:
    """Tell whether an error means that the resource does not exist; several APIs answer with a ValidationException."""
    return (
        code in {"ResourceNotFound", "ResourceNotFoundException"}
        or (code == "ValidationException" and bool(_ABSENT.search(message)))
        # EMR: "Step id 's-1' is not valid.", "Cluster id 'j-1' does not exist"
        or (code == "InvalidRequestException" and ("is not valid" in message or bool(_ABSENT.search(message))))
    )


def says_present(code: str, message: str) -> bool:
    """Tell whether an error means that a resource of this name exists."""
    return code == "ResourceInUse" or (code == "ValidationException" and bool(_PRESENT.search(message)))


_LIMITS_OF_AWS = {
    "MaxRuntimeExceeded": "it ran longer than its StoppingCondition.MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "it took longer than its StoppingCondition.MaxWaitTimeInSeconds",
    "Interrupted": "its managed spot instances were interrupted",
}
"""Secondary status of a stopped training job -> why AWS stopped it (API reference, DescribeTrainingJob)."""


def who_stopped(description: Mapping[str, Any], stop_operation: str) -> str:
    """Return who stopped a job that neither its task nor its ``execution_timeout`` has stopped, as far as AWS knows.

    No Describe response names the caller of a Stop operation.

    Args:
        description: The Describe response.
        stop_operation: The operation that stops such jobs.
    """
    limit = _LIMITS_OF_AWS.get(str(description.get("SecondaryStatus", ""))) or _exceeded_limit(description)
    if limit:
        return f"AWS stopped it: {limit}"
    return f"AWS does not say who stopped it; this task did not. CloudTrail records calls of {stop_operation}"


def _exceeded_limit(description: Mapping[str, Any]) -> str:
    """Return which limit a job has reached that has run as long as it may; ``""`` for any other job."""
    seconds = (description.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
    start, end = (
        next((value for name, value in description.items() if name.endswith(ending)), None)
        for ending in ("StartTime", "EndTime")
    )
    if not seconds or not isinstance(start, datetime) or not isinstance(end, datetime):
        return ""
    return _LIMITS_OF_AWS["MaxRuntimeExceeded"] if (end - start).total_seconds() >= seconds else ""
