from __future__ import annotations

import botocore.session
import pytest

from airflow_sm_pipelines.local.wire.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("[a-z]+", "abc", "abC"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 2/π_x", "a*b"),
        (r"[\p{Alnum}\-]+", "aZ9-", "ä"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "text\t\U0001f600", "\x07"),
        (r"([\p{L}]*)${1,128}", "abc", "1"),
        (".*", "one line", "two\nlines"),
    ],
)
def test_java_patterns_accept_what_java_accepts(pattern, good, bad):
    assert compile_pattern(pattern).fullmatch(good)
    assert not compile_pattern(pattern).fullmatch(bad)


def test_every_pattern_of_sagemaker_compiles():
    model = botocore.session.get_session().get_service_model("sagemaker")
    shapes = [model.shape_for(name) for name in model.shape_names]
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    assert len(patterns) > 200
    for pattern in patterns:
        compile_pattern(pattern)
