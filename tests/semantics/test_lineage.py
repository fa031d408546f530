"""What steps have read and written, by the Describe response of their resource."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.kinds import (
    AUTO_ML_JOB,
    EMR_STEP,
    ENDPOINT,
    ENDPOINT_CONFIG,
    INFERENCE_COMPONENT,
    MODEL,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    RESOURCE_KINDS,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
)
from airflow_sm_pipelines.semantics.lineage import INPUTS, OUTPUTS, Dataset, Lineage, lineage_of

ACCOUNT = "arn:aws:sagemaker:eu-west-1:123456789012"


def s3(key: str, bucket: str = "bucket") -> Dataset:
    return Dataset(f"s3://{bucket}", key)


def of_sagemaker(name: str, version: str = "") -> Dataset:
    return Dataset(ACCOUNT, name, version)


def channel(uri: str) -> dict[str, Any]:
    return {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


CASES = {
    "a processing job reads its inputs and writes its outputs": (
        PROCESSING_JOB,
        {
            "ProcessingJobArn": f"{ACCOUNT}:processing-job/p",
            "ProcessingInputs": [
                {"InputName": "raw", "S3Input": {"S3Uri": "s3://bucket/raw/data.csv"}},
                {"InputName": "rows", "DatasetDefinition": {"AthenaDatasetDefinition": {}}},
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": "clean", "S3Output": {"S3Uri": "s3://bucket/clean/"}},
                    {"OutputName": "features", "FeatureStoreOutput": {"FeatureGroupName": "abalone"}},
                ]
            },
        },
        [s3("raw/data.csv")],
        [s3("clean"), of_sagemaker("feature-group/abalone")],
    ),
    "a training job writes its model": (
        TRAINING_JOB,
        {
            "TrainingJobArn": f"{ACCOUNT}:training-job/t",
            "InputDataConfig": [
                channel("s3://bucket/train"),
                channel("s3://bucket/validation/"),
                {"ChannelName": "files", "DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1"}}},
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/models/t/output/model.tar.gz"},
            "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"},
        },
        [s3("train"), s3("validation")],
        [s3("models/t/output/model.tar.gz")],
    ),
    "a training job may register the model that it has customized": (
        TRAINING_JOB,
        {
            "TrainingJobArn": f"{ACCOUNT}:training-job/t",
            "ModelPackageConfig": {"SourceModelPackageArn": f"{ACCOUNT}:model-package/base/1"},
            "OutputModelPackageArn": f"{ACCOUNT}:model-package/tuned/7",
        },
        [of_sagemaker("model-package-group/base", "1")],
        [of_sagemaker("model-package-group/tuned", "7")],
    ),
    "a transform job reads its model": (
        TRANSFORM_JOB,
        {
            "TransformJobArn": f"{ACCOUNT}:transform-job/t",
            "ModelName": "abalone",
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/x"}}},
            "TransformOutput": {"S3OutputPath": "s3://other/predictions"},
        },
        [s3("x"), of_sagemaker("model/abalone")],
        [s3("predictions", "other")],
    ),
    "a tuning job reads what all its training definitions read": (
        TUNING_JOB,
        {
            "TrainingJobDefinitions": [
                {
                    "InputDataConfig": [channel("s3://bucket/train")],
                    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
                },
                {
                    "InputDataConfig": [channel("s3://bucket/train"), channel("s3://bucket/more")],
                    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
                },
            ],
        },
        [s3("train"), s3("more")],
        [s3("models")],
    ),
    "a tuning job with one training definition": (
        TUNING_JOB,
        {
            "TrainingJobDefinition": {
                "InputDataConfig": [channel("s3://bucket/train")],
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            }
        },
        [s3("train")],
        [s3("models")],
    ),
    "an AutoML job writes its best candidate": (
        AUTO_ML_JOB,
        {
            "InputDataConfig": [channel("s3://bucket/table.csv")],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/autopilot"},
            "BestCandidate": {"InferenceContainers": [{"ModelDataUrl": "s3://bucket/autopilot/best.tar.gz"}]},
        },
        [s3("table.csv")],
        [s3("autopilot"), s3("autopilot/best.tar.gz")],
    ),
    "a model is made of its containers": (
        MODEL,
        {
            "ModelName": "abalone",
            "ModelArn": f"{ACCOUNT}:model/abalone",
            "PrimaryContainer": {"ModelDataUrl": "s3://bucket/model.tar.gz"},
            "Containers": [
                {"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://bucket/weights/"}}},
                {"ModelPackageName": f"{ACCOUNT}:model-package/abalone/3"},
            ],
        },
        [s3("model.tar.gz"), s3("weights"), of_sagemaker("model-package-group/abalone", "3")],
        [of_sagemaker("model/abalone")],
    ),
    "a model version is a version of its group": (
        MODEL_PACKAGE,
        {
            "ModelPackageArn": f"{ACCOUNT}:model-package/abalone/3",
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://bucket/model.tar.gz"}]},
            "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://bucket/evaluation.json"}}},
        },
        [s3("model.tar.gz"), s3("evaluation.json")],
        [of_sagemaker("model-package-group/abalone", "3")],
    ),
    "a model package without a group": (
        MODEL_PACKAGE,
        {"ModelPackageArn": f"{ACCOUNT}:model-package/abalone-1"},
        [],
        [of_sagemaker("model-package/abalone-1")],
    ),
    "an endpoint configuration serves models": (
        ENDPOINT_CONFIG,
        {
            "EndpointConfigName": "c",
            "EndpointConfigArn": f"{ACCOUNT}:endpoint-config/c",
            "ProductionVariants": [{"ModelName": "a"}, {"VariantName": "without a model"}],
            "ShadowProductionVariants": [{"ModelName": "b"}],
        },
        [of_sagemaker("model/a"), of_sagemaker("model/b")],
        [of_sagemaker("endpoint-config/c")],
    ),
    "an endpoint has a configuration": (
        ENDPOINT,
        {"EndpointName": "e", "EndpointArn": f"{ACCOUNT}:endpoint/e", "EndpointConfigName": "c"},
        [of_sagemaker("endpoint-config/c")],
        [of_sagemaker("endpoint/e")],
    ),
    "an inference component serves a model on an endpoint": (
        INFERENCE_COMPONENT,
        {
            "InferenceComponentName": "i",
            "InferenceComponentArn": f"{ACCOUNT}:inference-component/i",
            "EndpointName": "e",
            "Specification": {"ModelName": "m"},
        },
        [of_sagemaker("model/m"), of_sagemaker("endpoint/e")],
        [of_sagemaker("inference-component/i")],
    ),
    "of an EMR step, AWS tells neither": (
        EMR_STEP,
        {"Id": "s-1", "Config": {"Jar": "s3://bucket/job.jar", "Args": ["s3://bucket/in", "s3://bucket/out"]}},
        [],
        [],
    ),
}


@pytest.mark.parametrize(("kind", "described", "inputs", "outputs"), CASES.values(), ids=CASES)
def test_lineage(kind: Any, described: Any, inputs: list[Dataset], outputs: list[Dataset]) -> None:
    assert lineage_of(kind, described) == Lineage(tuple(inputs), tuple(outputs))


@pytest.mark.parametrize(
    "uri", ["", "s3://", "https://bucket.s3.amazonaws.com/model.tar.gz", "file:///opt/ml", "bucket/key", "s3:///key"]
)
def test_what_is_no_s3_uri_is_no_dataset(uri: str) -> None:
    described = {"ModelArtifacts": {"S3ModelArtifacts": uri}}

    assert lineage_of(TRAINING_JOB, described).outputs == ()


def test_a_whole_bucket_has_a_slash_as_its_name() -> None:
    assert lineage_of(TRANSFORM_JOB, {"TransformOutput": {"S3OutputPath": "s3://bucket"}}).outputs == (s3("/"),)


TABLES = {"inputs": INPUTS, "outputs": OUTPUTS}
PATHS = [(key, path) for table in TABLES.values() for key, places in table.items() for path in places]


@pytest.mark.newest
@pytest.mark.parametrize(("key", "path"), PATHS)
def test_every_path_of_the_tables_is_a_text_of_the_api(key: str, path: str) -> None:
    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    shape: Any = client.meta.service_model.operation_model(RESOURCE_KINDS[key].describe).output_shape
    for part in path.split("."):
        shape = shape.members[part.removesuffix("[]")]
        if part.endswith("[]"):
            assert shape.type_name == "list"
            shape = shape.member

    assert shape.type_name == "string"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("s3://elsewhere/x"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted({part.removesuffix("[]") for _, path in PATHS for part in path.split(".")})),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(
    kind=st.sampled_from(list(RESOURCE_KINDS.values())), described=st.dictionaries(st.text(max_size=5), _json) | _json
)
def test_no_answer_of_aws_breaks_it(kind: Any, described: Any) -> None:
    if isinstance(described, dict):
        found = lineage_of(kind, described)
        for datasets in (found.inputs, found.outputs):
            assert len(set(datasets)) == len(datasets)
            assert all(dataset.namespace and dataset.name for dataset in datasets)


_uris = st.builds(
    "s3://{}/{}".format, st.sampled_from(["a", "b"]), st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}", fullmatch=True)
)


@given(data=st.data())
def test_what_stands_at_the_paths_is_found_and_nothing_else(data: st.DataObject) -> None:
    kind = RESOURCE_KINDS[data.draw(st.sampled_from(sorted({key for key, _ in PATHS})))]
    described: dict[str, Any] = {"Elsewhere": {"S3Uri": "s3://elsewhere/x"}, "S3Uri": "s3://elsewhere/x"}
    wanted: dict[str, list[Dataset]] = {"inputs": [], "outputs": []}
    for direction, table in TABLES.items():
        for path, form in table.get(kind.key, {}).items():
            text = data.draw(st.none() | _uris)
            if text is not None:
                _put(described, path.split("."), text)
                wanted[direction] += filter(None, [form(text, ACCOUNT)])
    if kind.arn_member not in described:
        described[kind.arn_member] = f"{ACCOUNT}:type/name"

    found = lineage_of(kind, described)

    assert set(found.outputs) >= {one for one in wanted["outputs"] if one.namespace != ACCOUNT}
    assert set(found.inputs) >= {one for one in wanted["inputs"] if one.namespace != ACCOUNT}
    assert s3("x", "elsewhere") not in (*found.inputs, *found.outputs)
    assert len(found.inputs) <= len(wanted["inputs"])


def _put(tree: dict[str, Any], path: list[str], text: str) -> None:
    name, *rest = path
    member = name.removesuffix("[]")
    if not rest:
        tree[member] = text
    elif name.endswith("[]"):
        tree.setdefault(member, [])
        tree[member].append({})
        _put(tree[member][-1], rest, text)
    else:
        _put(tree.setdefault(member, {}), rest, text)
