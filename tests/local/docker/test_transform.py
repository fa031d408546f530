"""Inference images of transform jobs in a real Docker."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.docker

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SERVE = """#!/bin/sh
echo "serving $*, batch $SAGEMAKER_BATCH, strategy $SAGEMAKER_BATCH_STRATEGY"
test "$1" = serve || exit 1
test -z "$CRASH" || exit 9
exec nc -ll -p 8080 -e /bin/answer
"""
ANSWER = """#!/bin/sh
read -r method path _
length=0
while read -r name value && [ "$name" != "" ] && [ "$name" != "$(printf '\\r')" ]; do
  case "$name" in
    [Cc]ontent-[Ll]ength:) length=$(echo "$value" | tr -d '\\r') ;;
    [Aa]ccept:) accept=$(echo "$value" | tr -d '\\r') ;;
  esac
done
body=$(head -c "$length")
status="200 OK"
answer=""
if [ "$path" = /invocations ]; then
  answer="$(cat /opt/ml/model/factor)*$body as $accept"
  [ "$body" != bad ] || status="400 Bad Request"
fi
printf 'HTTP/1.1 %s\\r\\nContent-Length: %s\\r\\nConnection: close\\r\\n\\r\\n%s' "$status" "${#answer}" "$answer"
"""


@pytest.fixture(scope="module")
def bench(open_workbench, docker_daemon):
    with open_workbench(sandbox="docker") as opened:
        yield opened


@pytest.fixture(scope="module")
def image(make_image):
    return make_image("smp-test-serve:1", {"/bin/serve": SERVE, "/bin/answer": ANSWER}, 'ENTRYPOINT ["/bin/serve"]')


def transform(bench, image, name, data, containers=1, environment=None, **source):
    model = bench.put_archive(f"docker-transform/{name}.tar.gz", {"factor": "6"})
    bench.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        Containers=[{"Image": image, "ModelDataUrl": model, "Environment": environment or {}}] * containers,
    )
    bench.put(f"docker-transform/{name}/in/x", data)
    batch = {"S3DataType": "S3Prefix", "S3Uri": f"s3://test-bucket/docker-transform/{name}/in"}
    bench.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": {"S3DataSource": batch}, **source},
        TransformOutput={
            "S3OutputPath": f"s3://test-bucket/docker-transform/{name}/out",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        BatchStrategy="SingleRecord" if source else "MultiRecord",
    )
    return bench.finish("transform", name), bench.objects(f"docker-transform/{name}/out/")


def test_an_inference_image_serves_its_model_to_the_transform_job(bench, image, run_docker):
    ended, written = transform(bench, image, "serves", "7\n8\n", SplitType="Line")
    assert ended["TransformJobStatus"] == "Completed", bench.log_lines("serves", "/aws/sagemaker/TransformJobs")
    assert written == {"x.out": "6*7 as text/csv\n6*8 as text/csv\n"}
    lines = bench.log_lines("serves", "/aws/sagemaker/TransformJobs")
    assert lines[0] == "serving serve, batch true, strategy SINGLE_RECORD"
    assert run_docker("ps", "--all", "--quiet", "--filter", "label=airflow-sm-pipelines.local-aws") == ""


def test_the_answer_of_one_container_is_the_request_of_the_next(bench, image):
    ended, written = transform(bench, image, "chain", "7", containers=2)
    assert ended["TransformJobStatus"] == "Completed", ended
    assert written == {"x.out": "6*6*7 as  as text/csv\n"}


def test_a_refused_request_fails_the_job(bench, image):
    ended, written = transform(bench, image, "refuses", "bad")
    assert (ended["TransformJobStatus"], written) == ("Failed", {})
    assert ended["FailureReason"].startswith("ClientError: See job logs")


def test_a_server_that_ends_fails_the_job(bench, image):
    ended, _ = transform(bench, image, "crashes", "7", environment={"CRASH": "yes"})
    assert ended["TransformJobStatus"] == "Failed"
    lines = bench.log_lines("crashes", "/aws/sagemaker/TransformJobs")
    assert "Bad HTTP status received from algorithm: 500: the container has ended with exit code 9" in lines
