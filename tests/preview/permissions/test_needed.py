from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from airflow_sm_pipelines.aws.authorization import Account
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.preview.permissions.needed import needed_permissions
from airflow_sm_pipelines.preview.permissions.reports import IamPolicyReport
from airflow_sm_pipelines.preview.permissions.text import as_text
from airflow_sm_pipelines.preview.reports import report_text
from tests.preview.permissions.conftest import processing
from tests.preview.test_planned_calls import ARGUMENTS, VALUES, definition, places

NOWHERE = Account()


def test_the_roles_tell_the_account_and_never_the_region(needed):
    assert needed(processing("A"), account=NOWHERE).account == ("aws", "*", "123456789012")


def test_roles_of_different_accounts_tell_nothing(needed):
    other = "arn:aws:iam::999999999999:role/R"

    found = needed(processing("A"), processing("B", {"RoleArn": other}), account=NOWHERE).account

    assert found == ("aws", "*", "*")


def test_what_is_given_wins_and_the_region_tells_the_partition(needed):
    found = needed(processing("A"), account=Account(region="cn-north-1", account="1" * 12)).account

    assert found == ("aws-cn", "cn-north-1", "1" * 12)


def test_the_arn_beside_the_definition_tells_account_and_region():
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/p"
    text = json.dumps(
        {"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]}
    )
    pipeline = load_pipeline({"PipelineName": "p", "PipelineArn": arn, "PipelineDefinition": text})

    assert needed_permissions(pipeline, {}).account == ("aws", "eu-west-1", "111122223333")


@pytest.mark.parametrize("case", ARGUMENTS)
def test_a_value_that_no_builder_expects_breaks_nothing(case: str) -> None:
    step_type, original = ARGUMENTS[case]
    told = 0
    for index in range(len(list(places(original)))):
        for value in VALUES[::4]:
            arguments: dict[str, Any] = copy.deepcopy(original)
            node, key = list(places(arguments))[index]
            node[key] = copy.deepcopy(value)
            try:
                pipeline = load_pipeline(definition(step_type, arguments))
            except InvalidDefinitionError:
                continue
            needed = needed_permissions(pipeline, {})
            assert as_text(needed)
            assert report_text(IamPolicyReport.of(needed))
            told += 1
    assert told > len(VALUES[::4])
