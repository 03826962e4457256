"""What a node remembers: SQLite behind the `Store` port, and the same without a disk.

`open_store` is the way in, `open_read_only` the one for comparing; `schema.sql` says what is kept, `queries`
what is asked.
"""

from reconciler.store.comparing import open_read_only
from reconciler.store.memory import MemoryStore
from reconciler.store.opening import open_store
from reconciler.store.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "open_read_only", "open_store"]
