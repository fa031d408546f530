"""The local AWS: one process on loopback that answers the AWS wire protocols.

::

    request ─► application ─► admission          refuses what a browser sends for a web page
                           └► control            /_local/…: health, faults, recorded calls
                           └► faults             error, slow, dropped, client killed … (rules set by the user)
                               └► services/      our own: sagemaker, emr, emr_serverless, lambda_functions;
                                                 validated against botocore's models, real job states
                               └► moto           everything else, in the same process (s3, sqs, sts, iam, logs …)
    services/  ─► jobs/runner ─► stage S3 inputs ─► the command in a sandbox with its own /opt/ml ─► upload, logs
                                                    └► runtimes/   what images bring: script mode, XGBoost, inference
                              └► stand_in           what a job does instead, if the starter hands one in
    state/                                          what outlives the process, if there is a state folder

Each service has a ``service`` module with its operations by name. What it keeps is in ``table`` modules.

The room is an island: it imports nothing else of the package and does not know what it is used for, so that a test
against it proves more than self-consistency. It is not a security boundary: it listens on 127.0.0.1 only, and runs
whatever a job definition says as the user who started it.
"""
