"""What a node remembers: SQLite behind the `Store` port, and the same without a disk.

`opening` is the way in, `comparing` the one for who only looks; `schema.sql` says what is kept, `queries`
what is asked.
"""
