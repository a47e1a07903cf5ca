"""A thousand agents: the page shows a part of them, finds one, and stays quick."""

import time

from browser import arguments, browser

options = arguments("agents")
agents = int(options.agents)

# More rows than a person reads at once, and more elements than a browser draws quickly.
MAX_ROWS, MAX_ELEMENTS = 100, 4000


def bounded(page, view):
    rows, elements = page.tab.evaluate("[document.querySelectorAll('tbody tr').length, document.querySelectorAll('*').length]")
    assert 0 < rows <= MAX_ROWS and elements <= MAX_ELEMENTS, f"{view}: {rows} rows, {elements} elements"


with browser(options) as page:
    page.wait_for("all agents", lambda: page.api("/analyzer/json")["sFlowAgents"] == agents)
    for view in ("agents", "hosts"):
        page.open(view)
        page.wait_for("the number of all", lambda: f"{agents:,} {view}" in page.tab.inner_text("#view"))
        bounded(page, view)
        first = page.rows("")[0][0]
        page.tab.click("text=Next")
        page.wait_for("the next page", lambda: page.rows("")[0][0] != first)
        bounded(page, view)
        # 10.1.3.250 is host0999.
        page.tab.fill("input[type=search]", "10.1.3.250")
        page.wait_for("one row", lambda: [row[0] for row in page.rows("")] == ["10.1.3.250"])
        # A key is drawn while the table is renewed.
        start = time.monotonic()
        page.tab.fill("input[type=search]", "")
        page.wait_for("all rows again", lambda: len(page.rows("")) > 1)
        assert time.monotonic() - start < 5, f"{view}: {time.monotonic() - start:.1f} s for a key"
    page.tab.click("text=10.1.0.1")
    page.wait_for("the metrics of a host", lambda: any("load_one" in row[0] for row in page.rows("Metrics of")))
    page.check()
print("PASS")
