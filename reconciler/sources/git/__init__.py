"""A git repository as a source. `GitFeed` is the door; it is imported only where a source needs it."""

from reconciler.sources.git.auth import Access
from reconciler.sources.git.feed import GitFeed

__all__ = ["Access", "GitFeed"]
