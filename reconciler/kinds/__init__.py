"""One folder a kind, found by scanning: adding one edits no other file."""
