"""Runs a command until it ends or our standard input does: `while_wanted.py COMMAND..`."""

import os
import signal
import subprocess
import sys
import threading

# Also what the command starts is in its group.
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)


def watch():
    os.read(0, 1)
    os.killpg(child.pid, signal.SIGKILL)


threading.Thread(target=watch, daemon=True).start()
sys.exit(child.wait())
