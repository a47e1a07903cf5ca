"""A thousand agents: the page shows a part of them, finds one, and stays quick."""

import time

from browser import arguments, browser

options = arguments("agents")
agents = int(options.agents)

# Bytes of a reply: it has a part of the agents.
MAX_REPLY = 100_000
# More rows than a person reads at once, and more elements than a browser draws quickly.
MAX_ROWS, MAX_ELEMENTS = 50, 2000


def bounded(page, view):
    rows, elements = page.tab.evaluate("[document.querySelectorAll('tbody tr').length, document.querySelectorAll('*').length]")
    assert 0 < rows <= MAX_ROWS and elements <= MAX_ELEMENTS, f"{view}: {rows} rows, {elements} elements"


def first(page):
    """Address and name in the first row; a view that is opened has none yet."""
    return next(iter(page.rows("")), [None, None])[:2]


with browser(options) as page:
    sizes = {}
    page.tab.on("response", lambda reply: sizes.update({reply.url: int(reply.headers.get("content-length", 0))}))
    page.wait_for("all agents", lambda: page.api("/analyzer/json")["sFlowAgents"] == agents)
    for view in ("agents", "hosts"):
        page.open(view)
        page.wait_for("the number of all", lambda: f"{agents:,} agents" in page.tab.inner_text("#view"))
        bounded(page, view)
        assert first(page) == ["10.1.0.1", "host0000"], first(page)
        page.tab.click("text=Next page")
        page.wait_for("the next page", lambda: first(page)[0] == "10.1.0.51")
        bounded(page, view)
        page.tab.reload()
        page.wait_for("the same page", lambda: first(page)[0] == "10.1.0.51")
        page.tab.click("text=First page")
        page.wait_for("the first page", lambda: first(page)[0] == "10.1.0.1")
        start = time.monotonic()
        page.tab.fill("input[type=search]", "HOST0999")
        page.wait_for("one row", lambda: [row[:2] for row in page.rows("")] == [["10.1.3.250", "host0999"]])
        assert time.monotonic() - start < 10, f"{view}: {time.monotonic() - start:.1f} s for a search"
        page.tab.reload()
        page.wait_for("the same search", lambda: [row[0] for row in page.rows("")] == ["10.1.3.250"])
    page.tab.click("text=10.1.3.250")
    page.wait_for("the metrics of a host", lambda: any("load_one" in row[0] for row in page.rows("Metrics of")))
    large = {url: size for url, size in sizes.items() if size > MAX_REPLY}
    assert sizes and not large, large
    page.check()
print("PASS")
