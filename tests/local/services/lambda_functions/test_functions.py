"""Functions as resources, through a real boto3."""

from __future__ import annotations

import pytest

ECHO = "def handle(event, context):\n    return event\n"
ARN = "arn:aws:lambda:us-west-2:123456789012:function:f"


def test_a_function_is_described_as_it_was_created(functions):
    created = functions.create("f", ECHO, Timeout=30, Description="{{ d }}", Tags={"team": "ml"})
    found = functions.client.get_function(FunctionName=ARN)
    configuration = found["Configuration"]
    assert configuration["FunctionArn"] == created["FunctionArn"] == ARN
    assert configuration["CodeSha256"] == created["CodeSha256"]
    assert (configuration["Timeout"], configuration["MemorySize"]) == (30, 128)
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert configuration["Description"] == "{{ d }}"
    assert found["Tags"] == {"team": "ml"}
    functions.client.get_waiter("function_active_v2").wait(FunctionName="f")


def test_a_name_is_taken_once(functions):
    functions.create("f", ECHO)
    with pytest.raises(functions.client.exceptions.ResourceConflictException, match="Function already exist: f"):
        functions.create("f", ECHO)


def test_code_comes_from_s3_too(functions, bench, zipped):
    bench.s3.put_object(Bucket="test-bucket", Key="code/f.zip", Body=zipped({"handler.py": ECHO}))
    functions.create("f", "", Code={"S3Bucket": "test-bucket", "S3Key": "code/f.zip"})
    assert functions.invoke("f", 7).payload == 7
    code = {"S3Bucket": "test-bucket", "S3Key": "code/absent.zip"}
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match="S3 Error Code: NoSuchKey"):
        functions.create("g", "", Code=code)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {}}, "Please provide a source"),
        ({"Code": {"ImageUri": "image:1"}}, "from zip archives, not from images"),
        ({"Runtime": "nodejs20.x"}, "runs Python functions only, not nodejs20.x"),
        ({"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-west-2:123456789012:access-point/fsap-0123456789abcdef0", "LocalMountPath": "/mnt/x"}]}, "no file systems"),  # noqa: E501
        ({"Layers": ["arn:aws:lambda:us-west-2:123456789012:layer:absent:1"]}, "absent:1 does not exist"),
    ],
)  # fmt: skip
def test_what_cannot_run_here_is_refused_when_it_is_created(functions, members, message):
    with pytest.raises(functions.client.exceptions.InvalidParameterValueException, match=message):
        functions.create("f", ECHO, **members)


def test_code_and_configuration_are_updated(functions, zipped):
    functions.create("f", ECHO)
    code = zipped({"other.py": "import os\ndef main(e, c): return os.environ['MODE']\n"})
    functions.client.update_function_code(FunctionName="f", ZipFile=code)
    updated = functions.client.update_function_configuration(
        FunctionName="f", Handler="other.main", Environment={"Variables": {"MODE": "b"}}, Timeout=8
    )
    assert (updated["Handler"], updated["Timeout"], updated["Runtime"]) == ("other.main", 8, "python3.12")
    functions.client.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert functions.invoke("f").payload == "b"


def test_published_versions_do_not_change_and_the_same_is_not_published_twice(functions):
    functions.create("f", ECHO)
    client = functions.client
    assert [client.publish_version(FunctionName="f")["Version"] for _ in range(2)] == ["1", "1"]
    client.update_function_configuration(FunctionName="f", Description="new")
    assert client.publish_version(FunctionName="f")["Version"] == "2"
    assert client.get_function_configuration(FunctionName="f", Qualifier="1")["Description"] == ""
    assert client.get_function_configuration(FunctionName="f:1")["FunctionArn"] == f"{ARN}:1"


def test_aliases(functions):
    functions.create("f", ECHO, Publish=True)
    client = functions.client
    client.create_alias(FunctionName="f", Name="prod", FunctionVersion="1")
    assert client.get_alias(FunctionName="f", Name="prod")["AliasArn"] == f"{ARN}:prod"
    assert functions.refusal("create_alias", FunctionName="f", Name="prod", FunctionVersion="1")[0] == (
        "ResourceConflictException"
    )
    assert functions.refusal("update_alias", FunctionName="f", Name="prod", FunctionVersion="7")[2] == 404
    client.delete_alias(FunctionName="f", Name="prod")
    assert functions.refusal("get_alias", FunctionName="f", Name="prod")[2] == 404


def test_a_deleted_function_is_gone(functions):
    functions.create("f", ECHO)
    functions.client.delete_function(FunctionName="f")
    assert functions.refusal("get_function", FunctionName="f") == (
        "ResourceNotFoundException",
        f"Function not found: {ARN}",
        404,
    )
    assert functions.refusal("delete_function", FunctionName="f")[2] == 404


def test_functions_are_listed_in_pages(functions):
    for name in ("c", "a", "b"):
        functions.create(name, ECHO)
    pages = functions.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert [[one["FunctionName"] for one in page["Functions"]] for page in pages] == [["a", "b"], ["c"]]


def test_regions_have_their_own_functions(functions, bench):
    functions.create("f", ECHO)
    elsewhere = bench.client("lambda", region="eu-west-1")
    assert elsewhere.list_functions()["Functions"] == []


def test_tags(functions):
    functions.create("f", ECHO, Tags={"a": "1"})
    client = functions.client
    client.tag_resource(Resource=ARN, Tags={"b": "2"})
    client.untag_resource(Resource=ARN, TagKeys=["a"])
    assert client.list_tags(Resource=ARN)["Tags"] == {"b": "2"}


def test_layers_have_versions(functions, zipped):
    client = functions.client
    arns = [
        client.publish_layer_version(LayerName="versions", Content={"ZipFile": zipped({"a": text})})["LayerVersionArn"]
        for text in "xy"
    ]
    assert [arn.rpartition(":")[2] for arn in arns] == ["1", "2"]
    assert client.get_layer_version(LayerName="versions", VersionNumber=1)["LayerVersionArn"] == arns[0]
    client.delete_layer_version(LayerName="versions", VersionNumber=1)
    assert functions.refusal("get_layer_version", LayerName="versions", VersionNumber=1)[2] == 404


def test_an_operation_that_is_not_there_is_refused(functions):
    code, message, status = functions.refusal("list_event_source_mappings")
    assert (code, status) == ("UnknownOperationException", 400)
    assert "does not implement lambda:ListEventSourceMappings" in message


def test_functions_outlive_the_process_in_a_state_folder(open_workbench, tmp_path, zipped):
    with open_workbench(state_dir=tmp_path) as bench:
        client = bench.client("lambda")
        content = {"ZipFile": zipped({"python/shared.py": "X = 5"})}
        layer = client.publish_layer_version(LayerName="kept", Content=content)["LayerVersionArn"]
        code = {"ZipFile": zipped({"handler.py": "import shared\ndef handle(e, c): return shared.X\n"})}
        client.create_function(
            FunctionName="kept",
            Role="arn:aws:iam::123456789012:role/r",
            Runtime="python3.12",
            Handler="handler.handle",
            Code=code,
            Layers=[layer],
        )
    with open_workbench(state_dir=tmp_path) as bench:
        assert bench.client("lambda").invoke(FunctionName="kept")["Payload"].read() == b"5"
