"""The same small service written four times, each in the usual style of its framework."""

OURS = "coworks_async"
STARLETTE = "starlette"
FASTAPI = "fastapi"
RAW = "raw ASGI"

APPS = {
    OURS: "benchmarks.apps.coworks_app:app",
    STARLETTE: "benchmarks.apps.starlette_app:app",
    FASTAPI: "benchmarks.apps.fastapi_app:app",
    RAW: "benchmarks.apps.raw_app:app",
}

# The other apps under Mangum, as the tables of aws.py name them.
STARLETTE_MANGUM = "starlette, Mangum(app)"
STARLETTE_LIFESPAN_OFF = 'starlette, lifespan="off"'
FASTAPI_LIFESPAN_OFF = 'fastapi, lifespan="off"'
