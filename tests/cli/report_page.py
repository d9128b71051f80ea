#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/report_page.py FILE [--browser]: judges a page that firn report has made.

Parses it as a browser does (html.parser) and says what it is made of; fails where an element is left open or closed out of
turn, where one occurs that firn never writes, where anything would be loaded from elsewhere, and where a raw control character
or one that turns the direction of text stands in it. With --browser the page is opened in a headless Chromium: the script must
have run, nothing may be said on the console (a breach of the page's policy is), and nothing may have been asked of a network.
"""
import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile

VOID = {"meta", "input", "rect", "polyline"}
KNOWN = VOID | set("""html head title style body header h1 h2 p figure svg figcaption small div button main article span
details summary em ins del b i pre footer script""".split())
ATTRIBUTES = set("""lang charset http-equiv content name id class hidden type placeholder aria-label aria-pressed viewbox role x y
width height points tabindex""".split())


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []
        self.counts = {}
        self.text = []

    def complain(self, what):
        sys.exit(f"line {self.getpos()[0]}: {what}")

    def handle_starttag(self, tag, attrs):
        if tag not in KNOWN:
            self.complain(f"an element <{tag}>")
        for name, _ in attrs:
            if name not in ATTRIBUTES:
                self.complain(f"an attribute {name}")
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.complain(f"</{tag}> closes {self.open[-1:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text.append(data)


def judge(path):
    text = open(path, "rb").read().decode("utf-8")  # must be
    page = Page()
    page.feed(text)
    page.close()
    if page.open:
        sys.exit(f"never closed: {page.open}")
    for word in ("<script src", "<link", "@import", "url(", "<img", "<iframe"):
        if word in text:
            sys.exit(f"the page has {word}")
    for character in text:
        point = ord(character)
        if (point < 32 and character not in "\n\t") or 0x7F <= point < 0xA0 or 0x200B <= point <= 0x200F \
                or 0x2028 <= point <= 0x202E or 0x2060 <= point <= 0x206F or point == 0xFEFF:
            sys.exit(f"a raw U+{point:04X}")
    return page


def browse(path, page):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as directory:
        log = os.path.join(directory, "net.json")
        run = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
             "--disable-component-update", "--disable-default-apps", "--disable-sync", "--disable-extensions",
             "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--log-net-log={log}", f"--user-data-dir={directory}/profile", "--dump-dom",
             "file://" + os.path.abspath(path)], capture_output=True, text=True, timeout=120)
        with open(log, encoding="utf-8") as file:
            network = json.load(file)
    said = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    if run.returncode != 0 or said:
        sys.exit(f"the browser says {run.returncode}: {said}")
    # What the browser asks for on its own account has no origin.
    requests = [event["params"] for event in network["events"] if "url" in event.get("params", {})]
    asked = {request["url"] for request in requests if request["url"].startswith(("http", "ws", "ftp"))
             and request.get("initiator", "not an origin") != "not an origin"}
    if asked:
        sys.exit(f"the browser asked for {sorted(asked)}")
    shown = run.stdout
    if shown.count("<article") != page.counts.get("article", 0) or '<div id="tools">' not in shown:
        sys.exit("the script has not run")
    print("the browser shows it, has nothing to say, and asked for nothing")


def main():
    page = judge(sys.argv[1])
    if "--browser" in sys.argv[2:]:
        browse(sys.argv[1], page)
        return
    for tag in ("article", "details", "pre", "rect"):
        print(f"{tag} {page.counts.get(tag, 0)}")
    if "--text" in sys.argv[2:]:
        print("".join(page.text).strip())


main()
