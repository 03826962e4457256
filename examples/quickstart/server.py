#!/usr/bin/env python3
"""Serves a folder; a second node's server may share the port, so that the example runs twice on a machine."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    allow_reuse_port = True


port, folder = sys.argv[1:]
Server(("127.0.0.1", int(port)), partial(SimpleHTTPRequestHandler, directory=folder)).serve_forever()
