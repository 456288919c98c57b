"""A blueprint of two entries."""

from coworks_async import Blueprint, entry


class Pages(Blueprint):
    @entry(no_auth=True)
    async def get(self, number: int):
        return {"page": number}

    @entry(no_auth=True)
    async def get_new(self):
        return "new"
