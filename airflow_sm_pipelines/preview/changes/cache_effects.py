"""Which cached steps compute their result again after a change of the definition, and why.

A cached step runs again if one of its key attributes has changed (`airflow_sm_pipelines.semantics.cache_keys`), or if
one of them holds a property of a step that runs again, and that property is new then. Parameters have their defaults
here; what only a run tells is said to be possible, not certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from airflow_sm_pipelines.aws.requests.shaping import shape_request
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Namespace, Reference, Unknown, evaluate, references
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.errors import MissingMemberError
from airflow_sm_pipelines.preview.api_models import input_shape
from airflow_sm_pipelines.preview.cache_advice import is_new_when_it_runs, never_reused_results, repeated_argument
from airflow_sm_pipelines.preview.changes.definition_changes import Renames, renamed
from airflow_sm_pipelines.preview.json_changes import same_json
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.semantics.cache_keys import MODEL_NAME, CacheKey, cache_key_of, signature_of

Effect = Literal["runs again", "may run again", "is reused", "runs in each run"]
"""What becomes of the result of a cached step in the next run."""

_CONTAINERS = ("PrimaryContainer", "Containers")


@dataclass(frozen=True, slots=True)
class CacheEffect:
    """What a change of the definition means for a cached step.

    Attributes:
        step: Name of the step.
        effect: What becomes of the result that it had before the change.
        because: The reason; empty if the result is reused.
    """

    step: str
    effect: Effect
    because: str = ""


@dataclass(frozen=True, slots=True)
class _Disturbance:
    """Why a step, or a value, is another than before the change."""

    because: str
    is_certain: bool = True


def cache_effects(old: Pipeline, new: Pipeline, renames: Renames) -> Iterator[CacheEffect]:
    """Yield what a change means for each cached step of the new definition, in its order.

    Args:
        old: The definition before the change.
        new: The definition after it.
        renames: Steps that have another name now.
    """
    never = {one.path: one.message for one in never_reused_results(new)}
    disturbances = _Disturbances(old, new, renames)
    for step in new.steps:
        if cache_key_of(step) is None:
            continue
        message = never.get(f"{step.path}.CacheConfig")
        found = disturbances.of_step(step.name)
        if message is not None:
            yield CacheEffect(step.name, "runs in each run", message)
        elif found is None:
            yield CacheEffect(step.name, "is reused")
        else:
            yield CacheEffect(step.name, "runs again" if found.is_certain else "may run again", found.because)


class _Disturbances:
    """Tells which steps of a definition do not give what they gave before a change.

    Args:
        old: The definition before the change.
        new: The definition after it.
        renames: Steps that have another name now.
    """

    def __init__(self, old: Pipeline, new: Pipeline, renames: Renames) -> None:
        self._pipelines = (old, new)
        self._old = {step.name: step for step in old.steps}
        self._new = {step.name: step for step in new.steps}
        self._renames = renames
        self._before = {now: was for was, now in renames.items()}
        self._known: dict[str, _Disturbance | None] = {}

    def of_step(self, name: str) -> _Disturbance | None:
        """Return why a step runs again, or gives something else; ``None`` if the change does not reach it."""
        if name not in self._known:
            step = self._new[name]
            key = cache_key_of(step)
            self._known[name] = self._of_uncached(step) if key is None else self._of_cached(step, key)
        return self._known[name]

    def _of_cached(self, step: Step, key: CacheKey) -> _Disturbance | None:
        was = self._old.get(step.name)
        if step.name in self._before:
            return _Disturbance(f"was {self._before[step.name]}: results are kept under the name of the step")
        if was is None:
            return _Disturbance("is new")
        if was.type != step.type:
            return _Disturbance("is of another type now")
        if cache_key_of(was) is None:
            return _Disturbance("was not cached before")
        now, before = self._signature(step, key, 1), self._signature(was, key, 0)
        changed = [name for name, digest in now.items() if before[name] != digest]
        if changed:
            return _Disturbance(f"{', '.join(changed)} changed")
        return self._first(
            self._of_reference(reference, step, is_model=attribute == MODEL_NAME)
            for path, reference in step.references
            if (attribute := key.attribute_at(path))
        )

    def _of_uncached(self, step: Step) -> _Disturbance | None:
        """A step that runs in each run gives something else only if it, or what it reads, has changed."""
        was = self._old.get(self._before.get(step.name, step.name))
        if was is None or was.type != step.type:
            return _Disturbance(f"{step.name} is new")
        if not same_json(self._evaluated(was, 0), self._evaluated(step, 1)):
            return _Disturbance(f"{step.name} changed")
        return self._first(self._of_reference(reference, step) for _, reference in step.references)

    def _of_reference(self, reference: Reference, reader: Step, *, is_model: bool = False) -> _Disturbance | None:
        if reference.namespace is Namespace.CURRENT_ITEM and reader.body_of is not None:
            loop = self._of_uncached(self._new[reader.body_of])
            return loop and _Disturbance(f"the items of {reader.body_of} may be others", is_certain=False)
        if reference.namespace not in (Namespace.STEP, Namespace.PROPERTY_FILE):
            return None
        upstream = self._new[reference.name]
        if is_model and upstream.type == "Model" and reference.path == (MODEL_NAME,):
            return self._of_containers(upstream)
        found = self.of_step(reference.name)
        return found and self._of_property(upstream, reference, found)

    def _of_property(self, upstream: Step, reference: Reference, found: _Disturbance) -> _Disturbance | None:
        """Return what becomes of a property, or a property file, of a step that gives something else now."""
        is_property = reference.namespace is Namespace.STEP and bool(reference.path)
        runs_again = found.is_certain and cache_key_of(upstream) is not None
        if is_property and runs_again and is_new_when_it_runs(self._pipelines[1], upstream, reference.path):
            return _Disturbance(f"follows {reference.name}, which runs again: {reference} is new then")
        if is_property and self._repeats_the_same(upstream, reference):
            return None
        return _Disturbance(f"reads {reference}, and {found.because}", is_certain=False)

    def _of_containers(self, model: Step) -> _Disturbance | None:
        """A model is compared by its containers: its own name is new in each run."""
        was = self._old.get(self._before.get(model.name, model.name))
        if was is None or was.type != model.type:
            return _Disturbance(f"the model {model.name} is new")
        parts = [
            {name: value for name, value in self._evaluated(one, side).items() if name in _CONTAINERS}
            for one, side in ((was, 0), (model, 1))
        ]
        if not same_json(*parts):
            return _Disturbance(f"the containers of {model.name} changed")
        told = [model.arguments.get(name) for name in _CONTAINERS]
        return self._first(self._of_reference(reference, model) for _, reference in references(cast("Json", told)))

    def _repeats_the_same(self, upstream: Step, reference: Reference) -> bool:
        """Tell whether a property repeats an argument that is the same before and after the change."""
        was = self._old.get(self._before.get(upstream.name, upstream.name))
        if was is None:
            return False
        try:
            before, now = (repeated_argument(one, reference.path) for one in (was, upstream))
        except MissingMemberError:
            return False
        same = same_json(self._value(renamed(before, self._renames), 0), self._value(now, 1))
        return same and self._first(self._of_reference(one, upstream) for _, one in references(now)) is None

    @staticmethod
    def _first(found: Iterator[_Disturbance | None]) -> _Disturbance | None:
        """Return the first disturbance that is certain, else the first."""
        every = [one for one in found if one is not None]
        return next((one for one in every if one.is_certain), every[0] if every else None)

    def _signature(self, step: Step, key: CacheKey, side: int) -> Mapping[str, str]:
        arguments = self._evaluated(step, side)
        row = CATALOG[step.type]
        kind = row.kind_of(step.arguments)
        shape = None if kind is None or STEP_TYPES[step.type].closed else input_shape(kind.service, kind.create)
        if shape is not None:
            arguments, _ = shape_request(arguments, shape, is_unknown=_is_unknown)
        members = {name: self._value(renamed(value, self._renames), side) for name, value in step.members.items()}
        return signature_of(key, arguments, members)

    def _evaluated(self, step: Step, side: int) -> JsonObject:
        own: Any = own_arguments(step)
        tree = renamed(own, {} if side else self._renames)
        return cast("JsonObject", self._value(tree, side, payload=STEP_TYPES[step.type].payload))

    def _value(self, tree: Json, side: int, *, payload: bool = False) -> Json:
        return evaluate(tree, PlaceholderScope(self._pipelines[side], {}), payload=payload)


def _is_unknown(value: object) -> bool:
    return isinstance(value, Unknown)
