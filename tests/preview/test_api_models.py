from __future__ import annotations

import botocore

from airflow_sm_pipelines.preview.api_models import botocore_version, input_shape, output_shape


def test_shapes_of_requests_and_answers():
    assert "RoleArn" in input_shape("sagemaker", "CreateTrainingJob").members
    assert "ModelArtifacts" in output_shape("sagemaker", "DescribeTrainingJob").members


def test_what_botocore_does_not_know():
    assert input_shape("sagemaker", "CreateJobOf2030") is None
    assert output_shape("no-such-service", "Describe") is None


def test_the_version_is_the_installed_one():
    assert botocore_version() == botocore.__version__
