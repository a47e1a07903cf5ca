"""Debian's Chromium with the page: what each script of this folder needs."""

import argparse
import contextlib
import json
import time
import urllib.request
from urllib.parse import quote, urlsplit

from playwright.sync_api import sync_playwright

# Seconds: far longer than anything takes, also on a machine that builds other projects.
DEADLINE = 180
# The load of the host of the tests.
HISTORY = "history?m=" + quote('["Flowmote","load_one","host","web1"]')
VIEWS = ["overview", "explore?keys=src%2Cdst", HISTORY, "alarms", "drops", "ports", "hosts", "agents", "cost"]
# Chromium needs its sandbox off as root, and headless ones have no display to draw on.
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def arguments(*names):
    """The address of the server, the browser, and the options of a script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    for name in names:
        parser.add_argument(f"--{name}")
    return parser.parse_args()


class Page:
    """A tab that notes errors of the console and requests to other servers."""

    def __init__(self, context, server):
        self.server, self.context, self.problems = server, context, []
        self.tab = context.new_page()
        self.tab.set_default_timeout(DEADLINE * 1000)
        self.tab.on("console", self.note_message)
        self.tab.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.tab.on("request", self.note_request)

    def note_message(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def note_request(self, request):
        if request.url != "about:blank" and urlsplit(request.url).netloc != urlsplit(self.server).netloc:
            self.problems.append(f"request to another server: {request.url}")

    def open(self, view):
        """Shows a view, by its part of the URL, and waits until it is drawn."""
        # A part after # alone would leave the document, and with it the rows of the view before.
        self.tab.goto("about:blank")
        self.tab.goto(f"{self.server}/#{view}")
        self.wait_drawn()

    def wait_drawn(self):
        """Waits for a table with rows, or the form of a view without one."""
        self.tab.wait_for_selector("#view td, #view form")

    def api(self, path):
        """A reply of the server, requested outside of the browser."""
        with urllib.request.urlopen(self.server + path, timeout=DEADLINE) as reply:
            return json.load(reply)

    def cloudwatch(self, operation, request):
        """The result of an operation of CloudWatch, requested outside of the browser."""
        head = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}"}
        body = json.dumps(request).encode()
        with urllib.request.urlopen(urllib.request.Request(self.server, body, head), timeout=DEADLINE) as reply:
            return json.load(reply)

    def metrics(self, namespace):
        """All metrics of a namespace, requested outside of the browser."""
        found, request = [], {"Namespace": namespace}
        while True:
            reply = self.cloudwatch("ListMetrics", request)
            found += reply["Metrics"]
            if not reply.get("NextToken"):
                return found
            request["NextToken"] = reply["NextToken"]

    def rows(self, caption):
        """The cells of the table whose caption begins so."""
        return self.tab.evaluate(
            """(caption) => {
              const table = [...document.querySelectorAll('table')].find((one) => one.caption?.textContent.startsWith(caption));
              return [...table?.tBodies[0].rows ?? []].map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll('\\u00a0', ' ')));
            }""",
            caption,
        )

    def wait_for(self, what, find):
        """The first true result of `find`, which is called again and again."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            found = find()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"timeout: {what}; the page has:\n{self.tab.inner_text('body')}")

    def check(self):
        """Nothing was reported in the console, and no other server was needed."""
        assert not self.problems, "\n".join(self.problems)


@contextlib.contextmanager
def browser(options, **context):
    """A page in a new browser."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=options.chromium, args=OPTIONS)
        yield Page(chromium.new_context(**context), options.server)
        chromium.close()


def number(text):
    """The value of a text such as `6.51 Mbit/s`."""
    value, _, unit = text.partition(" ")
    factor = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(unit[:1] if unit[1:] or len(unit) == 1 else "", 1)
    return float(value.replace(",", "")) * factor


def close(found, expected, share=0.1):
    """Within a share of the expected value."""
    return abs(found - expected) <= share * expected
