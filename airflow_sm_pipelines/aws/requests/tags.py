"""The tags that say which task a resource belongs to.

They are the second line against orphans: whoever finds a running job can tell from its tags which task of which
run of which deployment owns it (`airflow_sm_pipelines.semantics.ownership` decides whether that task still lives).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PREFIX = "sm-pipelines:"
TASK_TAG = f"{_PREFIX}task"
"""The tag whose value is the task id, which is the name of the step."""

# AWS allows letters, spaces, digits and _.:/=+-@ in tag values, EMR Serverless only those of ASCII; "=" encloses an
# escape.
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_ .:/+\-@]")
_MAP_INDEX = re.compile(r"-?[0-9]{1,9}")
_KEYS = tuple(f"{_PREFIX}{name}" for name in ("deployment", "dag", "run", "task", "map-index"))
_ESCAPE = re.compile(r"=([0-9a-f]+)=")


@dataclass(frozen=True, slots=True)
class Owner:
    """The task instance that owns a resource.

    Attributes:
        deployment: Name of the Airflow deployment.
        dag_id, run_id, task_id: The task instance.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


def owner_tags(owner: Owner) -> list[dict[str, str]]:
    """Return the tags of a resource in the APIs' own form."""
    return [
        {"Key": f"{_PREFIX}deployment", "Value": _escape(owner.deployment)},
        {"Key": f"{_PREFIX}dag", "Value": _escape(owner.dag_id)},
        {"Key": f"{_PREFIX}run", "Value": _escape(owner.run_id)},
        {"Key": f"{_PREFIX}task", "Value": _escape(owner.task_id)},
        {"Key": f"{_PREFIX}map-index", "Value": str(owner.map_index)},
    ]


def owner_text(tags: Sequence[Mapping[str, str]]) -> str:
    """Return the owner in one line, for a resource that has a free text and no tags.

    Args:
        tags: Its owner's tags, as `owner_tags` makes them, among others.
    """
    values = {tag["Key"]: tag["Value"] for tag in tags}
    return "|".join(values[key] for key in _KEYS)


def tags_of_owner_text(text: str) -> list[Mapping[str, str]]:
    """Read back what `owner_text` wrote; no tags if it did not write this."""
    values = text.split("|")
    if len(values) != len(_KEYS):
        return []
    return [{"Key": key, "Value": value} for key, value in zip(_KEYS, values, strict=True)]


def owner_of(tags: list[Mapping[str, str]]) -> Owner | None:
    """Read the owner from a resource's tags; ``None`` if it is not one of ours."""
    found = {tag["Key"].removeprefix(_PREFIX): tag["Value"] for tag in tags if tag["Key"].startswith(_PREFIX)}
    if not {"deployment", "dag", "run", "task", "map-index"} <= found.keys():
        return None
    if not _MAP_INDEX.fullmatch(found["map-index"]):
        return None
    return Owner(
        deployment=_unescape(found["deployment"]),
        dag_id=_unescape(found["dag"]),
        run_id=_unescape(found["run"]),
        task_id=_unescape(found["task"]),
        map_index=int(found["map-index"]),
    )


def _escape(text: str) -> str:
    return _FORBIDDEN.sub(lambda match: f"={ord(match[0]):x}=", text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
