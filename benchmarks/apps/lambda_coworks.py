"""The Lambda handler of the service with CoWorks Async."""

from benchmarks.apps.coworks_app import app

handler = app.lambda_handler
