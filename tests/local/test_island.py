"""The local AWS shares no code with the product, so that tests against it prove something."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import airflow_sm_pipelines

PACKAGE = Path(airflow_sm_pipelines.__file__).parent
ISLAND = "airflow_sm_pipelines.local"
OURS = sorted((PACKAGE / "local").rglob("*.py"))
USERS = ("rehearsal", "demo", "cli")
OTHERS = sorted(
    set(PACKAGE.rglob("*.py")) - set(OURS) - {path for room in USERS for path in (PACKAGE / room).rglob("*.py")}
)


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_the_island_imports_nothing_of_the_package(path):
    foreign = [name for name in imported(path) if is_in(name, "airflow_sm_pipelines") and not is_in(name, ISLAND)]
    assert foreign == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_the_island_does_not_know_airflow(path):
    assert [name for name in imported(path) if is_in(name, "airflow")] == []


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_the_island_does_not_know_what_is_done_with_it(path):
    text = path.read_text().lower()
    assert [word for word in ("rehears", "sm-pipelines:", "sm-pipelines ") if word in text] == []


def test_only_rehearsal_demo_and_command_line_import_the_island():
    assert [path for path in OTHERS if any(is_in(name, ISLAND) for name in imported(path))] == []
