"""Text reaches the API verbatim: seen at a proxy between the worker and the endpoint, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import Tried
from tests.integration.recording_proxy import Recorded, as_json, recording_proxy

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

TEXTS = {
    "jinja": "{{ ds }} {% raw %}{{ params.x }}{% endraw %} {# gone? #}",
    "braces": "{'a': {\"b\": [1, {}]}} }} {{",
    "quotes": 'it\'s "q" `id` \'\'\' """ \\" \\\\',
    "shell": "$(rm -rf /) ${HOME} $$ %s %(x)s; exit 1",
    "script": "run.sh",
    "query": "select.sql",
    "lines": "one\ntwo\r\n\tthree  ",
    "unicode": "naïve – 日本 ✓ 🙂 \u2028",
    "reference": "Parameters.Text and Steps.Work.ProcessingJobName",
}
ONE_LINE = {name: text for name, text in TEXTS.items() if name not in ("lines", "unicode")}
"""Where the API's pattern is ``.*``, it takes no line break: in arguments and hyperparameters."""

CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


@pytest.fixture
def proxy(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with recording_proxy(aws.endpoint_url) as recorded:
        monkeypatch.setenv("AWS_ENDPOINT_URL", recorded.endpoint_url)
        yield recorded


@pytest.fixture
def sent(proxy: Recorded, try_definition: Callable[..., Tried]) -> dict[str, bytes]:
    """The bodies of both Create requests; the default of each parameter is a text, and a given value too."""
    names = {name: name.title() for name in TEXTS}
    parameters = [{"Name": names[name], "Type": "String", "DefaultValue": "default"} for name in TEXTS]
    literal: dict[str, Any] = {f"L_{name}": text for name, text in TEXTS.items()}
    variables = {**literal, **{f"P_{name}": {"Get": f"Parameters.{names[name]}"} for name in TEXTS}}
    work: dict[str, Any] = {
        "Name": "Work",
        "Type": "Processing",
        "Description": TEXTS["jinja"],
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": CLUSTER},
            "AppSpecification": {
                "ImageUri": "image:1",
                "ContainerEntrypoint": ["true"],
                "ContainerArguments": [
                    *ONE_LINE.values(),
                    *({"Get": f"Parameters.{names[name]}"} for name in ONE_LINE),
                ],
            },
            "Environment": variables,
        },
    }
    train: dict[str, Any] = {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": "s3://integration/verbatim"},
            "ResourceConfig": CLUSTER,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "HyperParameters": {key: value for key, value in variables.items() if key[2:] in ONE_LINE},
            "Environment": variables,
        },
    }
    document = {
        "Version": "2020-12-01",
        "Parameters": parameters,
        "PipelineExperimentConfig": None,
        "Steps": [work, train],
    }
    try_definition(document, {names[name]: text for name, text in TEXTS.items()})
    bodies = {operation: proxy.of(operation) for operation in ("CreateProcessingJob", "CreateTrainingJob")}
    assert {operation: len(found) for operation, found in bodies.items()} == dict.fromkeys(bodies, 1)
    return {operation: found[0] for operation, found in bodies.items()}


def test_text_with_braces_quotes_sh_endings_newlines_and_unicode_is_sent_byte_for_byte(sent: dict[str, bytes]) -> None:
    for body in sent.values():
        for name, text in TEXTS.items():
            for kind in ("L", "P"):
                assert as_json(f"{kind}_{name}") + b": " + as_json(text) in body
        # As literal and by parameter, as variable and as argument or hyperparameter.
        assert all(body.count(as_json(text)) == (4 if name in ONE_LINE else 2) for name, text in TEXTS.items())


def test_what_was_sent_is_json_that_says_the_same(sent: dict[str, bytes]) -> None:
    variables = {f"{kind}_{name}": text for kind in "LP" for name, text in TEXTS.items()}
    processing, training = (json.loads(sent[f"Create{noun}Job"]) for noun in ("Processing", "Training"))
    assert processing["Environment"] == training["Environment"] == variables
    assert processing["AppSpecification"]["ContainerArguments"] == [*ONE_LINE.values()] * 2
    assert training["HyperParameters"] == {key: text for key, text in variables.items() if key[2:] in ONE_LINE}
