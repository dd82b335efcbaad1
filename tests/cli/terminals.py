"""Commands that write to a terminal."""

import os
import re

import pytest


def seen(start):
    """What a command writes to a terminal, without control sequences, and the process that has ended. `start(end,
    environment)`: begins one whose errors go to this end of a terminal.
    """
    pty = pytest.importorskip("pty", reason="this system has no terminals of its own")
    ours, theirs = pty.openpty()
    process = start(theirs, {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160"})
    os.close(theirs)
    found = b""
    try:
        while part := os.read(ours, 65_536):
            found += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    process.wait()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", found.decode()), process
