"""Our evaluation of expressions and conditions against the SageMaker SDK's own local executor, on the same cases."""

from __future__ import annotations

import json
import operator
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from airflow_sm_pipelines.definition import conditions, expressions, paths
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.preview.given_values import GivenScope, GivenValues
from airflow_sm_pipelines.preview.resolve import resolve_steps

from .deviations import CASE, DEVIATIONS, ERROR
from .generated_cases import condition_cases, expression_cases

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]
SDK_PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
EACH = 1000


def generated(strategy):
    """Draw cases, the same ones each time."""
    cases = []

    @settings(
        max_examples=EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy())
    def draw(case):
        cases.append(case)

    draw()
    return cases


def ask_sdk(cases, folder):
    """Return the SDK's answers; one process answers all."""
    assert SDK_PYTHON.exists(), "the SDK has an environment of its own: run `make sdk`"
    asked_file, answered_file = folder / "cases.jsonl", folder / "answers.jsonl"
    asked_file.write_text("".join(json.dumps(case) + "\n" for case in cases))
    run = subprocess.run(
        [SDK_PYTHON, Path(__file__).parent / "sdk_driver.py", asked_file, answered_file],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    answers = [json.loads(line) for line in answered_file.read_text().splitlines()]
    assert len(answers) == len(cases)
    return [answer.get("value", ERROR) for answer in answers]


def definition(case):
    """Return the definition that a case stands for, with the step that is evaluated last."""
    evaluated = {"Name": "Evaluated", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"x": case.get("expression")}}
    if "conditions" in case:
        evaluated = {"Name": "Evaluated", "Type": "Condition", "Arguments": {"Conditions": case["conditions"]}}
    steps = [step_definition(name, step) for name, step in case["steps"].items()]
    return {"Parameters": case["parameters"], "Steps": [*steps, evaluated]}


def step_definition(name, step):
    if "Outcome" in step["properties"]:
        return {"Name": name, "Type": "Condition", "Arguments": {"Conditions": []}}
    if "property_files" not in step:
        return {"Name": name, "Type": "Training", "Arguments": {"RoleArn": "r", "OutputDataConfig": {}}}
    arguments = {"RoleArn": "r", "ProcessingResources": {}, "AppSpecification": {}, **step["properties"]}
    return {"Name": name, "Type": "Processing", "Arguments": arguments, "PropertyFiles": step["property_files"]}


def ask_us(case):
    try:
        pipeline = load_pipeline(definition(case))
    except InvalidDefinitionError:
        return ERROR
    steps = {name: step["properties"] for name, step in case["steps"].items()}
    given_values = GivenValues(execution=case["execution"], steps=steps, files=case["files"])
    [resolved] = resolve_steps(pipeline, GivenScope(pipeline, given_values))[-1:]
    if resolved.errors:
        return ERROR
    return resolved.outcome if "conditions" in case else resolved.arguments["x"]


def exactly(value):
    """Return a text that tells 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True)


def asked(case):
    return case.get("conditions", case.get("expression"))


def disagreements(answered):
    found = []
    for case, sdk in answered:
        ours = ask_us(case)
        if exactly(ours) != exactly(sdk):
            found.append(f"{json.dumps(asked(case))}: the SDK says {sdk!r}, we say {ours!r}; {json.dumps(case)}")
    return found


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Generated cases with the SDK's answers."""
    cases = generated(expression_cases) + generated(condition_cases)
    return list(zip(cases, ask_sdk(cases, tmp_path_factory.mktemp("sdk")), strict=True))


def test_we_agree(answered):
    found = disagreements(answered)
    assert not found, f"{len(found)} disagreements, the first:\n" + "\n".join(found[:3])


def words_in(value):
    if isinstance(value, dict):
        if "Get" in value:
            yield value["Get"].partition(".")[0]
        yield from value
        if "Type" in value:
            yield value["Type"]
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from words_in(member)


def test_the_cases_cover_the_language(answered):
    assert len({exactly(case) for case, _ in answered}) >= 1500
    assert len({exactly(asked(case)) for case, _ in answered}) >= 500
    seen = Counter(word for case, _ in answered for word in set(words_in(asked(case))))
    for word in (
        *("Parameters", "Execution", "Steps", "Std:Join", "Std:JsonGet", "PropertyFile", "S3Uri"),
        *conditions.CONDITION_MEMBERS,
    ):
        assert seen[word] >= 100, f"{word} occurs in {seen[word]} cases"
    answers = Counter("error" if answer == ERROR else str(answer) for _, answer in answered)
    assert answers["error"] >= 100
    assert answers["True"] >= 100
    assert answers["False"] >= 100
    assert sum(answers.values()) - answers["error"] - answers["True"] - answers["False"] >= 200


MUTANTS = [
    pytest.param(conditions._COMPARISONS, "LessThan", operator.le, id="LessThan is LessThanOrEqualTo"),
    pytest.param(
        conditions._COMPARISONS, "GreaterThanOrEqualTo", operator.gt, id="GreaterThanOrEqualTo is GreaterThan"
    ),
    pytest.param(conditions._COMPARISONS, "Equals", operator.le, id="Equals is LessThanOrEqualTo"),
    pytest.param(
        conditions._DECISIONS,
        "In",
        lambda *_: conditions._Decision(lambda: False, lambda _: ""),
        id="nothing is in a list",
    ),
    pytest.param(
        conditions._DECISIONS,
        "Not",
        lambda kind, condition, scope, path: conditions._decision(condition["Condition"], scope, path),
        id="Not is yes",
    ),
    pytest.param(
        conditions._DECISIONS,
        "Or",
        lambda kind, condition, scope, path: conditions._Decision(
            lambda: all(conditions._decision(one, scope, path).holds() for one in condition["Conditions"]), lambda _: ""
        ),
        id="Or is And",
    ),
    pytest.param(expressions, "_join_text", lambda value, join: str(value).upper(), id="a Join writes capitals"),
    pytest.param(
        expressions, "look_up_json", lambda document, path: paths.look_up_json(document, path[:-1]), id="a path is cut"
    ),
    pytest.param(conditions, "_type_of", lambda value: "null", id="types do not count"),
]


@pytest.mark.parametrize(("place", "name", "mutant"), MUTANTS)
def test_a_wrong_rule_would_be_seen(answered, monkeypatch, place, name, mutant):
    (monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr)(place, name, mutant)
    assert disagreements(answered)


def test_the_deviations_are_those_that_are_listed(tmp_path):
    cases = [
        {**CASE, "conditions" if isinstance(entry.asked, list) else "expression": entry.asked} for entry in DEVIATIONS
    ]
    told = [
        (entry.rule, exactly(entry.asked), sdk, ask_us(case))
        for entry, case, sdk in zip(DEVIATIONS, cases, ask_sdk(cases, tmp_path), strict=True)
    ]
    assert told == [(entry.rule, exactly(entry.asked), entry.sdk, entry.ours) for entry in DEVIATIONS]


def test_every_deviation_is_documented():
    page = " ".join((ROOT / "docs" / "semantics.md").read_text().split()).replace("`", "")
    missing = {entry.rule for entry in DEVIATIONS if entry.rule.replace("'", '"') not in page.replace("'", '"')}
    assert not missing
