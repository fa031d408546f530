from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings
from airflow_sm_pipelines.preview.races import find_races


def get(text):
    return {"Get": text}


def join(*values):
    return {"Std:Join": {"On": "/", "Values": list(values)}}


@pytest.fixture
def hidden(load):
    """Return JSON path -> message and hint of the hidden orders among some steps."""

    def of(*steps):
        return {warning.path: f"{warning.message} | {warning.hint}" for warning in warnings(load(*steps))}

    return of


def endpoint_config(step, name, **members):
    return step("Config", "EndpointConfig", {"ProductionVariants": [{"ModelName": name}]}, **members)


def training(step, uri):
    return step("Train", "Training", {"OutputDataConfig": {"S3OutputPath": uri}})


def processing(step, uri, **members):
    return step("Use", "Processing", {"ProcessingInputs": [{"S3Input": {"S3Uri": uri}}]}, **members)


NAME_PATH = "Steps[1].Arguments.ProductionVariants[0].ModelName"
URI_PATH = "Steps[1].Arguments.ProcessingInputs[0].S3Input.S3Uri"


def test_literal_name_shared_without_an_edge(hidden, step):
    found = hidden(step("M", "Model", {"ModelName": "m"}), endpoint_config(step, "m"))
    assert list(found) == [NAME_PATH]
    assert "uses the ModelName 'm' of M" in found[NAME_PATH]
    assert 'write {"Get": "Steps.M.ModelName"}' in found[NAME_PATH]


def test_name_that_is_the_same_expression(hidden, step):
    name = join("m", get("Execution.PipelineExecutionId"))
    found = hidden(step("M", "Model", {"ModelName": name}), endpoint_config(step, name))
    assert "'m/{Execution.PipelineExecutionId}'" in found[NAME_PATH]


def test_no_hidden_order_with_an_edge(hidden, step):
    model = step("M", "Model", {"ModelName": "m"})
    assert not hidden(model, endpoint_config(step, "m", DependsOn=["M"]))
    assert not hidden(model, endpoint_config(step, "other"))
    assert not hidden(model, endpoint_config(step, "m/below"))
    assert not hidden(model, step("Between", DependsOn=["M"]), endpoint_config(step, "m", DependsOn=["Between"]))


@pytest.mark.parametrize("uri", ["s3://b/out", "s3://b/out/", "s3://b/out/model.tar.gz"])
def test_s3_uri_at_or_below_an_output(hidden, step, uri):
    assert (
        "uses the output 's3://b/out' of Train"
        in hidden(training(step, "s3://b/out/"), processing(step, uri))[URI_PATH]
    )


@pytest.mark.parametrize("uri", ["s3://b/outer", "s3://b", "s3://c/out", "b/out"])
def test_s3_uri_elsewhere(hidden, step, uri):
    assert not hidden(training(step, "s3://b/out"), processing(step, uri))


def test_s3_uri_of_expressions(hidden, step):
    base = ("s3:/", get("Execution.PipelineName"), "out")
    assert URI_PATH in hidden(training(step, join(*base)), processing(step, join(*base, "x.csv")))


def test_the_root_of_a_bucket_says_nothing(hidden, step):
    assert not hidden(training(step, "s3://b/"), processing(step, "s3://b/data"))


def test_a_step_in_a_loop_is_ordered_by_its_loop(hidden, step):
    use = processing(step, "s3://b/out")
    loop = step("L", "ForEach", {"ForEachBody": [use]}, DependsOn=["Train"])
    assert not hidden(training(step, "s3://b/out"), loop)


def test_one_warning_per_pair_of_steps(hidden, step):
    inputs = [{"S3Input": {"S3Uri": f"s3://b/out/{number}"}} for number in range(3)]
    assert len(hidden(training(step, "s3://b/out"), step("Use", "Processing", {"ProcessingInputs": inputs}))) == 1


def test_a_use_of_what_many_steps_create_is_one_warning_that_counts_them(hidden, step):
    makers = [
        step(f"M{number:03}", "Training", {"OutputDataConfig": {"S3OutputPath": "s3://b/out"}}) for number in range(200)
    ]
    users = [
        step(f"U{number:03}", "Processing", {"ProcessingInputs": [{"S3Input": {"S3Uri": "s3://b/out/x"}}]})
        for number in range(200)
    ]
    found = hidden(*makers, *users)
    assert len(found) == 200
    assert set(found.values()) == {
        "uses the output 's3://b/out' of M000 and 199 more, but does not wait for them: all start at the same time | "
        "add M000 to DependsOn, or reference its output instead of repeating the URI"
    }


URIS = ["s3://b/out", "s3://b/out/x", "s3://b/out/x/y", "s3://b/other"]


@settings(max_examples=50, deadline=None, database=None)
@given(st.data())
def test_the_races_are_the_pairs_of_steps_without_an_order(data):
    names = [f"S{number}" for number in range(6)]
    waits = {
        name: data.draw(st.sets(st.sampled_from(names[:index]))) if index else set() for index, name in enumerate(names)
    }
    made, used = ({name: data.draw(st.sampled_from(URIS)) for name in names} for _ in range(2))
    steps = [
        {
            "Name": name,
            "Type": "Processing",
            "DependsOn": sorted(waits[name]),
            "Arguments": {
                "ProcessingResources": {},
                "AppSpecification": {},
                "ProcessingInputs": [{"S3Input": {"S3Uri": used[name]}}],
                "ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": made[name]}}]},
            },
        }
        for name in names
    ]

    def before(name):
        return waits[name].union(*(before(other) for other in waits[name]))

    def nearest(user):
        around = {maker: made[maker] for maker in names if f"{used[user]}/".startswith(f"{made[maker]}/")}
        innermost = max(around.values(), key=len, default="")
        return {maker for maker in around if around[maker] == innermost}

    racing = {
        user: [maker for maker in sorted(nearest(user)) if user not in before(maker)]
        for user in names
        if not nearest(user) & ({user} | before(user))
    }
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": steps})
    found = {race.path.partition(".")[0]: (race.producer, race.others) for race in find_races(pipeline.plans)}
    assert found == {
        f"Steps[{names.index(user)}]": (makers[0], len(makers) - 1) for user, makers in racing.items() if makers
    }


def test_payloads_are_not_searched(hidden, step):
    assert not hidden(training(step, "s3://b/out"), step("L", arguments={"uri": "s3://b/out"}))


def test_several_steps_that_write_to_one_place_are_one_race(hidden, step):
    second = step("Second", "Training", {"OutputDataConfig": {"S3OutputPath": "s3://b/out"}})
    [found] = hidden(training(step, "s3://b/out"), second, processing(step, "s3://b/out/x")).values()
    assert "uses the output 's3://b/out' of Train and 1 more, but does not wait for them" in found


def test_the_innermost_folder_decides_who_writes_a_file(hidden, step):
    inner = step("Inner", "Training", {"OutputDataConfig": {"S3OutputPath": "s3://b/out/inner"}})
    found = list(hidden(training(step, "s3://b/out"), inner, processing(step, "s3://b/out/inner/x")).values())
    assert ["of Inner" in sentence for sentence in found] == [True]


def test_many_steps_that_share_places_are_compared_at_once(load, step):
    number = 400
    steps = [
        copying(step, f"S{index}", f"s3://b/{(index + 1) % number}/x", f"s3://b/{index}") for index in range(number)
    ]
    assert len(list(find_races(load(*steps).plans))) == number


# -- advice that can be followed ---------------------------------------------------------------------------------------


def copying(step, name, source, target, **members):
    inputs = [{"S3Input": {"S3Uri": source}}]
    outputs = {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": target}}]}
    return step(name, "Processing", {"ProcessingInputs": inputs, "ProcessingOutputConfig": outputs}, **members)


def test_steps_that_use_each_others_outputs_are_not_both_told_to_wait(hidden, step):
    found = list(
        hidden(copying(step, "A", "s3://b/x", "s3://b/y"), copying(step, "B", "s3://b/y", "s3://b/x")).values()
    )
    assert len(found) == 2
    assert "add B to DependsOn" in found[0]
    assert "waiting for A would make a cycle: give one of the two steps another output" in found[1]
    assert "DependsOn" not in found[1]


def test_advice_for_three_steps_in_a_circle_makes_no_cycle(hidden, step):
    found = hidden(
        copying(step, "A", "s3://b/x", "s3://b/y"),
        copying(step, "B", "s3://b/y", "s3://b/z"),
        copying(step, "C", "s3://b/z", "s3://b/x"),
    )
    assert [("DependsOn" in text, "cycle" in text) for text in found.values()] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_a_step_outside_a_loop_is_told_to_wait_for_the_loop(hidden, step):
    loop = step("Loop", "ForEach", {"ForEachBody": [copying(step, "Inner", "s3://c/in", "s3://b/out")]})
    [found] = hidden(loop, processing(step, "s3://b/out")).values()
    assert "add Loop to DependsOn: Inner runs inside it" in found


def test_a_loop_with_another_step_that_waits_for_the_user_runs_later(hidden, step):
    inner = copying(step, "Inner", "s3://c/in", "s3://b/out")
    body = [inner, step("Other", DependsOn=["Use"])]
    assert not hidden(step("Loop", "ForEach", {"ForEachBody": body}), processing(step, "s3://b/out"))


def test_advice_counts_a_wait_of_a_body_step_as_one_of_its_loop(hidden, step):
    inner = copying(step, "Inner", "s3://b/x", "s3://b/y")
    loop = step("Loop", "ForEach", {"ForEachBody": [inner]})
    found = list(hidden(loop, copying(step, "Outside", "s3://b/y", "s3://b/x")).values())
    assert [("DependsOn" in text, "cycle" in text) for text in found] == [(True, False), (False, True)]


@pytest.mark.parametrize("shared", ["s3://b/models", "s3://b/models/Use"])
def test_a_uri_of_the_steps_own_output_is_no_race(hidden, step, shared):
    other = training(step, "s3://b/models")
    arguments = {"OutputDataConfig": {"S3OutputPath": shared}, "HyperParameters": {"output": f"{shared}/"}}
    assert not hidden(other, step("Use", "Training", arguments))


def test_an_output_inside_the_steps_own_one_is_still_a_race(hidden, step):
    found = hidden(training(step, "s3://b/out/train"), copying(step, "Use", "s3://b/out/train/model", "s3://b/out"))
    assert "uses the output 's3://b/out/train' of Train" in found[URI_PATH]


def test_a_place_that_several_steps_share_is_no_race_for_who_waits_for_one_of_them(hidden, step):
    second = step("Second", "Training", {"OutputDataConfig": {"S3OutputPath": "s3://b/out"}})
    assert not hidden(training(step, "s3://b/out"), second, processing(step, "s3://b/out/x", DependsOn=["Train"]))


def test_steps_of_different_branches_never_run_together(hidden, step):
    gate = step("Gate", "Condition", {"IfSteps": [training(step, "s3://b/out")]})
    gate["Arguments"]["ElseSteps"] = [processing(step, "s3://b/out")]
    assert not hidden(gate)


def every_step(steps):
    for one in steps:
        yield one
        yield from every_step(one["Arguments"].get("ForEachBody", ()))


@st.composite
def pipelines(draw):
    """Draw steps that read and write a few places, some of them in loops, with waits that make no cycle."""
    places = st.sampled_from([f"s3://b/{name}" for name in "vwxyz"])

    def one(name, earlier):
        inputs = [{"S3Input": {"S3Uri": draw(places)}}]
        outputs = {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": draw(places)}}]}
        arguments = {"ProcessingInputs": inputs, "ProcessingOutputConfig": outputs}
        arguments |= {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": "r"}
        waits = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        return {"Name": name, "Type": "Processing", "Arguments": arguments, "DependsOn": waits}

    steps = []
    for number in range(draw(st.integers(2, 7))):
        earlier = [step["Name"] for step in steps]
        if draw(st.booleans()):
            steps.append(one(f"S{number}", earlier))
        else:
            body = [one(f"S{number}{letter}", earlier) for letter in "ab"]
            arguments = {"IterableItems": ["i"], "MaxConcurrency": 1, "ForEachBody": body}
            steps.append({"Name": f"L{number}", "Type": "ForEach", "Arguments": arguments})
    return steps


@settings(max_examples=200, deadline=None, database=None)
@given(pipelines())
def test_a_definition_that_follows_all_advice_is_still_one(steps):
    pipeline = load_pipeline({"Version": "2020-12-01", "Steps": steps})
    named = {step["Name"]: step for step in every_step(steps)}
    users = {f"{step.path}.Arguments": step.name for step in pipeline.steps}
    for warning in warnings(pipeline):
        wait = re.search(r"add (\w+) to DependsOn", warning.hint)
        if wait:
            place = max((path for path in users if warning.path.startswith(path)), key=len)
            named[users[place]]["DependsOn"].append(wait[1])
    assert load_pipeline({"Version": "2020-12-01", "Steps": steps})


# -- JsonGet of S3 -----------------------------------------------------------------------------------------------------


def reading_gate(step, uri, **members):
    operand = {"Std:JsonGet": {"S3Uri": uri, "Path": "a"}}
    equals = {"Type": "Equals", "LeftValue": operand, "RightValue": 1}
    return step("Gate", "Condition", {"Conditions": [equals], **members})


def test_json_get_of_what_a_step_behind_it_writes_is_not_told_to_wait_for_it(hidden, step):
    assert not hidden(reading_gate(step, "s3://b/out/r.json", IfSteps=[training(step, "s3://b/out")]))


def test_json_get_of_what_another_step_writes_names_that_step(hidden, step):
    [found] = hidden(reading_gate(step, "s3://b/out/r.json"), training(step, "s3://b/out")).values()
    assert "add Train to DependsOn" in found


def test_json_get_of_the_steps_own_output_is_not_told_to_wait(hidden, step):
    value = {"Std:JsonGet": {"S3Uri": "s3://b/out/r.json", "Path": "a"}}
    arguments = {"OutputDataConfig": {"S3OutputPath": "s3://b/out"}, "HyperParameters": {"x": value}}
    assert not hidden(step("Train", "Training", arguments))


def test_json_get_in_a_payload_is_told_to_wait_also_for_a_known_step(hidden, step):
    value = {"Std:JsonGet": {"S3Uri": "s3://b/out/r.json", "Path": "a"}}
    [found] = hidden(training(step, "s3://b/out"), step("L", arguments={"x": value})).values()
    assert "add the writing step to DependsOn" in found
