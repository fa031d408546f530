"""The unresolved request as a template field."""

from __future__ import annotations

from airflow.sdk import BaseOperator
from jinja2 import Environment

from airflow_sm_pipelines.operators.unresolved_request import UnresolvedRequest

BODY = {"A": "{{ ds }}", "B": ["run.sh", {"C": "{% raw %}"}]}


class WithRequest(BaseOperator):
    template_fields = ("request",)
    template_ext = (".sh",)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.request = UnresolvedRequest(BODY)


def test_airflow_takes_it_as_it_is() -> None:
    operator = WithRequest(task_id="task")
    request = operator.request

    operator.render_template_fields({}, Environment(autoescape=False))  # type: ignore[arg-type]

    assert operator.request is request
    assert request.resolve({}) is request
    assert request.body == BODY


def test_the_ui_shows_the_definitions_text() -> None:
    assert UnresolvedRequest(BODY).serialize() == BODY
