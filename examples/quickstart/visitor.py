#!/usr/bin/env python3
"""Looks at the site every few seconds, and says what it saw."""

import sys
import time
import urllib.request

while True:
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        print(answer.status, len(answer.read()), "bytes", flush=True)
    time.sleep(5)
