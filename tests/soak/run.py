"""Soaks two Airflows on one local AWS, and says what has broken: ``make soak ARGS='--seed 7 --faults 1000'``."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.isolation import aws_settings_hidden
from tests.airflow_on_postgres.deployment import SWEEP_DAG, Deployment
from tests.airflow_on_postgres.postgres import Postgres
from tests.soak.airflow_faults import excused
from tests.soak.aws_records import AwsRecords
from tests.soak.ground import Ground, Soaked, deployment_ids
from tests.soak.history import History
from tests.soak.invariants import used_up, violations
from tests.soak.people import DAG
from tests.soak.plan import Decision, decisions
from tests.soak.postbox import Postbox
from tests.soak.report import keep, read, story, table
from tests.soak.rounds import Limits, Round
from tests.soak.sleeping_jobs import Chance, SleepingJobs

_DAGS = Path(__file__).parent / "dags"
_SETTINGS = {
    # As docs/operations.md advises for production.
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "20",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",
    # Airflow is to notice sooner what was killed, so that a round does not last for minutes more.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
    # The default, 5 and 10, is too few where requests wait for each other's locks on a busy machine.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "20",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "20",
    # On a busy machine a scheduler is late, takes itself for dead, and resets its own tasks.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "60",
}


def main() -> int:
    """Return 1 if something broke."""
    args = _arguments()
    if args.check:
        return _check(args.check)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave no Airflow behind
    folder = args.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    _say(f"seed {args.seed}, in {folder}")
    jobs = SleepingJobs(chance=Chance(args.seed))
    with ExitStack() as stack:
        stack.enter_context(aws_settings_hidden())
        aws = stack.enter_context(LocalAws(port=0, stand_in=jobs))
        postgres = stack.enter_context(Postgres())
        deployments = []
        for name, by_dag in (("east", True), ("west", False)):
            home, database = folder / name, postgres.create_database(name)
            one = Deployment(name, _DAGS, home, database, aws.environment(), _SETTINGS, sweeps_by_dag=by_dag)
            deployments.append(stack.enter_context(one))
        for one in deployments:
            one.wait_until_parsed(DAG, SWEEP_DAG)
        records = AwsRecords(aws, deployment_ids(deployments))
        ground = Ground([Soaked(one, Postbox(one, aws)) for one in deployments], aws, records, _say)
        return _soak(ground, folder, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1000), help="of the decisions (default: by chance)"
    )
    parser.add_argument("--faults", type=int, default=1000, help="productive faults (default: %(default)s)")
    parser.add_argument(
        "--per-round", type=int, default=100, help="productive faults of a round (default: %(default)s)"
    )
    parser.add_argument("--first-round", type=int, default=1, help="go on with this round (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=4, help="runs at once in each deployment (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between decisions (default: %(default)s)")
    parser.add_argument("--rest", type=float, default=900.0, help="seconds to come to rest (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where Airflow lives, and what is kept (default: a new one)")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="only check the rounds again that are kept there")
    return parser.parse_args()


def _check(folder: Path) -> int:
    """Check the records of an earlier soak, e.g. when an invariant was put right; return 1 if one is broken."""
    broken = 0
    for kept in sorted(folder.glob("round-*"), key=lambda kept: int(kept.name.removeprefix("round-"))):
        history = read(kept)
        found, explained = excused(violations(history), history)
        broken += len(found)
        _say(f"{kept.name}: {len(history.runs)} runs, {len(history.jobs)} jobs: {len(found)} violations")
        for one in found:
            _say(f"{one.invariant}: {one.step}: {one.what}")
        for violation, fault in explained:
            _say(f"Airflow's own: {violation.invariant}: {violation.step}: {violation.what}: {fault.name}")
    return 1 if broken else 0


def _soak(ground: Ground, folder: Path, args: argparse.Namespace) -> int:
    counted: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    by_airflow: Counter[str] = Counter()
    broken, number = 0, args.first_round
    while counted.total() < args.faults:
        wanted = min(args.per_round, args.faults - counted.total())
        _say(f"round {number}: {wanted} of {args.faults - counted.total()} faults that are still to be done")
        now = Round(ground, number, Limits(wanted, args.runs, args.pace, args.rest))
        history, calls = now.carry_out(_counted(args.seed, number, drawn))
        counted.update(now.events.counted)
        found, explained = excused(violations(history), history)
        broken += len(found)
        by_airflow.update(fault.name for _, fault in explained)
        stories = [story(one, history, now.events.lines, calls, folder) for one in found]
        kept = folder / f"round-{number}"
        keep(kept, history, calls, stories)
        for text in stories:
            _say(f"VIOLATION, seed {args.seed}, round {number}, {kept}:\n{text}")
        _say(_summary(history, len(calls), len(found)))
        for task in used_up(history):
            _say(f"retries used up: {task.step}")
        for violation, fault in explained:
            _say(f"Airflow's own: {violation.invariant}: {violation.step}: {violation.what}: {fault.name}")
        _say(table(counted, drawn, broken))
        for name, times in by_airflow.items():
            _say(f"excluded, {times} times: {name}")
        number += 1
    return 1 if broken else 0


def _counted(seed: int, number: int, drawn: Counter[str]) -> Iterator[Decision]:
    for decision in decisions(seed, number):
        drawn[decision.deed] += 1
        yield decision


def _summary(history: History, calls: int, broken: int) -> str:
    states = Counter(str(task.state) for task in history.tasks)
    jobs = Counter(job.state for job in history.jobs)
    return (
        f"{len(history.runs)} runs, tasks {dict(states)}, jobs {dict(jobs)}, {calls} AWS calls, "
        f"{len(history.answers)} answers: {broken} violations"
    )


def _say(text: str) -> None:
    print(f"{time.strftime('%X')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
