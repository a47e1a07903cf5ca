"""Takes the pictures of the page: Overview, History and Cost in the light theme, Explore and Alarms in the dark one."""

import json
import time
from urllib.parse import quote, urlencode

from browser import Page, arguments, browser

options = arguments("seconds", "folder")
SIZE = {"width": 1200, "height": 760}
# The port to the servers, and the bytes a second of all downloads on average.
PORT, AVERAGE, ALARM = "servers", 7.5e6, "servers busy"


def metric(page, name):
    """A metric of the port, when it is there."""
    request = {"Namespace": "Flowmote", "MetricName": name, "Dimensions": [{"Name": "interface", "Value": PORT}]}
    return page.wait_for(name, lambda: page.cloudwatch("ListMetrics", request)["Metrics"])[0]


def line(metric, ident, stat="Average"):
    dimensions = [text for one in metric["Dimensions"] for text in (one["Name"], one["Value"])]
    return ("m", json.dumps([metric["Namespace"], metric["MetricName"], *dimensions, {"id": ident, "stat": stat}]))


def put_alarm(page, metric):
    page.cloudwatch("PutMetricAlarm", {
        **metric, "AlarmName": ALARM, "AlarmDescription": "more than on average", "Statistic": "Average", "Period": 10, "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2, "Threshold": AVERAGE, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
    })


with browser(options, color_scheme="light", viewport=SIZE) as overview:
    dark = overview.context.browser.new_context(color_scheme="dark", viewport=SIZE)
    explore, alarms = (Page(dark, options.server) for _ in range(2))
    history, cost = (Page(overview.context, options.server) for _ in range(2))
    overview.open("overview")
    explore.open("explore?keys=src%2Cdst%2Cdport&value=bytes&filter=ipproto%3D6")
    start, received, sent = time.time(), metric(overview, "ifinoctets"), metric(overview, "ifoutoctets")
    put_alarm(overview, received)
    time.sleep(float(options.seconds))
    times = {"from": f"{start:.0f}", "to": f"{time.time():.0f}"}
    times = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(at))) for name, at in times.items()}
    lines = [line(received, "m1"), line(sent, "m2"), ("m", json.dumps([{"id": "e1", "expression": "m1 + m2"}]))]
    history.open(f"history?{urlencode([*lines, *times.items(), ('period', 5)])}")
    history.wait_for("three lines", lambda: history.tab.locator(".legend svg").count() == 3)
    alarms.open(f"alarms?name={quote(ALARM)}")
    alarms.wait_for("its chart", lambda: alarms.tab.locator(".legend svg").count() == 2)
    cost.open("cost")
    pages = {"overview": overview, "explore": explore, "history": history, "alarms": alarms, "cost": cost}
    for name, page in pages.items():
        page.tab.screenshot(path=f"{options.folder}/page-{name}.png")
        page.check()
