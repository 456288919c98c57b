from coworks_async import TechMicroService, entry


class SimpleMicroService(TechMicroService):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.value = 0

    async def token_authorizer(self, token: str) -> bool:
        return token == "token"

    @entry
    async def get(self):
        return f"Stored value {self.value}.\n"

    @entry
    async def post(self, value: int | None = None):
        if value is not None:
            self.value = value
        return f"Value stored ({value}).\n"


app = SimpleMicroService(name="sample-first-microservice")
