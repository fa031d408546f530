from __future__ import annotations

import pytest

from airflow_sm_pipelines.preview.images import is_image, names_registry

ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    "text",
    [
        f"{ECR}/sagemaker-xgboost:1.7-1",
        f"{ECR}/team/model_one/a-b.c__d",
        f"{ECR}/repository@sha256:{'0' * 64}",
        f"{ECR}/repository:1@sha256:{'aB' * 32}",
        "localhost:5000/image",
        "Registry.Example.com/image:Tag_1.0-x",
        "image",
        "image:1",
    ],
)
def test_an_image(text):
    assert is_image(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "my image",
        "My-Image:1",
        f"https://{ECR}/image:1",
        f"docker://{ECR}/image",
        "s3://bucket/image.tar",
        "arn:aws:ecr:us-west-2:123456789012:repository/image",
        f"{ECR}/Repository:1",
        f"{ECR}/repository:",
        f"{ECR}/repository:1:2",
        f"{ECR}/",
        f"{ECR}//image",
        f"{ECR}/image@sha256:12",
        f"{ECR}/image:1\n",
        "-image",
        "a" * 5000,
    ],
)
def test_no_image(text):
    assert not is_image(text)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{ECR}/image:1", True),
        ("registry:5000/image", True),
        ("localhost/image", True),
        ("team/image", False),
        ("image:1", False),
    ],
)
def test_the_registry_is_the_host_before_the_first_slash(image, expected):
    assert names_registry(image) is expected


def test_a_long_text_takes_no_long_time():
    assert not is_image("a-" * 1000 + "/" + "A" * 40)
