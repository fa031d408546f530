"""The Fail step."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.errors import PipelineFailStepError, UndefinedReferenceError

TEXT = [{"Name": "Text", "Type": "String", "DefaultValue": ""}]


def fail(message: Any) -> dict[str, Any]:
    return {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def test_it_fails_with_the_definitions_own_message(make_tasks: Any, context: Any) -> None:
    joined = {"Std:Join": {"On": " ", "Values": ["{{ too }}", {"Get": "Parameters.Text"}]}}
    task = make_tasks(fail(joined), parameters=TEXT)["Stop"]
    context["params"] = {"Text": "bad"}

    with pytest.raises(PipelineFailStepError) as caught:
        task.execute(context)

    assert str(caught.value) == "Step Stop: {{ too }} bad"
    assert task.request == {"ErrorMessage": "{{ too }} bad"}


def test_an_empty_message_is_said_to_be_empty(make_tasks: Any, context: Any) -> None:
    task = make_tasks(fail({"Get": "Parameters.Text"}), parameters=TEXT)["Stop"]
    context["params"] = {"Text": ""}

    with pytest.raises(PipelineFailStepError, match=r"^Step Stop: the definition gives no message$"):
        task.execute(context)


def test_a_message_that_refers_to_nothing_says_so(make_tasks: Any, context: Any) -> None:
    task = make_tasks(fail({"Get": "Parameters.Text"}), parameters=TEXT)["Stop"]

    with pytest.raises(UndefinedReferenceError, match=r"^Step Stop: ErrorMessage: Parameters\.Text: the DAG run has"):
        task.execute(context)
