"""The smallest service: one entry, which requires no token."""

from coworks_async import TechMicroService, entry


class SimpleMicroService(TechMicroService):
    @entry(no_auth=True)
    def get(self):
        return "Hello world.\n"


app = SimpleMicroService(name="sample-simple-microservice")
