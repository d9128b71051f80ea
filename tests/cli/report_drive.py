#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/report_drive.py FILE: uses a page in a headless Chromium, as the lines of standard input say:

  key K             presses a key: a character, Escape, Enter
  type TEXT         types into what has the focus
  click SELECTOR    clicks with the mouse in the middle of the first such element
  show EXPRESSION   prints the value of an expression of JavaScript, as JSON
  size W H          the window's size
  dark              as for a reader who prefers dark pages
  picture FILE      saves what the window shows, as PNG

The browser is asked through its debugging protocol, on two pipes. Fails if the page says anything on the console, a breach of
its policy or an error of its script, or if a line cannot be done. Scripts that the page's policy forbids stay forbidden: only
expressions of this program are evaluated beside it.
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

FLAGS = """--headless --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking --no-first-run
--disable-component-update --disable-default-apps --disable-sync --disable-extensions --remote-debugging-pipe""".split()
SECONDS_MAX = 60
KEYS = {"Escape": 27, "Enter": 13}


class Browser:
    def __init__(self, directory):
        name = shutil.which("chromium") or shutil.which("google-chrome")
        to_browser, self.to = os.pipe()
        self.from_, from_browser = os.pipe()
        # The browser reads from descriptor 3 and writes to 4.
        self.process = subprocess.Popen(["sh", "-c", 'exec "$@" 3<&%d 4>&%d' % (to_browser, from_browser), "sh", name, *FLAGS,
                                         "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={directory}", "about:blank"],
                                        pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.input = b""
        self.number = 0
        self.session = None
        self.said = []
        self.events = set()

    def read(self):
        while b"\0" not in self.input:
            more = os.read(self.from_, 1 << 16)
            if not more:
                sys.exit("the browser has ended")
            self.input += more
        message, self.input = self.input.split(b"\0", 1)
        message = json.loads(message)
        method = message.get("method", "")
        self.events.add(method)
        if method in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.said.append(message["params"])
        return message

    def ask(self, method, **params):
        self.number += 1
        question = {"id": self.number, "method": method, "params": params}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.to, json.dumps(question).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, path):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime"):
            self.ask(domain + ".enable")
        self.events.discard("Page.loadEventFired")
        self.ask("Page.navigate", url="file://" + os.path.abspath(path))
        while "Page.loadEventFired" not in self.events:
            self.read()

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            sys.exit(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def settle(self):
        """Waits until two frames were drawn: events that follow an input have been handled then."""
        self.ask("Runtime.evaluate", awaitPromise=True,
                 expression="new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def key(self, key):
        more = {"text": key} if len(key) == 1 else {"windowsVirtualKeyCode": KEYS[key]}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector):
        middle = self.value(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;
            e.scrollIntoView({{block: 'center'}}); const r = e.getClientRects()[0];
            return [r.left + Math.min(r.width, 40) / 2, r.top + r.height / 2]; }})()""")
        if middle is None:
            sys.exit(f"nothing is {selector}")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=middle[0], y=middle[1], button="left", clickCount=1)

    def do(self, line):
        word, _, rest = line.strip().partition(" ")
        if word == "key":
            self.key(rest)
        elif word == "type":
            self.ask("Input.insertText", text=rest)
        elif word == "click":
            self.click(rest)
        elif word == "show":
            print(json.dumps(self.value(rest), ensure_ascii=False))
        elif word == "size":
            width, height = map(int, rest.split())
            self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        elif word == "dark":
            self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        elif word == "picture":
            with open(rest, "wb") as file:
                file.write(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        elif word:
            sys.exit(f"what is {line!r}?")
        self.settle()

    def close(self):
        self.session = None
        os.write(self.to, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        end = time.monotonic() + SECONDS_MAX
        while self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        browser = Browser(directory)
        try:
            browser.open(sys.argv[1])
            for line in sys.stdin:
                browser.do(line)
        finally:
            browser.close()
        if browser.said:
            sys.exit(f"the page says {browser.said}")


main()
