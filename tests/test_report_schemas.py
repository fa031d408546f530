"""The reports that commands print, against the JSON Schemas in ``docs/schemas``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.cli.main import SUBCOMMANDS, main
from tests.report_schemas import FOLDER, REPORTS, complain, schema_text

GOLDEN = Path(__file__).parent / "golden"
DEFINITIONS = [path for path in sorted(GOLDEN.glob("*.json")) if not path.name.endswith(".graph.json")]
SCOPE = {"execution": {"PipelineName": "p"}}


@pytest.mark.parametrize("command", REPORTS)
def test_the_schema_is_up_to_date(command: str) -> None:
    assert (FOLDER / f"{command}.json").read_text() == schema_text(command), "run `make schemas`"


def test_each_schema_is_of_a_command_that_prints_json() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == REPORTS.keys()
    assert REPORTS.keys() <= SUBCOMMANDS.keys()


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    main([*arguments, "--format", "json"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda path: path.stem)
def test_what_commands_print_fits_the_schema(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scope.json").write_text(json.dumps(SCOPE))
    scope = ("--scope", str(tmp_path / "scope.json"))
    for command, arguments in {"check": (), "graph": (), "plan": ("--validate",), "resolve": scope}.items():
        assert complain(command, printed(capsys, command, str(file), *arguments)) == []


def test_a_report_that_does_not_fit_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    report = printed(capsys, "graph", str(DEFINITIONS[0]))
    report["steps"][0]["more"] = 1
    assert complain("graph", report)
    del report["steps"][0]["more"], report["steps"][0]["name"]
    assert complain("graph", report)


@pytest.mark.parametrize("command", sorted(SUBCOMMANDS))
def test_help_needs_no_pydantic(command: str) -> None:
    program = (
        "import sys\n"
        "from airflow_sm_pipelines.cli.main import main\n"
        "try:\n    main([sys.argv[1], '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pydantic', 'airflow', 'boto3'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, command], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
