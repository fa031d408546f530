from __future__ import annotations

import pytest

from airflow_sm_pipelines.definition import suggestions
from airflow_sm_pipelines.definition.suggestions import Names, did_you_mean, nearest


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


def test_of_thousands_of_misspelt_names_the_first_twenty_are_searched_for(monkeypatch):
    searched = []
    monkeypatch.setattr(suggestions, "_close_matches", lambda name, known: searched.append(name) or known[:1])
    names = Names(f"Step{number}" for number in range(1000))

    found = [names.did_you_mean(f"Stap{number % 500}") for number in range(1000)]

    assert searched == [f"Stap{number}" for number in range(20)]
    assert found[0] == found[500] == "did you mean `Step0`?"
    assert found[20] == ""


def test_names_are_listed_once_and_a_dozen_of_them():
    names = Names(f"Step{number}" for number in range(1000))
    assert names.listed() is names.listed()
    assert names.listed().endswith("'Step11' and 988 more")
    assert "Step999" in names
    assert "Step1000" not in names
    assert names
    assert not Names([])


def test_did_you_mean():
    assert did_you_mean("Tran", ["Train"]) == "did you mean `Train`?"
    assert did_you_mean("q", ["Train"]) == ""
