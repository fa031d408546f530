"""Counts the rows of a CSV file in S3, and notes each call in S3 under the token and try of the caller."""

import boto3


def handle(event, context):
    s3 = boto3.client("s3")
    body = s3.get_object(Bucket=event["data"]["bucket"], Key=event["data"]["key"])["Body"].read().decode()
    rows = [line.split(",") for line in body.splitlines()]
    caller = context.client_context.custom
    s3.put_object(Bucket=event["data"]["bucket"], Key=f"lambda-calls/{caller['executionId']}/{caller['token']}")
    print(f"measured {len(rows)} rows for step {caller['step']}")
    return {
        "rows": len(rows),
        "mean": sum(float(row[0]) for row in rows) / len(rows),
        "large": len(rows) >= event["threshold"],
        "columns": {"names": ["x", "y"], "note": event["note"]},
        "not declared": "ignored",
    }
