"""What a node remembers: SQLite behind the `Store` port, and the same without a disk.

`open_store` is the only way in; see `migrations` for what is kept, `queries` for what is asked.
"""

from reconciler.store.memory import MemoryStore
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "open_store"]
