"""The HTTP API: a plug-in of the runtime, which loads it by its entry point and knows no more of it."""

from api.serve import Service

__all__ = ["Service"]
