"""Approve a version of the model package, with the reviewer's comment."""

import boto3


def handle(event, context):
    sagemaker = boto3.client("sagemaker")
    sagemaker.update_model_package(
        ModelPackageArn=event["model_package"],
        ModelApprovalStatus="Approved",
        ApprovalDescription=event["comment"],
    )
    package = sagemaker.describe_model_package(ModelPackageName=event["model_package"])
    return {"status": package["ModelApprovalStatus"]}
