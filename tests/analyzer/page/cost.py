"""The cost view has the numbers of /api/v1/cost, and they follow from its own arithmetic."""

import re
from urllib.parse import urlencode

from browser import arguments, browser

options = arguments()
# Nothing that changes while the test runs.
GIVEN = {"instances": "1000", "reads": "10000", "records": "20", "recordBytes": "140"}
HOURS = 730


def numbers(text):
    return [float(one.replace(",", "")) for one in re.findall(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?", text, re.I)]


def near(found, expected, share=1e-4):
    return abs(found - expected) <= max(0.006, share * abs(expected))


def quantities(page):
    """The rows by part: item, cost, quantity, part, arithmetic."""
    return {row[3]: row for row in page.rows("Each quantity")}


def shown(page):
    return page.tab.inner_text("dl dd >> nth=0").replace("\u00a0", " ")


def arithmetic_is_right(page):
    page.open(f"cost?{urlencode(GIVEN)}")
    rows = page.wait_for("quantities", lambda: quantities(page))
    reply = page.api(f"/api/v1/cost?{urlencode(GIVEN)}")
    for line in reply["lines"]:
        total, low, high = 0, [], []
        for part in line["parts"]:
            text = rows[part["name"]][4]
            # Each factor begins a term.
            factors = [numbers(term)[0] for term in text.partition(" = ")[0].split(" × ")]
            product = 1
            for factor in factors:
                product *= factor
            assert near(product, part["quantity"], 1e-3), (text, part)
            total += product
        first = rows[line["parts"][0]["name"]]
        assert near(numbers(first[2])[0], total, 1e-3) and first[2].endswith(line["unit"]), (first, total)
        costs = numbers(first[1])
        assert near(costs[0], line["low"]) and near(costs[-1], line["high"]), (first, line)
        prices = [row for row in page.rows("Prices") if row[0] == first[0]]
        assert len(prices) == len(line["prices"]) > 0, prices
        for row, price in zip(prices, line["prices"]):
            assert near(numbers(row[1])[0], price["cost"]) and row[4] == (price["date"] or "undated"), (row, price)
    assert near(sum(line["low"] for line in reply["lines"]), reply["low"])
    low, high = numbers(shown(page))
    assert near(low, reply["low"]) and near(high, reply["high"]) and low < high, (shown(page), reply)


def flow_logs_cost_what_the_price_says(page):
    """By hand: 1,000 instances with 20 records a second of 140 bytes."""
    row = quantities(page)["flow records"]
    gigabytes = 1000 * 20 * 140 * HOURS * 3600 / 1e9
    assert near(numbers(row[2])[0], gigabytes, 1e-4), row
    assert [near(cost, gigabytes * price) for cost, price in zip(numbers(row[1]), (0.25, 0.5))] == [True, True], row
    assert "140 bytes of a record (assumed)" in row[4], row


def assumptions_are_edited(page):
    before = numbers(quantities(page)["flow records"][1])
    page.tab.fill("input[name=recordBytes]", "280")
    page.tab.press("input[name=recordBytes]", "Enter")
    page.wait_for("twice as much", lambda: "flow records" in quantities(page) and all(
        near(cost, 2 * old, 1e-3) for cost, old in zip(numbers(quantities(page)["flow records"][1]), before)))
    assert "recordBytes=280" in page.tab.evaluate("location.hash")
    # Without them the values are those that were measured.
    page.open("cost")
    rows = page.wait_for("quantities", lambda: quantities(page))
    assert "(measured)" in rows["flow records"][4] and "(measured)" in rows["polls of metrics"][4], rows
    fleet = {part["name"]: part["quantity"] for part in page.api("/api/v1/cost")["lines"][0]["parts"]}
    listed = len(page.metrics("CWAgent"))
    assert fleet["metrics of hosts (CWAgent)"] == listed > 0, (fleet, listed)
    assert numbers(rows["metrics of hosts (CWAgent)"][4]) == [listed], rows
    hosts = rows["detailed monitoring (AWS/EC2)"][4]
    assert hosts == "1 hosts, each as an instance (measured) × 7 metrics of detailed monitoring (assumed) = 7", hosts


def regions_without_a_price_are_named(page):
    page.tab.select_option("select[name=region]", "ap-northeast-1")
    page.tab.click("text=Calculate")
    page.wait_for("what has no price", lambda: "Live Tail" in page.tab.inner_text("dl"))
    assert quantities(page)["sessions of Live Tail"][1] == "no price"


def mistakes_are_shown(page):
    page.tab.goto("about:blank")
    page.tab.goto(f"{page.server}/#cost?months=-1")
    page.wait_for("the error", lambda: "months" in page.tab.inner_text("#problem"))
    # Chromium itself notes the status 400 in the console.
    assert all("400" in one for one in page.problems), page.problems
    page.problems.clear()


with browser(options) as page:
    for part in (arithmetic_is_right, flow_logs_cost_what_the_price_says, assumptions_are_edited, regions_without_a_price_are_named, mistakes_are_shown):
        part(page)
        page.check()
print("PASS")
