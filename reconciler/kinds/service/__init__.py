"""`Service`, one supervised thing, and `ServiceGroup`, several that belong together."""

from reconciler.kinds.service.group import ServiceGroup
from reconciler.kinds.service.service import Service

__all__ = ["Service", "ServiceGroup"]
