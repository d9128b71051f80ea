# SPDX-License-Identifier: Apache-2.0
"""tests/cli/screen.py: a program on a pseudo-terminal, and what its screen shows.

Screen is a terminal in memory: it understands what programs with a screen send to terminals of the kinds xterm and vt100, and
fails on all else. Program runs a command on a terminal, types, and waits until the screen is as it is wanted.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

CONTROL = re.compile(
    r"\x1b\[([?>]?)([0-9;]*)([@A-Za-z])"  # control sequences
    r"|\x1b([()])([0AB])"                   # character sets
    r"|\x1b([78=>DEMc])"                    # single ones
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles of windows
    r"|[\x00-\x1a\x1c-\x1f]|[^\x00-\x1f]")


def width_of(character):
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """Rows of cells; a cell is [text, attributes]; the second half of a wide character has the text ''."""

    def __init__(self, rows, columns):
        self.left = ""
        self.is_alternate = False
        self.is_hidden = False  # the cursor
        self.keypad = False
        self.colours = set()  # all that were used
        self.saved = (0, 0)
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [self.blank_row() for _ in range(rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, rows - 1
        self.attributes = frozenset()
        self.wraps_next = False

    def blank_row(self):
        return [[" ", frozenset()] for _ in range(self.columns)]

    def feed(self, text):
        text = self.left + text
        at = 0
        while at < len(text):
            found = CONTROL.match(text, at)
            if found is None:
                break  # the rest of a sequence is to come
            self.obey(found)
            at = found.end()
        self.left = text[at:]
        if len(self.left) > 200:
            raise ValueError(f"not understood: {self.left[:40]!r}")

    def obey(self, found):
        text = found.group()
        if found.group(3):
            numbers = [int(number or 0) for number in found.group(2).split(";")] if found.group(2) else []
            self.control(found.group(1), numbers, found.group(3))
        elif found.group(4) or text.startswith("\x1b]"):
            pass
        elif found.group(6):
            self.single(found.group(6))
        elif text < " ":
            self.character(text)
        else:
            self.put(text)

    def put(self, character):
        width = width_of(character)
        if width == 0:
            column = max(0, self.column - (0 if self.wraps_next else 1))
            while column > 0 and self.cells[self.row][column][0] == "":
                column -= 1
            self.cells[self.row][column][0] += character
            return
        if self.wraps_next or self.column + width > self.columns:
            self.column = 0
            self.line_feed()
        for i in range(width):
            self.cells[self.row][self.column + i] = [character if i == 0 else "", self.attributes]
        self.wraps_next = self.column + width == self.columns
        self.column = min(self.column + width, self.columns - 1)

    def line_feed(self):
        self.wraps_next = False
        if self.row == self.bottom:
            self.scroll(1)
        elif self.row < self.rows - 1:
            self.row += 1

    def scroll(self, by):
        for _ in range(abs(by)):
            if by > 0:
                del self.cells[self.top]
                self.cells.insert(self.bottom, self.blank_row())
            else:
                del self.cells[self.bottom]
                self.cells.insert(self.top, self.blank_row())

    def character(self, text):
        if text in "\x00\x07\x0e\x0f":
            return
        self.wraps_next = False
        if text == "\r":
            self.column = 0
        elif text == "\n":
            self.line_feed()
        elif text == "\b":
            self.column = max(0, self.column - 1)
        elif text == "\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
        else:
            raise ValueError(f"not understood: {text!r}")

    def single(self, letter):
        if letter == "M":
            if self.row == self.top:
                self.scroll(-1)
            else:
                self.row = max(0, self.row - 1)
        elif letter == "D":
            self.line_feed()
        elif letter == "E":
            self.column = 0
            self.line_feed()
        elif letter == "7":
            self.saved = (self.row, self.column)
        elif letter == "8":
            self.row, self.column = self.saved
        elif letter in "=>":
            self.keypad = letter == "="
        elif letter == "c":
            self.resize(self.rows, self.columns)

    def control(self, mark, numbers, letter):
        first = numbers[0] if numbers else 0
        count = max(1, first)
        if mark:
            self.mode(numbers, letter)
            return
        if letter != "m":
            self.wraps_next = False
        if letter in "Hf":
            self.row = min(self.rows, max(1, first)) - 1
            self.column = min(self.columns, max(1, numbers[1] if len(numbers) > 1 else 1)) - 1
        elif letter == "A":
            self.row = max(0, self.row - count)
        elif letter == "B":
            self.row = min(self.rows - 1, self.row + count)
        elif letter == "C":
            self.column = min(self.columns - 1, self.column + count)
        elif letter == "D":
            self.column = max(0, self.column - count)
        elif letter == "G":
            self.column = min(self.columns, count) - 1
        elif letter == "d":
            self.row = min(self.rows, count) - 1
        elif letter == "b":
            last = self.cells[self.row][self.column - 1][0]
            for _ in range(count):
                self.put(last)
        elif letter == "m":
            self.style(numbers or [0])
        elif letter == "r":
            # It may be meant for the size before a resize.
            self.top = min(self.rows, max(1, first)) - 1
            self.bottom = max(self.top, min(self.rows, numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1)
            self.row = self.column = 0
        elif letter in "hlt":
            pass
        else:
            self.erase(letter, first, count)

    def erase(self, letter, first, count):
        row = self.cells[self.row]
        blank = lambda: [" ", frozenset()]
        if letter == "K":
            begin, end = [(self.column, self.columns), (0, self.column + 1), (0, self.columns)][first]
            row[begin:end] = [blank() for _ in range(begin, end)]
        elif letter == "J":
            self.erase("K", first, 1)
            others = [range(self.row + 1, self.rows), range(0, self.row), range(0, self.rows)][first]
            for i in others:
                self.cells[i] = self.blank_row()
        elif letter == "X":
            end = min(self.columns, self.column + count)
            row[self.column:end] = [blank() for _ in range(self.column, end)]
        elif letter == "P":
            self.cells[self.row] = (row[:self.column] + row[self.column + count:] + self.blank_row())[:self.columns]
        elif letter == "@":
            self.cells[self.row] = (row[:self.column] + self.blank_row()[:count] + row[self.column:])[:self.columns]
        elif letter in "LM":
            for _ in range(count):
                self.cells.insert(self.row if letter == "L" else self.bottom + 1, self.blank_row())
                del self.cells[self.bottom + 1 if letter == "L" else self.row]
        elif letter in "ST":
            self.scroll(count if letter == "S" else -count)
        else:
            raise ValueError(f"not understood: CSI {letter}")

    def mode(self, numbers, letter):
        for number in numbers:
            if number in (47, 1047, 1049):
                self.is_alternate = letter == "h"
                if self.is_alternate:
                    self.cells = [self.blank_row() for _ in range(self.rows)]
            elif number == 25:
                self.is_hidden = letter == "l"

    def style(self, numbers):
        names = {1: "bold", 2: "dim", 4: "underline", 7: "reverse"}
        attributes = set(self.attributes)
        for number in numbers:
            if number == 0:
                attributes = set()
            elif number in names:
                attributes.add(names[number])
            elif number == 22:
                attributes -= {"bold", "dim"}
            elif number in (24, 27):
                attributes.discard(names[number - 20])
            elif 30 <= number <= 37 or 90 <= number <= 97:
                attributes = {name for name in attributes if not name.startswith("colour")} | {f"colour {number}"}
                self.colours.add(number)
            elif number == 39:
                attributes = {name for name in attributes if not name.startswith("colour")}
        self.attributes = frozenset(attributes)

    def text(self):
        return "\n".join("".join(cell[0] for cell in row).rstrip() for row in self.cells)

    def attributes_of(self, row, column):
        return self.cells[row][column][1]


class Program:
    """A command on a terminal of its own, of so many rows and columns."""

    def __init__(self, command, rows=24, columns=80, term="xterm-256color", environment=None, directory=None, shell=False):
        self.screen = Screen(rows, columns)
        self.ours, theirs = pty.openpty()
        self.set_size(rows, columns)
        self.modes = termios.tcgetattr(theirs)
        self.began = time.monotonic()
        self.output = b""
        self.code = None
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
            for number in (0, 1, 2):
                os.dup2(theirs, number)
            os.closerange(3, 256)
            if directory:
                os.chdir(directory)
            os.environ.update({"TERM": term, **(environment or {})})
            if shell:  # one with job control, to stop and continue the command
                command = ["/bin/bash", "--norc", "--noprofile", "-i"]
            os.execvp(command[0], command)
        os.set_blocking(self.ours, False)
        self.theirs = theirs

    def set_size(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.read(0.05)
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)

    def type(self, text):
        os.write(self.ours, text.encode())

    def read(self, seconds):
        """What comes within that time, or until nothing comes for a moment. Returns whether anything came."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return False
        try:
            part = os.read(self.ours, 65536)
        except OSError:
            part = b""
        self.output += part
        text = self.output.decode("utf-8", "ignore" if not part else "strict") if self.is_whole() else None
        if text is not None:
            self.screen.feed(text)
            self.output = b""
        return bool(part)

    def is_whole(self):
        try:
            self.output.decode("utf-8")
            return True
        except UnicodeDecodeError:
            return False

    def wait_for(self, is_wanted, seconds=20):
        """Reads until the screen's text is as wanted (a function, or a text that is in it); returns the text."""
        end = time.monotonic() + seconds
        wanted = is_wanted if callable(is_wanted) else lambda text: is_wanted in text
        while not wanted(self.screen.text()):
            if time.monotonic() > end:
                raise TimeoutError(f"not on the screen: {is_wanted if not callable(is_wanted) else 'what is wanted'}\n" +
                                   self.screen.text())
            self.read(0.05)
        return self.screen.text()

    def wait_until_still(self, seconds=0.15):
        while self.read(seconds):
            pass
        return self.screen.text()

    def is_alive(self):
        """Whether the command runs still."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is None

    def wait(self, seconds=20):
        """Reads until the command has ended; returns its exit code, negative for a signal."""
        end = time.monotonic() + seconds
        while self.code is None:
            self.read(0.02)
            if self.is_alive() and time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError("it does not end\n" + self.screen.text())
        while self.read(0.02):
            pass
        return self.code

    def modes_are_restored(self):
        return termios.tcgetattr(self.theirs) == self.modes

    def close(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.ours)
        os.close(self.theirs)
