"""Which pipeline step an EMR step belongs to, for a rehearsal's outcomes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_sm_pipelines.local.rehearsal import STEP_TAG

_OWNER = re.compile(r" \([^|]*\|[^|]*\|[^|]*\|(?P<step>[^|]*)\|[^|]*\)$")
"""What stands behind the name of a step on a cluster that others use, too: deployment, DAG, run, task, map index."""


def step_that_owns(name: str, tags: Mapping[str, str]) -> str:
    """The pipeline step, from the name of an EMR step or else the tags of its cluster; ``""`` if neither tells it."""
    found = _OWNER.search(name)
    return found["step"] if found else tags.get(STEP_TAG, "")
