"""The questions of Callback steps, and who answers them."""

from __future__ import annotations

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.airflow_on_postgres.deployment import Deployment
from tests.soak.history import REFUSED, TAKEN, UNKNOWN, Answer, StepKey
from tests.soak.plan import Decision

_ASKING = "Ask"
_STATUS_ASKED = "Executing"


@dataclass(frozen=True)
class Question:
    """A Callback step that waits: who asked, the token of the answer, and when it was sent."""

    step: StepKey
    token: str
    asked: float


class Postbox:
    """The queue of one deployment's Callback steps.

    Args:
        deployment: The Airflow that asks and is answered.
        aws: The AWS that has the queue.
    """

    def __init__(self, deployment: Deployment, aws: LocalAws) -> None:
        self._deployment = deployment
        self._sqs = aws.client("sqs")
        self.url = str(self._sqs.create_queue(QueueName=f"soak-{deployment.name}")["QueueUrl"])
        self._client: Any = boto3.client(
            "sagemaker",
            endpoint_url=f"{deployment.airflow.api.base_url}/sm-pipelines/callback",
            region_name="us-west-2",
            aws_access_key_id="anything",
            aws_secret_access_key="anything",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._open: list[Question] = []
        self.answers: list[Answer] = []

    def collect(self) -> None:
        """Take the messages out of the queue."""
        wanted: dict[str, Any] = {"MaxNumberOfMessages": 10, "AttributeNames": ["SentTimestamp"]}
        while messages := self._sqs.receive_message(QueueUrl=self.url, **wanted).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                if body["status"] == _STATUS_ASKED:
                    step = StepKey(self._deployment.name, body["arguments"]["run"], _ASKING)
                    asked = int(message["Attributes"]["SentTimestamp"]) / 1000
                    with self._lock:
                        self._open.append(Question(step, str(body["token"]), asked))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def answer_one(self, decision: Decision) -> bool:
        """Answer a question as a decision says; tell whether there was one."""
        self.collect()
        with self._lock:
            question = decision.choose(self._open)
            if question is None:
                return False
            self._open.remove(question)
        how = decision.details["how"]
        with ThreadPoolExecutor(2) as pool:
            if how == "at once":
                said = [one.result() for one in [pool.submit(self._answer, question) for _ in range(2)]]
            else:
                said = [self._answer(question) for _ in range(2 if how == "twice" else 1)]
        if TAKEN not in said:  # else it would wait for ever
            with self._lock:
                self._open.append(question)
        return TAKEN in said

    def answer_all(self) -> None:
        """Answer everything that is open, once."""
        self.collect()
        with self._lock:
            questions, self._open = self._open, []
        for question in questions:
            if self._answer(question) == UNKNOWN:
                with self._lock:
                    self._open.append(question)

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._open.clear()
            self.answers.clear()

    def _answer(self, question: Question) -> str:
        value, sent = f"answer {next(self._numbers)}", time.time()
        try:
            self._client.send_pipeline_execution_step_success(
                CallbackToken=question.token, OutputParameters=[{"Name": "answer", "Value": value}]
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            said = REFUSED if status < 500 else UNKNOWN
        except BotoCoreError:
            said = UNKNOWN
        else:
            said = TAKEN
        with self._lock:
            self.answers.append(Answer(question.step, question.token, value, said, question.asked, sent))
        return said
