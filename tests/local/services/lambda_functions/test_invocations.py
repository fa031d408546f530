"""Invoking functions through a real boto3: the handler runs as a process of this machine."""

from __future__ import annotations

import base64
import json
import threading
import time

import pytest

ECHO = "def handle(event, context):\n    return event\n"


@pytest.mark.parametrize("event", [{"a": [1, 0.5, None, {"ü": True}]}, [], "text", 0, None])
def test_the_handler_gets_the_event_and_its_return_value_comes_back(functions, event):
    functions.create("echo", ECHO)
    assert functions.invoke("echo", event).payload == ({} if event is None else event)


def test_a_function_without_a_return_value_returns_null(functions):
    functions.create("nothing", "def handle(event, context): pass\n")
    assert functions.invoke("nothing").payload is None


def test_an_exception_is_an_unhandled_error_with_its_stack(functions):
    functions.create(
        "broken", "def handle(event, context):\n    return helper(event)\n\ndef helper(e): return e['x']\n"
    )
    answer = functions.invoke("broken", {})
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "KeyError"
    assert answer.payload["errorMessage"] == "'x'"
    outer, inner = answer.payload["stackTrace"]
    assert "return helper(event)" in outer
    assert "def helper(e): return e['x']" in inner
    assert "[ERROR] KeyError: 'x'" in answer.log


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        ("import nowhere\n", "handler.handle", "Runtime.ImportModuleError", "import module 'handler': No module"),
        (ECHO, "absent.handle", "Runtime.ImportModuleError", "Unable to import module 'absent'"),
        (ECHO, "handler.other", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'handler'"),
        (ECHO, "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("def handle(:\n", "handler.handle", "Runtime.UserCodeSyntaxError", "Syntax error in module 'handler'"),
        ("def handle(e, c): return {1, 2}\n", "handler.handle", "Runtime.MarshalError", "Unable to marshal response"),
        ("def handle(e, c): raise SystemExit(3)\n", "handler.handle", "Runtime.ExitError", "exit status 3"),
        ("import os\ndef handle(e, c): os._exit(0)\n", "handler.handle", "Runtime.ExitError", "without providing"),
        ("1 / 0\n", "handler.handle", "ZeroDivisionError", "division by zero"),
    ],
)  # fmt: skip
def test_what_the_runtime_says_of_functions_that_cannot_run(functions, code, handler, kind, message):
    functions.create("wrong", code, Handler=handler)
    answer = functions.invoke("wrong", {})
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", kind)
    assert message in answer.payload["errorMessage"]


@pytest.mark.parametrize(
    "code", ["import time\n\ndef handle(e, c): time.sleep(60)\n", "def handle(e, c):\n while 1: pass\n"]
)
def test_a_function_is_ended_when_its_time_is_over(functions, code):
    functions.create("slow", code, Timeout=1)
    began = time.monotonic()
    answer = functions.invoke("slow", {})
    assert 1 <= time.monotonic() - began < 20
    assert answer.error == "Unhandled"
    assert answer.payload["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert "Task timed out after 1.00 seconds" in answer.log


def test_what_it_prints_is_in_the_log_tail_and_in_cloudwatch(functions, bench):
    functions.create(
        "noisy", "import sys\ndef handle(e, c):\n print('out', flush=True); print('err', file=sys.stderr)\n"
    )
    lines = functions.invoke("noisy", {}).log.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[1:3] == ["out", "err"]
    assert lines[3].startswith("END RequestId: ")
    assert lines[4].startswith("REPORT RequestId: ")
    [stream] = bench.logs.describe_log_streams(logGroupName="/aws/lambda/noisy")["logStreams"]
    events = bench.logs.get_log_events(logGroupName="/aws/lambda/noisy", logStreamName=stream["logStreamName"])
    assert [event["message"] for event in events["events"]] == lines
    assert "[$LATEST]" in stream["logStreamName"]


def test_the_log_tail_is_the_last_four_kilobytes_and_only_on_demand(functions):
    functions.create("long", "def handle(e, c):\n for n in range(2000): print('line', n)\n")
    log = functions.invoke("long", {}).log
    assert len(log) == 4096
    assert "line 1999" in log
    assert "LogResult" not in functions.client.invoke(FunctionName="long")


def test_the_function_sees_its_variables_and_aws(functions, bench):
    code = (
        "import os, boto3\n"
        "def handle(event, context):\n"
        "    body = boto3.client('s3').get_object(Bucket=event['bucket'], Key=event['key'])['Body'].read().decode()\n"
        "    return {'body': body, 'environ': dict(os.environ), 'here': os.getcwd()}\n"
    )
    bench.put("lambda/input", "from S3")
    functions.create("seeing", code, Environment={"Variables": {"OWN": "{{ x }}"}}, MemorySize=256)
    answer = functions.invoke("seeing", {"bucket": "test-bucket", "key": "lambda/input"}).payload
    environ = answer["environ"]
    assert answer["body"] == "from S3"
    assert environ["OWN"] == "{{ x }}"
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "seeing"
    assert environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environ["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environ["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert environ["AWS_REGION"] == "us-west-2"
    assert environ["LAMBDA_TASK_ROOT"] == answer["here"]


def test_each_invocation_has_a_fresh_interpreter_and_folder(functions):
    code = "import os\nn = []\ndef handle(e, c):\n n.append(1); new = not os.path.exists('x'); open('x', 'w').close()\n return [len(n), new]\n"  # noqa: E501
    functions.create("fresh", code)
    assert [functions.invoke("fresh").payload for _ in range(2)] == [[1, True], [1, True]]


def test_invocations_run_side_by_side(functions):
    functions.create("sleepy", "import time\ndef handle(e, c): time.sleep(2)\n")
    threads = [threading.Thread(target=functions.invoke, args=("sleepy",)) for _ in range(6)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 6 * 2


def test_the_context_tells_of_function_and_caller(functions):
    code = (
        "def handle(event, c):\n"
        "    return [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb,\n"
        "            c.log_group_name, bool(c.aws_request_id), 0 < c.get_remaining_time_in_millis() <= 9000,\n"
        "            c.client_context.custom, c.client_context.env]\n"
    )
    functions.create("curious", code, Timeout=9)
    context = base64.b64encode(json.dumps({"custom": {"token": "t"}}).encode()).decode()
    arn = "arn:aws:lambda:us-west-2:123456789012:function:curious"
    assert functions.invoke("curious", ClientContext=context).payload == [
        "curious", "$LATEST", arn, "128", "/aws/lambda/curious", True, True, {"token": "t"}, None,
    ]  # fmt: skip


def test_without_a_client_context_there_is_none(functions):
    functions.create("alone", "def handle(event, c): return c.client_context is None\n")
    assert functions.invoke("alone").payload is True


def test_layers_are_seen_beside_the_code_the_later_one_first(functions, zipped):
    def publish(name, files, **options):
        content = {"ZipFile": zipped(files, **options)}
        return functions.client.publish_layer_version(LayerName=name, Content=content)["LayerVersionArn"]

    first = publish("one", {"python/shared.py": "NAME = 'one'", "python/only.py": "NAME = 'only'"})
    tool = {"python/shared.py": "NAME = 'two'", "bin/tool": "#!/bin/sh\necho tool\n"}
    second = publish("two", tool, executable=("bin/tool",))
    code = (
        "import shared, only, subprocess\n"
        "def handle(e, c): return [shared.NAME, only.NAME, subprocess.check_output('tool', text=True)]\n"
    )
    functions.create("layered", code, Layers=[first, second])
    assert functions.invoke("layered").payload == ["two", "only", "tool\n"]


def test_versions_and_aliases_are_invoked_by_all_their_names(functions):
    functions.create("named", "def handle(e, c): return 'first'\n", Publish=True)
    client = functions.client
    client.create_alias(FunctionName="named", Name="prod", FunctionVersion="1")
    functions_arn = "arn:aws:lambda:us-west-2:123456789012:function:named"
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("handler.py", "def handle(e, c): return 'second'\n")
    client.update_function_code(FunctionName="named", ZipFile=stream.getvalue())

    def both(name, **members):
        answer = functions.invoke(name, **members)
        return answer.payload, answer.version

    for name in ("named", functions_arn, "123456789012:function:named", "function:named", f"{functions_arn}:$LATEST"):
        assert both(name) == ("second", "$LATEST")
    for name in ("named:prod", f"{functions_arn}:prod", "123456789012:function:named:prod", "named:1"):
        assert both(name) == ("first", "1")
    assert both("named", Qualifier="prod") == ("first", "1")
    client.publish_version(FunctionName="named")
    client.update_alias(FunctionName="named", Name="prod", FunctionVersion="2")
    assert both("named:prod") == ("second", "2")


ARN = "arn:aws:lambda:us-west-2:123456789012:function"
NOT_FOUND = "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("name", "code", "status", "message"),
    [
        ("absent", NOT_FOUND, 404, f"Function not found: {ARN}:absent"),
        ("there:prod", NOT_FOUND, 404, f"Function not found: {ARN}:there:prod"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:there", NOT_FOUND, 404, "not reachable in this region"),
        (ARN.replace("123456789012", "999999999999") + ":there", "AccessDeniedException", 403, "account 999999999999"),
        ("no name", "ValidationException", 400, "failed to satisfy constraint"),
    ],
)
def test_a_function_that_is_not_there_is_refused(functions, name, code, status, message):
    functions.create("there", ECHO)
    found = functions.refusal("invoke", FunctionName=name)
    assert (found[0], found[2]) == (code, status)
    assert message in found[1]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Payload": b"{"}, "InvalidRequestContentException"),
        ({"ClientContext": "not base64!"}, "InvalidRequestContentException"),
        ({"ClientContext": base64.b64encode(b"[]").decode()}, "InvalidRequestContentException"),
        ({"InvocationType": "Event"}, "InvalidParameterValueException"),
        ({"Payload": b'"' + b"x" * 6_300_000 + b'"'}, "RequestTooLargeException"),
    ],
)
def test_a_request_that_lambda_does_not_take_is_refused(functions, request_, code):
    functions.create("strict", ECHO)
    assert functions.refusal("invoke", FunctionName="strict", **request_)[0] == code


def test_an_answer_that_is_too_long_is_an_error(functions):
    functions.create("large", "def handle(e, c): return 'x' * 7_000_000\n")
    assert functions.invoke("large").payload["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_dry_run_runs_nothing(functions):
    functions.create("dry", "raise SystemExit\n")
    assert functions.client.invoke(FunctionName="dry", InvocationType="DryRun")["StatusCode"] == 204


@pytest.mark.parametrize(("action", "runs"), [("error", 0), ("drop_before", 0), ("drop_after", 1)])
def test_fault_rules_act_on_invocations(functions, bench, action, runs):
    code = (
        "import boto3\ndef handle(e, c):\n"
        " boto3.client('s3').put_object(Bucket='test-bucket', Key=f'faults/{e}/{c.aws_request_id}')\n"
    )
    functions.create("faulty", code)
    rule = {
        "service": "lambda",
        "operation": "Invoke",
        "action": action,
        "times": 1,
        "code": "TooManyRequestsException",
        "http_status": 429,
        "match": {"FunctionName": "faulty", "Payload": action},
    }
    bench.control("POST", "faults", rule)
    try:
        functions.invoke("faulty", "other")
        with pytest.raises(Exception, match=r"TooManyRequests|Connection was closed"):
            functions.invoke("faulty", action)
    finally:
        bench.control("DELETE", "faults")
    assert len(bench.objects_below(f"faults/{action}/")) == runs


def test_nothing_of_an_invocation_is_left(functions, bench):
    functions.create("tidy", "import subprocess\ndef handle(e, c): subprocess.Popen(['sleep', '60']); return 1\n")
    began = time.monotonic()
    assert functions.invoke("tidy").payload == 1
    assert time.monotonic() - began < 20


def test_in_a_rehearsal_a_function_that_is_not_there_answers_the_declared_outputs(open_workbench):
    from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
    from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

    rehearsal = Rehearsal(outcomes={"Bad": Outcome(failure_reason="because")}, outputs={"Good": {"n": 1}})
    with open_workbench(stand_in=rehearsal) as bench:
        client = bench.client("lambda")

        def invoke(step, name="absent"):
            context = base64.b64encode(json.dumps({"custom": {"step": step}}).encode()).decode()
            answer = client.invoke(FunctionName=name, ClientContext=context)
            return json.loads(answer["Payload"].read()), answer.get("FunctionError")

        good, error = invoke("Good")
        assert (good.pop("rehearsal"), good, error) == ("synthetic output of a rehearsal: not computed", {"n": 1}, None)
        foreign, _ = invoke("Good", "arn:aws:lambda:eu-west-1:999999999999:function:deploy")
        assert foreign["n"] == 1
        bad, error = invoke("Bad")
        assert (bad["errorMessage"], error) == ("because", "Unhandled")
