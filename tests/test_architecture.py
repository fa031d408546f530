"""The rooms of the package and what may import what, read from the source."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import airflow_sm_pipelines

PACKAGE = "airflow_sm_pipelines"
ROOT = Path(airflow_sm_pipelines.__file__).parent

# A module imports only from rooms of lines above its own, and from its own room.
ORDER = (
    {"errors"},
    {"definition", "aws"},
    {"semantics", "catalog"},
    {"preview", "execution", "aws_json"},
    {"callbacks", "executions"},
    {"operators", "pipeline_page"},
    {"sensors"},
    {"translation"},
    {"rehearsal"},
    {"demo"},
    {"plugin", "cli"},
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
# The package itself and what Airflow reads of it, which import lazily or nothing; and the island.
OUTSIDE_THE_ORDER = {"__init__", "provider", "local"}
USERS_OF_THE_LOCAL_AWS = {"rehearsal", "demo", "cli"}

WITHOUT_AIRFLOW = {"errors", "definition", "aws", "semantics", "preview", "local"}
HEAVY = ("boto3", "botocore", "airflow.providers", "moto", "flask")
INTERNALS = f"{PACKAGE}.execution.airflow_internals"
# What Airflow documents for DAG authors, providers and plugins.
PUBLIC_AIRFLOW = {
    "airflow.exceptions",
    "airflow.plugins_manager",
    "airflow.sdk",
    "airflow.sdk.configuration",
    "airflow.sdk.exceptions",
    "airflow.sdk.log",
    "airflow.timetables.base",
    "airflow.triggers.base",
}
SINCE_AIRFLOW_3_3 = {"RetryPolicy", "RetryDecision", "RuntimeTaskInstance", "get_state_backend"}
NAMES_THAT_SAY_NOTHING = re.compile(r"(^|_)(utils?|helpers?|commons?|managers?|misc|stuff)(_|$)")


@dataclass(frozen=True)
class Import:
    """One imported module, or one name imported from a module.

    Attributes:
        target: Dotted name, e.g. ``airflow.sdk.RetryPolicy``.
        at_module_level: Whether importing the module runs it.
    """

    target: str
    at_module_level: bool

    def is_in(self, module: str) -> bool:
        return self.target == module or self.target.startswith(f"{module}.")


def imports_of(source: str, module: str) -> Iterator[Import]:
    """Yield every import of a module's source, wherever it stands."""
    tree = ast.parse(source)
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or is_type_checking(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, id(node) not in lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(module.split(".")[: -node.level]) if node.level else ""
            origin = ".".join(filter(None, (package, node.module)))
            yield from (Import(f"{origin}.{alias.name}", id(node) not in lazy) for alias in node.names)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


@dataclass(frozen=True)
class Module:
    path: Path

    @property
    def name(self) -> str:
        return ".".join((PACKAGE, *self.path.relative_to(ROOT).with_suffix("").parts))

    @property
    def room(self) -> str:
        return self.path.relative_to(ROOT).with_suffix("").parts[0]

    @property
    def source(self) -> str:
        return self.path.read_text()

    def imports(self) -> list[Import]:
        return list(imports_of(self.source, self.name))

    def rooms_it_imports(self) -> set[str]:
        ours = [found.target.split(".")[1] for found in self.imports() if found.target.startswith(f"{PACKAGE}.")]
        return {room for room in ours if not room.startswith("__")}


MODULES = [Module(path) for path in sorted(ROOT.rglob("*.py"))]
every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name.removeprefix(f"{PACKAGE}."))


def test_imports_are_seen_wherever_they_stand() -> None:
    source = """
import boto3.session
from airflow.sdk import DAG, Param
from . import near
from ..aws import jobs
if TYPE_CHECKING:
    import moto
class A:
    import flask
    def f(self):
        from botocore import exceptions
"""
    found = set(imports_of(source, "airflow_sm_pipelines.execution.step"))

    assert found == {
        Import("boto3.session", True),
        Import("airflow.sdk.DAG", True),
        Import("airflow.sdk.Param", True),
        Import("airflow_sm_pipelines.execution.near", True),
        Import("airflow_sm_pipelines.aws.jobs", True),
        Import("moto", False),
        Import("flask", True),
        Import("botocore.exceptions", False),
    }


def test_every_room_has_its_place() -> None:
    assert {module.room for module in MODULES} <= LEVEL.keys() | OUTSIDE_THE_ORDER


@every_module
def test_a_module_imports_only_from_rooms_before_its_own(module: Module) -> None:
    if module.room in OUTSIDE_THE_ORDER:
        return
    below = {room for room in LEVEL if LEVEL[room] < LEVEL[module.room]}
    allowed = below | {module.room} | ({"local"} if module.room in USERS_OF_THE_LOCAL_AWS else set())

    assert module.rooms_it_imports() <= allowed


@every_module
def test_the_local_aws_is_an_island(module: Module) -> None:
    imported = module.rooms_it_imports()
    if module.room == "local":
        assert imported <= {"local"}
        assert not [found for found in module.imports() if found.target in {PACKAGE, f"{PACKAGE}.__version__"}]
    elif module.room not in USERS_OF_THE_LOCAL_AWS:
        assert "local" not in imported


@every_module
def test_definition_aws_and_semantics_know_nothing_of_airflow(module: Module) -> None:
    if module.room in WITHOUT_AIRFLOW:
        assert not [found.target for found in module.imports() if found.is_in("airflow")]


@every_module
def test_heavy_packages_are_imported_inside_functions_only(module: Module) -> None:
    if module.room != "local":
        heavy = [found for found in module.imports() if found.at_module_level and any(map(found.is_in, HEAVY))]
        assert not heavy


def is_public(target: str) -> bool:
    """Tell whether an import takes one name from a public module of Airflow, or a provider."""
    if target.startswith("airflow.providers."):
        return True
    module, _, name = target.rpartition(".")
    return module in PUBLIC_AIRFLOW and name not in SINCE_AIRFLOW_3_3 and not is_module(target)


@cache
def is_module(target: str) -> bool:
    try:
        return importlib.util.find_spec(target) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return False


def test_public_names_of_airflow_are_told_from_internals() -> None:
    assert is_public("airflow.sdk.Context")
    assert is_public("airflow.providers.amazon.aws.hooks.base_aws.AwsGenericHook")
    assert not is_public("airflow.sdk.RetryPolicy")
    assert not is_public("airflow.sdk.execution_time")
    assert not is_public("airflow.sdk.execution_time.hitl.upsert_hitl_detail")
    assert not is_public("airflow.models.dagrun.DagRun")


@every_module
def test_what_is_internal_or_new_in_airflow_3_3_is_imported_in_one_place(module: Module) -> None:
    if f"{module.name}.".startswith(f"{INTERNALS}."):
        return
    imported = {found.target for found in module.imports() if found.is_in("airflow")}
    assert not {target for target in imported if not is_public(target)}
    tree = ast.parse(module.source)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert "task_state_store" not in texts
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert "retry_policy" not in keywords
    # Airflow's operators have had an on_kill ever since, its triggers have not.
    functions = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert module.room in {"execution", "callbacks", "operators", "sensors"} or "on_kill" not in functions


@every_module
def test_a_name_says_something(module: Module) -> None:
    assert not NAMES_THAT_SAY_NOTHING.search(module.path.stem)
    assert not any(NAMES_THAT_SAY_NOTHING.search(part) for part in module.path.relative_to(ROOT).parent.parts)


@every_module
def test_a_module_stays_within_400_lines(module: Module) -> None:
    assert len(module.source.splitlines()) <= 400


@every_module
def test_all_names_every_public_definition(module: Module) -> None:
    tree = ast.parse(module.source)
    assigned = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    if not assigned:
        return
    names = set(ast.literal_eval(assigned[0].value))
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    defined = {node.name for node in tree.body if isinstance(node, definitions) and not node.name.startswith("_")}

    assert defined <= names
    loaded = importlib.import_module(module.name.removesuffix(".__init__"))
    assert all(hasattr(loaded, name) for name in names)


def test_the_package_offers_its_public_names_and_no_other() -> None:
    assert sorted(airflow_sm_pipelines.__all__) == [
        "PipelineSchedule",
        "Rehearsals",
        "build_run_conf",
        "load_pipeline",
        "load_pipelines",
        "pipeline_dag",
        "pipeline_task_group",
        "rehearse",
        "start_on_events_dag",
        "stop_orphans_dag",
    ]
    assert set(airflow_sm_pipelines.__all__) == set(airflow_sm_pipelines._HOME)
    with pytest.raises(AttributeError, match="has no attribute 'pipeline'"):
        airflow_sm_pipelines.pipeline  # noqa: B018


# -- what a process pays -----------------------------------------------------------------------------------------------

PROLOGUE = """
import socket, sys

class NoSocket(socket.socket):
    def __init__(self, *_, **__):
        raise AssertionError("a socket was opened")

socket.socket = NoSocket

def loaded(*packages):
    return [name for name in sys.modules for package in packages if name == package or name.startswith(package + ".")]
"""


def run(program: str) -> None:
    """Run a program in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + program],
        cwd=ROOT.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_package_by_itself_imports_nothing() -> None:
    run(
        """
import airflow_sm_pipelines
assert not loaded("airflow", "pydantic", "boto3", "botocore"), loaded("airflow", "pydantic")
assert loaded("airflow_sm_pipelines") == ["airflow_sm_pipelines"]
"""
    )


def test_a_definition_is_loaded_without_airflow_and_aws() -> None:
    run(
        """
from airflow_sm_pipelines import load_pipeline
load_pipeline({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [
    {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]})
assert not loaded("airflow", "boto3", "botocore", "airflow_sm_pipelines.aws"), loaded("airflow")
"""
    )


def test_a_dag_is_built_without_boto3_providers_and_network() -> None:
    run(
        """
import airflow.sdk
before = set(sys.modules)  # Airflow itself reads what each installed provider says of itself
from airflow_sm_pipelines import pipeline_dag
arguments = {"RoleArn": "arn:aws:iam::123456789012:role/R", "AppSpecification": {"ImageUri": "i"},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}}
dag = pipeline_dag({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [
    {"Name": "A", "Type": "Processing", "Arguments": arguments},
    {"Name": "B", "Type": "Processing", "Arguments": arguments, "DependsOn": [{"Step": "A", "Trigger": "Failed"}]},
    {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [
        {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}], "ElseSteps": []}}]}, dag_id="dag")
assert len(dag.tasks) == 5
heavy = set(loaded("boto3", "botocore", "moto", "airflow.providers", "airflow_sm_pipelines.local")) - before
assert not heavy, heavy
assert not loaded("boto3", "botocore")
assert not loaded("airflow_sm_pipelines.execution.records"), "it loads pydantic's models"
"""
    )
