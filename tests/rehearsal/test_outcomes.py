"""Outcomes that a user chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.outcomes import OUTCOMES, OutcomeError, chosen_outcomes, violations_without_effect
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome

GOLDEN = Path(__file__).parents[1] / "golden"
ABALONE = load_pipeline(GOLDEN / "v2_abalone_full.json")
CHECKS = load_pipeline(GOLDEN / "v2_clarify_quality_checks.json")


def test_each_type_has_the_outcomes_that_its_jobs_can_have() -> None:
    types: dict[tuple[str, ...], list[str]] = {}
    for step_type, outcomes in OUTCOMES.items():
        types.setdefault(tuple(sorted(outcomes)), []).append(step_type)

    assert {outcomes: sorted(names) for outcomes, names in types.items()} == {
        ("completed", "failed"): ["Callback", "Endpoint", "InferenceComponent", "Lambda"],
        ("completed", "failed", "stopped"): [
            "AutoML",
            "EMR",
            "EMRServerless",
            "Job",
            "Processing",
            "Training",
            "Transform",
            "Tuning",
        ],
        ("completed", "failed", "stopped", "violation"): ["ClarifyCheck", "QualityCheck"],
    }


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("completed", Outcome()),
        ("stopped", Outcome(stopped=True)),
        ("failed:AlgorithmError: a=b", Outcome(failure_reason="AlgorithmError: a=b")),
    ],
)
def test_the_job_of_a_step_ends_as_chosen(text: str, outcome: Outcome) -> None:
    assert chosen_outcomes(ABALONE, {"AbaloneTrain": text}) == {"AbaloneTrain": outcome}


def test_a_check_finds_a_violation() -> None:
    assert chosen_outcomes(CHECKS, {"DataBiasCheckStep": "violation"}) == {"DataBiasCheckStep": Outcome(violation=True)}


@pytest.mark.parametrize(
    "text", ["", "broken", "failed", "failed:", "stopped:", "stopped:why", "violation:x", "Failed:x"]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(OutcomeError, match="expected STEP= and completed, stopped") as caught:
        chosen_outcomes(CHECKS, {"DataBiasCheckStep": text})
    assert str(caught.value).endswith(f"found {f'DataBiasCheckStep={text}'!r}")


@pytest.mark.parametrize(
    ("step", "text", "message"),
    [
        ("AbaloneTrian", "stopped", "no step 'AbaloneTrian' (did you mean `AbaloneTrain`?)"),
        ("AbaloneMSECond", "stopped", "step AbaloneMSECond is of type Condition, which runs no job; outcomes are for"),
        ("AbaloneTrain", "violation", "step AbaloneTrain is of type Training, which finds no violations"),
    ],
)
def test_a_step_without_such_an_outcome_is_refused(step: str, text: str, message: str) -> None:
    with pytest.raises(OutcomeError) as caught:
        chosen_outcomes(ABALONE, {step: text})
    assert message in str(caught.value)


def test_what_is_deployed_cannot_be_stopped() -> None:
    pipeline = load_pipeline(GOLDEN / "v2_endpoint_ic_lineage.json")
    assert chosen_outcomes(pipeline, {"Endpoint": "failed:no disk"})["Endpoint"] == Outcome(failure_reason="no disk")
    for step in ("Endpoint", "InferenceComponent"):
        with pytest.raises(OutcomeError, match=f"step {step} is of type {step}, which cannot be stopped"):
            chosen_outcomes(pipeline, {step: "stopped"})


@pytest.mark.parametrize(
    ("chosen", "state", "written", "is_noted"),
    [
        (Outcome(violation=True), "succeeded", ["s3://b/out/constraints.json"], True),
        (Outcome(violation=True), "succeeded", [], True),
        (Outcome(violation=True), "succeeded", ["s3://b/out/constraint_violations.json"], False),  # it may be
        (Outcome(violation=True), "failed", [], False),
        (Outcome(violation=True), "skipped", [], False),
        (Outcome(), "succeeded", [], False),
    ],
)
def test_a_violation_that_was_chosen_for_a_check_without_a_comparison_is_told(
    chosen: Outcome, state: str, written: list[str], is_noted: bool
) -> None:
    notes = list(violations_without_effect({"V": chosen}, {"V": state}, {"V": written}))

    assert len(notes) == is_noted
    assert all(note.startswith("V: the outcome violation has no effect, since its SkipCheck is true") for note in notes)
