"""Benchmarks of CoWorks Async against hand-written Starlette, FastAPI and raw ASGI. See README.md."""
