"""Importing this ends the server when the test process that started it is gone, however it went.

The test holds the other end of standard input, so end of file means there is nobody left to serve.
"""

import os
import sys
import threading


def _wait_for_the_end():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=_wait_for_the_end, daemon=True).start()
