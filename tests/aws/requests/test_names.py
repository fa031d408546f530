"""Names of executions and resources."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.names import (
    execution_id,
    longest_prefix,
    name_stem,
    new_token,
    resource_name,
)
from airflow_sm_pipelines.errors import UnfitRequestError

# The service's own patterns: step names (developer guide, "Define a pipeline") and execution ids.
STEP_NAMES = st.from_regex(r"[A-Za-z0-9-_]{1,64}", fullmatch=True)
IDENTIFIER = re.compile(r"[a-z0-9]{12}")
TOKEN = "t0k3nt0k3n"
EXECUTION = "abcdef012345"
SHORT_LIMIT = 32
LIMITS = st.sampled_from([SHORT_LIMIT, 63])
# As long as the service allows (developer guide, "Prefix length restrictions").
PREFIXES = st.text(max_size=38)
SHORT_PREFIXES = st.text(max_size=6)


@pytest.fixture(scope="module")
def name_rule(sagemaker_client: Any) -> tuple[re.Pattern[str], int]:
    """Pattern and longest length of a processing job's name, from the API's model."""
    shape = sagemaker_client.meta.service_model.operation_model("CreateProcessingJob").input_shape
    metadata = shape.members["ProcessingJobName"].metadata
    return re.compile(metadata["pattern"]), metadata["max"]


def test_a_name_has_the_services_own_form() -> None:
    name = resource_name(EXECUTION, "AbaloneProcess", TOKEN, 2, limit=63)

    assert name == f"pipelines-{EXECUTION}-AbaloneProcess-{TOKEN}-2"


def test_a_step_name_is_cut_to_20_characters() -> None:
    name = resource_name(EXECUTION, "a" * 64, TOKEN, 0, limit=63)

    assert name == f"pipelines-{EXECUTION}-{'a' * 20}-{TOKEN}-0"


def test_pipelines_is_always_prepended_also_to_a_name_of_32_characters() -> None:
    """IAM policies match ``pipelines-*``; the step's name does not fit beside it."""
    assert resource_name(EXECUTION, "Deployment", TOKEN, 0, limit=SHORT_LIMIT) == f"pipelines-{EXECUTION}-t0k3nt0-0"


def test_the_short_name_of_an_earlier_version_is_found_by_the_stem() -> None:
    """A clear lists the jobs whose names contain it; a job of the old form may still run after an upgrade."""
    of_earlier_version = f"{EXECUTION}-Deploy-t0k3nt0k-0"

    assert name_stem(EXECUTION, "Deployment", limit=SHORT_LIMIT) in of_earlier_version
    assert name_stem(EXECUTION, "Deployment", limit=SHORT_LIMIT) in resource_name(
        EXECUTION, "Deployment", TOKEN, 0, limit=SHORT_LIMIT
    )


def test_a_name_in_the_definition_is_a_prefix() -> None:
    name = resource_name(EXECUTION, "Step", TOKEN, 1, limit=63, prefix="nightly_run")

    assert name == f"nightly-run-{EXECUTION}-{TOKEN}-1"


def test_a_prefix_comes_first_also_in_a_name_of_32_characters() -> None:
    """IAM policies match ``<prefix>-*`` (developer guide, "Apply job prefixes to an IAM policy")."""
    assert (
        resource_name(EXECUTION, "Tune", TOKEN, 0, limit=SHORT_LIMIT, prefix="MyBase")
        == f"MyBase-{EXECUTION}-{TOKEN}-0"
    )


@pytest.mark.parametrize(("limit", "longest"), [(63, 38), (SHORT_LIMIT, 6)])
def test_a_prefix_of_38_characters_fits_and_one_of_6_in_a_short_name(limit: int, longest: int) -> None:
    prefix = "p" * longest
    name = resource_name(EXECUTION, "Step", TOKEN, 1003, limit=limit, prefix=prefix)

    assert longest_prefix(limit) == longest
    assert name.startswith(f"{prefix}-{EXECUTION}-{TOKEN[:6]}")
    assert name.endswith("-1003")
    assert len(name) <= limit


@pytest.mark.parametrize(("limit", "longest"), [(63, 38), (SHORT_LIMIT, 6)])
def test_a_longer_prefix_is_refused_and_never_cut(limit: int, longest: int) -> None:
    with pytest.raises(UnfitRequestError, match=f"at most {longest} characters; .* has {longest + 1}$"):
        resource_name(EXECUTION, "Step", TOKEN, 0, limit=limit, prefix="p" * (longest + 1))


@given(failures=st.integers(0, 1003), limit=LIMITS, prefix=st.none() | SHORT_PREFIXES, tokens=st.data())
def test_steps_of_one_prefix_have_names_of_their_own(
    failures: int, limit: int, prefix: str | None, tokens: st.DataObject
) -> None:
    """Whoever finds a name of its own adopts what bears it."""
    token = st.from_regex(r"[a-z0-9]{10}", fullmatch=True)
    one, other = tokens.draw(token), tokens.draw(token)
    kept = 4 if limit == SHORT_LIMIT and not prefix else 6  # beside `pipelines`, with a number of four digits
    assume(one[:kept] != other[:kept])
    names = {resource_name(EXECUTION, "Step", token, failures, limit=limit, prefix=prefix) for token in (one, other)}

    assert len(names) == 2


@given(step=STEP_NAMES, failures=st.integers(0, 1003), prefix=st.none() | PREFIXES)
def test_every_step_name_gives_a_name_that_the_api_accepts(
    name_rule: tuple[re.Pattern[str], int], step: str, failures: int, prefix: str | None
) -> None:
    pattern, limit = name_rule
    name = resource_name(EXECUTION, step, TOKEN, failures, limit=PROCESSING_JOB.name_limit, prefix=prefix)

    assert pattern.fullmatch(name)
    assert len(name) <= limit
    assert re.search(rf"-{TOKEN[:6]}[0-9a-z]{{0,4}}-{failures}$", name)


@given(step=STEP_NAMES, failures=st.integers(0, 1003), prefix=st.none() | SHORT_PREFIXES)
def test_every_step_name_gives_a_short_name_of_at_most_32_characters(
    name_rule: tuple[re.Pattern[str], int], step: str, failures: int, prefix: str | None
) -> None:
    name = resource_name(EXECUTION, step, TOKEN, failures, limit=SHORT_LIMIT, prefix=prefix)

    assert name_rule[0].fullmatch(name)
    assert len(name) <= SHORT_LIMIT
    assert name.endswith(f"-{failures}")
    assert prefix or name.startswith(f"pipelines-{EXECUTION}-")


@given(step=STEP_NAMES, prefix=st.none() | SHORT_PREFIXES, limit=LIMITS)
def test_the_stem_is_in_every_name_of_the_step(step: str, prefix: str | None, limit: int) -> None:
    stem = name_stem(EXECUTION, step, limit=limit, prefix=prefix)
    names = [
        resource_name(EXECUTION, step, new_token(), failures, limit=limit, prefix=prefix) for failures in (0, 9, 1003)
    ]

    assert all(stem in name for name in names)
    assert EXECUTION in stem


@given(identity=st.lists(st.text(), min_size=1))
def test_an_execution_id_is_12_lower_case_alphanumerics(identity: list[str]) -> None:
    assert IDENTIFIER.fullmatch(execution_id(*identity))


@given(
    identity=st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=4, max_size=4
    ),
    index=st.integers(0, 3),
)
def test_an_execution_id_depends_on_each_part_and_its_place(identity: list[str], index: int) -> None:
    changed = [*identity]
    changed[index] += "x"
    moved = [*identity]
    moved[index] = ""
    moved[index - 1] += identity[index]

    assert execution_id(*identity) == execution_id(*identity)
    assert execution_id(*identity) != execution_id(*changed)
    assert identity == moved or execution_id(*identity) != execution_id(*moved)


def test_tokens_are_10_lower_case_alphanumerics_and_never_the_same() -> None:
    tokens = [new_token() for _ in range(1000)]

    assert len(set(tokens)) == len(tokens)
    assert all(re.fullmatch(r"[a-z0-9]{10}", token) for token in tokens)
