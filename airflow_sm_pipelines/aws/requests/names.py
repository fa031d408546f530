"""Names of executions and of the AWS resources that steps create.

The form is the service's own, ``pipelines-<executionId>-<step>-<token>-<n>``, or with a prefix of the definition
``<prefix>-<executionId>-<token>-<n>`` (developer guide, "Customize access management for Pipelines jobs"), so that IAM
policies written for SageMaker Pipelines keep matching. In a name of 32 characters ``pipelines`` stands where a prefix
would: the guide says that it always comes first, and the step's name does not fit beside it. Earlier versions wrote
``<executionId>-<step>-<token>-<n>`` there; such a job is found by its record, or by `name_stem`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string

from airflow_sm_pipelines.errors import UnfitRequestError

_ALPHABET = string.ascii_lowercase + string.digits
_EXECUTION_ID_LENGTH = 12
_TOKEN_LENGTH = 10
_SERVICE = "pipelines"
_STEP_PART = 20
_SHORT_NAME_LIMIT = 32
# Developer guide, "Prefix length restrictions": 38 of the 63 characters of a name, 6 of the 32 of a short one.
_BESIDE_PREFIX = 25
_BESIDE_SHORT_PREFIX = 26


def execution_id(*identity: str) -> str:
    """Return the 12 lower-case letters and digits that identify an execution.

    Args:
        identity: What makes the execution unique: deployment, DAG, run, and the time of the run, so that a run that is
            deleted and created again under the same id is another execution.
    """
    digest = int.from_bytes(hashlib.sha256("\0".join(identity).encode()).digest())
    characters = []
    for _ in range(_EXECUTION_ID_LENGTH):
        digest, index = divmod(digest, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)


def new_token() -> str:
    """Return 10 random lower-case letters and digits; whoever knows the token owns the resources named after it."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_TOKEN_LENGTH))


def resource_name(
    execution: str, step: str, token: str, failures: int, *, limit: int, prefix: str | None = None
) -> str:
    """Return the name of the resource for one attempt of a step.

    Args:
        execution: The execution id.
        step: Name of the step.
        token: The token of the attempt's epoch.
        failures: How many earlier attempts of the epoch failed.
        limit: Longest name that the API accepts, in characters.
        prefix: The name in the definition, if it has one. Like the service, we use it as a prefix, since the same name
            could be created only once. It comes first and is never cut: IAM policies match it.

    Raises:
        UnfitRequestError: The prefix is too long; see `longest_prefix`.
    """
    if prefix:
        check_prefix(prefix, limit)
        start = f"{_name_part(prefix, limit)}-{execution}-"
    elif limit <= _SHORT_NAME_LIMIT:
        start = f"{_SERVICE}-{execution}-"
    else:
        start = name_stem(execution, step, limit=limit)
    # The token fills what is left: 7 characters of a short name, one less for each further digit of the number.
    return f"{start}{token[: limit - len(start) - len(str(failures)) - 1]}-{failures}"


def prefixed_name(attempt: str, prefix: str, *, limit: int) -> str:
    """Return the name of a resource whose idempotency token is the attempt's name.

    Args:
        attempt: The attempt's name, which has no prefix of the definition.
        prefix: The name in the definition.
        limit: As for `resource_name`.

    Raises:
        UnfitRequestError: The prefix is too long.
    """
    check_prefix(prefix, limit)
    return f"{_name_part(prefix, limit)}-{attempt.removeprefix(f'{_SERVICE}-')}"


def longest_prefix(limit: int) -> int:
    """Return how many characters a prefix may have in names of at most ``limit`` characters."""
    return limit - (_BESIDE_SHORT_PREFIX if limit <= _SHORT_NAME_LIMIT else _BESIDE_PREFIX)


def check_prefix(prefix: str, limit: int) -> None:
    """Refuse a prefix that leaves no room for the rest of the name.

    Args:
        prefix: The name in the definition.
        limit: As for `resource_name`.

    Raises:
        UnfitRequestError: It is too long.
    """
    longest = longest_prefix(limit)
    if len(prefix) > longest:
        raise UnfitRequestError(
            f"a name in the definition is the prefix of the resource's name and has at most {longest} characters; "
            f"{prefix!r} has {len(prefix)}"
        )


def name_stem(execution: str, step: str, *, limit: int, prefix: str | None = None) -> str:
    """Return a text that all names of a step's resources in an execution contain; names of other steps may, too.

    So do the short names of earlier versions, whose jobs may still run after an upgrade.

    Args:
        execution: The execution id.
        step: Name of the step.
        limit: As for `resource_name`.
        prefix: As for `resource_name`.
    """
    if prefix or limit <= _SHORT_NAME_LIMIT:
        return f"{execution}-"
    return f"{_SERVICE}-{execution}-{_name_part(step, _STEP_PART)}-"


def _name_part(text: str, length: int) -> str:
    """Return a text shortened and cleaned: step names may contain underscores, job names may not."""
    return re.sub(r"[^A-Za-z0-9-]", "-", text)[:length].strip("-") or "step"
