from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.cli.main import main


def get(text):
    return {"Get": text}


def join(*values, on=""):
    return {"Std:Join": {"On": on, "Values": list(values)}}


def step(name, kind, arguments, **members):
    return {"Name": name, "Type": kind, "Arguments": arguments, **members}


def call(name, arguments, **members):
    return step(name, "Lambda", arguments, FunctionArn="f", **members)


def gate(*conditions, if_steps=(), name="Gate"):
    return step(name, "Condition", {"Conditions": [*conditions], "IfSteps": [*if_steps], "ElseSteps": []})


def equals(left, right):
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


PROCESSING = {
    "ProcessingResources": {},
    "AppSpecification": {},
    "RoleArn": "r",
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out"}]},
}
EVALUATION = step(
    "Eval",
    "Processing",
    PROCESSING,
    PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "sub/r.json"}],
)
REPORT = {"Std:JsonGet": {"PropertyFile": get("Steps.Eval.PropertyFiles.Report"), "Path": "mse"}}


def outputs(uri):
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": uri}}]}}


@pytest.fixture
def resolve(write, capsys):
    """Resolve steps in a scope; return the exit code, the steps by name, and standard error."""

    def run(*steps, scope=None, **members):
        definition = write("p.json", {"Steps": [*steps], **members})
        code = main(["resolve", definition, "--scope", write("s.json", scope or {}), "--format", "json"])
        captured = capsys.readouterr()
        found = json.loads(captured.out) if captured.out else {"steps": []}
        assert list(found) == ["steps"]
        return code, {entry["name"]: entry for entry in found["steps"]}, captured.err

    return run


def test_one_step(resolve):
    code, steps, err = resolve(
        call("A", {"n": get("Parameters.N"), "list": [join("x", get("Parameters.N"), True)], "none": None}),
        Parameters=[{"Name": "N", "Type": "Integer", "DefaultValue": 3}],
    )
    assert (code, err) == (0, "")
    assert steps == {
        "A": {
            "name": "A",
            "type": "Lambda",
            "arguments": {"n": 3, "list": ["x3true"], "none": None},
            "members": {"FunctionArn": "f"},
            "errors": [],
        }
    }


def test_parameters_have_their_own_types_and_defaults(resolve):
    parameters = [
        {"Name": "I", "Type": "Integer", "DefaultValue": 1},
        {"Name": "F", "Type": "Float", "DefaultValue": 1},
        {"Name": "B", "Type": "Boolean", "DefaultValue": False},
        {"Name": "S", "Type": "String", "DefaultValue": ""},
    ]
    arguments = {entry["Name"]: get(f"Parameters.{entry['Name']}") for entry in parameters}
    _, steps, _ = resolve(call("A", arguments), scope={"parameters": {"I": "7", "B": "True"}}, Parameters=parameters)
    assert steps["A"]["arguments"] == {"I": 7, "F": 1.0, "B": True, "S": ""}


def test_every_namespace(resolve):
    uri = {"Std:JsonGet": {"S3Uri": join("s3://b", "r.json", on="/"), "Path": "Result[0]"}}
    arguments = {
        "execution": get("Execution.PipelineName"),
        "experiment": get("PipelineExperimentConfig.ExperimentName"),
        "trial": get("PipelineExperimentConfig.TrialName"),
        "property": get("Steps.Eval.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"),
        "file": REPORT,
        "document": uri,
    }
    code, steps, _ = resolve(
        EVALUATION,
        call("A", arguments),
        scope={
            "execution": {"PipelineName": "p", "PipelineExecutionId": "abc"},
            "steps": {"Eval": outputs("s3://b/e/")},
            "files": {"s3://b/e/sub/r.json": {"mse": 4.5}, "s3://b/r.json": {"Result": [True]}},
        },
        PipelineExperimentConfig={"ExperimentName": join("exp-", get("Execution.PipelineName"))},
    )
    assert code == 0
    assert steps["A"]["arguments"] == {
        "execution": "p",
        "experiment": "exp-p",
        "trial": "abc",
        "property": "s3://b/e/",
        "file": 4.5,
        "document": True,
    }


def test_loop_body_and_selector(resolve):
    body = call("Body", {"item": get("ForEach.CurrentItem.x")}, OutputParameters=[{"OutputName": "auc"}])
    selector = {"Pick": "MaxBy", "Field": get("IterationOutput.Body.OutputParameters['auc']")}
    loop = {"IterableItems": ["a"], "MaxConcurrency": 1, "Selector": selector, "ForEachBody": [body]}
    scope = {"current_item": '{"x": 5}', "steps": {"Body": {"OutputParameters": {"auc": 0.5}}}}
    code, steps, _ = resolve(step("Loop", "ForEach", loop), scope=scope)
    assert code == 0
    assert steps["Body"]["arguments"] == {"item": 5}
    assert steps["Loop"]["arguments"]["Selector"]["Field"] == 0.5
    assert "ForEachBody" not in steps["Loop"]["arguments"]


def test_members_of_the_step(resolve):
    _, steps, _ = resolve(
        step("A", "Lambda", {}) | {"FunctionArn": get("Parameters.F"), "OutputParameters": [{"OutputName": "o"}]},
        scope={"parameters": {"F": "arn"}},
        Parameters=[{"Name": "F"}],
    )
    assert steps["A"]["members"] == {"FunctionArn": "arn", "OutputParameters": [{"OutputName": "o"}]}


def test_a_payload_has_no_join_without_its_key(resolve):
    value = {"On": "-", "Values": ["a", "b"]}
    _, steps, _ = resolve(call("A", {"x": value}), step("B", "Fail", {"ErrorMessage": value}))
    assert steps["A"]["arguments"] == {"x": value}
    assert steps["B"]["arguments"] == {"ErrorMessage": "a-b"}


@pytest.mark.parametrize(("right", "outcome"), [(4.5, True), (5, False)])
def test_outcome_of_a_condition_beside_its_operands(resolve, right, outcome):
    code, steps, _ = resolve(
        EVALUATION,
        gate(equals(REPORT, right), if_steps=[step("Stop", "Fail", {"ErrorMessage": join("mse ", REPORT)})]),
        scope={"steps": {"Eval": outputs("s3://b/e")}, "files": {"s3://b/e/sub/r.json": {"mse": 4.5}}},
    )
    assert code == 0
    assert steps["Gate"]["outcome"] is outcome
    assert steps["Gate"]["arguments"] == {"Conditions": [equals(4.5, right)]}
    assert steps["Stop"]["arguments"] == {"ErrorMessage": "mse 4.5"}
    assert "outcome" not in steps["Stop"]


def test_every_error_is_listed_and_its_expression_kept(resolve):
    bad = get("Parameters.Missing")
    code, steps, _ = resolve(
        call("A", {"a": bad, "b": [1, join("x", bad)], "c": get("Steps.Eval.Nope"), "d": "ok"}),
        EVALUATION,
        scope={"steps": {"Eval": {"Yes": 1}}},
        Parameters=[{"Name": "Missing"}],
    )
    assert code == 1
    assert steps["A"]["arguments"]["a"] == bad
    assert steps["A"]["arguments"]["d"] == "ok"
    assert steps["A"]["errors"] == [
        {
            "path": "Steps[0].Arguments.a",
            "message": "Parameters.Missing: the scope gives no value, and there is no default",
        },
        {
            "path": "Steps[0].Arguments.b[1]",
            "message": "Parameters.Missing: the scope gives no value, and there is no default",
        },
        {
            "path": "Steps[0].Arguments.c",
            "message": "Steps.Eval.Nope: the value has no member 'Nope'; its members are 'Yes'",
        },
    ]


@pytest.mark.parametrize(
    ("expression", "scope", "message"),
    [
        (get("Steps.Eval.A"), {}, "Steps.Eval: `steps` of the scope has no 'Eval'; it is empty"),
        (get("Execution.PipelineName"), {"execution": {"PipelineArn": "a"}}, "it has 'PipelineArn'"),
        (get("ForEach.CurrentItem"), {}, "the scope has no `current_item`"),
        (REPORT, {"steps": {"Eval": {}}}, "Steps.Eval.PropertyFiles.Report: the value has no member"),
        (
            REPORT,
            {"steps": {"Eval": outputs("s3://b")}},
            "`files` of the scope has no 's3://b/sub/r.json'; it is empty",
        ),
        (
            REPORT,
            {"steps": {"Eval": outputs("s3://b")}, "files": {"s3://b/sub/r.json": {"rmse": 1}}},
            "Std:JsonGet of 'mse' in Steps.Eval.PropertyFiles.Report: the value has no member 'mse'; its members are"
            " 'rmse' (did you mean `rmse`?)",
        ),
        (get("Parameters.N"), {"parameters": {"N": "x"}}, "parameter N must be an integer, not the string 'x'"),
    ],
)
def test_what_is_missing_and_what_was_there(resolve, expression, scope, message):
    body = call("Body", {"x": expression})
    loop = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [body]}
    parameters = [{"Name": "N", "Type": "Integer", "DefaultValue": 1}]
    code, steps, _ = resolve(EVALUATION, step("Loop", "ForEach", loop), scope=scope, Parameters=parameters)
    assert code == 1
    [error] = steps["Body"]["errors"]
    assert message in error["message"]
    assert error["path"] == "Steps[1].Arguments.ForEachBody[0].Arguments.x"


def test_default_of_a_trial_needs_the_execution_id(resolve):
    _, steps, _ = resolve(
        call("A", {}),
        call("B", {"x": get("PipelineExperimentConfig.TrialName")}),
        scope={"execution": {}},
        PipelineExperimentConfig={},
    )
    assert "`execution` of the scope has no 'PipelineExecutionId'" in steps["B"]["errors"][0]["message"]


def test_comparison_without_an_answer(resolve):
    code, steps, _ = resolve(gate(equals(1, 1), equals(1, "1")))
    assert code == 1
    assert steps["Gate"]["outcome"] is None
    [error] = steps["Gate"]["errors"]
    assert error["path"] == "Steps[0].Arguments.Conditions[1]"
    assert "not a number (the number 1) and a string" in error["message"]


def test_operand_without_a_value_leaves_the_outcome_open(resolve):
    code, steps, _ = resolve(gate(equals(1, 2), equals(get("Execution.PipelineName"), "p")))
    assert code == 1
    assert steps["Gate"]["outcome"] is None
    assert [error["path"] for error in steps["Gate"]["errors"]] == ["Steps[0].Arguments.Conditions[1].LeftValue"]


def test_names_that_the_definition_does_not_have_are_noted(resolve):
    code, _, err = resolve(call("Train", {}), scope={"steps": {"Trian": {}}, "parameters": {"x": 1}})
    assert code == 0
    assert err.splitlines() == [
        "s.json: the definition has no parameter 'x'",
        "s.json: the definition has no step 'Trian' (did you mean `Train`?)",
    ]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("{", "s.json: not JSON: "),
        ("[]", "expected a scope (an object), found an empty list"),
        ({"step": {}}, "did you mean `steps`?"),
        ({"steps": []}, "s.json: steps: expected an object, found an empty list"),
        ('{"steps": {"A": 1, "A": 2}}', "steps: duplicate key in an object: 'A'"),
    ],
)
def test_faulty_scope(write, capsys, scope, message):
    assert main(["resolve", write("p.json", {"Steps": [call("A", {})]}), "--scope", write("s.json", scope)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_unreadable_files(write, capsys):
    definition, scope = write("p.json", {"Steps": [call("A", {})]}), write("s.json", {})
    assert main(["resolve", definition, "--scope", "nope.json"]) == 2
    assert capsys.readouterr().err == "nope.json: cannot be read: No such file or directory\n"
    assert main(["resolve", "nope.json", "--scope", scope]) == 1
    assert capsys.readouterr().err == "nope.json: cannot be read: No such file or directory\n"
    assert main(["resolve", write("bad.json", {"Steps": []}), "--scope", scope]) == 1
    assert "a pipeline needs at least one step" in capsys.readouterr().err


def test_text(write, capsys):
    definition = write("p.json", {"Steps": [gate(equals("ä", "ä")), call("A", {"x": get("Execution.PipelineName")})]})
    assert main(["resolve", definition, "--scope", write("s.json", {})]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "Gate  Condition",
        "  outcome: the if branch",
        "  arguments:",
        "    {",
        '      "Conditions": [',
        "        {",
        '          "Type": "Equals",',
        '          "LeftValue": "ä",',
        '          "RightValue": "ä"',
        "        }",
        "      ]",
        "    }",
        "A  Lambda",
        "  arguments:",
        "    {",
        '      "x": {',
        '        "Get": "Execution.PipelineName"',
        "      }",
        "    }",
        "  members:",
        "    {",
        '      "FunctionArn": "f"',
        "    }",
        "  error: Steps[1].Arguments.x",
        "      Execution.PipelineName: `execution` of the scope has no 'PipelineName'; it is empty",
    ]
