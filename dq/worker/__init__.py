"""The gate where nobody calls it: a worker that watches (`dq watch`), and a function of AWS Lambda."""

from dq.worker.function import answer as lambda_handler

__all__ = ["lambda_handler"]
