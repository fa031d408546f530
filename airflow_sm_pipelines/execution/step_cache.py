"""The results of earlier runs, as one try of a step sees them; runs in the worker.

It is made only for a step whose ``CacheConfig`` is enabled: all others ask nobody for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from airflow_sm_pipelines.aws.calls import find
from airflow_sm_pipelines.aws.properties import plain_properties
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, StepStart
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.errors import AwsCallError, StepFailedError
from airflow_sm_pipelines.execution.cache_store import CacheStore
from airflow_sm_pipelines.execution.metrics import count_cache
from airflow_sm_pipelines.execution.scope import step_errors
from airflow_sm_pipelines.execution.step_run import StepRun
from airflow_sm_pipelines.execution.xcoms import publish_cache_hit, publish_cache_miss
from airflow_sm_pipelines.semantics.cache import CacheEntry, Miss, Wanted, find_entry
from airflow_sm_pipelines.semantics.cache_keys import (
    MODEL_NAME,
    CacheKey,
    Signature,
    cache_key_of,
    digest,
    signature_of,
)
from airflow_sm_pipelines.semantics.run_options import CacheUse

_REFRESH = f"the run's sm_cache is {CacheUse.REFRESH}"
_CLEARED = "the task was cleared, so its step runs again"


class StepCache:
    """What earlier runs have left of a step, and what this one leaves.

    Args:
        run: The try.
        key: The attributes that count.
        now: The present time in UTC.
    """

    def __init__(self, run: StepRun, key: CacheKey, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._run = run
        self._key = key
        self._now = now
        config, owner = run.plan.step.cache_config, run.identity.owner
        self._expire_after = None if config is None else config.expire_after
        self._use = run.options.cache
        self._is_cleared = run.identity.epoch.is_cleared
        self._item = self._digest_of_item()
        self._store = CacheStore(owner.dag_id, owner.task_id, self._item, run.log)

    @classmethod
    def of(cls, run: StepRun) -> StepCache | None:
        """Return the cache of a step; ``None`` if it has none, or the run does without.

        Raises:
            StepError: An option of the run has a value that it cannot have.
        """
        key = cache_key_of(run.plan.step)
        return None if key is None or run.options.cache is CacheUse.OFF else cls(run, key)

    # -- what counts -----------------------------------------------------------------------------------------------

    def signature_of_job(self, start: StepStart) -> Signature:
        """Return the signature of a step that creates an AWS resource.

        It is made of the Arguments alone, before the builder makes its first call: a hit creates nothing, neither an
        application nor a trial, and what a builder adds is no attribute.

        Args:
            start: The step, under the name of its attempt.
        """
        arguments = start.resolved_arguments()
        if start.kind is not None and not STEP_TYPES[self._run.plan.step.type].closed:
            arguments, _ = start.shape(AwsCall(start.kind.service, start.kind.create, arguments))
        members = self._run.members() if self._key.members else {}
        model = {**members, **arguments}.get(MODEL_NAME) if self._key.compares_model else None
        return signature_of(self._key, arguments, members, None if model is None else self._containers(str(model)))

    def signature_of_message(self, payload: Mapping[str, Json], members: Mapping[str, Json]) -> Signature:
        """Return the signature of a step that sends a message.

        Args:
            payload: What is sent.
            members: Who receives it, and the declared outputs.
        """
        return signature_of(self._key, payload, members)

    def _containers(self, model: str) -> Json:
        """Return what a model consists of; ``None`` if AWS does not tell: then its name counts."""
        try:
            found = find(self._run.client("sagemaker"), "DescribeModel", {MODEL_NAME: model})
        except AwsCallError as error:
            if error.exception_type:
                raise StepFailedError.of_refusal(self._run.step, error, purpose=f"look at model {model}") from error
            message = "Comparing model %s by its name, not by its containers (allow sagemaker:DescribeModel): %s"
            self._run.log.warning(message, model, error.in_words())
            return None
        if found is None:
            return None
        described = plain_properties(found)
        return [described.get("PrimaryContainer"), described.get("Containers")]

    def _digest_of_item(self) -> str:
        if self._run.plan.step.body_of is None:
            return ""
        with step_errors(self._run.step, "ForEach.CurrentItem"):
            return digest(self._run.scope.current_item())

    # -- looking for a result --------------------------------------------------------------------------------------

    def find(self, signature: Signature) -> CacheEntry | None:
        """Return the result that stands for the step if it is still there; say why there is none.

        Args:
            signature: The step's signature.
        """
        told_to_run = _REFRESH if self._use is CacheUse.REFRESH else _CLEARED if self._is_cleared else ""
        if told_to_run:
            self.miss(told_to_run)
            return None
        wanted = Wanted(signature, self._run.identity.owner.run_id, self._expire_after, self._item)
        found = find_entry(self._store.entries(), wanted, self._now())
        if isinstance(found, Miss):
            self.miss(found.because)
            return None
        return found

    def find_outputs(self, signature: Signature) -> JsonObject | None:
        """Return the outputs of an earlier run that stand for the step; say so, or why there are none.

        Args:
            signature: The step's signature.
        """
        entry = self.find(signature)
        if entry is None:
            return None
        if entry.outputs is None:
            self.miss(f"the step was of another type in run {entry.run_id}")
            return None
        self.hit(entry)
        return entry.outputs

    def hit(self, entry: CacheEntry) -> None:
        """Say that the step has the result of an earlier run."""
        what = f"{entry.reference}, " if entry.reference else ""
        since = entry.succeeded_at.isoformat(timespec="seconds")
        self._run.log.info("Cache hit: run %s (%ssucceeded at %s)", entry.run_id, what, since)
        publish_cache_hit(self._run.context, entry.run_id, entry.reference)
        count_cache(self._run.context, self._run.plan.step.type, hit=True)

    def miss(self, because: str) -> None:
        """Say why the step runs."""
        self._run.log.info("Cache miss: %s", because)
        publish_cache_miss(self._run.context, because)
        count_cache(self._run.context, self._run.plan.step.type, hit=False)

    # -- leaving a result ------------------------------------------------------------------------------------------

    def keep(
        self, signature: Signature, *, kind: str = "", reference: str = "", outputs: JsonObject | None = None
    ) -> None:
        """Note the result of the step, which has succeeded just now.

        Args:
            signature: The step's signature when it began.
            kind: Key of the resource's row.
            reference: What Describe takes.
            outputs: What the step has answered, if no API tells that again.
        """
        now = self._now()
        run_id = self._run.identity.owner.run_id
        entry = CacheEntry(dict(signature), run_id, now, kind, reference, outputs, self._item)
        self._store.keep(entry, self._expire_after, now)
