from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.server.faults import FaultAction, FaultRule, FaultTable, JobFault, parse_rules
from airflow_sm_pipelines.local.wire.aws_call import AwsCall


def call_of(operation="CreateProcessingJob", service="sagemaker", **members):
    return AwsCall("id", "", service, "us-west-2", operation, "json", members, "key", ("127.0.0.1", 1))


def rule_of(**members):
    [rule] = parse_rules({"service": "sagemaker", "operation": ".*", "action": "error", **members})
    return rule


def test_operation_is_a_pattern_for_the_whole_name():
    rule = rule_of(operation="(Create|Stop)ProcessingJob")
    assert rule.applies(call_of("StopProcessingJob"))
    assert not rule.applies(call_of("CreateProcessingJobs"))
    assert not rule.applies(call_of("StopProcessingJob", service="s3"))


def test_match_looks_into_members():
    rule = rule_of(match={"ProcessingJobName": "^etl-", "AppSpecification.ImageUri": "spark"})
    assert rule.applies(call_of(ProcessingJobName="etl-1", AppSpecification={"ImageUri": "a/spark:1"}))
    assert not rule.applies(call_of(ProcessingJobName="etl-1", AppSpecification={"ImageUri": "a/other"}))
    assert not rule.applies(call_of(ProcessingJobName="etl-1"))


def test_after_and_times_choose_which_calls_are_hit():
    table = FaultTable()
    table.add([rule_of(after=1, times=2)])
    hits = [table.take(call_of()) is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    [described] = table.describe()
    assert (described["seen"], described["hits"]) == (5, 2)


def test_without_times_every_call_is_hit():
    table = FaultTable()
    table.add([rule_of()])
    assert all(table.take(call_of()) for _ in range(3))


def test_the_first_rule_that_is_not_used_up_acts():
    table = FaultTable()
    table.add([rule_of(times=1, code="First"), rule_of(code="Second")])
    assert [table.take(call_of()).code for _ in range(3)] == ["First", "Second", "Second"]


def test_a_call_that_no_rule_is_about_passes():
    table = FaultTable()
    table.add([rule_of(operation="StopProcessingJob")])
    assert table.take(call_of()) is None
    assert table.describe()[0]["seen"] == 0


def test_clear_removes_all_rules():
    table = FaultTable()
    table.add([rule_of(), rule_of()])
    table.clear()
    assert table.describe() == []
    assert table.take(call_of()) is None


def test_job_rules_become_job_faults():
    assert rule_of(action="job_fail", reason="no luck", seconds=2).job_fault == JobFault(2, "no luck")
    assert rule_of(action="job_slow", seconds=1.5).job_fault == JobFault(1.5, None)
    assert rule_of(action="slow", seconds=1).job_fault is None


def test_a_list_of_rules_is_read_in_order():
    rules = parse_rules(
        [
            {"service": "s3", "operation": "PutObject", "action": "drop_before"},
            {"service": "s3", "operation": "GetObject", "action": "slow", "seconds": 1},
        ]
    )
    assert [rule.action for rule in rules] == [FaultAction.DROP_BEFORE, FaultAction.SLOW]
    assert rules[0] == FaultRule("s3", "PutObject", FaultAction.DROP_BEFORE)


def test_every_problem_of_every_rule_is_told():
    with pytest.raises(ValueError, match="rules") as caught:
        parse_rules(
            [
                {"service": "s3", "operation": "(", "action": "explode"},
                {"action": "slow", "seconds": "1", "colour": "red", "match": {"Key": "["}},
                "text",
            ]
        )
    message = str(caught.value)
    for part in (
        "rules[0].action: is 'explode'; there are error, slow, drop_before",
        "rules[0].operation: is no regular expression",
        "rules[1].service: is missing",
        "rules[1].operation: is missing",
        "rules[1].seconds: has the wrong type: '1'",
        "rules[1].colour: is no member of a rule",
        "rules[1].match.Key: is no regular expression",
        "rules[2]: a rule is a JSON object, not 'text'",
    ):
        assert part in message
