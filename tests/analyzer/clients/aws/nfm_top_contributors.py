"""Network Flow Monitor: monitors, and the top contributors of two hosts in different zones."""
import datetime
import _fm
c = _fm.client("networkflowmonitor")
monitors = c.list_monitors()["monitors"]
assert [m["monitorName"] for m in monitors] == ["flowmote"], monitors
name = monitors[0]["monitorName"]
monitor = c.get_monitor(monitorName=name)
assert monitor["monitorStatus"] == "ACTIVE" and monitor["createdAt"].year > 2020, monitor
end = _fm.utcnow() + datetime.timedelta(seconds=1)
begin = end - datetime.timedelta(minutes=5)


def query(metric, category, **more):
    return c.start_query_monitor_top_contributors(
        monitorName=name, startTime=begin, endTime=end, metricName=metric, destinationCategory=category, **more)["queryId"]


def rows(metric, category, **more):
    id = query(metric, category, **more)
    status = c.get_query_status_monitor_top_contributors(monitorName=name, queryId=id)["status"]
    assert status == "SUCCEEDED", status
    pages = c.get_paginator("get_query_results_monitor_top_contributors").paginate(
        monitorName=name, queryId=id, PaginationConfig={"PageSize": 1})
    pages = list(pages)
    c.stop_query_monitor_top_contributors(monitorName=name, queryId=id)
    return pages[0]["unit"], [row for page in pages for row in page["topContributors"]]


unit, found = rows("DATA_TRANSFERRED", "INTER_AZ")
assert unit == "Bytes" and [row["targetPort"] for row in found] == [443, 22], (unit, found)
first, second = found
assert abs(first["value"] / second["value"] - 100) < 1, found
expected = {"localIp": "10.0.0.1", "remoteIp": "10.0.0.2", "localInstanceId": "i-0aaaaaaaa", "remoteInstanceId": "i-0bbbbbbbb",
            "localAz": "eu-1a", "remoteAz": "eu-1b", "localVpcId": "vpc-0cccccccc", "remoteVpcId": "vpc-0cccccccc",
            "localRegion": "eu-1", "destinationCategory": "INTER_AZ"}
assert {key: first[key] for key in expected} == expected, first
assert "localSubnetId" not in first, first
unit, found = rows("ROUND_TRIP_TIME", "INTER_AZ")
assert unit == "Microseconds" and [(row["targetPort"], row["value"]) for row in found] == [(22, 300), (443, 100)], found
unit, found = rows("RETRANSMISSIONS", "INTER_AZ", limit=1)
assert unit == "Count" and len(found) == 1 and found[0]["value"] > 10, found
assert rows("TIMEOUTS", "INTER_AZ")[1] == [] and rows("DATA_TRANSFERRED", "INTRA_AZ")[1] == []


def fails(exception, call, **parameters):
    try:
        call(**parameters)
    except exception as error:
        assert error.response["Error"]["Message"], error
    else:
        raise AssertionError(parameters)


missing, invalid = c.exceptions.ResourceNotFoundException, c.exceptions.ValidationException
fails(missing, c.get_monitor, monitorName="other")
fails(missing, c.get_query_results_monitor_top_contributors, monitorName=name, queryId="other")
fails(missing, c.get_query_status_monitor_top_contributors, monitorName=name, queryId="other")
last = query("DATA_TRANSFERRED", "INTER_AZ")
fails(invalid, c.get_query_results_monitor_top_contributors, monitorName=name, queryId=last, nextToken="-1")
fails(invalid, c.get_query_results_monitor_top_contributors, monitorName=name, queryId=last, maxResults=501)
fails(invalid, c.list_monitors, nextToken="x")
begin, end = end, begin
fails(invalid, query, metric="TIMEOUTS", category="INTER_AZ")
begin, end = end, begin
fails(invalid, query, metric="x", category="INTER_AZ")
fails(invalid, query, metric="TIMEOUTS", category="x")
print("ok")
