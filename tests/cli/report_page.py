#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/report_page.py FILE [--text] [--data] [--browser]: judges a page that firn report has made.

Parses it as a browser does (html.parser) and says what it is made of; fails where an element is left open or closed out of
turn, where one occurs that firn never writes, where anything would be loaded from elsewhere or a link leaves the page, where a raw
control character or one that turns the direction of text stands in it, where the policy allows another script than the page's, and
where the page's data could be more than JSON. --data prints each change of the data. With --browser the page is opened in a
headless Chromium: the script must have run, nothing may be said on the console (a breach of the page's policy is), and nothing
may have been asked of a network.
"""
import base64
import hashlib
import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile

VOID = {"meta", "input", "rect", "polyline"}
KNOWN = VOID | set("""html head title style body header h1 h2 h3 p figure svg figcaption small div button main article span a
details summary em ins del mark b i pre code kbd footer dialog ol script""".split())
ATTRIBUTES = set("""lang charset http-equiv content name id class hidden type placeholder aria-label aria-pressed viewbox role x y
width height points tabindex href open data-f""".split())


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []
        self.counts = {}
        self.text = []
        self.scripts = []
        self.links = []
        self.ids = set()

    def complain(self, what):
        sys.exit(f"line {self.getpos()[0]}: {what}")

    def handle_starttag(self, tag, attrs):
        if tag not in KNOWN:
            self.complain(f"an element <{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.complain(f"an attribute {name}")
            if name == "href":
                self.links.append(value)
            if name == "id":
                if value in self.ids:
                    self.complain(f"a second {value}")
                self.ids.add(value)
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
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
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
    for link in page.links:
        if not link.startswith("#") or link[1:] not in page.ids:
            sys.exit(f"a link to {link}")
    if len(page.scripts) != 2 or "<" in page.scripts[0] or "&" in page.scripts[0]:
        sys.exit("the data could be markup")
    page.data = json.loads(page.scripts[0])
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    if text.count("script-src 'sha256-" + digest + "'; ") != 1:
        sys.exit(f"the policy does not allow the script, which has {digest}")
    return page


def print_data(page):
    for checkpoint, changes in page.data["changes"]:
        print(checkpoint[:8] if checkpoint in page.ids else sys.exit(f"no {checkpoint}"))
        for file, kind, added, removed, *before in changes:
            names = [page.data["files"][number] for number in [*before, file]]
            print("  " + page.data["kinds"][kind] + " " + " => ".join(names) + f" +{added} -{removed}")


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
    if "--data" in sys.argv[2:]:
        print_data(page)
        return
    for tag in ("article", "details", "pre", "rect"):
        print(f"{tag} {page.counts.get(tag, 0)}")
    if "--text" in sys.argv[2:]:
        print("".join(page.text).strip())


main()
