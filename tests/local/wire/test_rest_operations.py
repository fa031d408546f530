from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.wire.rest_operations import find_rest_operation

KEY = {"Bucket": "b", "Key": "k/x"}


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "headers", "found"),
    [
        ("s3", "GET", "/", "", (), ("ListBuckets", {})),
        ("s3", "PUT", "/b", "", (), ("CreateBucket", {"Bucket": "b"})),
        ("s3", "GET", "/b", "list-type=2&prefix=x", (), ("ListObjectsV2", {"Bucket": "b"})),
        ("s3", "GET", "/b/", "list-type=2", (), ("ListObjectsV2", {"Bucket": "b"})),
        ("s3", "PUT", "/b/k/x", "", (), ("PutObject", KEY)),
        ("s3", "PUT", "/b/k/x", "", ("x-amz-copy-source",), ("CopyObject", KEY)),
        ("s3", "PUT", "/b/k/x", "partNumber=1&uploadId=u", (), ("UploadPart", KEY)),
        ("s3", "POST", "/b/k/x", "uploads", (), ("CreateMultipartUpload", KEY)),
        ("s3", "GET", "/b/k/x", "", (), ("GetObject", KEY)),
        ("s3", "HEAD", "/b/k/x", "", (), ("HeadObject", KEY)),
        ("s3", "DELETE", "/b/k/x", "", (), ("DeleteObject", KEY)),
        (
            "lambda",
            "POST",
            "/2015-03-31/functions/f/invocations",
            "",
            (),
            ("Invoke", {"FunctionName": "f"}),
        ),
        ("lambda", "GET", "/no/such/path", "", (), None),
        (
            "emr-serverless",
            "GET",
            "/tags/arn:aws:emr-serverless:us-west-2:123456789012:/applications/00a/jobruns/00b",
            "",
            (),
            (
                "ListTagsForResource",
                {"resourceArn": "arn:aws:emr-serverless:us-west-2:123456789012:/applications/00a/jobruns/00b"},
            ),
        ),
    ],
)
def test_method_path_and_query_tell_the_operation(service, method, path, query, headers, found):
    assert find_rest_operation(service, method, path, query, frozenset(headers)) == found
