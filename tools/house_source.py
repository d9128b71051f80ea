# SPDX-License-Identifier: Apache-2.0
"""What the text of a C file says without a compiler: its comments, what it defines, what it names."""
import functools
import os
import re

DEFINITION = re.compile(r"^(?:[a-z_]+\()?([a-z_][a-z0-9_]*)\)?\(", re.M)
DATA = re.compile(r"^(?!static |extern |typedef |return |(?:struct|enum|union) \w+ ?[;{])[A-Za-z_][\w \n*]*[ *]"
                  r"([a-z_][a-z0-9_]*)(?:\[[^\]\n]*\])*(?:;| =)", re.M)
MACRO = re.compile(r"^#define (\w+)(?:\([^)]*\))?((?:.*\\\n)*.*)", re.M)
NAME = re.compile(r"\b[A-Za-z_]\w*\b")
NOT_A_NAME = re.compile(r"(?:\b(?:struct|enum|union)\s+|->|\.)\s*[A-Za-z_]\w*")
ASSERTION = re.compile(r"\b(?:D?CHECK|assert|[a-z_]*assert_held[a-z_]*|api_check_told)\(")
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
FILE_COMMENT = re.compile(r"^/\*.*?\*/(?=(\n\n)?)", re.S | re.M)
FRAMED = re.compile(r"/\* [-=]{4}")
COLUMNS = 100
PROSE = 6


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def names_in(plain):
    """The names in a text that may be those of functions, objects and macros: tags and members are not."""
    return set(NAME.findall(NOT_A_NAME.sub(" ", plain)))


class Source:
    """One .c or .h file."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        self.is_header = path.endswith(".h")
        self.text = read(path)
        self.lines = self.text.count("\n")
        self.plain = COMMENT.sub(" ", self.text)

    @functools.cached_property
    def functions(self):
        """Names of the functions that the file defines, each with whether it is static. The name of a function stands at
        the beginning of a line, its type on the lines above."""
        found = {}
        for match in DEFINITION.finditer(self.plain):
            head = self.plain[:match.start()].rsplit("\n\n", 1)[-1].rsplit("}\n", 1)[-1].rsplit(";\n", 1)[-1]
            rest = self.plain[match.end():]
            depth, at = 1, 0
            while depth > 0 and at < len(rest):
                depth += {"(": 1, ")": -1}.get(rest[at], 0)
                at += 1
            if rest[at:].lstrip().startswith("{"):
                found[match.group(1)] = "static" in head.split()
        return found

    @functools.cached_property
    def words(self):
        return set(NAME.findall(self.plain))

    def symbols(self):
        """The external functions and objects that the file defines."""
        return {name for name, is_static in self.functions.items() if not is_static} | set(DATA.findall(self.plain))

    def bodies(self):
        """{name: the names in its body} of the inline functions and the macros of a header."""
        found = {}
        for match in MACRO.finditer(self.plain):
            found.setdefault(match[1], set()).update(names_in(match[2]))
        for name in self.functions:
            at = re.search(rf"^{name}\(", self.plain, re.M).end()
            found[name] = names_in(self.plain[at:].partition("\n}\n")[0])
        return found

    def wide(self):
        """How many lines of comments, and how many of code, have more columns than they may have."""
        code = re.sub(r"/\*.*?\*/|//[^\n]*", lambda match: re.sub(r"[^\n]", " ", match[0]), self.text, flags=re.S)
        comments = codes = 0
        for line, rest in zip(self.text.split("\n"), code.split("\n")):
            if len(line) > COLUMNS:
                codes += len(rest.rstrip()) > COLUMNS
                comments += len(rest.rstrip()) <= COLUMNS
        return comments, codes

    def further_essays(self):
        """The essays beside the one at the head, (line, title): comments that belong to no declaration, with a line in
        "====" or "----" or an empty line after them, and more than PROSE lines of prose after the first."""
        found = []
        for match in FILE_COMMENT.finditer(self.text):
            title, *prose = [line for line in match[0].split("\n") if re.search(r"\w", line)]
            if match.start() > 0 and len(prose) > PROSE and (match[1] or FRAMED.match(title)):
                found.append((self.text.count("\n", 0, match.start()) + 1, title.strip("/* =-.:")))
        return found
