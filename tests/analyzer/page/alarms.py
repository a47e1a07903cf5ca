"""Alarms: the form makes and changes real ones, and their states, values and history are those of the API."""

import json
import time
from urllib.parse import quote

from browser import arguments, browser, number

options = arguments()
NAMESPACE, NAME = "Shop", "many orders & <more>"
LINE = quote(json.dumps([NAMESPACE, "orders", {"id": "m1", "stat": "Maximum"}]))


def put(page, value):
    data = {"MetricName": "orders", "Value": value, "Timestamp": time.time(), "Unit": "Bytes"}
    page.cloudwatch("PutMetricData", {"Namespace": NAMESPACE, "MetricData": [data]})


def alarm(page):
    found = page.cloudwatch("DescribeAlarms", {"AlarmNames": [NAME]})["MetricAlarms"]
    return found[0] if found else None


def facts(page):
    return dict(page.tab.evaluate("[...document.querySelectorAll('dl div')].map((one) => [one.children[0].textContent, one.children[1].textContent])"))


def row(page):
    return next((row for row in page.rows("Alarms") if row[0] == NAME), None)


def form_makes_an_alarm(page):
    page.open("alarms")
    page.wait_for("no alarm", lambda: page.rows("Alarms") == [["No alarm yet."]])
    page.tab.click("text=New alarm")
    # The metric is chosen as in History.
    page.tab.fill("input[name=namespace]", NAMESPACE)
    page.wait_for("the metric", lambda: [one[:2] for one in page.rows("Metrics")] == [[NAMESPACE, "orders"]])
    page.tab.click("button:text-is('Choose')")
    page.tab.fill("input[name=name]", NAME)
    page.tab.fill("input[name=statistic]", "Maximum")
    page.tab.select_option("select[name=operator]", "GreaterThanThreshold")
    page.tab.fill("input[name=threshold]", "80.5")
    page.tab.select_option("select[name=period]", "1")
    page.tab.fill("input[name=periods]", "5")
    page.tab.fill("input[name=datapoints]", "1")
    page.tab.select_option("select[name=missing]", "notBreaching")
    page.tab.fill("input[name=AlarmActions]", "http://127.0.0.1:9/a http://127.0.0.1:9/b")
    page.tab.select_option("select[name=enabled]", "false")
    page.tab.click("text=Create alarm")
    found = page.wait_for("the alarm", lambda: alarm(page))
    expected = {
        "Namespace": NAMESPACE, "MetricName": "orders", "Statistic": "Maximum", "Threshold": 80.5, "Period": 1, "EvaluationPeriods": 5,
        "DatapointsToAlarm": 1, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching", "ActionsEnabled": False,
        "AlarmActions": ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"],
    }
    assert {name: found.get(name) for name in expected} == expected, found


def states_are_those_of_the_api(page):
    page.wait_for("the state", lambda: facts(page).get("state") == "OK")
    # Values beyond the threshold until the page shows it.
    def is_in_alarm():
        put(page, 99)
        return facts(page).get("state") == "ALARM"

    page.wait_for("the alarm", is_in_alarm)
    assert alarm(page)["StateValue"] in ("ALARM", "OK")
    legend = page.wait_for("the chart", lambda: "threshold" in page.tab.inner_text(".legend") and page.tab.inner_text(".legend").replace("\u00a0", " "))
    assert "threshold: 80.5 B" in legend, legend
    page.wait_for("the history", lambda: any(one[1] == "StateUpdate" for one in page.rows("Changes")))
    assert any(one[1] == "ConfigurationUpdate" for one in page.rows("Changes")), page.rows("Changes")
    page.tab.click("text=All alarms")
    page.wait_for("the list", lambda: row(page))
    assert row(page)[3:5] == ["Maximum > 80.5 in 1 of 5 periods of 1.0 s", "Shop orders "] or row(page)[4].strip() == "Shop orders", row(page)


def state_is_set(page):
    page.tab.click(f"text={NAME}")
    page.tab.select_option("select[name=test-state]", "ALARM")
    page.tab.fill("input[name=reason]", "a drill")
    page.tab.click("text=Set state")
    page.wait_for("the drill in the history", lambda: "set to ALARM" in page.tab.inner_text("#view") and any(
        "drill" in json.dumps(item) for item in page.cloudwatch("DescribeAlarmHistory", {"AlarmName": NAME})["AlarmHistoryItems"]))


def alarm_is_changed(page):
    page.tab.click("text=Edit")
    page.tab.wait_for_selector("input[name=threshold]")
    assert page.tab.input_value("input[name=AlarmActions]") == "http://127.0.0.1:9/a http://127.0.0.1:9/b"
    page.tab.fill("input[name=threshold]", "much")
    page.tab.click("text=Save alarm")
    page.wait_for("the error", lambda: "threshold: expected a number" in page.tab.inner_text("#view"))
    page.tab.fill("input[name=threshold]", "90")
    page.tab.fill("input[name=statistic]", "p99")
    page.tab.click("text=Save alarm")
    page.wait_for("the change", lambda: alarm(page)["Threshold"] == 90 and alarm(page).get("ExtendedStatistic") == "p99")
    assert "Statistic" not in alarm(page), alarm(page)
    page.wait_for("the condition", lambda: facts(page).get("condition", "").startswith("p99 > 90"))


def errors_of_the_server_are_shown(page):
    page.open(f"alarms?edit=&m={LINE}")
    page.tab.wait_for_selector("input[name=threshold]")
    page.tab.fill("input[name=name]", "other")
    page.tab.fill("input[name=threshold]", "1")
    page.tab.fill("input[name=periods]", "1")
    page.tab.fill("input[name=datapoints]", "2")
    page.tab.click("text=Create alarm")
    page.wait_for("the error", lambda: "DatapointsToAlarm" in page.tab.inner_text("#view"))
    # Chromium itself notes the status 400 in the console.
    assert all("400" in one for one in page.problems), page.problems
    page.problems.clear()


def alarm_is_deleted(page):
    page.open(f"alarms?name={quote(NAME)}")
    page.tab.click("text=Delete this alarm")
    page.tab.click("button:has-text('Delete')")
    page.wait_for("no alarm", lambda: page.rows("Alarms") == [["No alarm yet."]])
    assert alarm(page) is None


with browser(options) as page:
    put(page, 1)
    for part in (form_makes_an_alarm, states_are_those_of_the_api, state_is_set, alarm_is_changed, errors_of_the_server_are_shown, alarm_is_deleted):
        part(page)
        page.check()
print("PASS")
