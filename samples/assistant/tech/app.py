"""The service assistant: streams the answers of a language model, and cancels the model when the client leaves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

from coworks_async import EventSourceResponse, ServerSentEvent, TechMicroService, entry, sse
from msgspec import Meta
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from model import Model

FOLDER = Path(__file__).parent
PAGE = (FOLDER / "page.html").read_text(encoding="utf-8")
# Scripts and styles only from `static`.
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}

Prompt = Annotated[str, Meta(min_length=1, max_length=4000)]
# In Lambda, an answer that is not streamed must be complete before the timeout of the gateway.
MaxTokens = Annotated[int, Meta(ge=1, le=500)]


class Assistant(TechMicroService):
    """Answers prompts. The page is open to anyone; its requests require the token that is entered there."""

    def __init__(self, model: Model | None = None, **kwargs: Any) -> None:
        static = Mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
        super().__init__(routes=[static], **kwargs)
        self.model = model or Model()

    @entry(no_auth=True)
    async def get(self) -> HTMLResponse:
        """Show the page. Its links are relative to the root of the API, which may be a stage such as `/dev/`."""
        return HTMLResponse(PAGE.replace("{root}", self.url_for("get")), headers=PAGE_HEADERS)

    @entry
    async def post_answers(self, *, prompt: Prompt, max_tokens: MaxTokens = 200) -> EventSourceResponse:
        """Send an event `token` for each token of the answer, then an event `done`."""
        return sse(self.stream_answer(prompt, max_tokens))

    async def stream_answer(self, prompt: str, max_tokens: int) -> AsyncGenerator[ServerSentEvent]:
        """Yield the events of an answer. If the client leaves, this generator is cancelled, and with it the model."""
        sent = 0
        try:
            # Closes the model's generator at once, not when Python collects it.
            async with aclosing(self.model.generate(prompt, max_tokens)) as tokens:
                async for token in tokens:
                    yield ServerSentEvent({"text": token}, event="token")
                    sent += 1
            yield ServerSentEvent({"tokens": sent}, event="done")
        except (asyncio.CancelledError, GeneratorExit):
            self.logger.info("The client left after %d tokens.", sent)
            raise


app = Assistant(name="assistant")
