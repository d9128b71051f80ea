#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/transcript.py PROGRAMS FILE: runs the commands that a file shows and compares what they print.

PROGRAMS is the folder of the built firn, or several with colons between them; they come first in PATH. The commands of a
file run one after the other in one shell, in an empty directory, with an empty home, no terminal and standard input at
its end. The last line says how many commands did what the file shows.

A transcript, FILE.t: lines that do not begin with two spaces are prose.

      $ command            a command; lines "  > more" continue it
      output               a line on its standard output
      ! output             a line on its standard error
      [3]                  its exit code, if that is not 0
      ? command            where this fails the file is skipped

A document, FILE.md: the fenced blocks whose first line is ```console firn-test hold commands after "$ " and, below each,
what it prints on both outputs; no command may fail. Ids, times, durations, and by how much a store grew or a push sent, differ from run to
run or from version to version and are not compared. Blocks ```c firn-test are whole programs: compiled with $CC, linked
with $LINK, run. A block whose first line is ```LANGUAGE firn-test NAME is the file NAME for the commands below it.

In both, in the lines of output: <id> <ID> stand for a short and a whole id of a checkpoint, <time> for a time, <ago> for one some seconds or minutes ago, <s> for
seconds, <n> for a number, <size> for one with its unit, <hex> for hexadecimal digits, <any> for anything on the line, <T>
for the directory of this run. A line that is ... stands for any number of lines.

--set NAME=VALUE sets a variable for the commands: SOURCE is the source tree, CC and LINK a compiler and what links libfirn.
$SIGNALLED before a command that a signal ends turns the search for leaks off in a build with the address sanitizer. At its
end such a program starts a process that attaches to it as a debugger; timeout (as a terminal) sends the signal to the whole
group of processes, so that this one gets it too, and then each may wait for the other for ever.
--print writes the transcript anew, with what its commands print now: to be read before it replaces the file.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

STANDS_FOR = {
    "id": r"[k-z]{8}",
    "ID": r"[k-z]{32}",
    "time": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{9}(?:Z|[+-]\d\d:\d\d))?",
    "ago": r"(?:\d+ (?:second|minute)s? ago) *",
    "s": r"\d+\.\d\d",
    "n": r"[\d,]+",
    "size": r"[\d.]+ [KMGT]?B",
    "hex": r"[0-9a-f]+",
    "any": r".*",
}
VARYING = re.compile(r"\b\d+ (?:second|minute)s? ago\b *|\b[k-z]{32}\b|\b[k-z]{8}\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b\d+\.\d\d s\b|"
                     r"[\d.]+ [KMGT]?B added|[\d.]+ [KMGT]?B in (?=\d+ request)")
TIMEOUT_SECONDS = 600
END_OF_FILE = "end-of-the-file"


class Step:
    """A command and what it should do."""

    def __init__(self, line, command):
        self.line = line
        self.command = command
        self.expected = ([], [])  # standard output, standard error
        self.exit_code = 0
        self.merged = False


def read_transcript(path):
    """Returns the steps, no programs, and what the file needs."""
    steps, needs = [], []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            if not text.startswith("  "):
                continue
            text = text[2:]
            if text.startswith("$ "):
                steps.append(Step(number, text[2:]))
                continue
            if text.startswith("? "):
                needs.append(text[2:])
                continue
            if not steps:
                sys.exit(f"{path}:{number}: output before the first command")
            step = steps[-1]
            if text.startswith("> "):
                step.command += "\n" + text[2:]
            elif re.fullmatch(r"\[\d+\]", text):
                step.exit_code = int(text[1:-1])
            elif text.startswith("! ") or text == "!":
                step.expected[1].append(text[2:])
            else:
                step.expected[0].append(text)
    return steps, [], needs


def read_document(path):
    steps, programs, block = [], [], None
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            if block is None:
                named = re.fullmatch(r"```\w+ firn-test (\w[\w.-]*)", text)
                if text == "```console firn-test":
                    block = "console"
                elif named is not None:
                    block = "file"
                    steps.append(Step(number, f"cat > {named.group(1)} <<'{END_OF_FILE}'"))
                    steps[-1].merged = True
                elif text == "```c firn-test":
                    block = "c"
                    programs.append([number, ""])
            elif text == "```":
                if block == "file":
                    steps[-1].command += "\n" + END_OF_FILE
                block = None
            elif block == "file":
                steps[-1].command += "\n" + text
            elif block == "c":
                programs[-1][1] += text + "\n"
            elif text.startswith("$ "):
                step = Step(number, text[2:])
                step.merged = True
                steps.append(step)
            elif text.startswith("> "):
                steps[-1].command += "\n" + text[2:]
            else:
                steps[-1].expected[0].append(text)
    return steps, programs, []


def run(steps, programs, variables, folder):
    """Runs all steps in one shell and returns [(stdout, stderr, exit code or None)]."""
    for name in ("home", "data", "w", "out"):
        os.mkdir(os.path.join(folder, name))
    script = ["cd ../w"]
    for i, step in enumerate(steps):
        errors = "2>&1" if step.merged else f"2>{folder}/out/{i}.err"
        script.append("{\n" + step.command + "\n} </dev/null " + f">{folder}/out/{i}.out {errors}")
        script.append(f"echo $? >{folder}/out/{i}.rc")
    environment = {
        "PATH": programs + os.pathsep + os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.path.join(folder, "home"),
        "XDG_DATA_HOME": os.path.join(folder, "data"),
        "T": folder,
        "TZ": "EST5",
        "LC_ALL": "C.UTF-8",
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
        "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", ""),
        "SIGNALLED": "env ASAN_OPTIONS=" + os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0",
        "PAGER": "cat",
        "FIRN_TEST_SEED": os.environ.get("FIRN_TEST_SEED", "1"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    path = os.path.join(folder, "out", "script")
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(script) + "\n")
    shell = subprocess.Popen(["bash", "--norc", path], cwd=os.path.join(folder, "out"), env=environment,
                             stdin=subprocess.DEVNULL, start_new_session=True, umask=0o022)
    try:
        shell.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    return [result_of(os.path.join(folder, "out", str(i))) for i in range(len(steps))]


def result_of(stem):
    def text(suffix):
        try:
            with open(stem + suffix, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                return file.read()
        except FileNotFoundError:
            return ""
    code = text(".rc").strip()
    return text(".out"), text(".err"), int(code) if code else None


def lines_of(text):
    """The lines of an output; one without an end is marked, because that is a difference too."""
    if text == "":
        return []
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1]
    lines[-1] += "<no newline>"
    return lines


def pattern_of(line, folder):
    parts = re.split(r"<(id|ID|time|ago|s|n|size|hex|any|T)>", line)
    for i in range(1, len(parts), 2):
        parts[i] = re.escape(folder) if parts[i] == "T" else STANDS_FOR[parts[i]]
    for i in range(0, len(parts), 2):
        parts[i] = re.escape(parts[i])
    return "".join(parts)


def agrees(expected, found, folder, varies):
    if not expected:
        return not found
    if expected[0] == "...":
        return any(agrees(expected[1:], found[i:], folder, varies) for i in range(len(found) + 1))
    if not found:
        return False
    if varies:
        same = VARYING.sub("~", expected[0]) == VARYING.sub("~", found[0]) or \
            re.fullmatch(pattern_of(expected[0], folder), found[0]) is not None
    else:
        same = re.fullmatch(pattern_of(expected[0], folder), found[0]) is not None
    return same and agrees(expected[1:], found[1:], folder, varies)


def generalized(line, folder):
    """The line with what varies from run to run replaced by what stands for it."""
    line = line.replace(folder, "<T>")
    for name in ("ID", "time", "id"):
        line = re.sub(r"\b" + STANDS_FOR[name] + r"\b", f"<{name}>", line)
    line = re.sub(r"\b[\d.]+ [KMGT]?B (added|read)\b", r"<size> \1", line)
    line = re.sub(r"\b[\d,]+ (packs?|objects?|log records?)\b", r"<n> \1", line)
    return re.sub(r"\b\d+\.\d\d s\b", "<s> s", line)


def show(step, result, change=lambda line: line):
    for i, line in enumerate(step.command.split("\n")):
        print(("  $ " if i == 0 else "  > ") + line)
    for line in lines_of(result[0]):
        print("  " + change(line))
    for line in lines_of(result[1]):
        print("  ! " + change(line))
    if result[2] != 0:
        print(f"  [{'not run' if result[2] is None else result[2]}]")


def write_anew(path, steps, results, folder):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().split("\n")[:-1]
    place = {step.line: i for i, step in enumerate(steps)}
    for number, line in enumerate(lines, 1):
        if number in place:
            i = place[number]
            show(steps[i], results[i], lambda line: generalized(line, folder))
        elif not line.startswith("  ") or line.startswith("  ? "):
            print(line)


def compile_and_run(path, number, source, variables, folder):
    stem = os.path.join(folder, f"program{number}")
    with open(stem + ".c", "w", encoding="utf-8") as file:
        file.write(source)
    command = [variables["CC"], "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", variables["SOURCE"] + "/include"]
    command += [stem + ".c", "-o", stem] + variables["LINK"].split()
    for done in (command, [stem]):
        result = subprocess.run(done, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        if result.returncode != 0:
            print(f"FAILED: {path}:{number}: {' '.join(done)}\n{result.stdout}{result.stderr}")
            return False
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs")
    parser.add_argument("file")
    parser.add_argument("--print", action="store_true", dest="prints")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")

    variables = dict(setting.split("=", 1) for setting in options.set)
    is_document = options.file.endswith(".md")
    steps, sources, needs = (read_document if is_document else read_transcript)(options.file)
    for command in needs:
        if subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode != 0:
            print(f"SKIPPED: {options.file}: this fails here: {command}")
            return 0
    if not steps and not sources:
        sys.exit(f"{options.file}: shows no command")
    folder = os.path.realpath(tempfile.mkdtemp(prefix="firn-test-"))
    failed = 0
    try:
        results = run(steps, options.programs, variables, folder)
        if options.prints:
            write_anew(options.file, steps, results, folder)
            return 0
        for step, result in zip(steps, results):
            found = [lines_of(result[0]), lines_of(result[1])]
            good = result[2] == step.exit_code and all(
                agrees(step.expected[i], found[i], folder, is_document) for i in range(2))
            if not good:
                failed += 1
                print(f"FAILED: {options.file}:{step.line}: expected exit code {step.exit_code}; this is what happened:")
                show(step, result)
        for number, source in sources:
            failed += not compile_and_run(options.file, number, source, variables, folder)
    finally:
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                if not os.path.islink(os.path.join(parent, name)):
                    os.chmod(os.path.join(parent, name), 0o700)
        shutil.rmtree(folder)
    count = len(steps) + len(sources)
    print(f"{options.file}: {count - failed} of {count} as shown")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
