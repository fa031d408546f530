"""Attacks a real Airflow on PostgreSQL, and says what has broken: ``make attacks ARGS='1a 3 --times 10'``."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.isolation import aws_settings_hidden
from tests.airflow_on_postgres.deployment import SWEEP_DAG, AttackError, Deployment
from tests.airflow_on_postgres.postgres import Postgres
from tests.attacks.attacks import ATTACKS, Attack
from tests.attacks.ground import DAGS, Ground
from tests.attacks.invariants import AwsRecords, Findings

_DAG_IDS = (
    "one",
    "eight",
    "eight_in_worker",
    "renamed",
    "removed",
    "retyped",
    "ask_values",
    "ask_boolean",
)


def main() -> int:
    """Return 1 if an attack has broken something or could not be carried out."""
    args = _arguments()
    chosen = [attack for attack in ATTACKS if not args.attacks or attack.key.startswith(tuple(args.attacks))]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave no Airflow behind
    folder = Path(tempfile.mkdtemp(prefix="attacks-"))
    print(f"seed {args.seed}, in {folder}", flush=True)
    results: dict[str, list[Findings] | str] = {}
    with aws_settings_hidden(), LocalAws(port=0, stop_grace_seconds=3.0) as aws, Postgres() as postgres:
        aws.client("s3").create_bucket(
            Bucket="attacks", CreateBucketConfiguration={"LocationConstraint": aws.settings.region}
        )
        database = postgres.create_database("attacked")
        settings = dict(one.split("=", 1) for one in args.setting)
        with Deployment(
            "attacked",
            DAGS,
            folder / "attacked",
            database,
            aws.environment(),
            settings,
            sweeps_by_dag=args.sweep_by == "dag",
        ) as deployment:
            deployment.wait_until_parsed(*_DAG_IDS, *([SWEEP_DAG] if deployment.sweeps_by_dag else []))
            ground = Ground(deployment, aws, AwsRecords(aws), postgres, folder, random.Random(args.seed), _say)
            for attack in chosen:
                print(f"{time.strftime('%X')} {attack.key} {attack.deed}", flush=True)
                results[attack.key] = _result(attack, ground, args.times)
                print(_row(attack, results[attack.key]), flush=True)
    return _report(chosen, results, args.report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="attacks", description=__doc__, epilog=_epilog())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("attacks", nargs="*", help="keys, or the beginnings of keys (default: all)")
    parser.add_argument("--times", type=int, default=10, help="repetitions (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1000), help="of the delays (default: by chance)")
    parser.add_argument("--report", type=Path, help="file for all findings, as JSON")
    parser.add_argument("--sweep-by", choices=("command", "dag"), default="dag", help="default: %(default)s")
    parser.add_argument("--setting", action="append", default=[], help="NAME=VALUE for Airflow's environment")
    return parser.parse_args()


def _epilog() -> str:
    return "\n".join(f"{attack.key:>4}  {attack.deed}" for attack in ATTACKS)


def _result(attack: Attack, ground: Ground, times: int) -> list[Findings] | str:
    try:
        return attack.carry_out(ground, times)
    except AttackError as error:
        ground.clean()
        return str(error)


def _say(text: str) -> None:
    print("    " + text.strip().replace("\n", "\n    "), flush=True)


def _row(attack: Attack, result: list[Findings] | str) -> str:
    if isinstance(result, str):
        return f"| {attack.key} | {attack.deed} | not carried out: {result} | | | | | |"
    counts = [sum(bool(getattr(one, name)) for one in result) for name in ("lost", "doubled", "swept", "left", "wrong")]
    return f"| {attack.key} | {attack.deed} | {len(result)} | {' | '.join(map(str, counts))} |"


def _report(chosen: Sequence[Attack], results: dict[str, list[Findings] | str], file: Path | None) -> int:
    clean = True
    print("\n| | attack | times | lost | doubled | running before a sweep | left after it | otherwise wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for attack in chosen:
        print(_row(attack, results[attack.key]))
    for attack in chosen:
        result = results[attack.key]
        clean = clean and not isinstance(result, str) and all(one.is_clean for one in result)
        if not isinstance(result, str):
            print(f"\n{attack.key}: must hold: {attack.must_hold}")
            for line in _summary(result):
                print(f"  {line}")
    if file is not None:
        found = {key: one if isinstance(one, str) else [asdict(each) for each in one] for key, one in results.items()}
        file.write_text(json.dumps(found, indent=1))
    return 0 if clean else 1


def _summary(result: Sequence[Findings]) -> Iterator[str]:
    for name in ("lost", "doubled", "left", "wrong", "swept", "seen"):
        for said, number in Counter(one for findings in result for one in getattr(findings, name)).items():
            yield f"{number} x {name}: {said}"
    for what in dict.fromkeys(what for findings in result for what in findings.seconds):
        times = [findings.seconds[what] for findings in result if what in findings.seconds]
        yield f"{len(times)} x {what} after {min(times):.0f} to {max(times):.0f} s"


if __name__ == "__main__":
    sys.exit(main())
