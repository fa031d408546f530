"""The decisions of a round, from its seed."""

from __future__ import annotations

from itertools import islice

from airflow_sm_pipelines.local.server.faults import parse_rules
from tests.soak.plan import (
    AWS,
    BY_NAME,
    DEEDS,
    DROP_BEFORE,
    KILLED_AFTER,
    SLOW,
    THROTTLED,
    TRIGGERER,
    Decision,
    decisions,
)


def drawn(seed: int, number: int, count: int = 500) -> list[Decision]:
    return list(islice(decisions(seed, number), count))


def test_a_seed_and_a_round_repeat_their_sequence() -> None:
    assert drawn(7, 3) == drawn(7, 3)


def test_another_seed_or_round_gives_another_sequence() -> None:
    assert drawn(7, 3) != drawn(8, 3)
    assert drawn(7, 3) != drawn(7, 4)


def test_a_sequence_is_the_same_in_every_process_and_python() -> None:
    told = [(one.deed, one.deployment, round(one.pick, 3)) for one in drawn(7, 1, 3)]
    assert told == [(DROP_BEFORE, 1, 0.372), (TRIGGERER, 0, 0.674), (THROTTLED, 1, 0.371)]


def test_every_deed_is_drawn() -> None:
    assert {one.deed for one in drawn(1, 1, 2000)} == set(BY_NAME)


def test_both_deployments_are_hit() -> None:
    assert {one.deployment for one in drawn(1, 1)} == {0, 1}


def test_the_local_aws_takes_every_rule_and_each_hits_one_call() -> None:
    rules = parse_rules([dict(one.details) for one in drawn(1, 1, 2000) if BY_NAME[one.deed].group == AWS])
    assert {rule.times for rule in rules} == {1}


def test_a_rule_does_what_its_deed_says() -> None:
    rules = {one.deed: one.details for one in drawn(1, 1, 2000) if BY_NAME[one.deed].group == AWS}
    assert rules[KILLED_AFTER]["action"] == "kill_client_after"
    assert rules[SLOW]["action"] == "slow"
    assert rules[SLOW]["seconds"] >= 1


def test_a_decision_picks_the_same_one_of_the_same() -> None:
    decision = Decision(0, 0.0, DEEDS[0].name, 0, pick=0.99)
    assert decision.choose(["a", "b", "c"]) == "c"
    assert decision.choose([]) is None
