"""The bound on the steps in progress: its rules one by one, and every interleaving of what may happen to them.

`Interleavings` plays a run in which each call of a task to Airflow or AWS is a move of its own, and everything that may
happen in between is one, too: workers die, people clear, mark and delete tasks, jobs fail. What a task does is decided
by the functions of the module, as in the worker; what Airflow does is written down here.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.semantics.ownership import ENDED_STATES
from airflow_sm_pipelines.semantics.parallelism import (
    Claim,
    Decision,
    changed_bound,
    decide,
    is_counted,
    is_in_progress,
    next_to_start,
    open_iterations,
    parallel_steps,
)

# -- the rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "at_start", "of_pipeline", "holds"),
    [(7, 5, 3, 7), (None, 5, 3, 5), (None, None, 3, 3), (None, None, None, None), (1, None, 3, 1)],
)
def test_what_a_run_is_given_wins_over_what_its_pipeline_says_and_the_latest_word_over_both(
    changed: int | None, at_start: int | None, of_pipeline: int | None, holds: int | None
) -> None:
    assert parallel_steps(changed, at_start, of_pipeline) == holds


@pytest.mark.parametrize(
    ("text", "bound"), [("5", 5), (" 12\n", 12), ("0", None), ("-1", None), ("", None), ("2.0", None), ("all", None)]
)
def test_a_changed_bound_is_a_whole_number_from_1(text: str, bound: int | None) -> None:
    assert changed_bound(text) == bound


@pytest.mark.parametrize(
    ("step_type", "counts"),
    [(counted, True) for counted in ("Training", "Callback", "Lambda", "Model", "Cleanup", "EMR")]
    + [(free, False) for free in ("Condition", "Fail", "ForEach")],
)
def test_steps_that_only_decide_do_not_count(step_type: str, counts: bool) -> None:
    assert is_counted(Step("A", step_type, {}, path="Steps[0]")) is counts


def test_a_step_inside_a_foreach_does_not_count_since_its_iteration_does() -> None:
    assert not is_counted(Step("A", "Training", {}, path="Steps[0]", body_of="Each"))


@pytest.mark.parametrize("state", ["running", "deferred", "queued", "scheduled", "up_for_retry", "restarting"])
def test_a_task_with_a_claim_is_in_progress_until_it_has_ended(state: str) -> None:
    assert is_in_progress(state, lambda: False)


@pytest.mark.parametrize("state", sorted(ENDED_STATES))
def test_a_task_that_has_ended_is_not_in_progress_whatever_it_has_left_behind(state: str) -> None:
    assert not is_in_progress(state, lambda: True)


def test_a_cleared_task_that_waits_for_others_lets_them_go_first() -> None:
    assert is_in_progress(None, lambda: True)
    assert not is_in_progress(None, lambda: False)


def test_an_iteration_is_in_progress_from_its_turn_to_the_end_of_its_last_step() -> None:
    turns = {0: "success", 1: "success", 2: "running", 3: "running", 4: None, 5: "failed", 6: "deferred"}

    assert open_iterations(turns, claimed={1, 2, 4, 5}, ended={0}) == {1, 2}


def test_who_finds_room_enters() -> None:
    assert decide((5, -1), [(0, -1)], [(1, -1)], bound=3, looks_left=0) is Decision.ENTER


def test_of_those_that_come_at_once_the_first_in_step_order_look_again_and_the_others_give_way() -> None:
    everybody = [(rank, -1) for rank in range(4)]

    decisions = [decide(own, [], [one for one in everybody if one != own], 3, looks_left=1) for own in everybody]

    assert decisions == [Decision.LOOK_AGAIN] * 3 + [Decision.GIVE_WAY]


def test_who_has_looked_often_enough_gives_way() -> None:
    assert decide((0, -1), [], [(1, -1)], bound=1, looks_left=0) is Decision.GIVE_WAY


def test_who_finds_the_run_full_gives_way_at_once_whatever_its_place() -> None:
    assert decide((0, -1), [(1, -1)], [], bound=1, looks_left=9) is Decision.GIVE_WAY


def test_as_many_are_called_as_there_is_room_for_in_step_order() -> None:
    waiting = [(9, -1), (2, 7), (2, 1), (4, -1)]

    assert next_to_start(waiting, taken=1, bound=3) == [(2, 1), (2, 7)]
    assert next_to_start(waiting, taken=3, bound=3) == []
    assert next_to_start(waiting, taken=5, bound=3) == [], "the bound was lowered"


def test_a_claim_can_be_written_as_text() -> None:
    for entered in (True, False):
        claim = Claim("Train_2-b", 3, "8-8", 2, "0a1b2c3d", entered)
        assert Claim.parse(str(claim)) == Claim.parse(f"{claim}:newer") == claim
    with pytest.raises(ValueError, match="unpack"):
        Claim.parse("Train")


def test_a_retry_goes_on_with_what_a_dead_worker_has_begun_and_a_cleared_task_starts_afresh() -> None:
    claim = Claim("A", -1, "4-4", 1, "a", has_entered=True)

    assert not replace(claim, has_entered=False).is_continued_by(Claim("A", -1, "4-4", 2, "b")), "it had not begun"
    assert claim.is_continued_by(Claim("A", -1, "4-4", 2, "b"))
    assert not claim.is_continued_by(Claim("A", -1, "5-4", 2, "b")), "cleared"
    assert not claim.is_continued_by(Claim("A", -1, "4-4", 1, "b")), "its instance was deleted"


# -- every interleaving ------------------------------------------------------------------------------------------------


class Job(NamedTuple):
    """An AWS job.

    Attributes:
        epoch: The epoch that created it.
        runs: Whether it has not ended.
    """

    epoch: int
    runs: bool = True


class Task(NamedTuple):
    """A task as Airflow and AWS know it, and where its process stands.

    Attributes:
        state: Airflow's state.
        at: The next move of its worker, or what its deferral waits for; ``fresh`` if it is to start from the beginning.
        epoch: How often it was cleared.
        tries: Airflow's number of its try.
        life: How often its instance was deleted.
        looks: How often it may look again.
        seen: The claims that it has read.
        job: Its last AWS job.
    """

    state: str | None = None
    at: str = "fresh"
    epoch: int = 0
    tries: int = 0
    life: int = 0
    looks: int = 0
    seen: frozenset[Claim] = frozenset()
    job: Job | None = None


class World(NamedTuple):
    """A moment.

    Attributes:
        tasks: All tasks, in step order.
        claims: What is written down.
        trouble: How much may still go wrong.
    """

    tasks: tuple[Task, ...]
    claims: frozenset[Claim] = frozenset()
    trouble: int = 0

    def put(self, index: int, task: Task, claims: Iterable[Claim] | None = None, trouble: int = 0) -> World:
        tasks = (*self.tasks[:index], task, *self.tasks[index + 1 :])
        kept = self.claims if claims is None else frozenset(claims)
        return World(tasks, kept, self.trouble - trouble)


@dataclass(frozen=True)
class Interleavings:
    """All that can follow a moment.

    Attributes:
        bound: How many may be in progress.
        upstream: The tasks that each task waits for.
    """

    bound: int
    upstream: tuple[tuple[int, ...], ...]

    # -- what a task can know --------------------------------------------------------------------------------------

    def can_start(self, world: World, index: int) -> bool:
        return all(world.tasks[one].state in ENDED_STATES for one in self.upstream[index])

    def is_in_progress(self, world: World, index: int) -> bool:
        return is_in_progress(world.tasks[index].state, lambda: self.can_start(world, index))

    # -- what must hold --------------------------------------------------------------------------------------------

    def in_flight(self, world: World) -> int:
        """Count the steps that have entered and the jobs that run, those of dead workers and cleared tasks included."""
        return sum(
            task.state not in ENDED_STATES
            and (task.state is not None or self.can_start(world, index))
            and (task.at in {"enter", "drop old claims", "create"} or (task.job is not None and task.job.runs))
            for index, task in enumerate(world.tasks)
        )

    # -- moves -----------------------------------------------------------------------------------------------------

    def moves(self, world: World) -> Iterator[World]:
        """Yield what follows if nothing more goes wrong."""
        for index, task in enumerate(world.tasks):
            if task.state == "running":
                yield from self._worker(world, index, task)
            else:
                yield from self._airflow(world, index, task)
            if task.job is not None and task.job.runs:
                yield world.put(index, task._replace(job=task.job._replace(runs=False)))

    def _airflow(self, world: World, index: int, task: Task) -> Iterator[World]:
        if task.state is None and self.can_start(world, index):
            yield world.put(index, task._replace(state="scheduled"))
        elif task.state is None and task.job is not None and task.job.runs:
            yield world.put(index, task._replace(job=None))  # on_kill: nobody will take the leftover soon
        elif task.state == "restarting":
            yield world.put(index, task._replace(state=None, at="fresh"))
        elif task.state == "up_for_retry":
            yield world.put(index, task._replace(state="scheduled", at="fresh"))
        elif task.state == "scheduled":
            started = task._replace(state="running", tries=task.tries + (task.at == "fresh"))
            yield from self._started(world, index, started)
        elif task.state == "deferred" and self._is_woken(world, index, task):
            yield world.put(index, task._replace(state="scheduled"))

    def _is_woken(self, world: World, index: int, task: Task) -> bool:
        if task.at == "claim":
            return index in self._called(world)
        return not (task.job and task.job.runs)

    def _called(self, world: World) -> list[int]:
        waiting = [(at, -1) for at, task in enumerate(world.tasks) if (task.state, task.at) == ("deferred", "claim")]
        # A trigger does not know the graph.
        states = {claim.step: world.tasks[int(claim.step)].state for claim in world.claims}
        taken = sum(is_in_progress(state, lambda: False) for state in states.values())
        return [rank for rank, _ in next_to_start(waiting, taken, self.bound)]

    def _claims(self, world: World, index: int, task: Task) -> tuple[Claim, set[Claim]]:
        own = Claim(str(index), -1, str(task.epoch), task.tries, f"{task.epoch}.{task.tries}.{task.life}")
        return own, {one for one in world.claims if one.unit == own.unit and one != own}

    def _started(self, world: World, index: int, task: Task) -> Iterator[World]:
        own, former = self._claims(world, index, task)
        if task.at == "end":
            yield world.put(index, task._replace(at="succeed"), world.claims - former - {own})
        else:
            goes_on = any(one.is_continued_by(own) for one in former)
            then = "enter" if goes_on else "read claims"
            yield world.put(index, task._replace(at=then, looks=1), world.claims | {own})

    def _worker(self, world: World, index: int, task: Task) -> Iterator[World]:
        own, former = self._claims(world, index, task)
        if task.at == "read claims":
            yield world.put(index, task._replace(at="read states", seen=world.claims))
        elif task.at == "read states":
            yield self._decided(world, index, task, own)
        elif task.at in {"stop leftover", "take back"}:
            yield self._gave_way(world, index, task)
        elif task.at == "enter":
            entered = replace(own, has_entered=True)
            yield world.put(index, task._replace(at="drop old claims"), world.claims | {entered})
        elif task.at == "drop old claims":
            kept = {one for one in former if one.mark == own.mark and one.has_entered}
            yield world.put(index, task._replace(at="create"), world.claims - (former - kept) - {own})
        elif task.at == "create":
            job = task.job if task.job and task.job.epoch == task.epoch else Job(task.epoch)
            yield world.put(index, task._replace(at="park", job=job))
        elif task.at == "park":
            yield world.put(index, task._replace(at="end", state="deferred"))
        elif task.at == "succeed":
            yield world.put(index, task._replace(at="fresh", state="success", job=None))
        elif task.at == "dead":
            yield world.put(index, task._replace(at="fresh", state="up_for_retry"))

    def _gave_way(self, world: World, index: int, task: Task) -> World:
        if task.at == "stop leftover":
            left = task.job if task.job and not task.job.runs else None
            return world.put(index, task._replace(at="take back", job=left))
        own, former = self._claims(world, index, task)
        return world.put(index, task._replace(at="claim", state="deferred"), world.claims - former - {own})

    def _decided(self, world: World, index: int, task: Task, own: Claim) -> World:
        others = {int(one.step) for one in task.seen} - {index}
        in_progress = {other for other in others if self.is_in_progress(world, other)}
        entered = in_progress & {int(one.step) for one in task.seen if one.has_entered}
        undecided = in_progress - entered
        decision = decide(
            (index, -1), [(one, -1) for one in entered], [(one, -1) for one in undecided], self.bound, task.looks
        )
        over = {one for one in task.seen - {own} if world.tasks[int(one.step)].state in ENDED_STATES}
        then = {
            Decision.ENTER: task._replace(at="enter"),
            Decision.LOOK_AGAIN: task._replace(at="read claims", looks=task.looks - 1),
            Decision.GIVE_WAY: task._replace(at="stop leftover"),
        }[decision]
        return world.put(index, then._replace(seen=frozenset()), world.claims - over)

    # -- trouble ---------------------------------------------------------------------------------------------------

    def troubles(self, world: World) -> Iterator[World]:
        """Yield what follows if one more thing goes wrong, or a person interferes."""
        if not world.trouble:
            return
        for index, task in enumerate(world.tasks):
            if task.state == "running":
                yield from self._of_a_worker(world, index, task)
            if task.state is not None and task.state not in ENDED_STATES:
                yield world.put(index, task._replace(at="fresh", state="failed", seen=frozenset(), job=None), trouble=1)
            if task.state == "deferred" and task.at == "claim":  # two triggerers call more than there is room for
                yield world.put(index, task._replace(state="scheduled"), trouble=1)
            if task.tries:
                yield world.put(index, self._cleared(task), trouble=1)
                gone = task._replace(at="fresh", state=None, tries=0, life=task.life + 1, seen=frozenset(), job=None)
                if task.state != "running":
                    yield world.put(index, gone, trouble=1)
        if any(task.tries for task in world.tasks):
            tasks = tuple(self._cleared(task) if task.tries else task for task in world.tasks)
            yield World(tasks, world.claims, world.trouble - 1)

    def _of_a_worker(self, world: World, index: int, task: Task) -> Iterator[World]:
        if task.at == "dead":  # its job is an orphan from now on
            yield world.put(index, task._replace(at="fresh", state="failed", job=None), trouble=1)
        else:
            yield world.put(index, task._replace(at="dead", seen=frozenset()), trouble=1)
        if task.at == "succeed":  # it has failed, and is retried
            yield world.put(index, task._replace(at="fresh", state="up_for_retry", job=None), trouble=1)

    def _cleared(self, task: Task) -> Task:
        if task.state in {"running", "restarting"}:
            return task._replace(state="restarting", at="dead", epoch=task.epoch + 1, seen=frozenset())
        return task._replace(state=None, at="fresh", epoch=task.epoch + 1, seen=frozenset())

    # -- all of them -----------------------------------------------------------------------------------------------

    def all_from(self, start: World) -> dict[World, list[World]]:
        """Return every moment that can come, with what follows if nothing more goes wrong."""
        found: dict[World, list[World]] = {}
        left = [start]
        while left:
            world = left.pop()
            if world in found:
                continue
            assert self.in_flight(world) <= self.bound, world
            found[world] = [*self.moves(world)]
            left += [*found[world], *self.troubles(world)]
        return found


def without_an_end(found: dict[World, list[World]]) -> list[World]:
    """Return the moments from which no way leads to the end of all tasks."""
    before: dict[World, list[World]] = {world: [] for world in found}
    for world, following in found.items():
        for one in following:
            before[one].append(world)
    left = [world for world in found if all(task.state in ENDED_STATES for task in world.tasks)]
    reached = set(left)
    while left:
        for one in before[left.pop()]:
            if one not in reached:
                reached.add(one)
                left.append(one)
    return [world for world in found if world not in reached]


@pytest.mark.parametrize(
    ("bound", "upstream", "trouble"),
    [
        pytest.param(1, ((), ()), 1, id="two tasks, bound 1, one trouble"),
        pytest.param(1, ((), (0,)), 2, id="a task after another, bound 1, two troubles"),
        pytest.param(1, ((), (), ()), 0, id="three tasks, bound 1"),
        pytest.param(2, ((), (), ()), 0, id="three tasks, bound 2"),
    ],
)
def test_never_more_steps_are_in_flight_than_the_bound_and_all_of_them_come_to_their_end(
    bound: int, upstream: tuple[tuple[int, ...], ...], trouble: int
) -> None:
    # Two tasks with two troubles, and three with one, hold, too: they take 10 s and some minutes.
    play = Interleavings(bound, upstream)

    found = play.all_from(World(tuple(Task() for _ in upstream), trouble=trouble))

    assert max(play.in_flight(world) for world in found) == min(bound, len(upstream) - (upstream[-1] != ()))
    assert without_an_end(found) == []


@pytest.mark.parametrize("seed", range(40))
def test_no_more_than_the_bound_are_in_flight_in_runs_too_large_for_all_their_interleavings(seed: int) -> None:
    play, chance = Interleavings(2, ((), (), (), (0,), (1,))), random.Random(seed)
    world = World(tuple(Task() for _ in play.upstream), trouble=6)

    for _ in range(600):
        troubles = [*play.troubles(world)] if chance.random() < 0.05 else []
        following = troubles or [*play.moves(world)]
        if not following:
            break
        world = chance.choice(following)
        assert play.in_flight(world) <= play.bound, world

    assert all(task.state in ENDED_STATES for task in world.tasks), "all came to their end"


class LooksBeforeItWrites(Interleavings):
    """Tasks that look who is in progress before they write their claims down."""

    def _started(self, world: World, index: int, task: Task) -> Iterator[World]:
        own, _ = self._claims(world, index, task)
        for started in super()._started(world, index, task):
            yield started._replace(claims=started.claims - {own})

    def _worker(self, world: World, index: int, task: Task) -> Iterator[World]:
        own, _ = self._claims(world, index, task)
        if task.at == "enter":
            world = world._replace(claims=world.claims | {own})
        return super()._worker(world, index, task)


class TakesEveryClaimForAnEntry(Interleavings):
    """Retries that go on with what a dead worker had not begun."""

    def _started(self, world: World, index: int, task: Task) -> Iterator[World]:
        claims = frozenset(replace(one, has_entered=True) for one in world.claims)
        for started in super()._started(world._replace(claims=claims), index, task):
            own, _ = self._claims(world, index, task)
            yield started._replace(claims=world.claims | ({own} & started.claims))


class ForgetsWhoIsRetried(Interleavings):
    """Tasks that take one for ended that waits for its retry."""

    def is_in_progress(self, world: World, index: int) -> bool:
        return super().is_in_progress(world, index) and world.tasks[index].state != "up_for_retry"


@pytest.mark.parametrize("faulty", [LooksBeforeItWrites, TakesEveryClaimForAnEntry, ForgetsWhoIsRetried])
def test_the_interleavings_find_what_is_wrong(faulty: type[Interleavings]) -> None:
    play = faulty(1, ((), ()))

    with pytest.raises(AssertionError, match="World"):
        play.all_from(World((Task(), Task()), trouble=1))


class KeepsClaimsOfTasksThatCannotStart(Interleavings):
    """Tasks that wait for a cleared one although it waits for them."""

    def is_in_progress(self, world: World, index: int) -> bool:
        return is_in_progress(world.tasks[index].state, lambda: True)


def test_the_interleavings_find_a_run_that_waits_for_ever() -> None:
    found = KeepsClaimsOfTasksThatCannotStart(1, ((), (0,))).all_from(World((Task(), Task()), trouble=2))

    assert without_an_end(found)
