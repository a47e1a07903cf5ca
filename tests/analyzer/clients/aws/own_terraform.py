"""What Terraform's provider for AWS calls for aws_cloudwatch_metric_alarm, aws_cloudwatch_log_group and aws_flow_log:
created, read again without a difference, changed, tags changed, deleted, twice. Ours."""
from _fm import *
from botocore.exceptions import ClientError
import time
cw, logs, ec2 = client("cloudwatch"), client("logs"), client("ec2")


def code(call, **request):
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]


def as_map(tags, key="Key", value="Value"):
    return {tag[key]: tag[value] for tag in tags}


# --- aws_cloudwatch_metric_alarm
def alarm(name):
    found = cw.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    assert len(found) <= 1, found
    return found[0] if found else None


def applied(config):
    """The next plan has no difference: what is not in the configuration has the default of the provider."""
    a = alarm(config["AlarmName"])
    for name, default in dict(
            ActionsEnabled=True, AlarmActions=[], AlarmDescription=None, ComparisonOperator=None, DatapointsToAlarm=None,
            Dimensions=[], EvaluateLowSampleCountPercentile=None, EvaluationPeriods=None, ExtendedStatistic=None,
            InsufficientDataActions=[], MetricName=None, Metrics=None, Namespace=None, OKActions=[], Period=None,
            Statistic=None, Threshold=None, ThresholdMetricId=None, TreatMissingData="missing", Unit=None).items():
        wanted = config.get(name, default)
        assert a.get(name, default) == wanted, (name, a.get(name), wanted)
    assert a["AlarmArn"].startswith("arn:aws:cloudwatch:" + REGION + ":"), a
    tags = as_map(cw.list_tags_for_resource(ResourceARN=a["AlarmArn"])["Tags"])
    return a["AlarmArn"], tags


stat = lambda name: dict(Metric=dict(MetricName=name, Namespace="AWS/EC2", Dimensions=[]), Period=120, Stat="Sum", Unit="Count")
plain = dict(AlarmName="tf-cpu", ComparisonOperator="GreaterThanOrEqualToThreshold", EvaluationPeriods=2, Period=120,
             MetricName="CPUUtilization", Namespace="AWS/EC2", Statistic="Average", Threshold=80.0, ActionsEnabled=True,
             TreatMissingData="missing", AlarmDescription="This metric monitors ec2 cpu utilization",
             Dimensions=[dict(Name="InstanceId", Value=INSTANCE)])
percentile = dict(plain, AlarmName="tf-p95", ExtendedStatistic="p95", EvaluateLowSampleCountPercentile="ignore",
                  DatapointsToAlarm=1, TreatMissingData="notBreaching", Unit="Percent",
                  AlarmActions=["arn:aws:sns:us-east-1:123456789012:topic"], OKActions=["arn:aws:automate:us-east-1:ec2:stop"],
                  InsufficientDataActions=["arn:aws:sns:us-east-1:123456789012:other"])
del percentile["Statistic"]
expression = {name: plain[name] for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold", "TreatMissingData")}
expression.update(AlarmName="tf-errors", Metrics=[
    dict(Id="e1", Expression="m2/m1*100", Label="Error Rate", Period=120, ReturnData=True),
    dict(Id="m1", MetricStat=stat("NetworkPacketsIn"), ReturnData=False, AccountId="000000000000"),
    dict(Id="m2", MetricStat=stat("NetworkPacketsOut"), ReturnData=False)])
for config in (plain, percentile, expression):
    assert alarm(config["AlarmName"]) is None
    tags = {"Name": "of terraform", "env": "prod"}
    cw.put_metric_alarm(Tags=[dict(Key=key, Value=value) for key, value in tags.items()], **config)
    arn, found = applied(config)
    assert found == tags, found
    # Another threshold. The tags of the request are those that are there.
    config["Threshold"] = 90.5
    cw.put_metric_alarm(Tags=[dict(Key="ignored", Value="x")], **config)
    assert applied(config) == (arn, tags)
    # Other tags: those that are gone first.
    cw.untag_resource(ResourceARN=arn, TagKeys=["env"])
    cw.tag_resource(ResourceARN=arn, Tags=[dict(Key="Name", Value="another"), dict(Key="cost center", Value="")])
    assert applied(config) == (arn, {"Name": "another", "cost center": ""})
    cw.delete_alarms(AlarmNames=[config["AlarmName"]])
    assert alarm(config["AlarmName"]) is None
    assert code(cw.delete_alarms, AlarmNames=[config["AlarmName"]]) == "ResourceNotFound"
    assert code(cw.list_tags_for_resource, ResourceARN=arn) == "ResourceNotFoundException"
    assert code(cw.tag_resource, ResourceARN=arn, Tags=[dict(Key="a", Value="b")]) == "ResourceNotFoundException"
    try:
        cw.untag_resource(ResourceARN=arn, TagKeys=["a"])
    except cw.exceptions.ResourceNotFoundException:
        pass
    else:
        raise AssertionError("an alarm that is gone has tags")

# --- aws_cloudwatch_composite_alarm
def composite(name):
    found = cw.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert len(found) <= 1, found
    return found[0] if found else None


def wait(state, name):
    for _ in range(100):
        a = composite(name)
        if a["StateValue"] == state:
            return a
        time.sleep(0.1)
    raise AssertionError((state, a))


cw.put_metric_alarm(**plain)
rule = 'ALARM(tf-cpu) AND NOT INSUFFICIENT_DATA("tf-cpu")'
config = dict(AlarmName="tf-both", AlarmRule=rule, AlarmDescription="both", ActionsEnabled=True,
              AlarmActions=["arn:aws:sns:us-east-1:123456789012:topic"])
cw.put_composite_alarm(Tags=[dict(Key="env", Value="prod")], **config)
a = wait("OK", "tf-both")
for name, wanted in config.items():
    assert a[name] == wanted, (name, a)
assert as_map(cw.list_tags_for_resource(ResourceARN=a["AlarmArn"])["Tags"]) == {"env": "prod"}
assert alarm("tf-both") is None and [x["AlarmName"] for x in cw.describe_alarms()["MetricAlarms"]] == ["tf-cpu"]
cw.set_alarm_state(AlarmName="tf-cpu", StateValue="ALARM", StateReason="a test")
a = wait("ALARM", "tf-both")
assert ":alarm:tf-cpu transitioned to ALARM at " in a["StateReason"], a
names = lambda **wanted: [x["AlarmName"] for page in cw.get_paginator("describe_alarms").paginate(**wanted)
                          for kind in ("MetricAlarms", "CompositeAlarms") for x in page[kind]]
assert names(ChildrenOfAlarmName="tf-both") == ["tf-cpu"] and names(ParentsOfAlarmName="tf-cpu") == ["tf-both"]
assert sorted(names(AlarmTypes=["MetricAlarm", "CompositeAlarm"], PaginationConfig={"PageSize": 1})) == ["tf-both", "tf-cpu"]
changes = cw.describe_alarm_history(AlarmName="tf-both", AlarmTypes=["CompositeAlarm"], HistoryItemType="StateUpdate")
changes = [(x["AlarmType"], x["HistorySummary"]) for x in changes["AlarmHistoryItems"]]
# The newest first; an alarm of this name before may have had others.
assert changes[:2] == [("CompositeAlarm", "Alarm updated from %s" % it) for it in ("OK to ALARM", "INSUFFICIENT_DATA to OK")], changes
config["AlarmRule"] = "NOT " + rule.split(" AND")[0]
cw.put_composite_alarm(**config)
wait("OK", "tf-both")
bad = lambda **wrong: code(cw.put_composite_alarm, **dict(config, **wrong))
assert bad(AlarmRule="ALARM(tf-none)") == bad(AlarmRule="ALARM(tf-cpu") == bad(AlarmRule="OK(tf-both)") == "ValidationError"
assert bad(AlarmName="tf-cpu") == bad(ActionsSuppressor="tf-cpu", ActionsSuppressorWaitPeriod=1) == "ValidationError"
cw.delete_alarms(AlarmNames=["tf-both"])
cw.delete_alarms(AlarmNames=["tf-cpu"])
# What is not there has a clear error.
assert code(cw.put_dashboard, DashboardName="d", DashboardBody="{}") in ("InvalidAction", "UnknownOperationException")
assert code(cw.list_tags_for_resource, ResourceARN="tf-cpu") == "InvalidParameterValue"
cw.put_metric_alarm(**plain)
arn, found = applied(plain)
assert found == {}
assert code(cw.tag_resource, ResourceARN=arn, Tags=[dict(Key="aws:x", Value="b")]) == "InvalidParameterValue"
many = [dict(Key="k%d" % n, Value="") for n in range(51)]
assert code(cw.tag_resource, ResourceARN=arn, Tags=many) == "InvalidParameterValue"
cw.tag_resource(ResourceARN=arn, Tags=many[:50])
assert len(applied(plain)[1]) == 50
cw.delete_alarms(AlarmNames=["tf-cpu"])

# --- aws_cloudwatch_log_group, and the data source of this name
NAME = "tf/flow-logs"


def group():
    found = logs.describe_log_groups(logGroupNamePrefix=NAME)["logGroups"]
    exact = [it for it in found if it["logGroupName"] == NAME]
    return exact[0] if exact else None


assert group() is None
logs.create_log_group(logGroupName=NAME, tags={"Name": "of terraform", "env": "prod"})
assert code(logs.create_log_group, logGroupName=NAME) == "ResourceAlreadyExistsException"
logs.put_retention_policy(logGroupName=NAME, retentionInDays=14)
g = group()
assert (g["retentionInDays"], g["logGroupClass"] if "logGroupClass" in g else "STANDARD") == (14, "STANDARD"), g
arn = g["arn"][:-2]
assert g["arn"] == arn + ":*" and "kmsKeyId" not in g, g
if hasattr(logs, "list_tags_for_resource"):
    tags = lambda: logs.list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags() == {"Name": "of terraform", "env": "prod"}
    logs.untag_resource(resourceArn=arn, tagKeys=["env"])
    logs.tag_resource(resourceArn=arn, tags={"Name": "another", "x": ""})
    assert tags() == {"Name": "another", "x": ""}
    assert code(logs.list_tags_for_resource, resourceArn=arn + "-none") == "ResourceNotFoundException"
    assert code(logs.tag_resource, resourceArn=arn, tags={"aws:x": ""}) == "InvalidParameterException"
# Providers before 4.39 have these.
logs.tag_log_group(logGroupName=NAME, tags={"old": "1"})
logs.untag_log_group(logGroupName=NAME, tags=["x"])
assert logs.list_tags_log_group(logGroupName=NAME)["tags"]["old"] == "1"
assert code(logs.create_log_group, logGroupName="tf/kms", kmsKeyId="arn:aws:kms:x") == "InvalidParameterException"
logs.delete_retention_policy(logGroupName=NAME)
assert "retentionInDays" not in group()

# --- aws_flow_log
ROLE = "arn:aws:iam::123456789012:role/flow-logs"
request = dict(ClientToken="terraform-1", LogDestinationType="cloud-watch-logs", ResourceIds=["vpc-0123456789abcdef0"],
               ResourceType="VPC", TrafficType="ALL", DeliverLogsPermissionArn=ROLE, LogDestination=arn,
               MaxAggregationInterval=600,
               TagSpecifications=[dict(ResourceType="vpc-flow-log", Tags=[dict(Key="Name", Value="of terraform")])])
made = ec2.create_flow_logs(**request)
assert made.get("Unsuccessful", []) == [], made
id = made["FlowLogIds"][0]


def flow_log():
    found = ec2.describe_flow_logs(FlowLogIds=[id])["FlowLogs"]
    assert len(found) == 1, found
    return found[0]


f = flow_log()
assert (f["DeliverLogsPermissionArn"], f["LogDestination"], f["LogDestinationType"]) == (ROLE, arn, "cloud-watch-logs"), f
assert (f["MaxAggregationInterval"], f["ResourceId"], f["TrafficType"]) == (600, "vpc-0123456789abcdef0", "ALL"), f
assert f["LogFormat"] and "DestinationOptions" not in f and "DeliverCrossAccountRole" not in f, f
assert as_map(f["Tags"]) == {"Name": "of terraform"}
ec2.delete_tags(Resources=[id], Tags=[dict(Key="Name")])
ec2.create_tags(Resources=[id], Tags=[dict(Key="env", Value="prod"), dict(Key="x", Value="1")])
ec2.delete_tags(Resources=[id], Tags=[dict(Key="x", Value="2")])
assert as_map(flow_log()["Tags"]) == {"env": "prod", "x": "1"}
assert code(ec2.create_tags, Resources=[id, "vpc-1"], Tags=[dict(Key="no", Value="")]) == "InvalidFlowLogId.NotFound"
assert as_map(flow_log()["Tags"]) == {"env": "prod", "x": "1"}
assert ec2.delete_flow_logs(FlowLogIds=[id]).get("Unsuccessful", []) == []
assert code(ec2.describe_flow_logs, FlowLogIds=[id]) == "InvalidFlowLogId.NotFound"
logs.delete_log_group(logGroupName=NAME)
assert group() is None
print("ok")
