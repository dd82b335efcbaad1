"""Commands that write to a terminal."""

import os
import re
import signal

import pytest


def seen(start, enough=None):
    """What a command writes to a terminal, without control sequences, and the process that has ended. `start(end,
    environment)`: begins one whose errors go to this end of a terminal. `enough`: a regular expression; when it is
    found, Ctrl-C is pressed.
    """
    pty = pytest.importorskip("pty", reason="this system has no terminals of its own")
    ours, theirs = pty.openpty()
    process = start(theirs, {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160"})
    os.close(theirs)
    found = b""
    try:
        while part := os.read(ours, 65_536):
            found += part
            if enough is not None and re.search(enough, _plain(found)):
                process.send_signal(signal.SIGINT)
                enough = None
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    process.wait()
    return _plain(found), process


def _plain(found):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", found.decode(errors="ignore"))
