"""The same small service, written four times, each the way an honest author would in that framework."""

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
