from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines import __version__
from airflow_sm_pipelines.cli import main as main_module
from airflow_sm_pipelines.cli import runs
from airflow_sm_pipelines.cli.main import SUBCOMMANDS, Subcommand, main


def test_check_and_graph_are_subcommands(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert SUBCOMMANDS["check"].summary in out
    assert SUBCOMMANDS["graph"].summary in out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"sm-pipelines {__version__}\n"


@pytest.mark.parametrize(
    "argv", [[], ["nope"], ["check"], ["graph"], ["graph", "a", "b"], ["check", "--format", "xml", "a"]]
)
def test_wrong_usage_exits_with_2(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert "usage: sm-pipelines" in capsys.readouterr().err


def test_a_row_whose_module_does_not_exist_is_left_out(monkeypatch, capsys):
    monkeypatch.setitem(
        main_module.SUBCOMMANDS, "later", Subcommand("airflow_sm_pipelines.cli.later", "not written yet")
    )
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "not written yet" not in capsys.readouterr().out


def run(*arguments):
    script = (
        "import sys\n"
        "from airflow_sm_pipelines.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('imported:', *sorted(m for m in sys.modules if m.split('.')[0] in ('airflow', 'boto3', 'moto', 'flask')"
        " or m.startswith('airflow_sm_pipelines.cli.')), file=sys.stderr)\n"
    )
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True).stderr


def test_help_imports_no_subcommand_and_nothing_of_airflow():
    assert run("--help") == "imported: airflow_sm_pipelines.cli.main\n"


def test_a_subcommand_imports_no_other(tmp_path):
    (tmp_path / "p.json").write_text("{}")
    assert (
        run("check", str(tmp_path / "p.json"))
        == "imported: airflow_sm_pipelines.cli.check airflow_sm_pipelines.cli.main\n"
    )


def test_a_reader_that_goes_away_early_is_no_error(tmp_path):
    step = {"Name": "A", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"x": "y" * 1_000_000}}
    (tmp_path / "p.json").write_text(json.dumps({"Steps": [step]}))
    command = [sys.executable, "-m", "airflow_sm_pipelines.cli.main", "plan", str(tmp_path / "p.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


# -- airflow sm-pipelines ----------------------------------------------------------------------------------------------


def in_airflow(*arguments: str) -> Any:
    from airflow.cli.cli_parser import get_parser

    get_parser.cache_clear()
    args = get_parser().parse_args(["sm-pipelines", *arguments])
    with pytest.raises(SystemExit) as ended:
        args.func(args)
    return ended.value.code


def test_airflow_runs_every_command_under_its_own_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.json"
    file.write_text("{}")

    assert in_airflow("check", str(file), "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)[0]["file"] == str(file)


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_airflow_lists_our_commands(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert in_airflow(*arguments) == 0
    assert SUBCOMMANDS["steps"].summary in capsys.readouterr().out


def test_the_start_of_airflows_command_line_loads_none_of_our_commands() -> None:
    program = """
import sys
from airflow.cli.cli_parser import airflow_commands
assert "sm-pipelines" in {command.name for command in airflow_commands}
ours = sorted(name for name in sys.modules if name.startswith("airflow_sm_pipelines."))
assert ours == [
    "airflow_sm_pipelines.execution",
    "airflow_sm_pipelines.execution.airflow_internals",
    "airflow_sm_pipelines.execution.airflow_internals.cli_command",
    "airflow_sm_pipelines.provider",
], ours
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr


def test_a_command_that_needs_airflow_says_so_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "run", without_airflow)
    assert main(["runs"]) == 1
    assert capsys.readouterr().err == "sm-pipelines runs needs fastapi: run it where Airflow is installed\n"


def without_airflow(_: object) -> int:
    raise ModuleNotFoundError("No module named 'fastapi'", name="fastapi")
