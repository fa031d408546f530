"""``sm-pipelines preflight``."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.cli.main import main
from tests.preview.permissions.conftest import processing, read_input
from tests.preview.preflight.conftest import PRINCIPAL, TestAccount, account, create_bucket, create_role
from tests.report_schemas import complain

__all__ = ["account"]

WRITES = ("Create", "Put", "Delete", "Start", "Stop", "Run", "Send", "Invoke", "Add", "Update", "Terminate", "Cancel")


@pytest.fixture
def run(account: TestAccount, capsys: pytest.CaptureFixture[str], write: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command for one step; return exit code, output and errors."""

    def run(*options: str, **arguments: Any) -> tuple[int, str, str]:
        file = write("p.json", {"Version": "2020-12-01", "Steps": [processing("A", arguments)]})
        with monkeypatch.context() as patch:
            client = boto3.client

            def make_client(service: str, region_name: str | None = None) -> Any:
                patch.setattr(boto3, "client", client)
                made = account.client(service, region_name or "")
                patch.setattr(boto3, "client", make_client)
                return made

            patch.setattr(boto3, "client", make_client)
            code = main(["preflight", file, "--principal", PRINCIPAL, *options])
        said = capsys.readouterr()
        return code, said.out.replace(file, "p.json"), said.err

    return run


def test_a_definition_with_all_that_it_names_is_0(run):
    create_role()
    create_bucket("bucket")

    code, out, _ = run(**read_input("s3://bucket/x"))

    assert code == 0
    assert out.startswith("p.json in account 123456789012, eu-west-1: 0 errors, 0 warnings, 0 not checked, ")


def test_every_error_is_told_at_once_with_its_place_and_what_to_do(run):
    code, out, _ = run(**read_input("s3://nothing/x"))

    assert code == 1
    assert "2 errors" in out
    assert "  error: bucket nothing\n      expected: exists in eu-west-1\n      found: it does not exist\n" in out
    assert "      in step A, Steps[0].Arguments.ProcessingInputs[0].S3Input.S3Uri\n" in out
    assert "      -> create it, or correct the name" in out


def test_it_only_reads(run, account):
    create_role()
    account.called.clear()

    run(**read_input("s3://nothing/x"))

    assert account.called
    assert not [name for name in account.called if name.startswith(WRITES)]


def test_the_report_fits_its_schema(run):
    code, out, _ = run("--format", "json")

    assert code == 1
    assert complain("preflight", json.loads(out)) == []


def test_a_wrong_parameter_is_2(run):
    code, out, err = run("--parameters", "Nothing=1")

    assert (code, out) == (2, "")
    assert "Nothing" in err


def test_without_credentials_nothing_is_checked_and_it_says_so(run, account, monkeypatch):
    from tests.preview.preflight.conftest import refusal

    account.answers["GetCallerIdentity"] = lambda _: refusal("InvalidClientTokenId")

    code, out, err = run()

    assert (code, out) == (1, "")
    assert "cannot tell whose AWS account this is" in err


def test_a_file_that_is_no_definition_is_1(write, capsys):
    assert main(["preflight", write("p.json", {"Version": "2020-12-01"})]) == 1
    assert "Steps" in capsys.readouterr().err
