"""A Callback step is answered in every way that must not fail it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from tests.airflow_on_postgres.deployment import AttackError, Run, wait_for
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings

_FIRST = {"approved": True, "rows": 1, "where": "first"}
_SECOND = {"approved": False, "rows": 2, "where": "second"}
_REFUSED = (AirflowApiError, ClientError)
_UNHURT = {"deferred", "running", "queued", "scheduled", "up_for_retry", "up_for_reschedule"}


@dataclass(frozen=True)
class _Question:
    """A run whose step waits for an answer, and what it has sent."""

    run: Run
    token: str

    def by_form(self, fields: Mapping[str, Any]) -> str:
        """Answer as a person does; return ``taken`` or how it was refused."""
        return _said(lambda: self.run.respond("Ask", "Success", fields))

    def by_api(self, fields: Mapping[str, Any]) -> str:
        """Answer as a handler does; return ``taken`` or how it was refused."""
        client = boto3.client(
            "sagemaker",
            endpoint_url=f"{self.run.deployment.airflow.api.base_url}/sm-pipelines/callback",
            region_name="us-west-2",
            aws_access_key_id="anything",
            aws_secret_access_key="anything",
        )
        outputs = [{"Name": name, "Value": json.dumps(value).strip('"')} for name, value in fields.items()]
        return _said(
            lambda: client.send_pipeline_execution_step_success(CallbackToken=self.token, OutputParameters=outputs)
        )

    def outputs(self) -> Any:
        """Return the outputs of the step."""
        value = self.run.deployment.airflow.api.xcom(self.run.dag_id, self.run.run_id, "Ask")
        return (value or {}).get("OutputParameters")


def _said(answer: Callable[[], object]) -> str:
    try:
        answer()
    except _REFUSED as error:
        return f"refused: {error}"
    return "taken"


def _asked(ground: Ground, dag_id: str, count: int) -> list[_Question]:
    sqs = ground.aws.client("sqs")
    runs = {}
    for number in range(count):
        url = sqs.create_queue(QueueName=f"{dag_id}-{time.time_ns()}-{number}")["QueueUrl"]
        [run] = ground.start_runs(dag_id, 1, QueueUrl=url)
        runs[run] = url
    ground.when_deferred(runs, delays=(0.0, 20.0), task_id="Ask")
    return [_Question(run, _token(sqs, url)) for run, url in runs.items()]


def _token(sqs: Any, url: str) -> str:
    [message] = wait_for(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), "the message of a Callback step")
    return str(json.loads(message["Body"])["token"])


def _judge(ground: Ground, question: _Question, *expected: Mapping[str, Any]) -> Findings:
    found, run = Findings(), question.run
    with contextlib.suppress(AttackError):
        run.wait_task("Ask", "success", "failed", patience=180)
    state = run.task("Ask")["state"]
    if state != "success":
        found.lost.append(f"Ask of {run.run_id} is {state}")
        ground.say(f"Ask of {run.run_id}:\n{run.trouble('Ask')}")
    elif question.outputs() not in expected:
        found.wrong.append(f"Ask of {run.run_id} has {question.outputs()}")
    return found


def _let_resume(ground: Ground, questions: Sequence[_Question]) -> None:
    """Wait until each task has looked at its answer, which wakes it, and waits again or has ended."""
    asleep = {question.run for question in questions}

    def all_woken() -> bool:
        for run in list(asleep):
            if run.task("Ask")["state"] != "deferred":
                asleep.remove(run)
        return not asleep

    with contextlib.suppress(AttackError):  # an answer that is refused wakes nobody
        wait_for(all_woken, "the tasks to wake", 120)
    for question in questions:
        question.run.wait_task("Ask", "deferred", "success", "failed", "up_for_retry")
    if asleep:
        ground.say(f"{len(asleep)} of {len(questions)} answers have woken nobody")


def _still_waits(question: _Question, found: Findings) -> None:
    state = question.run.task("Ask")["state"]
    if state not in _UNHURT:
        found.lost.append(f"Ask of {question.run.run_id} is {state} after an answer that is none")


# -- the attacks -------------------------------------------------------------------------------------------------------


def empty_form(ground: Ground, count: int) -> list[Findings]:
    """Answer with an empty form, and with values half a minute later."""
    questions = _asked(ground, "ask_values", count)
    empty = [question.by_form({}) for question in questions]
    _let_resume(ground, questions)
    found = []
    for question, said in zip(questions, empty, strict=True):
        early = Findings(seen=[f"empty form {said[:90]}"])
        _still_waits(question, early)
        early.seen.append(f"then the form with values was {question.by_form(_FIRST)[:60]}")
        found.append(early)
    for question, early in zip(questions, found, strict=True):
        if early.lost:
            continue
        if not early.seen[-1].endswith("taken"):
            early.wrong.append(f"a person cannot answer any more: {early.seen[-1]}")
        judged = _judge(ground, question, _FIRST)
        early.lost += judged.lost
        early.wrong += judged.wrong
    ground.clean()
    return found


def empty_boolean_form(ground: Ground, count: int) -> list[Findings]:
    """Answer a form that shows "off" for its only output with nothing at all, and then as the form itself does."""
    questions = _asked(ground, "ask_boolean", count)
    empty = [question.by_form({}) for question in questions]
    said = [question.by_form(question.run.form("Ask")) for question in questions]
    found = [_judge(ground, question, {"approved": False}) for question in questions]
    for findings, nothing, unchanged in zip(found, empty, said, strict=True):
        findings.seen.append(f"nothing {nothing[:90]}; the form unchanged {unchanged[:90]}")
    ground.clean()
    return found


def twice(ground: Ground, count: int) -> list[Findings]:
    """Answer with values, and then with others."""
    questions = _asked(ground, "ask_values", count)
    for question in questions:
        question.by_form(_FIRST)
    again = [(question.by_form(_SECOND), question.by_api(_SECOND)) for question in questions]
    found = [_judge(ground, question, _FIRST) for question in questions]
    for findings, answers in zip(found, again, strict=True):
        for said in answers:
            if said == "taken":
                findings.wrong.append("the second answer was taken, too")
    ground.clean()
    return found


def without_plugin(ground: Ground, count: int) -> list[Findings]:
    """Answer at an API server that has not been restarted since our package was installed; then restart it."""
    questions = _asked(ground, "ask_values", count)
    found = [Findings() for _ in questions]
    with ground.deployment.api_server_without_plugin():
        said = [question.by_form(_FIRST) for question in questions]
        _let_resume(ground, questions)
        for question, findings, one in zip(questions, found, said, strict=True):
            state = question.run.task("Ask")["state"]
            findings.seen.append(f"without the plugin {one[:60]}; {state}")
            if state != "success":  # a complete answer may count at once
                _still_waits(question, findings)
    for question, findings in zip(questions, found, strict=True):
        if question.run.task("Ask")["state"] in _UNHURT:
            by_form, by_api = question.by_form(_FIRST), question.by_api(_FIRST)
            findings.seen.append(f"with the plugin: form {by_form[:60]}, API {by_api[:60]}")
    for question, findings in zip(questions, found, strict=True):
        if not findings.lost:
            judged = _judge(ground, question, _FIRST)
            findings.lost += judged.lost
            findings.wrong += judged.wrong
    ground.clean()
    return found


def at_once(ground: Ground, count: int) -> list[Findings]:
    """Answer by form and over the API at the same time, with different values."""
    questions = _asked(ground, "ask_values", count)
    found = []
    for question in questions:
        answers = _at_once(question, ground.chance.uniform(-0.05, 0.05))
        taken = [name for name, said in answers.items() if said == "taken"]
        expected = [_FIRST] if taken == ["form"] else [_SECOND] if taken == ["API"] else [_FIRST, _SECOND]
        findings = _judge(ground, question, *expected)
        if len(taken) != 1:
            findings.wrong.append(f"{len(taken)} of two answers were taken: {answers}")
        findings.seen.append(f"taken: {', '.join(taken)}")
        found.append(findings)
    ground.clean()
    return found


def _at_once(question: _Question, lead: float) -> dict[str, str]:
    """Return what became of both answers; the API's leads by some seconds."""

    def late(seconds: float, answer: Callable[[Mapping[str, Any]], str], fields: Mapping[str, Any]) -> str:
        time.sleep(max(seconds, 0.0))
        return answer(fields)

    with ThreadPoolExecutor(2) as pool:
        form = pool.submit(late, lead, question.by_form, _FIRST)
        api = pool.submit(late, -lead, question.by_api, _SECOND)
        return {"form": form.result(), "API": api.result()}
