"""Read what a job has measured, so that the pipeline can compare the groups."""

import json

import boto3


def handle(event, context):
    bucket, _, folder = event["folder"].removeprefix("s3://").partition("/")
    body = boto3.client("s3").get_object(Bucket=bucket, Key=f"{folder}/report.json")["Body"].read()
    return json.loads(body)
