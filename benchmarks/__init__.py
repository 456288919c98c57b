"""Benchmarks of CoWorks Async against Starlette, FastAPI and raw ASGI. See README.md."""
