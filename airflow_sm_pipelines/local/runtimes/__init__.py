"""What images would bring: programs that run inside jobs, in the jobs' interpreter, which may be any Python 3.9+.

They import the standard library, each other, and what such an image has (numpy, xgboost); nothing else of the package.
"""
