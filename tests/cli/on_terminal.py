#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/on_terminal.py [option...] COMMAND...: runs a command on a terminal, prints what came there, then how it ended.

  --of ioe          which of its standard input, output and error are on the terminal; the others: nothing, and our own
  --answer TEXT     types it when it is asked ([y/N]); several are typed one after the other
  --secret TEXT     types it when a passphrase is asked for (": "); several are typed one after the other
  --columns N       the width of the terminal
  --rows N          its height
  --ctrl-c TEXT     types Ctrl-C when TEXT has come, counted from the last of these on; several one after the other
  --controls        shows control characters: a carriage return as a new line <return>, the end of a line erased as <erase>

A command that a signal ends is told as "signal N". Nothing that is typed is echoed.
"""
import argparse
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time

parser = argparse.ArgumentParser()
parser.add_argument("--of", default="ioe")
parser.add_argument("--answer", action="append", default=[])
parser.add_argument("--secret", action="append", default=[])
parser.add_argument("--columns", type=int, default=80)
parser.add_argument("--rows", type=int, default=24)
parser.add_argument("--ctrl-c", action="append", default=[])
parser.add_argument("--controls", action="store_true")
parser.add_argument("command", nargs=argparse.REMAINDER)
options = parser.parse_args()

ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", options.rows, options.columns, 0, 0))
mode = termios.tcgetattr(theirs)
mode[3] &= ~termios.ECHO
termios.tcsetattr(theirs, termios.TCSANOW, mode)


def take_terminal():
    """It is the process's own, so that Ctrl-C on it is a signal."""
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)


process = subprocess.Popen(options.command, stdin=theirs if "i" in options.of else subprocess.DEVNULL,
                           stdout=theirs if "o" in options.of else subprocess.PIPE,
                           stderr=theirs if "e" in options.of else None, preexec_fn=take_terminal)
os.close(theirs)
text = b""
seen = asked = 0
while True:
    try:
        part = os.read(ours, 4096)
    except OSError:
        break
    if not part:
        break
    text += part
    if options.answer and text.endswith(b"[y/N] ") and len(text) > asked:
        asked = len(text)
        os.write(ours, options.answer.pop(0).encode() + b"\n")
    if options.secret and text.endswith(b": ") and len(text) > asked:
        asked = len(text)
        os.write(ours, options.secret.pop(0).encode() + b"\n")
    if options.ctrl_c and options.ctrl_c[0].encode() in text[seen:]:
        time.sleep(0.15 if seen else 0)  # nobody types faster; what comes faster counts as one
        seen = len(text)
        options.ctrl_c.pop(0)
        os.write(ours, b"\x03")
if process.stdout is not None:
    print(process.stdout.read().decode(), end="")
shown = text.decode().replace("\r\n", "\n")
if options.controls:
    shown = "\n".join(ascii(line)[1:-1]
                      for line in shown.replace("\r", "\n<return>").replace("\x1b[K", "<erase>").split("\n"))
print(shown, end="")
if shown and (options.controls or not shown.endswith("\n")):
    print()
code = process.wait()
print(code if code >= 0 else f"signal {-code}")
