from __future__ import annotations

import re

from airflow_sm_pipelines.local.jobs.metrics import MetricDefinition, MetricReader


def read(definitions, lines):
    reader = MetricReader(MetricDefinition(name, re.compile(pattern)) for name, pattern in definitions)
    for line in lines:
        reader.read(line)
    return [(found.name, found.value) for found in reader.values()]


def test_the_last_value_of_each_metric_counts_in_the_order_of_definitions():
    definitions = [("b", r"b=([0-9.]+)"), ("a", r"a=(\S+)")]
    assert read(definitions, ["a=1 b=2.5", "a=-3e2"]) == [("b", 2.5), ("a", -300.0)]


def test_what_is_no_number_and_a_pattern_without_a_group_are_skipped():
    assert read([("a", r"a=(\w+)"), ("b", "a=1")], ["a=1", "a=x"]) == [("a", 1.0)]


def test_metrics_that_never_came_have_no_value():
    assert read([("a", "a=(.)")], ["nothing"]) == []
