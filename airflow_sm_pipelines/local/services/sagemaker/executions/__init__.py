"""Executions of pipelines. The local AWS runs none: it answers from recordings of AWS's own answers."""
