"""A DAG bundle that mirrors the SageMaker pipelines of an account.

The DAG processor reads the account and writes what it finds into a store that every machine can read: an S3 prefix or a
shared folder. Workers read the store alone.
"""
