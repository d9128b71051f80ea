# SPDX-License-Identifier: Apache-2.0
"""Numbered invariants in comments, and what checks them: for tools/house --invariants."""
import os
import re

import house_source as source

LABEL = re.compile(r"\(([IMS][0-9]{1,2})(?=[);,:])")
OF_FILE = re.compile(r"((?:\([IMS][0-9]{1,2}\)(?:,\s|\sand\s|\sto\s)?)+) of ([a-z0-9_]+\.[ch])")
RANGE = re.compile(r"\(([IMS])([0-9]{1,2})\) to \(\1([0-9]{1,2})\)")
STATED = re.compile(r"^ \*\s+(?:[-–]\s+)?\(([IMS][0-9]{1,2})\)\s+(?!(?:and|to|or|of|are|is|above|below)\b)\w", re.M)
BLOCK = re.compile(r"/\*.*?\*/", re.S)
REASON = re.compile(r"(?:not|neither is)\s+(?:\*\s+)?(?:checked|asserted)", re.I)
REFUSAL = re.compile(r"refuse|fi_check_failed|FIRN_CORRUPT|FIRN_INVALID")


def labels_of(text):
    """The numbers that a text names; "(I2) to (I4)" names three."""
    between = {f"{match[1]}{i}" for match in RANGE.finditer(text) for i in range(int(match[2]), int(match[3]))}
    return between | set(LABEL.findall(text))


class Essays:
    """What the comments of one file say of numbered invariants."""

    def __init__(self, path, text):
        self.path = path
        self.stated, self.prose, self.reasons, self.checked, self.checked_of = {}, {}, set(), set(), set()
        asserted = set()
        for match in source.ASSERTION.finditer(text):
            end = text.find(";\n", match.end())
            end = text.find(";", match.end()) if end < 0 else end
            asserted |= set(re.findall(r"\b([a-z_][a-z0-9_]*)\(", text[match.end():end]))
        for match in BLOCK.finditer(text):
            comment = match.group(0)
            begin = text.rfind("\n", 0, match.start()) + 1
            before, after = text[begin:match.start()], text[match.end():]
            if begin == match.start():
                self.read_essay(text, match.start(), comment)
                name = source.DEFINITION.search(after.partition("\n{")[0])
                if name and not after.startswith("\n\n"):
                    body = after[name.end():].partition("\n}\n")[0]
                    if name.group(1) in asserted or comment.startswith("/* (") and "FIRN_CORRUPT" in body or re.search("check|is_valid", name.group(1)):
                        self.note(comment)
                continue
            statement = before
            if not before.strip():
                statement = after.lstrip("\n").partition("\n")[0]
            else:
                # The statement that ends on this line may have begun some lines above.
                lines = text[:begin].split("\n")[:-1]
                while lines and not re.search(r"([;{}]|\*/)\s*$", lines[-1]) and lines[-1].strip():
                    statement = lines.pop() + "\n" + statement
                rest = after.partition("\n")[0]
                statement += rest if re.search(r"[;{}]\s*$", before + rest) else after.partition(";")[0].partition("{")[0]
            if source.ASSERTION.search(statement) or REFUSAL.search(statement):
                self.note(comment)

    def note(self, comment):
        for match in OF_FILE.finditer(comment):
            self.checked_of |= {(label, match[2]) for label in labels_of(match[1])}
        self.checked |= labels_of(OF_FILE.sub("", comment))

    def read_essay(self, text, at, comment):
        places = []
        elsewhere = {at for match in OF_FILE.finditer(comment) for at in range(*match.span())}
        for match in STATED.finditer(comment):
            self.stated.setdefault(match.group(1), text.count("\n", 0, at + match.start()) + 1)
        is_citation = re.fullmatch(r"/\*[\s(),.and]*(?:\([IMS][0-9]+\)[\s(),.;]*(?:and|to)?)+\*/", comment)
        for match in LABEL.finditer(comment):
            if match.start() in elsewhere:
                continue
            places.append((match.start(), match.group(1)))
            if not is_citation and not comment.startswith("/* (" + match.group(1) + ")"):
                self.prose.setdefault(match.group(1), text.count("\n", 0, at + match.start()) + 1)
        for match in REASON.finditer(comment):
            paragraph = comment.rfind("\n *\n", 0, match.start())
            words = re.split(r"[.)]\s+\*?\s*(?=[A-Z])|\n \*(?:\n|\s+\([IMS][0-9])", comment[match.start():], maxsplit=1)[0]
            head = max(comment.rfind(". ", 0, match.start()), comment.rfind(".\n", 0, match.start()), comment.rfind("(Not", 0, match.start()) - 1)
            named = labels_of(comment[max(head, 0):match.start()] + words)
            own_line = re.search(r"^ \* ?\(?$", comment[comment.rfind("\n", 0, match.start()) + 1:match.start()])
            if own_line and not named:
                named = {label for place, label in places if paragraph < place < match.start()}
            elif not named:
                before = [label for place, label in places if place < match.start()]
                named = set(before[-2 if match[0][0] in "nN" and "either" in match[0] else -1:])
            self.reasons |= named


def lacking_invariants(files):
    """Lines about invariants that have neither a check nor a reason."""
    rooms, lines = {}, []
    for path, text in files.items():
        rooms.setdefault(os.path.dirname(path), []).append(Essays(path, text))
    for essays in rooms.values():
        listed = {label for essay in essays for label in essay.stated}
        for essay in essays:
            for label, line in essay.prose.items():
                if label not in listed:
                    essay.stated.setdefault(label, line)
        for essay in essays:
            name = os.path.basename(essay.path)
            for label, line in sorted(essay.stated.items(), key=lambda one: (one[1], one[0])):
                others = [other for other in essays if label not in other.stated]
                if label not in essay.checked | essay.reasons and not any(label in other.checked | other.reasons for other in others) and \
                        not any((label, name) in other.checked_of for other in essays):
                    lines.append(f"{essay.path}:{line}: ({label}) has neither a check nor a reason why there is none")
    return lines
