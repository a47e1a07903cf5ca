"""History shows the values of GetMetricData: as lines with gaps, as a table, as CSV, of any part of the past."""

import csv
import json
import re
import time
from urllib.parse import parse_qs, quote

from browser import arguments, browser

options = arguments()
NAMESPACE = "Shop"
# Begin of a minute; a value each minute, but for two of them, and another one of two series.
END = 60 * (time.time() // 60) - 60
TIMES = [END - 60 * number for number in range(20, 0, -1)]
MISSING = (8, 9)
VALUES = {at: 1.5 * number + 0.123456789 for number, at in enumerate(TIMES) if number not in MISSING}
SPAN = f"&from={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(TIMES[0]))}&to={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(END))}"


def metric(name, stat, ident, *dimensions):
    return "m=" + quote(json.dumps([NAMESPACE, name, *dimensions, {"id": ident, "stat": stat}]))


def put(page):
    data = [{"MetricName": "orders", "Value": value, "Timestamp": at, "Unit": "Bytes"} for at, value in VALUES.items()]
    data += [{"MetricName": "carts", "Value": 2, "Timestamp": at, "Dimensions": [{"Name": "shop", "Value": "north <1>"}]} for at in TIMES]
    page.cloudwatch("PutMetricData", {"Namespace": NAMESPACE, "MetricData": data})


def values_of(page, stat="Average", name="orders", period=60):
    query = {"Id": "m1", "MetricStat": {"Metric": {"Namespace": NAMESPACE, "MetricName": name}, "Period": period, "Stat": stat}}
    request = {"MetricDataQueries": [query], "StartTime": TIMES[0], "EndTime": END, "ScanBy": "TimestampAscending"}
    [result] = page.cloudwatch("GetMetricData", request)["MetricDataResults"]
    return dict(zip(result["Timestamps"], result["Values"]))


def lines(page):
    """The number of points of each part of each line."""
    return page.tab.evaluate("[...document.querySelectorAll('.chart polyline')].map((one) => one.points.numberOfItems)")


def download(page):
    with page.tab.expect_download() as download:
        page.tab.click("text=Download CSV")
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def href(page):
    return parse_qs(page.tab.evaluate("location.hash").partition("?")[2])


def values_are_those_of_the_api(page):
    page.open(f"history?{metric('orders', 'Average', 'm1')}&period=60{SPAN}")
    expected = values_of(page)
    assert len(expected) == len(VALUES) == 18, expected
    # A gap is no line.
    page.wait_for("two parts of a line", lambda: lines(page) == [8, 10])
    head, *rows = download(page)
    assert head == ["time", "m1 orders, Average"], head
    found = {time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at)): value for at, value in expected.items()}
    assert {at: float(value) for at, value in rows} == found, rows
    page.tab.click("summary:has-text('Values as a table')")
    table = page.wait_for("the table", lambda: page.rows("Values"))
    assert [float(row[1]) for row in table] == [float(f"{value:.7g}") for value in reversed(expected.values())], table
    legend = page.tab.inner_text(".legend").replace("\u00a0", " ")
    assert legend == "m1 orders, Average: 28.6 B", legend


def metrics_are_found_as_words_are_typed(page):
    page.open("history")
    page.wait_for("all metrics", lambda: len(page.rows("Metrics")) == 50)
    page.tab.fill("input[type=search]", "load_ONE flowmote")
    page.wait_for("a word", lambda: [row[1] for row in page.rows("Metrics")] == ["load_one"])
    page.tab.fill("input[type=search]", "")
    page.tab.fill("input[name=namespace]", NAMESPACE)
    names = lambda: [row[:3] for row in page.rows("Metrics")]
    page.wait_for("those of the namespace", lambda: names() == [["Shop", "carts", "shop=north <1>"], ["Shop", "orders", ""]])
    page.tab.select_option("select[name=dimensions]", label="shop")
    page.wait_for("those with a dimension", lambda: names() == [["Shop", "carts", "shop=north <1>"]])
    page.tab.select_option("select[name=dimensions]", label="any")
    page.tab.fill("input[type=search]", "ORD")
    page.wait_for("one metric", lambda: names() == [["Shop", "orders", ""]])
    page.tab.click("button:text-is('Add')")
    page.tab.fill("input[type=search]", "north")
    page.wait_for("the other metric", lambda: names() == [["Shop", "carts", "shop=north <1>"]])
    page.tab.click("button:text-is('Add')")
    page.wait_for("two lines", lambda: len(page.rows("Lines")) == 2)
    assert [json.loads(one)[1] for one in href(page)["m"]] == ["orders", "carts"], href(page)


def statistics_and_expressions(page):
    """Of the two lines that the view has."""
    page.tab.fill("input[name=statistic-m1]", "Maximum")
    page.tab.press("input[name=statistic-m1]", "Enter")
    page.tab.fill("input[name=expression]", "m1 + 10 * m2")
    page.tab.click("text=Add expression")
    page.wait_for("the URL", lambda: len(href(page)["m"]) == 3)
    page.tab.select_option("select[name=period]", "300")
    legend = lambda: page.tab.inner_text(".legend").replace("\u00a0", " ")
    page.wait_for("three lines", lambda: legend().count(":") == 3)
    # Nothing comes in, so the last values are those of the API.
    maximum = list(values_of(page, "Maximum", period=300).values())[-1]
    page.wait_for("the maximum", lambda: f"m1 orders, Maximum: {maximum:.1f} B" in legend())
    page.wait_for("the sum", lambda: re.search(rf"e1 .*: {maximum + 20:.1f}", legend()))
    page.tab.reload()
    page.wait_for("the same lines", lambda: f"m1 orders, Maximum: {maximum:.1f} B" in legend() and "e1" in legend())
    page.tab.click("button[aria-label='Remove e1']")
    page.wait_for("two lines", lambda: len(page.rows("Lines")) == 2)
    page.tab.go_back()
    page.wait_for("three lines again", lambda: len(page.rows("Lines")) == 3)


def parts_are_selected_by_dragging(page):
    page.open(f"history?{metric('orders', 'Average', 'm1')}&period=60{SPAN}")
    page.wait_for("a line", lambda: lines(page))
    box = page.tab.locator(".chart").bounding_box()
    left, width = box["x"] + 50, box["width"] - 76
    # From the fifth to the tenth minute of twenty.
    page.tab.mouse.move(left + width / 4, box["y"] + 60)
    page.tab.mouse.down()
    page.tab.mouse.move(left + width / 2, box["y"] + 60, steps=5)
    assert page.tab.locator(".selection").count() == 1
    page.tab.mouse.up()
    page.wait_for("the part", lambda: lines(page) in ([3], [4]))
    [start], [end] = href(page)["from"], href(page)["to"]
    seconds = lambda text: time.mktime(time.strptime(text[:19] + "UTC", "%Y-%m-%dT%H:%M:%S%Z")) - time.timezone
    assert abs(seconds(start) - TIMES[5]) < 10 and abs(seconds(end) - TIMES[10]) < 10, (start, end)
    page.tab.click("text=Zoom out")
    page.wait_for("twice the part", lambda: len(lines(page)) == 2)
    page.tab.go_back()
    page.tab.go_back()
    page.wait_for("all of it", lambda: lines(page) == [8, 10])


def new_values_are_drawn(page):
    page.open(f"history?{metric('orders', 'SampleCount', 'm1')}&from=-15m&period=1")
    page.wait_for("the legend", lambda: "m1 orders" in page.tab.inner_text(".legend"))
    page.cloudwatch("PutMetricData", {"Namespace": NAMESPACE, "MetricData": [{"MetricName": "orders", "Values": [1], "Counts": [77], "Unit": "Bytes"}]})
    page.wait_for("the new value", lambda: "SampleCount: 77" in page.tab.inner_text(".legend").replace("\u00a0", " "))
    # The link to this part does not move.
    link = page.tab.get_attribute("text=Link to this part", "href")
    assert re.fullmatch(r"#history\?m=[^&]*&from=[^&]*Z&to=[^&]*Z&period=1|#history\?m=[^&]*&from=[^&]*Z&period=1&to=[^&]*Z", link), link


def mistakes_are_shown(page):
    page.tab.goto("about:blank")
    page.tab.goto(f"{page.server}/#history?m=orders")
    page.wait_for("the error", lambda: "orders is no metric" in page.tab.inner_text("#problem"))
    page.open(f"history?{metric('orders', 'Median', 'm1')}")
    page.wait_for("the error of the server", lambda: "is no statistic" in page.tab.inner_text("#view"))
    page.tab.fill("input[name=statistic-m1]", "p90")
    page.tab.press("input[name=statistic-m1]", "Enter")
    page.wait_for("no error", lambda: "is no statistic" not in page.tab.inner_text("#view"))
    # Chromium itself notes the status 400 in the console.
    assert all("400" in one for one in page.problems), page.problems
    page.problems.clear()


with browser(options, accept_downloads=True) as page:
    put(page)
    for part in (values_are_those_of_the_api, metrics_are_found_as_words_are_typed, statistics_and_expressions,
                 parts_are_selected_by_dragging, new_values_are_drawn, mistakes_are_shown):
        part(page)
        page.check()
print("PASS")
