"""An alarm on a host's metric: put, described, in ALARM and OK, its history, switched, deleted. Ours.
FLOWMOTE_HOOK: a URL that the alarm is to call; FLOWMOTE_STEP: 'put', 'again' after a restart, or 'errors'."""
from _fm import *
import json, sys, time
from botocore.exceptions import ClientError
cw = client("cloudwatch")
HOOK, STEP = os.environ["FLOWMOTE_HOOK"], os.environ["FLOWMOTE_STEP"]
NAME, ARN = "cpu of web1", "arn:aws:sns:us-east-1:000000000000:topic"
DIMS = [{"Name": "InstanceId", "Value": INSTANCE}]


def put(threshold, name=NAME, **further):
    cw.put_metric_alarm(AlarmName=name, **{**dict(
        AlarmDescription="too busy", Namespace="AWS/EC2", MetricName="CPUUtilization", Dimensions=DIMS,
        Statistic="Average", Period=1, EvaluationPeriods=2, DatapointsToAlarm=1, Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=[HOOK, ARN], OKActions=[HOOK],
        Tags=[{"Key": "team", "Value": "net"}]), **further})


def alarm(name=NAME):
    found = cw.describe_alarms(AlarmNames=[name])
    assert found["CompositeAlarms"] == [], found
    return found["MetricAlarms"][0] if found["MetricAlarms"] else None


def wait(what, condition):
    end = time.time() + 60
    while time.time() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError((what, alarm(), history()))


def history(**wanted):
    pages = cw.get_paginator("describe_alarm_history").paginate(AlarmName=NAME, **wanted)
    return [item for page in pages for item in page["AlarmHistoryItems"]]


def refused(code, call, **request):
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["Error"]["Message"], error
        return error
    raise AssertionError((code, request))


if STEP == "put":
    before = utcnow()
    put(1000.0)
    a = alarm()
    assert (a["Period"], a["EvaluationPeriods"], a["DatapointsToAlarm"], a["Threshold"]) == (1, 2, 1, 1000.0), a
    assert a["AlarmArn"].endswith(":alarm:" + NAME) and a["AlarmArn"].startswith("arn:aws:cloudwatch:"), a
    assert (a["AlarmDescription"], a["ActionsEnabled"], a["Dimensions"]) == ("too busy", True, DIMS), a
    assert (a["AlarmActions"], a["OKActions"], a["InsufficientDataActions"]) == ([HOOK, ARN], [HOOK], []), a
    slack = datetime.timedelta(seconds=5)
    assert before - slack < a["AlarmConfigurationUpdatedTimestamp"] < utcnow() + slack, a
    wait("OK", lambda: alarm()["StateValue"] == "OK")
    t0 = time.time()
    # The processor of the host is at 25 %. The state stays until the next evaluation.
    put(20.0)
    wait("ALARM", lambda: alarm()["StateValue"] == "ALARM")
    delay = time.time() - t0
    a = alarm()
    assert a["StateReason"].startswith("Threshold Crossed: ") and "25.0 (" in a["StateReason"], a
    data = json.loads(a["StateReasonData"])
    assert data["threshold"] == 20.0 and data["recentDatapoints"][0] == 25.0, data
    assert a["StateUpdatedTimestamp"] >= a["AlarmConfigurationUpdatedTimestamp"], a
    names = lambda **wanted: [x["AlarmName"] for x in cw.describe_alarms(**wanted)["MetricAlarms"]]
    assert names(StateValue="ALARM") == [NAME] and names(StateValue="OK") == []
    assert names(AlarmNamePrefix="cpu") == [NAME] and names(AlarmNamePrefix="CPU") == []
    assert names(ActionPrefix="http://") == [NAME] and names(ActionPrefix="https://x") == []
    assert names(AlarmTypes=["CompositeAlarm"]) == [] and names(AlarmTypes=["MetricAlarm"]) == [NAME]
    about = lambda **further: len(cw.describe_alarms_for_metric(
        Namespace="AWS/EC2", MetricName="CPUUtilization", Dimensions=DIMS, **further)["MetricAlarms"])
    assert (about(), about(Statistic="Average", Period=1), about(Period=60)) == (1, 1, 0)
    put(1000.0)
    wait("OK again", lambda: alarm()["StateValue"] == "OK")
    # What a person sets holds until the next evaluation, and is in the history.
    cw.set_alarm_state(AlarmName=NAME, StateValue="ALARM", StateReason="a test", StateReasonData='{"a": 1}')
    wait("OK once more", lambda: alarm()["StateValue"] == "OK")
    states = [x["HistorySummary"] for x in history(HistoryItemType="StateUpdate", ScanBy="TimestampAscending")]
    assert states == ["Alarm updated from %s to %s" % it for it in (
        ("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK"), ("OK", "ALARM"), ("ALARM", "OK"))], states
    set_by_hand = history(HistoryItemType="StateUpdate")[1]
    new = json.loads(set_by_hand["HistoryData"])["newState"]
    assert new == {"stateValue": "ALARM", "stateReason": "a test", "stateReasonData": {"a": 1}}, new
    changes = [x["HistorySummary"] for x in history(HistoryItemType="ConfigurationUpdate")]
    assert changes == ['Alarm "%s" %s' % (NAME, verb) for verb in ("updated", "updated", "created")], changes
    assert history(StartDate=utcnow() + datetime.timedelta(hours=1)) == []
    pages = list(cw.get_paginator("describe_alarm_history").paginate(
        AlarmName=NAME, PaginationConfig={"PageSize": 3}))
    assert all(len(page["AlarmHistoryItems"]) <= 3 for page in pages) and len(pages) > 2, pages
    joined = [x for page in pages for x in page["AlarmHistoryItems"]]
    assert joined == history() and len({x["HistorySummary"] for x in joined}) > 3
    # Of expressions.
    stat = dict(Metric=dict(Namespace="AWS/EC2", MetricName="CPUUtilization", Dimensions=DIMS), Period=60, Stat="Maximum")
    cw.put_metric_alarm(AlarmName="of two", EvaluationPeriods=1, Threshold=1e9, ComparisonOperator="LessThanThreshold",
                        TreatMissingData="ignore", Metrics=[
                            dict(Id="m1", MetricStat=stat, ReturnData=False),
                            dict(Id="e1", Expression="m1 * 2", Label="twice")])
    two = alarm("of two")
    assert [x["Id"] for x in two["Metrics"]] == ["m1", "e1"] and "MetricName" not in two, two
    assert two["Metrics"][0]["MetricStat"] == stat and two["TreatMissingData"] == "ignore", two
    page = cw.describe_alarms(MaxRecords=1)
    assert len(page["MetricAlarms"]) == 1 and page["NextToken"], page
    pages = cw.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 1})
    assert [x["AlarmName"] for page in pages for x in page["MetricAlarms"]] == [NAME, "of two"]
    cw.disable_alarm_actions(AlarmNames=[NAME])
    assert not alarm()["ActionsEnabled"]
    cw.enable_alarm_actions(AlarmNames=[NAME, "no such alarm"])
    assert alarm()["ActionsEnabled"]
    refused("ResourceNotFound", cw.delete_alarms, AlarmNames=["of two", "no such alarm"])
    assert alarm("of two")
    cw.delete_alarms(AlarmNames=["of two"])
    assert alarm("of two") is None
    # Tags of a later put change nothing.
    put(20.0, EvaluationPeriods=30, Tags=[])
    assert cw.list_tags_for_resource(ResourceARN=alarm()["AlarmArn"])["Tags"] == [{"Key": "team", "Value": "net"}]
    # The last state of this run, for the next one.
    put(20.0, EvaluationPeriods=30)
    wait("ALARM", lambda: alarm()["StateValue"] == "ALARM")
    print("ok %.3fs" % delay)
elif STEP == "again":
    a = alarm()
    assert (a["StateValue"], a["Threshold"], a["AlarmActions"]) == ("ALARM", 20.0, [HOOK, ARN]), a
    assert a["StateReason"].startswith("Threshold Crossed: "), a
    # The history of before, of each kind.
    kinds = {x["HistoryItemType"] for x in history()}
    assert kinds == {"ConfigurationUpdate", "StateUpdate", "Action"}, kinds
    assert history(ScanBy="TimestampAscending")[0]["HistorySummary"] == 'Alarm "%s" created' % NAME
    assert cw.list_tags_for_resource(ResourceARN=a["AlarmArn"])["Tags"] == [{"Key": "team", "Value": "net"}]
    # No value is in memory yet, which is no reason for another state.
    time.sleep(4)
    assert alarm() == a, (alarm(), a)
    cw.delete_alarms(AlarmNames=[NAME])
    assert alarm() is None
    print("ok")
else:
    base = dict(AlarmName="a", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
                Threshold=1.0, ComparisonOperator="GreaterThanThreshold")
    bad = lambda **wrong: refused("ValidationError", cw.put_metric_alarm, **{**base, **wrong})
    bad(ComparisonOperator="GreaterThanUpperThreshold")
    bad(ComparisonOperator="Equal")
    bad(TreatMissingData="zero")
    bad(EvaluationPeriods=1441)
    bad(DatapointsToAlarm=2)
    bad(Period=61)
    bad(ExtendedStatistic="p99")
    bad(AlarmActions=["x"] * 6)
    bad(AlarmDescription="x" * 1025)
    bad(Metrics=[dict(Id="e1", Expression="TIME_SERIES(1)")])
    refused("ResourceNotFound", cw.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")
    refused("ResourceNotFound", cw.delete_alarms, AlarmNames=["none"])
    refused("InvalidNextToken", cw.describe_alarms, NextToken="x")
    refused("InvalidNextToken", cw.describe_alarm_history, NextToken="x")
    refused("ValidationError", cw.describe_alarms, MaxRecords=101)
    cw.put_metric_alarm(**base)
    error = refused("InvalidFormat", cw.set_alarm_state, AlarmName="a", StateValue="OK", StateReason="x", StateReasonData="{")
    assert isinstance(error, cw.exceptions.InvalidFormatFault), error
    # One of the service's own exceptions, in each protocol.
    error = refused("ResourceNotFound", cw.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")
    assert isinstance(error, cw.exceptions.ResourceNotFound), error
    cw.delete_alarms(AlarmNames=["a"])
    print("ok")
