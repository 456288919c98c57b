"""The Lambda handler of the service with FastAPI and Mangum, which is faster without the lifespan."""

from mangum import Mangum

from benchmarks.apps.fastapi_app import app

handler = Mangum(app, lifespan="off")
