"""Answers Callback steps: python answer.py QUEUE_URL https://AIRFLOW/sm-pipelines/callback"""

import json
import sys

import boto3

queue_url, endpoint_url = sys.argv[1:]
sqs, sagemaker = boto3.client("sqs"), boto3.client("sagemaker", endpoint_url=endpoint_url)


def work(arguments):
    """Your own work; the names of its results are those of the step's OutputParameters."""
    return {"rows": len(arguments["rows"]), "mean": sum(arguments["rows"]) / len(arguments["rows"])}


while True:
    for received in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5).get("Messages", ()):
        message = json.loads(received["Body"])
        try:
            results = {} if message["status"] == "Stopping" else work(message["arguments"])
            outputs = [{"Name": name, "Value": str(value)} for name, value in results.items()]
            sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"], OutputParameters=outputs)
        except (KeyError, ValueError, ZeroDivisionError) as error:
            sagemaker.send_pipeline_execution_step_failure(CallbackToken=message["token"], FailureReason=repr(error))
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=received["ReceiptHandle"])
