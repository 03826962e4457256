"""Where snapshots come from: text, folders, repositories."""
