"""SQS in a rehearsal: every queue that a message is sent to exists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import BytesIO
from wsgiref.types import StartResponse

from airflow_sm_pipelines.local.wire.aws_call import read_call
from airflow_sm_pipelines.local.wire.wsgi_call import Environ, WsgiApp, call_wsgi


class QueuesOnDemand:
    """An application with SQS that creates each queue when the first message for it comes.

    A definition names the queues of its own account. Nobody receives from them.

    Args:
        application: The application; moto's.
        default_region: Region of calls that are not signed.
    """

    def __init__(self, application: WsgiApp, default_region: str) -> None:
        self._application = application
        self._default_region = default_region

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        call = read_call(environ, self._default_region)
        url = (call.members or {}).get("QueueUrl")
        if call.service == "sqs" and call.operation == "SendMessage" and isinstance(url, str):
            self._create(url.rpartition("/")[2], environ)
        return self._application(environ, start_response)

    def _create(self, name: str, environ: Environ) -> None:
        """Create a queue in the name of the sender; an existing queue stays as it is."""
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        body = json.dumps({"QueueName": name, "Attributes": attributes}).encode()
        creation = {
            **environ,
            "HTTP_X_AMZ_TARGET": "AmazonSQS.CreateQueue",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        call_wsgi(self._application, creation)  # what is wrong with the name, SendMessage tells, too
