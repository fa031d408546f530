from __future__ import annotations

from airflow_sm_pipelines.preview.preflight.outcome import Place, Verdict
from tests.preview.permissions.conftest import get, processing, training
from tests.preview.preflight.conftest import on, refusal

NAME = "ml.m5.large for processing job usage"


def job(count: object = 2):
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
    return processing("A", {"ProcessingResources": {"ClusterConfig": cluster}})


def test_a_step_may_ask_for_as_many_instances_as_the_quota_allows(fly, account):
    account.quotas[NAME] = 2
    enough = on(fly(job(2)), "quota")
    short = on(fly(job(3)), "quota")

    assert enough.verdict is Verdict.OK
    assert (short.verdict, short.subject) == (Verdict.ERROR, f"quota {NAME}")
    assert (short.expected, short.found) == ("at least 3", "it is 2")
    path = "Steps[0].Arguments.ProcessingResources.ClusterConfig.InstanceType"
    assert short.places == (Place("A", path),)


def test_a_tuning_job_runs_several_training_jobs_at_once(fly, account):
    account.quotas["ml.c5.xlarge for training job usage"] = 5
    definition = {"ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2}}
    arguments = {
        "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxParallelTrainingJobs": 3}},
        "TrainingJobDefinition": definition,
    }

    found = on(fly({"Name": "T", "Type": "Tuning", "Arguments": arguments}), "quota")

    assert (found.verdict, found.expected) == (Verdict.ERROR, "at least 6")


def test_spot_training_has_a_quota_of_its_own(fly, account):
    account.quotas["ml.c5.xlarge for spot training job usage"] = 1
    config = {"ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1}}

    found = on(fly(training("A", {**config, "EnableManagedSpotTraining": True})), "quota")

    assert found.verdict is Verdict.OK


def test_a_number_that_only_a_run_knows_is_not_checked(fly):
    found = on(fly(job(get("Parameters.N")), Parameters=[{"Name": "N", "Type": "Integer"}]), "instances")

    assert (found.verdict, found.found) == (Verdict.UNCHECKED, "known in a run only")


def test_a_quota_that_nobody_lists_is_not_checked(fly):
    assert on(fly(job()), "quota").verdict is Verdict.UNCHECKED


def test_quotas_that_may_not_be_read_are_not_checked(fly, account):
    account.answers["ListServiceQuotas"] = lambda _: refusal("AccessDeniedException")

    found = on(fly(job()), "quota")

    assert found.verdict is Verdict.UNCHECKED
    assert "allow servicequotas:ListServiceQuotas" in found.advice


def test_quotas_are_asked_for_only_if_a_step_takes_instances(fly, account):
    fly({"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}})

    assert "ListServiceQuotas" not in account.called
