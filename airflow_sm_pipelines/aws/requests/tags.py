"""The tags that a resource gets beside those of the definition.

Those of its owner are the second line of defence against orphans: the tags of a running job name the task, run and
deployment that own it (`airflow_sm_pipelines.semantics.ownership` decides whether that task is still alive). Those of
Airflow are for people and for cost reports: the same three names in every deployment, in plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_PREFIX = "sm-pipelines:"
TASK_TAG = f"{_PREFIX}task"
"""The tag whose value is the task id, which is the name of the step."""

# AWS allows letters, spaces, digits and _.:/=+-@ in tag values, EMR Serverless only those of ASCII; "=" encloses an
# escape.
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_ .:/+\-@]")
_UNREADABLE = re.compile(r"[^A-Za-z0-9_ .:/+\-@=]")
_LONGEST_VALUE = 256
_MOST_TAGS = 50
_AIRFLOW = "airflow:"
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


def airflow_tags(owner: Owner) -> list[dict[str, str]]:
    """Return the tags ``airflow:dag_id``, ``airflow:run_id`` and ``airflow:task_id`` of an owner's resources.

    A character that AWS does not take in a value is replaced by an underscore, and a longer value is cut: nobody reads
    an owner from them.
    """
    ids = {"dag_id": owner.dag_id, "run_id": owner.run_id, "task_id": owner.task_id}
    return [
        {"Key": f"{_AIRFLOW}{name}", "Value": _UNREADABLE.sub("_", value)[:_LONGEST_VALUE]}
        for name, value in ids.items()
    ]


def added_tags(own: Iterable[object], tags: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return the tags that are added to a request's own.

    A resource has at most 50 tags, each key once. Those of Airflow give way: to a tag of the definition with the same
    key, and where there is no room. Those of the owner never do, since the resource could not be found by them.

    Args:
        own: The keys of the request's own tags.
        tags: The tags to add: those of `owner_tags`, then those of `airflow_tags`.
    """
    keys = list(own)
    owners = [tag for tag in tags if not tag["Key"].startswith(_AIRFLOW)]
    airflows = [tag for tag in tags if tag["Key"].startswith(_AIRFLOW) and tag["Key"] not in keys]
    return [*owners, *airflows[: max(_MOST_TAGS - len(keys) - len(owners), 0)]]


def with_tags(own: object, tags: Sequence[dict[str, str]]) -> list[object]:
    """Return the value of a request's member ``Tags``: its own tags, then the added ones.

    Args:
        own: The member as it is in the request, resolved; what is no list of tags fails the check of types.
        tags: The tags to add, as for `added_tags`.
    """
    given = entries(own)
    return [*given, *added_tags([tag.get("Key") if isinstance(tag, Mapping) else None for tag in given], tags)]


def with_tag_map(own: Mapping[str, object], tags: Sequence[dict[str, str]]) -> dict[str, object]:
    """Return the value of a request's member ``tags`` for a service that takes an object.

    Args:
        own: The member as it is in the request, resolved.
        tags: The tags to add, as for `added_tags`.
    """
    return {**own, **{tag["Key"]: tag["Value"] for tag in added_tags(own, tags)}}


def entries(value: object) -> list[object]:
    """Return the entries of a list; any other value becomes the only entry, which fails the check of types."""
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []


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
