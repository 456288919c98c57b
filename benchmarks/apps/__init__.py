"""The same small service in four frameworks, each written as its documentation recommends."""

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
