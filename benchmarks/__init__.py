"""How fast CoWorks Async answers, beside hand-written Starlette, FastAPI and raw ASGI. See README.md."""
