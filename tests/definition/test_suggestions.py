from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition.suggestions import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "candidates", "near"),
    [
        ("AbaloneProces", ["AbaloneTrain", "AbaloneProcess"], "AbaloneProcess"),
        ("train", ["trains", "Train"], "Train"),
        ("x", ["AbaloneProcess"], None),
        ("x", [], None),
        ("a" * 300, ["a" * 256], None),
        ("a" * 250, ["a" * 300], None),
    ],
)
def test_nearest(name, candidates, near):
    assert nearest(name, candidates) == near


def test_did_you_mean():
    assert did_you_mean("Tran", ["Train"]) == "did you mean `Train`?"
    assert did_you_mean("q", ["Train"]) == ""
