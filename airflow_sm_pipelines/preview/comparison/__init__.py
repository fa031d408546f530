"""An execution of SageMaker Pipelines against the requests that we would have sent for it."""
