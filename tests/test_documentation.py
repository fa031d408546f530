"""The pages of the project against its code: links, tables that list something, blocks that people copy."""

from __future__ import annotations

import argparse
import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.cli.main import SUBCOMMANDS
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.semantics.assets import TOLD_OF
from tests.test_architecture import LEVEL, ROOT

PROJECT = ROOT.parent
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
README = PROJECT / "README.md"
CONCEPTS = PROJECT / "docs" / "concepts.md"
COMMANDS = PROJECT / "docs" / "commands.md"
STEP_TYPE_PAGE = PROJECT / "docs" / "step-types.md"
PERMISSION_PAGE = PROJECT / "docs" / "permissions.md"

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def without_blocks(page: Path) -> str:
    return _BLOCK.sub("", page.read_text())


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = (re.sub(r"[`*]", "", text).lower() for text in _HEADING.findall(without_blocks(page)))
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in headings}


def section(page: Path, heading: str) -> str:
    return re.split(rf"^## {re.escape(heading)}$", page.read_text(), flags=re.MULTILINE)[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of the tables in a text, without the heads."""
    return [row.split("|")[1].strip() for row in text.splitlines() if row.startswith("| ")][1:]


def linked_text(cell: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell)


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    def broken() -> Iterator[str]:
        for target in _LINK.findall(without_blocks(page)):
            if target.startswith("https://"):
                continue
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            if not file.exists() or (anchor and anchor not in anchors_of(file)):
                yield target

    assert not list(broken())


@every_page
def test_what_people_copy_can_be_read(page: Path) -> None:
    for language, block in _BLOCK.findall(page.read_text()):
        text = dedent(block)
        if language == "python":
            ast.parse(text)
        elif language == "json":
            json.loads(text)
        elif language == "bash":
            subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=10)


def test_there_is_a_row_for_each_step_type() -> None:
    names = [linked_text(cell) for cell in first_cells(section(STEP_TYPE_PAGE, "What runs"))]

    assert sorted(names) == sorted(STEP_TYPES)
    assert f"All {len(STEP_TYPES)} step types" in section(CONCEPTS, "What runs")


def test_the_readme_leads_to_every_page() -> None:
    links = {link.partition("#")[0] for link in _LINK.findall(without_blocks(README))}

    assert {str(page.relative_to(PROJECT)) for page in PAGES} - {"README.md"} <= links


def test_the_readme_begins_with_the_reasons_and_then_has_the_two_commands() -> None:
    headings = _HEADING.findall(without_blocks(README))

    assert headings[1:3] == ["Why", "Try it"]
    assert {"make demo", "make test"} <= {line.split("#")[0].strip() for line in section(README, "Try it").splitlines()}


def test_each_step_type_has_a_section_and_is_in_the_contents() -> None:
    headings = _HEADING.findall(without_blocks(STEP_TYPE_PAGE))
    contents = STEP_TYPE_PAGE.read_text().split("\n## ")[0]

    assert set(STEP_TYPES) <= set(headings)
    assert {f"#{name.lower()}" for name in STEP_TYPES} <= set(_LINK.findall(contents))


def test_the_permissions_name_every_action_of_every_resource() -> None:
    permissions = section(PERMISSION_PAGE, "Actions")

    for kind in RESOURCE_KINDS.values():
        for action in kind.iam_actions:
            assert re.search(rf"\b{action.rpartition(':')[2]}`", permissions), f"{kind.key} needs {action}"


def test_there_is_a_row_for_each_command() -> None:
    commands = [cell.strip("`").split()[1] for cell in first_cells(COMMANDS.read_text())]

    assert sorted(commands) == sorted(SUBCOMMANDS)


def test_each_room_has_its_row_in_the_order_of_the_rooms() -> None:
    cells = first_cells(section(PROJECT / "CONTRIBUTING.md", "The rooms"))
    rows = [[name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)] for cell in cells]
    rooms = [name for row in rows for name in row]
    levels = [LEVEL[name] for name in rooms if name != "local"]

    assert {path.stem for path in ROOT.iterdir() if path.stem in LEVEL or path.stem == "local"} == set(rooms)
    assert levels == sorted(levels)


CONFORMANCE = PROJECT / "docs" / "conformance.md"
_VERDICT = re.compile(r"(done|differs|not applicable)([;:] \S.*)?")


def rows_of(page: Path) -> list[list[str]]:
    """The cells of each row of the tables that have numbered rows."""
    rows = [[cell.strip() for cell in line.split(" | ")] for line in page.read_text().splitlines()]
    return [[row[0].strip("| "), *row[1:-1], row[-1].strip("| ")] for row in rows if re.match(r"\| \d+$", row[0])]


def test_each_rule_of_the_documents_has_a_row_with_a_verdict() -> None:
    rows = rows_of(CONFORMANCE)

    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    for number, _, verdict, shown in rows:
        matched = _VERDICT.fullmatch(verdict)
        assert matched, number
        assert matched[2] or matched[1] == "done", f"{number}: anything but done has a reason"
        assert shown or matched[1] == "not applicable", f"{number}: no test shows it"


def test_each_test_that_is_to_show_a_rule_exists() -> None:
    shown = re.findall(r"`([\w/]+\.py)::(test_\w+)`", CONFORMANCE.read_text())

    assert len(shown) >= len(rows_of(CONFORMANCE))
    for file, name in shown:
        assert re.search(rf"^(async )?def {name}\(", (PROJECT / "tests" / file).read_text(), re.MULTILINE), (file, name)


ASSET_PAGE = PROJECT / "docs" / "assets-and-lineage.md"


def test_each_metric_has_a_row() -> None:
    source = (ROOT / "execution" / "metrics.py").read_text()
    emitted = set(re.findall(r'"sm_pipelines\.(\w+)"', source)) | set(re.findall(r'"(jobs_\w+)"', source))
    rows = first_cells(section(PROJECT / "docs" / "operations.md", "Metrics"))

    assert {name for cell in rows for name in re.findall(r"`sm_pipelines\.(\w+)`", cell)} == emitted


def test_each_asset_has_a_row() -> None:
    table = section(ASSET_PAGE, "Which assets change")

    documented = set(re.findall(r"`x-sagemaker://([\w-]+)/<", table))
    assert documented == {kind.asset_type for kind in RESOURCE_KINDS.values() if kind.asset_type}
    for key, members in TOLD_OF.items():
        for member in (*members, RESOURCE_KINDS[key].arn_member if RESOURCE_KINDS[key].asset_type else members[0]):
            assert f"`{member}`" in table, (key, member)


def test_each_step_type_with_lineage_has_a_row() -> None:
    rows = ", ".join(linked_text(cell) for cell in first_cells(section(ASSET_PAGE, "Lineage"))).split(", ")
    of_a_resource = {name for name, row in CATALOG.items() if row.kind is not None}

    assert of_a_resource <= set(rows) <= set(STEP_TYPES)


def commands_of(text: str) -> Iterator[list[str]]:
    """The words of each command in a block for the shell, those in ``$(...)`` included."""
    for line in text.replace("\\\n", " ").splitlines():
        for inner in _SUBSTITUTION.findall(line):
            yield from commands_of(inner)
        words = shlex.split(_SUBSTITUTION.sub("VALUE", line), comments=True) if "<<" not in line else []
        command: list[str] = []
        for word in [*words, ";"]:
            if word in {";", "|", "&&", "||", ">", "-"}:
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def copied_commands(program: str) -> list[Any]:
    """The arguments that the pages give to a program, as parameters of a test."""
    found = {
        " ".join(words): words[1:]
        for page in PAGES
        for language, text in _BLOCK.findall(page.read_text())
        if language == "bash"
        for words in commands_of(dedent(text))
        if words[0] == program
    }
    assert found, f"the pages use {program}"
    return [pytest.param(words, id=line) for line, words in found.items()]


@pytest.mark.parametrize("words", copied_commands("sm-pipelines"))
def test_a_command_of_ours_that_people_copy_has_such_arguments(words: list[str]) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    import_module(SUBCOMMANDS[words[0]].module).add_arguments(parser)
    parser.parse_args(words[1:])


@pytest.mark.parametrize("words", copied_commands("airflow"))
def test_a_command_of_airflow_that_people_copy_has_such_arguments(words: list[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(words)


@pytest.mark.parametrize("words", copied_commands("make"))
def test_a_target_that_people_copy_exists(words: list[str]) -> None:
    assert re.search(rf"^{re.escape(words[0])}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


ABALONE = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "MaxMse", "Type": "Float", "DefaultValue": 6.0},
        *(
            {"Name": name, "Type": "String", "DefaultValue": "some text"}
            for name in ("InputDataUrl", "InputKey", "InputUri", "InstanceType")
        ),
    ],
    "Steps": [
        {"Name": name, "Type": step_type, "Arguments": arguments}
        for name, step_type, arguments in (
            ("Prepare", "Processing", {"AppSpecification": {}, "ProcessingResources": {}}),
            ("Evaluate", "Processing", {"AppSpecification": {}, "ProcessingResources": {}}),
            ("Train", "Training", {"OutputDataConfig": {"S3OutputPath": "s3://bucket/models"}}),
            ("RegisterAbalone", "RegisterModel", {}),
            ("Endpoint", "Endpoint", {"EndpointConfigName": "abalone"}),
        )
    ],
}
"""A definition with the steps and parameters that the pages speak of."""

DAG_FILES = [
    pytest.param(dedent(text), id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(_BLOCK.findall(page.read_text()))
    if language == "python" and re.search(r"^ *from airflow_sm_pipelines import .*(dag|pipeline)", text, re.MULTILINE)
]


@pytest.mark.parametrize("text", DAG_FILES)
def test_a_dag_file_that_people_copy_makes_dags(text: str, tmp_path: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    for name in ("abalone.json", "houses.json", "pipelines/abalone.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(ABALONE))
    (tmp_path / "dag.py").write_text(text)

    found = DagBag(str(tmp_path / "dag.py"), bundle_name="docs", bundle_path=tmp_path)

    assert found.import_errors == {}
    assert found.dags
