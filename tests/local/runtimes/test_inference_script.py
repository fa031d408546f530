from __future__ import annotations

import io
import json

import numpy
import pytest

from airflow_sm_pipelines.local.runtimes.inference_script import _load
from airflow_sm_pipelines.local.runtimes.serving import ServingError

DEFAULTS = """
class Model:
    def predict(self, rows):
        return rows.sum(axis=1)
def model_fn(model_dir, context):
    assert context.system_properties["model_dir"] == model_dir
    return Model()
"""


@pytest.fixture
def load(tmp_path):
    def make(code, accept="application/json"):
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "inference.py").write_text(code)
        container = {
            "image": "image",
            "model_dir": str(tmp_path),
            "program": "inference.py",
            "default_accept": accept,
        }
        return _load(container)

    return make


def npy(values):
    stream = io.BytesIO()
    numpy.save(stream, numpy.array(values))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"[[1, 2], [3, 4]]", "application/json", [3, 7]),
        (b"1,2\n3,4\n", "text/csv; header=no", [3.0, 7.0]),
        (npy([[1, 2], [3, 4]]), "application/x-npy", [3, 7]),
    ],
)
def test_the_defaults_read_json_csv_and_npy(load, body, content_type, expected):
    answer, answer_type = load(DEFAULTS)(body, content_type, "")
    assert (json.loads(answer), answer_type) == (expected, "application/json")


def test_the_defaults_write_json_csv_and_npy(load):
    predict = load(DEFAULTS)
    assert json.loads(predict(b"[[1, 2]]", "application/json", "application/json")[0]) == [3]
    assert predict(b"[[1, 2]]", "application/json", "text/csv") == (b"3\n", "text/csv")
    body, _ = predict(b"[[1, 2]]", "application/json", "application/x-npy")
    assert numpy.load(io.BytesIO(body)).tolist() == [3]


@pytest.mark.parametrize(("content_type", "accept", "status"), [("image/png", "", 415), ("text/csv", "image/png", 406)])
def test_other_types_are_refused_by_the_defaults(load, content_type, accept, status):
    with pytest.raises(ServingError, match="image/png is not supported") as caught:
        load(DEFAULTS)(b"1,2", content_type, accept)
    assert caught.value.status == status


def test_functions_may_answer_with_a_content_type(load):
    code = "def model_fn(d): pass\ndef transform_fn(m, data, c, a): return (b'x', 'text/x')"
    assert load(code)(b"", "", "") == (b"x", "text/x")


@pytest.mark.parametrize(
    ("code", "error", "expected"),
    [
        ("def model_fn(a, b, c): pass", TypeError, "model_fn takes 3 arguments, but 1 were given"),
        ("def predict_fn(a, b): pass", ServingError, "inference.py has no model_fn"),
    ],
)
def test_functions_with_other_signatures_are_refused(load, code, error, expected):
    with pytest.raises(error, match=expected):
        load(code)


def test_an_answer_that_is_no_text_is_refused(load):
    with pytest.raises(ServingError, match="returned int; text or bytes were expected"):
        load("def model_fn(d): pass\ndef transform_fn(m, d, c, a): return 1")(b"", "", "")
