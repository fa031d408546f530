"""Triggers that wait for jobs of one kind share one look at them; runs in the triggerer.

One List in an interval tells which of many jobs have ended. That is a hint: it wakes their triggers, and each describes
its own job, as it also does once in a while without a hint. Where a List does not help (few jobs, a kind whose List
tells no order, throttling, a refusal, too many pages), the triggers describe their jobs at a bounded rate. So nothing
that happens to a List is a failure of a job.

A watcher belongs to one event loop, one connection and one kind. All of it runs in that loop; only calls to AWS are
made in threads.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.kinds.resource_kind import NewestFirst
from airflow_sm_pipelines.aws.listing import Listed, list_page, list_request
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.daemon_threads import in_daemon_thread
from airflow_sm_pipelines.semantics import watching

if TYPE_CHECKING:
    from botocore.client import BaseClient

_PAGE_PATIENCE = 30.0
"""Seconds for one page: longer than botocore's own time limits in a triggerer, for a server that sends bit by bit."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Place:
    """The place of one trigger in a watcher.

    Attributes:
        watcher: The watcher.
        group: The places whose jobs are listed together.
        reference: The job's reference.
        interval: Seconds between two looks that its step asks for.
        may_describe_at: When its first Describe may be made, on the clock of the event loop.
        jitter: A random number from 0 to 1, another one after each look.
        described_at: When its job was last described, ``None`` if it never was.
        seen_at: When AWS last told that its job runs, by a Describe or a List.
        relisted_at: When it is listed again, ``None`` if it is listed.
        created: When AWS has created its job, as far as a List told.
        is_hinted: Whether a List told that its job has ended.
        tell: Takes the state of the job in words, in the context of the trigger, when it has changed.
        state: The state that a List or a Describe told last.
        told: The state that was handed to ``tell``.
    """

    watcher: Watcher
    group: _Group
    reference: str
    interval: float
    may_describe_at: float
    seen_at: float
    jitter: float = field(default_factory=random.random)
    described_at: float | None = None
    relisted_at: float | None = None
    created: datetime | None = None
    is_hinted: bool = False
    tell: Callable[[str], None] = lambda _: None
    state: str = ""
    told: str = ""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """The last part of the reference, which a List tells."""
        return self.reference.rpartition("/")[2]

    async def turn(self) -> None:
        """Wait until the job is to be described; meanwhile tell what Lists say of its state."""
        while (seconds := self._due() - _now()) > 0:
            self._woken.clear()
            await _woken_within(self._woken, seconds)
            self._tell()

    def _tell(self) -> None:
        # A List says the same as a Describe, but without the service's message.
        if not self.told.startswith(self.state):
            self.told = self.state
            self.tell(self.state)

    def _due(self) -> float:
        if self.is_hinted:
            return _now()
        if self.watcher.lists(self):
            if self.described_at is None:
                return self.may_describe_at
            return self.described_at + watching.pause_between_rechecks(self.group.listed, self.jitter)
        if self.described_at is None:
            return min(self.may_describe_at, self.seen_at + self.pause)
        return self.seen_at + self.pause

    @property
    def pause(self) -> float:
        """Seconds between two Describes of a job that is not listed."""
        return watching.pause_between_describes(self.watcher.described_places, self.interval, self.jitter)

    def described(self, reference: str, state: str) -> None:
        """Note that a Describe told that the job runs, its state in words, and a reference that finds it faster."""
        self.reference = reference or self.reference
        self.state = state
        self._tell()
        self.is_hinted = False
        self.described_at = self.seen_at = _now()
        self.jitter = random.random()  # noqa: S311 - jitter, not a secret

    def listed(self, found: Listed) -> None:
        """Note what a List tells of the job."""
        self.created = found.created
        if found.has_ended:
            self.is_hinted = True
            self.wake()
            return
        if found.state and not self.told.startswith(found.state):
            self.state = found.state
            self.wake()
        self.seen_at = _now()
        if self.described_at is None:
            self.described_at = self.seen_at

    def wake(self) -> None:
        """Let the trigger see anew when it is to look."""
        self._woken.set()


@dataclass(slots=True, eq=False)
class _Group:
    """The places of one watcher that one List tells of: all, or e.g. those of one cluster.

    Attributes:
        parent: What contains the jobs; empty if nothing does.
        places: The places.
        listed: How many of them are listed, if there are enough.
    """

    parent: str
    places: list[Place] = field(default_factory=list)
    listed: int = 0

    def wake(self) -> None:
        for place in self.places:
            place.wake()


class Watcher:
    """What is known of the running jobs of one kind.

    Args:
        kind: The row of the jobs.
        client: Returns a boto3 client of the kind's service; runs in a thread.
    """

    def __init__(self, kind: ResourceKind, client: Callable[[], BaseClient]) -> None:
        self._kind = kind
        self._client = client
        self._groups: dict[str, _Group] = {}
        self._next_first_look = 0.0
        self._paused_until: float | None = None
        self._task: asyncio.Task[None] | None = None

    # -- the places ------------------------------------------------------------------------------------------------

    @contextmanager
    def place(self, reference: str, interval: float) -> Iterator[Place]:
        """Give a trigger a place for as long as it waits.

        Args:
            reference: Reference of its job.
            interval: Seconds between two looks that its step asks for.
        """
        how = self._kind.newest_first
        parent = reference.partition("/")[0] if how and how.parent_member else ""
        group = self._groups.setdefault(parent, _Group(parent))
        place = Place(self, group, reference, interval, self._first_look(group), _now())
        group.places.append(place)
        group.listed += 1
        self._start_lists()
        try:
            yield place
        finally:
            self._leave(place)

    def _first_look(self, group: _Group) -> float:
        """Return when a new trigger may look: a thousand that start together, with the triggerer, do not look at once.

        The next List shows whether their jobs run, if there is one.
        """
        rate = watching.FIRST_LOOKS_PER_SECOND if self._is_listing(group) else watching.DESCRIBES_PER_SECOND
        first_look = max(_now(), self._next_first_look)
        self._next_first_look = first_look + 1 / rate
        return first_look

    def _leave(self, place: Place) -> None:
        group = place.group
        group.places.remove(place)
        if place.relisted_at is None:
            self._count_out(group)
        if not group.places:
            self._groups.pop(group.parent, None)
        if not self._groups and self._task is not None:
            self._task.cancel()
            self._task = None

    def _count_out(self, group: _Group) -> None:
        was_listed = watching.is_worth_a_list(group.listed)
        group.listed -= 1
        if was_listed and not watching.is_worth_a_list(group.listed):
            group.wake()

    def lists(self, place: Place) -> bool:
        """Tell whether a List tells when the job of a place has ended."""
        return self._is_listing(place.group) and place.relisted_at is None

    def _is_listing(self, group: _Group) -> bool:
        return (
            self._kind.newest_first is not None
            and self._paused_until is None
            and watching.is_worth_a_list(group.listed)
        )

    @property
    def described_places(self) -> int:
        """How many jobs are described, each by itself."""
        groups = self._groups.values()
        return sum(len(one.places) - (one.listed if self._is_listing(one) else 0) for one in groups)

    # -- the lists -------------------------------------------------------------------------------------------------

    def _start_lists(self) -> None:
        if self._has_many() and (self._task is None or self._task.done()):
            # In a context of its own: log lines in that of a trigger would go to the log of that trigger's task.
            self._task = asyncio.get_running_loop().create_task(self._keep_listing(), context=Context())

    def _has_many(self) -> bool:
        is_many = (watching.is_worth_a_list(len(group.places)) for group in self._groups.values())
        return self._kind.newest_first is not None and any(is_many)

    async def _keep_listing(self) -> None:
        started = _now()
        while self._has_many():
            interval = min(place.interval for group in self._groups.values() for place in group.places)
            pause = watching.pause_between_lists(interval)
            await asyncio.sleep(max(watching.PAGE_PAUSE, started + pause - _now()))
            started = _now()
            await self._list_all()

    async def _list_all(self) -> None:
        try:
            self._list_again()
            for group in [one for one in self._groups.values() if self._is_listing(one)]:
                self._leave_out(group, await self._missing(group))
        except AwsCallError as error:
            # Throttling and outages pass; anything else is a refusal for good, e.g. by IAM.
            passes = error.exception_type is not None
            self._pause(watching.UNLISTED_SECONDS if passes else watching.REFUSED_SECONDS, error.in_words())
        except TimeoutError:
            self._pause(watching.UNLISTED_SECONDS, f"no answer to {self._kind.list} within {_PAGE_PATIENCE:g} s")
        except Exception as error:  # a fault of ours must not keep jobs waiting
            _log.exception("Cannot list resources of the kind %s", self._kind.key)
            self._pause(watching.UNLISTED_SECONDS, f"{type(error).__name__}: {error}")

    def _list_again(self) -> None:
        """End the times without a List that are over."""
        now = _now()
        if self._paused_until is not None and self._paused_until <= now:
            self._paused_until = None
        for group in self._groups.values():
            for place in group.places:
                if place.relisted_at is not None and place.relisted_at <= now:
                    place.relisted_at = None
                    group.listed += 1

    async def _missing(self, group: _Group) -> list[Place]:
        """Read pages until all jobs of a group were seen, and return the places of those that were not.

        Raises:
            AwsCallError: A call failed.
            TimeoutError: A page took too long.
        """
        how = self._kind.newest_first
        if how is None:
            return []
        wanted: dict[str, list[Place]] = {}
        for place in group.places:
            if place.relisted_at is None and not place.is_hinted:
                wanted.setdefault(place.name, []).append(place)
        pages, request, token = watching.most_pages(len(wanted), how.page_size), _request(how, group, wanted), None
        while wanted and pages:
            async with asyncio.timeout(_PAGE_PATIENCE):
                found, token = await self._page(request, token)
            for one in found:
                for place in wanted.pop(one.name, ()):
                    place.listed(one)
            pages -= 1
            if token is None:
                break
            if wanted and pages:
                await asyncio.sleep(watching.PAGE_PAUSE)
        return [place for places in wanted.values() for place in places]

    async def _page(self, request: dict[str, object], token: str | None) -> tuple[list[Listed], str | None]:
        return await in_daemon_thread(lambda: list_page(self._client(), self._kind, request, token))

    def _pause(self, seconds: float, why: str) -> None:
        """List nothing for a while."""
        seconds *= 1 + random.random() / 10  # noqa: S311 - jitter, not a secret
        _log.warning("%s; each %s is described by itself for %.0f s", why, self._kind.noun, seconds)
        self._paused_until = _now() + seconds
        for group in self._groups.values():
            group.wake()

    def _leave_out(self, group: _Group, missing: list[Place]) -> None:
        """Describe jobs that a List did not show: they are gone, or far behind the newest."""
        missing = [place for place in missing if place in group.places]
        # All at the same time: each of them alone would cost as many pages again.
        relisted_at = _now() + watching.UNLISTED_SECONDS * (1 + random.random() / 10)  # noqa: S311 - jitter, no secret
        for place in missing:
            place.relisted_at = relisted_at
            self._count_out(group)
            place.wake()
        if missing:
            _log.info("%s does not show %d of %d waiting jobs", self._kind.list, len(missing), len(group.places))


def _request(how: NewestFirst, group: _Group, wanted: dict[str, list[Place]]) -> dict[str, object]:
    created = [place.created for places in wanted.values() for place in places]
    known = [moment for moment in created if moment is not None]
    since = watching.created_after(min(known)) if known and len(known) == len(created) else None
    return list_request(how, group.parent, wanted, since)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _woken_within(woken: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Watcher]] = WeakKeyDictionary()


def watcher_of(kind: ResourceKind, connection: AwsConnection) -> Watcher:
    """Return the watcher that all triggers of the running event loop share for a connection and a kind.

    Args:
        kind: The row of the jobs.
        connection: Which AWS.
    """
    of_loop = _watchers.setdefault(asyncio.get_running_loop(), {})
    key = repr(connection), kind.key
    if key not in of_loop:
        of_loop[key] = Watcher(kind, lambda: connection.client(kind.service))
    return of_loop[key]
