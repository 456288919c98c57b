"""The language model. This one is a fake, which runs anywhere. Replace it with the client of a real one."""

import asyncio
import re
from collections.abc import AsyncGenerator

SECONDS_PER_TOKEN = 0.03


class Model:
    """Repeats the prompt, token by token, at the pace of a real model.

    Replace `generate` with a call of a real client, which streams and is cancelled in the same way:

        async with self.client.stream(prompt=prompt, max_tokens=max_tokens) as stream:
            async for text in stream:
                yield text

    When the client of the service leaves, `yield` or `await` raises. `async with` then closes the connection to the
    model, so that it generates, and costs, nothing more. Read the key of its API from the environment.
    """

    async def generate(self, prompt: str, max_tokens: int) -> AsyncGenerator[str]:
        """Yield the tokens of the answer."""
        answer = f'You wrote "{prompt}". A real model would answer that.'
        for token in re.findall(r"\s*\S+", answer)[:max_tokens]:
            await asyncio.sleep(SECONDS_PER_TOKEN)
            yield token
