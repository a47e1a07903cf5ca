"""Groups, streams, pages, tokens, queries, metrics of log events, and what is refused. Ours.
FLOWMOTE_LIVE: 1 for Live Tail too, which boto3 of 2023 does not have."""
from _fm import *
import json, threading, time
from botocore.exceptions import ClientError
lg = client("logs", inject_host_prefix=False)
NOW = int(time.time() * 1000)
MARK = str(NOW)


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, (code, error.response)
        assert error.response["Error"]["Message"], error.response
        return error.response
    raise AssertionError(f"{parameters} is no {code}")


def account():
    return lg.describe_log_groups(logGroupNamePrefix="/shop/")["logGroups"][0]["arn"].split(":")[4]


def put(stream, events, group="/shop/web"):
    events = [{"timestamp": time, "message": message} for time, message in events]
    return lg.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def groups_and_streams():
    refused("ResourceNotFoundException", lg.create_log_stream, logGroupName="/shop/web", logStreamName="a")
    for group in ["/shop/web", "/shop/db", "/other"]:
        lg.create_log_group(logGroupName=group)
    refused("ResourceAlreadyExistsException", lg.create_log_group, logGroupName="/shop/web")
    refused("InvalidParameterException", lg.create_log_group, logGroupName="a b")
    found = lg.describe_log_groups(logGroupNamePrefix="/shop/", limit=1)
    assert [g["logGroupName"] for g in found["logGroups"]] == ["/shop/db"], found
    second = lg.describe_log_groups(logGroupNamePrefix="/shop/", limit=1, nextToken=found["nextToken"])
    assert [g["logGroupName"] for g in second["logGroups"]] == ["/shop/web"] and "nextToken" not in second
    group = second["logGroups"][0]
    assert group["arn"].endswith(":log-group:/shop/web:*") and abs(group["creationTime"] - NOW) < 60_000, group
    assert [g["logGroupName"] for g in lg.describe_log_groups(logGroupNamePattern="HOP/W")["logGroups"]] == ["/shop/web"]
    refused("InvalidParameterException", lg.describe_log_groups, logGroupNamePrefix="/shop/", nextToken="x")
    refused("InvalidParameterException", lg.describe_log_groups, logGroupNamePrefix="/other", nextToken=found["nextToken"])
    lg.put_retention_policy(logGroupName="/shop/db", retentionInDays=7)
    assert lg.describe_log_groups(logGroupNamePrefix="/shop/db")["logGroups"][0]["retentionInDays"] == 7
    refused("InvalidParameterException", lg.put_retention_policy, logGroupName="/shop/db", retentionInDays=8)
    lg.delete_retention_policy(logGroupName="/shop/db")
    lg.delete_log_group(logGroupName="/other")
    refused("ResourceNotFoundException", lg.delete_log_group, logGroupName="/other")
    for stream in ["b", "a", "gone"]:
        lg.create_log_stream(logGroupName="/shop/web", logStreamName=stream)
    lg.delete_log_stream(logGroupName="/shop/web", logStreamName="gone")
    put("a", [(NOW - 3000, "old")])
    put("b", [(NOW - 2000, "older"), (NOW - 1000, "newer")])
    streams = lg.describe_log_streams(logGroupName="/shop/web", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [s["logStreamName"] for s in streams] == ["b", "a"], streams
    assert (streams[0]["firstEventTimestamp"], streams[0]["lastEventTimestamp"]) == (NOW - 2000, NOW - 1000)
    pages = lg.get_paginator("describe_log_streams").paginate(logGroupName="/shop/web", PaginationConfig={"PageSize": 1})
    assert [s["logStreamName"] for s in pages.build_full_result()["logStreams"]] == ["a", "b"]


def batches():
    refused("ResourceNotFoundException", put, stream="none", events=[(NOW, "x")])
    refused("InvalidParameterException", put, stream="a", events=[(NOW, "x"), (NOW - 1, "y")])
    day = 86_400_000
    reply = put("a", [(NOW - 14 * day - 3600_000, "too old"), (NOW - 14 * day + 3600_000, "right")])
    assert reply["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1} and reply["nextSequenceToken"], reply
    reply = put("a", [(NOW, "right"), (NOW + 3 * 3600_000, "too new")])
    assert reply["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}, reply
    assert "rejectedLogEventsInfo" not in put("a", [(NOW, "é\u0000\"\\")])
    found = lg.filter_log_events(logGroupName="/shop/web", startTime=NOW)["events"]
    assert [e["message"] for e in found] == ["right", "é\u0000\"\\"], found


def long_batches():
    """1 MiB of events, whatever JSON makes of them."""
    for letter, name in [("\u0001", "control"), ("\u20ac", "euro"), ('"', "quote"), ("x", "plain")]:
        size = len(letter.encode())
        count = ((1 << 20) - 26 * 4) // size // 4
        assert "rejectedLogEventsInfo" not in put("a", [(NOW + 10, letter * count)] * 4), name
        refused("InvalidParameterException", put, stream="a", events=[(NOW + 10, letter * (count + 40))] * 4)
    message = json.dumps({"a": [[[[{"b": {}}]]]], "c": [{}, {}, []]})
    assert "rejectedLogEventsInfo" not in put("a", [(NOW + 11, message)] * 10_000)


def absent():
    """What Terraform and Grafana ask for besides: none of it is here."""
    for call, name, parameters in [
        (lg.describe_metric_filters, "metricFilters", {}),
        (lg.describe_metric_filters, "metricFilters", {"logGroupName": "/shop/web"}),
        (lg.describe_subscription_filters, "subscriptionFilters", {"logGroupName": "/shop/web"}),
        (lg.describe_query_definitions, "queryDefinitions", {}),
        (lg.describe_resource_policies, "resourcePolicies", {}),
        (lg.describe_destinations, "destinations", {}),
        (lg.describe_export_tasks, "exportTasks", {}),
    ]:
        found = call(**parameters)
        assert found[name] == [] and "nextToken" not in found, found
    refused("ResourceNotFoundException", lg.describe_metric_filters, logGroupName="/none")
    refused("ResourceNotFoundException", lg.describe_subscription_filters, logGroupName="/none")
    transformation = [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]
    refused("UnknownOperationException", lg.put_metric_filter, logGroupName="/shop/web", filterName="f",
            filterPattern="", metricTransformations=transformation)


def pages():
    """Pages while others are written: no event twice, none lost, in the order of time."""
    lg.create_log_stream(logGroupName="/shop/db", logStreamName="s")
    put("s", [(NOW - 5000 + n // 3, f"m{n}") for n in range(1000)], "/shop/db")
    put("s", [(NOW - 5000 + n, f"between{n}") for n in range(100)], "/shop/db")
    seen, token = [], {}
    while True:
        page = lg.filter_log_events(logGroupIdentifier="/shop/db" , limit=90, **token) if "logGroupIdentifier" in \
            lg.meta.service_model.operation_model("FilterLogEvents").input_shape.members else \
            lg.filter_log_events(logGroupName="/shop/db", limit=90, **token)
        seen += page["events"]
        put("s", [(NOW - 6000, "later"), (NOW, "later")], "/shop/db")
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert len(seen) == 1100 and len({e["eventId"] for e in seen}) == 1100, len(seen)
    assert [e["timestamp"] for e in seen] == sorted(e["timestamp"] for e in seen)
    assert not any(e["message"] == "later" for e in seen)
    found = lg.filter_log_events(logGroupName="/shop/db", filterPattern='?"m99" ?between', logStreamNamePrefix="s")
    assert len(found["events"]) == 111, len(found["events"])
    one = dict(logGroupName="/shop/db", logStreamName="s", limit=400)
    tail = lg.get_log_events(**one, endTime=NOW)
    assert len(tail["events"]) == 400 and tail["events"][-1]["message"] == "m999"
    back, events = tail["nextBackwardToken"], []
    while True:
        page = lg.get_log_events(**one, endTime=NOW, nextToken=back)
        events = page["events"] + events
        if page["nextBackwardToken"] == back:
            break
        back = page["nextBackwardToken"]
    assert len(events) + 400 == 1100 + events.count("later") + sum(e["message"] == "later" for e in events)
    ahead, events = {"startFromHead": True}, []
    while True:
        page = lg.get_log_events(**one, **ahead)
        events += page["events"]
        if page["nextForwardToken"] == ahead.get("nextToken"):
            break
        ahead = {"nextToken": page["nextForwardToken"]}
    count = len(events)
    put("s", [(NOW - 9000, "a latecomer")], "/shop/db")
    page = lg.get_log_events(**one, **ahead)
    assert [e["message"] for e in page["events"]] == ["a latecomer"] and count > 1100, page
    refused("InvalidParameterException", lg.get_log_events, **one, nextToken="f/x")
    refused("InvalidParameterException", lg.filter_log_events, logGroupName="/shop/db", filterPattern="[a, b")
    refused("ResourceNotFoundException", lg.get_log_events, logGroupName="/shop/db", logStreamName="none")


def query(text, **further):
    parameters = dict(logGroupNames=["/shop/web", "/shop/db"], startTime=NOW // 1000 - 60, endTime=NOW // 1000 + 60)
    started = lg.start_query(**{**parameters, **further}, queryString=text)["queryId"]
    end = time.time() + 30
    while time.time() < end:
        found = lg.get_query_results(queryId=started)
        if found["status"] not in ("Scheduled", "Running"):
            return started, found
        time.sleep(0.05)
    raise AssertionError("the query has no end")


def queries():
    started, found = query("filter @message like /^m9\\d$/ | stats count(*) as n by @log | sort n desc")
    assert found["status"] == "Complete", found
    rows = [{f["field"]: f["value"] for f in row} for row in found["results"]]
    assert rows == [{"@log": account() + ":/shop/db", "n": "10"}], rows
    assert found["statistics"]["recordsMatched"] == 10 and found["statistics"]["recordsScanned"] > 1000
    refused("InvalidParameterException", lg.stop_query, queryId=started)
    assert started in [q["queryId"] for q in lg.describe_queries(status="Complete")["queries"]]
    # As Grafana begins its queries.
    _, found = query("fields @timestamp,ltrim(@log) as __log__grafana_internal__,ltrim(@logStream) as "
                     "__logstream__grafana_internal__|fields @message | filter @message = 'newer'", limit=5)
    row = {f["field"]: f["value"] for f in found["results"][0]}
    assert row["__logstream__grafana_internal__"] == "b" and row["@message"] == "newer", row
    assert row["@timestamp"] == datetime.datetime.utcfromtimestamp((NOW - 1000) / 1000).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    record = lg.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert record["@message"] == "newer" and record["@logStream"] == "b", record
    fields = {f["name"]: f["percent"] for f in lg.get_log_group_fields(logGroupName="/shop/web")["logGroupFields"]}
    assert fields["@message"] == 100, fields
    wrong = refused("MalformedQueryException", query, text="stats sum(bytes) by | sort x")
    assert wrong["queryCompileError"]["location"]["startCharOffset"] == 20, wrong
    refused("ResourceNotFoundException", query, text="limit 1", logGroupNames=["/none"])
    refused("ResourceNotFoundException", lg.get_query_results, queryId="none")
    refused("InvalidParameterException", query, text="limit 1", endTime=0)


def embedded_metrics():
    event = {"_aws": {"Timestamp": NOW, "CloudWatchMetrics": [
        {"Namespace": "Shop", "Dimensions": [["page"]], "Metrics": [{"Name": "wait", "Unit": "Milliseconds"}]}]},
        "page": MARK, "wait": 12.5}
    put("a", [(NOW, json.dumps(event))])
    now = utcnow()
    found = client("cloudwatch").get_metric_statistics(
        Namespace="Shop", MetricName="wait", Dimensions=[{"Name": "page", "Value": MARK}], Period=60,
        StartTime=now - datetime.timedelta(minutes=5), EndTime=now + datetime.timedelta(minutes=1), Statistics=["Sum"])
    assert [p["Sum"] for p in found["Datapoints"]] == [12.5], found
    _, found = query(f"filter page = '{MARK}' | stats max(wait) as w")
    assert found["results"][0][0] == {"field": "w", "value": "12.5"}, found


def live_tail():
    groups = [g["arn"][:-2] for g in lg.describe_log_groups(logGroupNamePrefix="/shop/db")["logGroups"]]
    reply = lg.start_live_tail(logGroupIdentifiers=groups, logStreamNames=["s"], logEventFilterPattern="{ $.n >= 5 }")
    stream = iter(reply["responseStream"])
    start = next(stream)["sessionStart"]
    assert start["logEventFilterPattern"] == "{ $.n >= 5 }" and start["logGroupIdentifiers"] == groups, start
    begin = time.time()
    put("s", [(NOW - 7000 + n, json.dumps({"n": n})) for n in range(10)], "/shop/db")
    for event in stream:
        results = event["sessionUpdate"]["sessionResults"]
        if results:
            break
    delay = time.time() - begin
    assert [json.loads(r["message"])["n"] for r in results] == [5, 6, 7, 8, 9], results
    assert results[0]["logGroupIdentifier"] == account() + ":/shop/db" and results[0]["timestamp"] == NOW - 6995
    assert delay < 1, delay
    put("s", [(NOW, json.dumps({"n": 9})) for n in range(600)], "/shop/db")
    for event in stream:
        if event["sessionUpdate"]["sessionResults"]:
            break
    assert event["sessionUpdate"]["sessionMetadata"]["sampled"] and len(event["sessionUpdate"]["sessionResults"]) == 500
    reply["responseStream"].close()
    refused("InvalidParameterException", lg.start_live_tail, logGroupIdentifiers=groups, logEventFilterPattern="{")
    refused("ResourceNotFoundException", lg.start_live_tail, logGroupIdentifiers=[groups[0] + "x"])


groups_and_streams()
batches()
pages()
queries()
embedded_metrics()
absent()
long_batches()
if os.environ.get("FLOWMOTE_LIVE") == "1":
    live_tail()
print("ok")
