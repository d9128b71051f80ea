#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/first_screen.py TEXT COMMAND...: how long a program takes until it shows its first screen.

Runs the command on a terminal of 40 rows and 120 columns until what it wrote contains TEXT, its last word there, and prints
the seconds; then types q and waits for its end. Ends after a minute whatever happens.
"""
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time


def main():
    wanted = sys.argv[1].encode()
    signal.alarm(60)
    seen = b""
    begin = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(sys.argv[2], sys.argv[2:])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    taken = None
    while True:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not part:
            break
        seen += part
        if taken is None and wanted in seen:
            taken = time.monotonic() - begin
            os.write(terminal, b"q")
    _, status = os.waitpid(child, 0)
    if taken is None or status != 0:
        sys.exit(f"first_screen: '{sys.argv[1]}' was not shown (status {status}): {seen[-200:]!r}")
    print(f"{taken:.4f}")


main()
