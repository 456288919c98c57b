"""The Lambda handler of the service with Starlette and Mangum."""

from mangum import Mangum

from benchmarks.apps.starlette_app import app

handler = Mangum(app)
