"""The demo, as far as it can be tested without Airflow; the whole of it runs in tests/e2e/test_demo.py."""

from __future__ import annotations

import argparse

import pytest

from airflow_sm_pipelines.cli import demo
from airflow_sm_pipelines.demo import run


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(arguments)


def test_by_default_the_definition_decides_the_limit_and_nothing_is_kept() -> None:
    args = parse()
    assert args.max_mse is None
    assert args.keep is False


def test_the_first_example_is_shown_unless_another_is_named() -> None:
    assert parse().pipeline == "diabetes"
    assert parse("--pipeline", "diabetes_champion").pipeline == "diabetes_champion"
    with pytest.raises(SystemExit):
        parse("--pipeline", "nothing")


def test_the_limit_is_a_number() -> None:
    assert parse("--max-mse", "1e3").max_mse == 1000.0
    with pytest.raises(SystemExit):
        parse("--max-mse", "low")


def test_a_missing_package_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run.find_spec
    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "sklearn" else found(name))
    assert demo.run(parse()) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "sm-pipelines demo needs scikit-learn: pip install 'airflow-sm-pipelines[demo]'\n"


def test_who_keeps_the_demo_is_told_address_login_and_variables() -> None:
    told = demo.kept_addresses("http://127.0.0.1:1", "diabetes", ("admin", "a b"), {"AWS_ENDPOINT_URL": "http://x y"})
    assert "http://127.0.0.1:1/dags/diabetes" in told
    assert "admin" in told
    assert "password: a b\n" in told
    assert "export AWS_ENDPOINT_URL='http://x y'\n" in told
