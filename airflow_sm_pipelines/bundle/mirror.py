"""The mirror of an account: what was seen last, and how a refresh makes a new version of it.

Runs in the DAG processor, which keeps a `Mirror` for as long as it lives. Other processes only look up what it saw.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_sm_pipelines.aws.failures import THROTTLING
from airflow_sm_pipelines.bundle.account import ListedPipeline, Selection, listed_pipelines, pipeline_file
from airflow_sm_pipelines.bundle.file_tree import FileTree, digest_of
from airflow_sm_pipelines.bundle.store import StoreError, VersionStore
from airflow_sm_pipelines.errors import AwsCallError, CallUnansweredError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_log = logging.getLogger(__name__)
READING_SECONDS = 60.0
"""How long a refresh describes pipelines: the DAG processor does nothing else meanwhile. The next one goes on."""


class MirroredPipeline(BaseModel):
    """A pipeline as it was described last.

    Attributes:
        reference: Its name, or the ARN that the user gave.
        dag_id: Id of its DAG.
        sign: What the list said of it before it was described.
        digest: sha256 of its file.
    """

    model_config = ConfigDict(frozen=True)
    reference: str
    dag_id: str
    sign: str
    digest: str


class MirrorState(BaseModel):
    """What was seen last.

    Attributes:
        version: The version of the bundle that was made of it.
        pipelines: The pipelines, in the order of the ids of their DAGs.
    """

    model_config = ConfigDict(frozen=True)
    version: str
    pipelines: tuple[MirroredPipeline, ...]


@dataclass(slots=True)
class Mirror:
    """The mirror of the pipelines of an account.

    Attributes:
        label: What the log calls it: the bundle and its account.
        pointer: Name of the object of the store that says what was seen last.
        selection: Which pipelines are mirrored.
        store: Where the versions are kept.
        loader_files: Returns the files beside those of the pipelines, by their paths.
        client: Returns a boto3 client for SageMaker.
        state: What was seen last; ``None`` if this process does not know it yet.
    """

    label: str
    pointer: str
    selection: Selection
    store: VersionStore
    loader_files: Callable[[], Mapping[str, bytes]]
    client: Callable[[], BaseClient]
    state: MirrorState | None = None
    _refused: set[str] = field(default_factory=set)

    def recall(self) -> MirrorState | None:
        """Return what was seen last, by this process or another one; ``None`` if nobody has seen anything yet.

        Raises:
            StoreError: The store cannot be read.
        """
        if self.state is None:
            stored = self.store.shelf.read(self.pointer)
            self.state = None if stored is None else self._read_state(stored)
        return self.state

    def _read_state(self, stored: bytes) -> MirrorState | None:
        try:
            return MirrorState.model_validate_json(stored)
        except ValidationError as error:
            _log.warning(
                "%s: %s of the store is not readable and will be replaced: %s", self.label, self.pointer, error
            )
            return None

    def refresh(self) -> MirrorState:
        """Return what the account has now; what it had when it was last seen, if it or the store cannot be reached.

        Raises:
            AwsCallError: The account cannot be read, and was never seen.
            StoreError: The store cannot be used, and the account was never seen.
        """
        before = self.recall()
        try:
            after = self._published(before, self._read(before))
        except (AwsCallError, StoreError) as error:
            if before is None:
                raise
            _log.warning("%s: no refresh, the DAGs stay as they are: %s", self.label, error)
            after = before
        self.state = after
        return after

    def _read(self, before: MirrorState | None) -> tuple[MirroredPipeline, ...]:
        """Return the pipelines as they are now, described where the list shows a change."""
        client = self.client()
        listed = listed_pipelines(client, self.selection)
        earlier = {one.reference: one for one in before.pipelines} if before else {}
        reading = _Reading(self, client, time.monotonic() + READING_SECONDS)
        # Those that failed last time come last: one that never answers must not keep the others from being read.
        for one in sorted(listed, key=lambda one: one.reference in self._refused):
            reading.add(one, earlier.get(one.reference))
        self._refused = reading.refused
        if reading.left:
            _log.warning("%s: pipelines left for the next refresh: %d", self.label, reading.left)
        return tuple(sorted(reading.found, key=lambda one: one.dag_id))

    def _published(self, before: MirrorState | None, pipelines: tuple[MirroredPipeline, ...]) -> MirrorState:
        """Return the state with these pipelines, kept in the store; nothing is written if it is the one before."""
        extra = self.loader_files()
        tree = FileTree(
            {
                **{path: digest_of(content) for path, content in extra.items()},
                **{f"pipelines/{one.dag_id}.json": one.digest for one in pipelines},
            }
        )
        after = MirrorState(version=tree.version, pipelines=pipelines)
        if before is None or before.version != after.version:
            for content in extra.values():
                self.store.write_file(content)
            self.store.write_version(tree)
            _log.info("%s: version %s, number of pipelines: %d", self.label, tree.version, len(pipelines))
        if before != after:
            self.store.shelf.write(self.pointer, after.model_dump_json(indent=1).encode())
        return after


@dataclass(slots=True)
class _Reading:
    """The pipelines that one refresh has found so far.

    Attributes:
        mirror: The mirror.
        client: A boto3 client for SageMaker.
        deadline: When no further pipeline is described, in seconds of the monotonic clock.
        found: What is mirrored now.
        refused: References of pipelines that could not be described.
        left: How many pipelines were not looked at.
        is_over: Whether AWS wants no further calls.
    """

    mirror: Mirror
    client: BaseClient
    deadline: float
    found: list[MirroredPipeline] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    left: int = 0
    is_over: bool = False

    def add(self, listed: ListedPipeline, earlier: MirroredPipeline | None) -> None:
        """Add a pipeline as it is now; as it was, if it has not changed, or cannot be described."""
        if earlier is not None and listed.sign and (earlier.sign, earlier.dag_id) == (listed.sign, listed.dag_id):
            self.found.append(earlier)
        elif self.is_over or time.monotonic() > self.deadline:
            self.left += 1
            self._keep(earlier)
        else:
            self._describe(listed, earlier)

    def _describe(self, listed: ListedPipeline, earlier: MirroredPipeline | None) -> None:
        try:
            content = pipeline_file(self.client, listed)
        except AwsCallError as error:
            self.refused.add(listed.reference)
            self.is_over = isinstance(error, CallUnansweredError) or error.exception_type == THROTTLING
            outcome = "stays as it was" if earlier else "is not there yet"
            _log.warning("%s: the DAG %s %s: %s", self.mirror.label, listed.dag_id, outcome, error)
            self._keep(earlier)
            return
        if content is None:
            return
        digest = digest_of(content)
        if earlier is None or earlier.digest != digest:
            self.mirror.store.write_file(content)
        self.found.append(
            MirroredPipeline(reference=listed.reference, dag_id=listed.dag_id, sign=listed.sign, digest=digest)
        )

    def _keep(self, earlier: MirroredPipeline | None) -> None:
        if earlier is not None:
            self.found.append(earlier)
