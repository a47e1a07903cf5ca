"""Each view has the numbers of the API, and those of the traffic that is known."""

import json
import re

from browser import arguments, browser, close, number

options = arguments("known")
known = json.loads(options.known)


def legend(page, title):
    """The value of a figure now."""
    figure = page.tab.locator("figure", has_text=title).first
    text = figure.locator(".legend").inner_text().replace("\u00a0", " ")
    found = re.search(r"([\d.]+ \S+/s)", text)
    return number(found.group(1)) if found else 0


def settled(page, read, expected):
    """Waits until a number has come near its value: definitions begin with nothing."""
    page.wait_for(f"about {expected}", lambda: close(read(), expected))


def api_flow(page, parameters):
    """The largest flow by the API now."""
    return (page.api(f"/api/v1/flows?{parameters}")["flows"] or [{"key": "", "value": 0, "low": 0, "high": 0}])[0]


def overview(page):
    page.open("overview")
    settled(page, lambda: legend(page, "Traffic in bit/s"), known["bits"])
    settled(page, lambda: legend(page, "Traffic in pkt/s"), known["packets"])

    def equals_the_api():
        """They are read one after the other, and both change meanwhile."""
        row, flow = page.rows("Conversations")[0], api_flow(page, "value=bytes&keys=src,dst&from=-1m")
        assert row[:2] == [known["src"], known["dst"]] and row[6:8] == ["1 in 10", known["agent"]], row
        low, high = map(number, row[4].split(" to "))
        assert low <= number(row[2]) <= high and low < high, row
        return close(number(row[2]), known["bits"]) and close(number(row[2]), 8 * flow["value"]) and close(high - low, 8 * (flow["high"] - flow["low"]), 0.3)

    page.wait_for("the flow of the API", equals_the_api)
    reasons = {row[0]: number(row[1]) for row in page.wait_for("reasons", lambda: page.rows("Reasons"))}
    assert set(reasons) == {"acl", "ttl_exceeded"}, reasons
    facts = lambda: dict(page.tab.evaluate("[...document.querySelectorAll('dl div')].map((one) => [one.children[0].textContent, one.children[1].textContent])"))
    found, ledger = facts(), page.api("/api/v1/ledger")
    assert found["agents"] == "3" and found["malformed"] == found["lost on the way"] == found["dropped in agents"] == "0", found
    assert 0 < int(found["samples used"].replace(",", "")) <= ledger["samples"]["used"], (found, ledger)
    doubts = ["wrongRate", "bothEnds", "samplesLost", "countersStuck", "differs"]
    ports = lambda: {port["ifIndex"] for doubt in doubts for port in page.api(f"/api/v1/ports?diagnosis={doubt}")["ports"]}
    page.wait_for("the ports that fail", lambda: facts()["ports that fail their check"] == str(len(ports())))


def explore(page):
    page.open("explore")
    page.tab.fill("input[name=keys]", "dst,dport")
    page.tab.fill("input[name=filter]", "src=" + known["src"])
    page.tab.press("input[name=filter]", "Enter")
    settled(page, lambda: legend(page, "Course of the largest"), known["bits"])
    page.wait_for("one flow", lambda: page.rows("1 flows"))
    row = lambda: page.rows("1 flows")[0]
    assert row()[:2] == [known["dst"], "443"], row()
    settled(page, lambda: number(row()[2]), known["bits"])
    # The minutes before this view was opened, of a shorter time.
    page.tab.select_option("select", "-1m")
    page.tab.keyboard.press("Tab")
    page.tab.keyboard.press("Enter")
    page.wait_for("the URL", lambda: "from=-1m" in page.tab.evaluate("location.href"))
    page.wait_drawn()
    page.wait_for("the time axis", lambda: "48 s" in page.tab.inner_text("figure"))
    settled(page, lambda: legend(page, "Course of the largest"), known["bits"])


def mistakes(page):
    """An error is at its field, with its position selected, and is gone with it."""
    page.open("explore?keys=src,dtt&value=bytes")
    problem = page.wait_for("the error", lambda: page.tab.inner_text("#problem-keys"))
    assert problem == "character 5: unknown key `dtt`; did you mean `dst`?", problem
    assert page.tab.evaluate("[document.activeElement.name, document.activeElement.selectionStart]") == ["keys", 4]
    # Chromium itself notes the status 400 in the console.
    assert all("400" in one for one in page.problems), page.problems
    page.problems.clear()
    page.open("explore?keys=src,dst&value=bytes")
    assert page.tab.inner_text("#problem-keys") == ""


def drops(page):
    page.open("drops")
    per_second = known["discards"]
    reasons = lambda: {row[0]: number(row[1]) for row in page.rows("Discarded packets by reason") if len(row) > 2}
    settled(page, lambda: reasons().get("acl", 0), per_second * 2 / 3)
    settled(page, lambda: reasons().get("ttl_exceeded", 0), per_second / 3)

    def equals_the_api():
        flow = api_flow(page, "value=frames&keys=reason&dropped=true&aggMode=sum&from=-5m")
        return flow["key"] == "acl" and close(flow["value"], per_second * 2 / 3) and close(reasons()["acl"], flow["value"])

    page.wait_for("the reason of the API", equals_the_api)
    port = page.rows("Discarded packets by agent")[0]
    assert port[:4] == [known["discarding"], known["discardingPort"], "unknown", "acl"], port
    flow = page.rows("Discarded packets by flow")[0]
    assert flow[:4] == ["198.51.100.66", "203.0.113.2", "443", "acl"], flow


def ports(page):
    page.open("ports")

    def equals_the_api():
        """Each poll is a rate of its own, by the times of arrival where a busy machine sends late."""
        rows = [row for row in page.rows("") if known["port"] in row]
        cells = page.api(f"/dump/{known['agent']}/ifinoctets;ifinutilization/json")
        values = {cell["metricName"]: cell["metricValue"] for cell in cells}
        same = lambda row: any(close(number(text), 8 * values.get("ifinoctets", 0)) for text in row if text.endswith("Mbit/s"))
        return [row for row in rows if same(row) and f"{values.get('ifinutilization', 0):.1f} %" in row]

    [row] = page.wait_for("the rates of the API", equals_the_api)
    assert "1 Gbit/s" in row, row


def hosts(page):
    page.open("hosts")
    row = page.wait_for("the host", lambda: [row for row in page.rows("") if known["hostName"] in row])[0]
    assert row[0] == known["host"] and "1.50" in row and "50.0 %" in row, row
    page.tab.click(f"text={known['host']}")
    found = lambda: {row[0]: row[1] for row in page.rows("Metrics of")}
    metrics = page.wait_for("the metrics", found)
    expected = page.api(f"/metric/{known['host']}/json")
    assert set(metrics) == set(sorted(expected)[:50]) or len(metrics) == len(expected), (metrics, expected)
    assert metrics["2.1.load_one"] == "1.50" and metrics["2.1.host_name"] == known["hostName"], metrics
    page.tab.wait_for_selector("svg.spark")


def agents(page):
    page.open("agents")
    rows = {row[0]: row for row in page.wait_for("three agents", lambda: len(page.rows("")) == 3 and page.rows(""))}
    ledgers = {agent["agent"]: agent for agent in page.api("/api/v1/agents")["agents"]}
    assert set(rows) == set(ledgers) == {known["agent"], known["discarding"], known["host"]}, rows
    assert rows[known["host"]][1] == known["hostName"], rows
    for agent, row in rows.items():
        received, made, used = [int(row[at].replace(",", "")) for at in (3, 5, 10)]
        assert 0 < received <= ledgers[agent]["datagrams"]["received"], (row, ledgers[agent])
        assert 0 < made == used <= ledgers[agent]["samples"]["used"], (row, ledgers[agent])
        assert row[4] == row[6] == row[7] == "0", row


with browser(options) as page:
    for view in (overview, explore, mistakes, drops, ports, hosts, agents):
        view(page)
        heading, text = page.tab.inner_text("h1"), page.tab.evaluate("location.href")
        # A reload shows the same view.
        page.tab.reload()
        page.wait_drawn()
        assert (page.tab.inner_text("h1"), page.tab.evaluate("location.href")) == (heading, text)
        page.check()
print("PASS")
