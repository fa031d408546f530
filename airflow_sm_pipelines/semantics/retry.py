"""SageMaker's retry policies as arithmetic.

Source of the rules: developer guide, "Retry Policy for Pipeline Steps". Every step retries ``Step.SERVICE_FAULT``
and ``Step.THROTTLING`` without a policy; delays grow as ``interval * backoff_rate ** retries``; a policy ends
after ``MaxAttempts`` retries or ``ExpireAfterMin`` minutes from the step's first attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airflow_sm_pipelines.definition.models import RetryPolicy

_DEFAULT_TYPES = ("Step.SERVICE_FAULT", "Step.THROTTLING")
_DEFAULT_INTERVAL = 1.0
_DEFAULT_BACKOFF_RATE = 2.0
_DEFAULT_MAX_ATTEMPTS = 5
_MOST_RETRIES = 1000
_MOST_DELAYS_SHOWN = 5
# Policies can be written whose delays exceed any date, or any number.
_LONGEST_DELAY = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class RetryRule:
    """When and how often failures of certain types are retried.

    Attributes:
        exception_types: SageMaker's retry exception types, e.g. ``Step.THROTTLING``.
        interval: Seconds before the first retry.
        backoff_rate: Factor by which each further delay grows.
        max_attempts: How many retries at most; ``None`` if only the time counts.
        expire_after: Seconds from the step's first attempt within which retries start; ``None`` if only the number
            counts.
    """

    exception_types: frozenset[str]
    interval: float = _DEFAULT_INTERVAL
    backoff_rate: float = _DEFAULT_BACKOFF_RATE
    max_attempts: int | None = _DEFAULT_MAX_ATTEMPTS
    expire_after: float | None = None

    def delay(self, done: int) -> float:
        """Return the seconds to wait before the retry after ``done`` retries, at most a year."""
        try:
            return min(float(self.interval * self.backoff_rate**done), _LONGEST_DELAY)
        except OverflowError:
            return _LONGEST_DELAY if self.interval else 0.0

    def most_retries(self) -> int:
        """Return how many retries the rule can grant, however long the attempts take."""
        if self.max_attempts is not None:
            return self.max_attempts
        done, waited, limit = 0, 0.0, self.expire_after or 0.0
        while done < _MOST_RETRIES and waited + self.delay(done) <= limit:
            waited += self.delay(done)
            done += 1
        return done

    def in_words(self) -> str:
        """Describe the rule: ``SageMaker.CAPACITY_ERROR: 3 retries, after 1, 2, 4 s``."""
        kinds = ", ".join(sorted(self.exception_types))
        if self.max_attempts == 0:
            return f"{kinds}: never retried"
        most = self.most_retries()
        delays = ", ".join(f"{self.delay(done):g}" for done in range(min(most, _MOST_DELAYS_SHOWN)))
        more = ", ..." if most > _MOST_DELAYS_SHOWN else ""
        if self.max_attempts is not None:
            return f"{kinds}: {most} {'retry' if most == 1 else 'retries'}, after {delays}{more} s"
        minutes = f"{(self.expire_after or 0) / 60:g} min"
        if not most:
            return f"{kinds}: not retried: the first retry would start later than {minutes} after the first attempt"
        return f"{kinds}: retried until {minutes} after the first attempt, after {delays}{more} s"


class Retry(NamedTuple):
    """One retry that a rule grants.

    Attributes:
        rule: Index of the rule among all rules of the step.
        delay: Seconds to wait before it.
        number: Which retry of the rule this is, from 1.
        of: How many the rule grants, ``None`` if only time limits it.
    """

    rule: int
    delay: float
    number: int
    of: int | None


def rules_of(policies: Iterable[RetryPolicy]) -> tuple[RetryRule, ...]:
    """Return the rules of a step: its policies in order, then the service's default for what they do not name."""
    rules = [_rule(policy) for policy in policies]
    named = {exception_type for rule in rules for exception_type in rule.exception_types}
    default = frozenset(exception_type for exception_type in _DEFAULT_TYPES if exception_type not in named)
    return (*rules, RetryRule(default)) if default else tuple(rules)


def next_retry(
    rules: Sequence[RetryRule], exception_type: str | None, granted: Sequence[int], elapsed: float
) -> Retry | None:
    """Return the retry that the first matching rule still grants, ``None`` if there is none.

    Args:
        rules: The step's rules in order; the first that names the type decides.
        exception_type: SageMaker's type of the failure, ``None`` if it has no type.
        granted: How many retries each rule has granted since the step was started or cleared.
        elapsed: Seconds since the step's first attempt.
    """
    for index, rule in enumerate(rules):
        if exception_type not in rule.exception_types:
            continue
        done, delay = granted[index], rule.delay(granted[index])
        if rule.max_attempts is not None and done >= rule.max_attempts:
            return None
        if rule.expire_after is not None and elapsed + delay > rule.expire_after:
            return None
        return Retry(index, delay, done + 1, rule.max_attempts)
    return None


def most_retries(rules: Iterable[RetryRule]) -> int:
    """Return how many retries the rules can grant together."""
    return min(sum(rule.most_retries() for rule in rules), _MOST_RETRIES)


def _rule(policy: RetryPolicy) -> RetryRule:
    attempts = policy.max_attempts
    if attempts is None and policy.expire_after_min is None:
        attempts = _DEFAULT_MAX_ATTEMPTS
    return RetryRule(
        exception_types=frozenset(policy.exception_types),
        interval=_DEFAULT_INTERVAL if policy.interval_seconds is None else policy.interval_seconds,
        backoff_rate=_DEFAULT_BACKOFF_RATE if policy.backoff_rate is None else policy.backoff_rate,
        max_attempts=attempts,
        expire_after=None if policy.expire_after_min is None else policy.expire_after_min * 60.0,
    )
