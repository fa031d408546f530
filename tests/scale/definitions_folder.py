"""A folder of definitions behind one DAG file: what the DAG processor reads of it, and what a task process reads."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.bench.bench import make_definition
from tests.bench.children import become_a_dag_processor, import_as_a_task, in_a_child, parsed_size
from tests.scale.ground import Ground

_FULL, _STEPS = 500, 10
_LOADER = """
from airflow_sm_pipelines import load_pipelines

dags = load_pipelines("{folder}")
"""


def measure(ground: Ground) -> None:
    """Parse folders of three sizes as the DAG processor does, and import their DAG file as a task process does."""
    become_a_dag_processor()
    parsed, imported, opened = {}, {}, {}
    for size in ground.sizes(_FULL):
        file = _write(ground.folder / f"folder-{size}", size)
        parsed[size] = in_a_child(partial(parsed_size, file)).seconds
        task = partial(import_as_a_task, file, "pipeline-0", file.parent / "definitions")
        children = [in_a_child(task) for _ in range(7)]
        imported[size] = min(child.seconds for child in children) * 1000
        opened[size] = children[0].answer
    ground.tell_growth(f"parse and serialize all, {_STEPS} steps each", parsed, "s of CPU")
    ground.tell_growth("a task process imports the DAG file", imported, "ms of CPU")
    ground.tell_growth("definitions that it opens", opened, "files")


def _write(folder: Path, size: int) -> Path:
    definitions = folder / "definitions"
    definitions.mkdir(parents=True)
    text = json.dumps(make_definition(_STEPS))
    for number in range(size):
        (definitions / f"pipeline-{number}.json").write_text(text)
    file = folder / "dags.py"
    file.write_text(_LOADER.format(folder=definitions))
    return file
