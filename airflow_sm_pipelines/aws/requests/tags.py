"""The tags that say which task owns a resource.

They are the second line of defence against orphans: the tags of a running job name the task, run and deployment that
own it (`airflow_sm_pipelines.semantics.ownership` decides whether that task is still alive).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_PREFIX = "sm-pipelines:"
TASK_TAG = f"{_PREFIX}task"
"""The tag whose value is the task id, which is the name of the step."""

# AWS allows letters, spaces, digits and _.:/=+-@ in tag values, EMR Serverless only those of ASCII; "=" encloses an
# escape.
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_ .:/+\-@]")
_MAP_INDEX = re.compile(r"-?[0-9]{1,9}")
_KEYS = tuple(f"{_PREFIX}{name}" for name in ("deployment", "dag", "run", "task", "map-index"))
_INSTALLATION = f"{_PREFIX}installation"
_ESCAPE = re.compile(r"=([0-9a-f]+)=")


@dataclass(frozen=True, slots=True)
class Owner:
    """The task instance that owns a resource.

    Attributes:
        deployment: Name of the Airflow deployment.
        dag_id, run_id, task_id: The task instance.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
        installation: Id of the Airflow installation, which tells two deployments of the same name apart; empty if it
            is not known.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    installation: str = ""

    def is_of_installation(self, installation: str) -> bool:
        """Tell whether the owner may belong to an installation, as far as both ids are known."""
        return not self.installation or not installation or self.installation == installation

    def is_same_task(self, other: Owner) -> bool:
        """Tell whether two owners are one task instance."""
        same = replace(self, installation="") == replace(other, installation="")
        return same and self.is_of_installation(other.installation)


def owner_tags(owner: Owner) -> list[dict[str, str]]:
    """Return the tags of an owner's resources, as most APIs take them."""
    return [
        {"Key": f"{_PREFIX}deployment", "Value": _escape(owner.deployment)},
        {"Key": f"{_PREFIX}dag", "Value": _escape(owner.dag_id)},
        {"Key": f"{_PREFIX}run", "Value": _escape(owner.run_id)},
        {"Key": f"{_PREFIX}task", "Value": _escape(owner.task_id)},
        {"Key": f"{_PREFIX}map-index", "Value": str(owner.map_index)},
        *([{"Key": _INSTALLATION, "Value": _escape(owner.installation)}] if owner.installation else []),
    ]


def owner_text(tags: Sequence[Mapping[str, str]]) -> str:
    """Return the owner in one line, for a resource that has a name but no tags.

    Args:
        tags: Tags that include the owner's; see `owner_tags`.
    """
    values = {tag["Key"]: tag["Value"] for tag in tags}
    return "|".join(values[key] for key in _KEYS)


def tags_of_owner_text(text: str) -> list[Mapping[str, str]]:
    """Return the tags from which `owner_text` made a text; none if it did not make it."""
    values = text.split("|")
    if len(values) != len(_KEYS):
        return []
    return [{"Key": key, "Value": value} for key, value in zip(_KEYS, values, strict=True)]


def owner_of(tags: list[Mapping[str, str]]) -> Owner | None:
    """Return the owner that a resource's tags name, ``None`` if the resource is not one of ours."""
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
        installation=_unescape(found.get("installation", "")),
    )


def _escape(text: str) -> str:
    return _FORBIDDEN.sub(lambda match: f"={ord(match[0]):x}=", text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
