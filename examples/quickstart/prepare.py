#!/usr/bin/env python3
"""Does its work once and ends: the server waits for that."""

print("the site is prepared")
