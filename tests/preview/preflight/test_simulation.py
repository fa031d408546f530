from __future__ import annotations

import boto3

from airflow_sm_pipelines.preview.preflight.outcome import Place, Verdict
from airflow_sm_pipelines.preview.preflight.simulation import principal_arn
from tests.preview.permissions.conftest import get, processing, training
from tests.preview.preflight.conftest import PRINCIPAL, on, refusal

ROLES = "arn:aws:iam::123456789012:role"


def test_an_action_that_no_policy_allows_is_an_error(fly, account):
    account.denied.add("sagemaker:CreateProcessingJob")

    found = on(fly(processing("A")), "sagemaker:CreateProcessingJob")

    assert found.verdict is Verdict.ERROR
    assert found.places == (Place("A", "Steps[0]"),)
    assert found.expected == f"allowed to {PRINCIPAL}, to create the processing job"
    assert found.found == "no policy allows it"


def test_an_action_that_a_run_can_do_without_is_a_warning(fly, account):
    account.denied.add("logs:GetLogEvents")

    found = on(fly(processing("A")), "logs:GetLogEvents")

    assert found.verdict is Verdict.WARNING
    assert "without it: the failure is reported without log lines" in found.found


def test_the_simulation_is_asked_for_resources_of_this_account_and_no_patterns(fly, account):
    fly(processing("A"))

    asked = {arn for request in account.simulated for arn in request["ResourceArns"]}
    assert "arn:aws:sagemaker:eu-west-1:123456789012:processing-job/pipelines-preflight" in asked
    assert not any("*" in arn for arn in asked - {"*"})
    [passed] = [one for one in account.simulated if one["ActionNames"] == ["iam:PassRole"]]
    assert passed["ContextEntries"] == [
        {
            "ContextKeyName": "iam:PassedToService",
            "ContextKeyValues": ["sagemaker.amazonaws.com"],
            "ContextKeyType": "string",
        }
    ]


def test_actions_on_the_same_resources_are_one_call(fly, account):
    fly(processing("A"), processing("B"))

    assert len(account.simulated) < 10
    assert any(
        {"sagemaker:CreateProcessingJob", "sagemaker:StopProcessingJob"} <= set(one["ActionNames"])
        for one in account.simulated
    )


def test_a_resource_that_only_a_run_knows_is_not_simulated(fly, account):
    step = {"Name": "A", "Type": "Lambda", "FunctionArn": get("Parameters.F"), "Arguments": {}}

    found = fly(step, Parameters=[{"Name": "F", "Type": "String"}])

    assert account.simulated == []
    assert on(found, "lambda:InvokeFunction").verdict is Verdict.UNCHECKED
    assert "--parameters F=VALUE" in on(found, "function Parameters.F").advice


def test_who_may_not_simulate_is_told_so_once(fly, account):
    account.answers["SimulatePrincipalPolicy"] = lambda _: refusal("AccessDenied")

    found = on(fly(processing("A"), training("B")), "permissions")

    assert found.verdict is Verdict.UNCHECKED
    assert f"allow iam:SimulatePrincipalPolicy on {PRINCIPAL}" in found.advice


def test_of_a_name_with_capital_letters_one_form_is_simulated(fly, account):
    fly(training("A", {"TrainingJobName": "Base"}))

    asked = {arn for request in account.simulated for arn in request["ResourceArns"]}
    assert not any("/base-" in arn for arn in asked)
    assert any("/Base-" in arn for arn in asked)


def test_a_session_has_the_permissions_of_its_role_wherever_that_is(account):
    boto3.client("iam").create_role(RoleName="Airflow", Path="/team/", AssumeRolePolicyDocument="{}")
    session = {"Arn": "arn:aws:sts::123456789012:assumed-role/Airflow/worker"}
    user = {"Arn": "arn:aws:iam::123456789012:user/me"}

    assert principal_arn(session, account.client) == f"{ROLES}/team/Airflow"
    assert principal_arn(user, account.client) == user["Arn"]


def test_a_role_that_cannot_be_read_leaves_the_permissions_unchecked(fly, account):
    account.answers["GetCallerIdentity"] = lambda _: {
        "Arn": "arn:aws:sts::123456789012:assumed-role/Gone/worker",
        "Account": "123456789012",
    }

    found = on(fly(processing("A"), principal=""), "permissions")

    assert found.verdict is Verdict.UNCHECKED
    assert account.simulated == []


def test_the_root_of_an_account_may_do_everything(fly, account):
    found = fly(processing("A"), principal="arn:aws:iam::123456789012:root")

    assert on(found, "permissions").verdict is Verdict.OK
    assert account.simulated == []
