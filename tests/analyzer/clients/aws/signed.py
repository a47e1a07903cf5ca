"""Signed requests in all forms: a body in gzip, a path before the service, a session token, presigned URLs, other clocks."""
from _fm import *
import datetime, urllib.error, urllib.request
import botocore.auth, botocore.exceptions
from unittest import mock
put = dict(Namespace="Signed", MetricData=[dict(MetricName="m", Value=float(n), Unit="Count") for n in range(400)])
def signed(url=URL, **more):
    return boto3.client("cloudwatch", endpoint_url=url, region_name=REGION, aws_access_key_id=AK, aws_secret_access_key=SK,
                        config=Config(retries={"max_attempts": 1}), **more)
def code(call):
    try: call(); return None
    except botocore.exceptions.ClientError as e: return e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"]
sent = []
for url, token in (URL, None), (URL + "/aws", None), (URL, "any/token+=="):
    cw = signed(url, aws_session_token=token)
    cw.meta.events.register("before-send.cloudwatch", lambda request, **_: sent.append(request.headers.get("Content-Encoding")))
    cw.put_metric_data(**put)
    assert [m["MetricName"] for m in cw.list_metrics(Namespace="Signed")["Metrics"]] == ["m"]
if tuple(map(int, boto3.__version__.split(".")[:2])) >= (1, 35): assert sent.count(b"gzip") + sent.count("gzip") == 3, sent
# A query by a presigned URL, as it is put into a browser.
def presigned(expires, action="ListMetrics"):
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    r = AWSRequest("GET", URL + "/", params={"Action": action, "Version": "2010-08-01", "Namespace": "Signed"})
    botocore.auth.SigV4QueryAuth(Credentials(AK, SK), "monitoring", REGION, expires=expires).add_auth(r)
    return r.prepare().url
def get(url):
    try:
        with urllib.request.urlopen(url) as r: return r.status, r.read()
    except urllib.error.HTTPError as e: return e.code, e.read()
status, body = get(presigned(60)); assert status == 200 and b"<MetricName>m<" in body, (status, body)
status, body = get(presigned(60).replace("=Signed&", "=Other&")); assert status == 403 and b"<Code>SignatureDoesNotMatch<" in body, (status, body)
# A clock that is six minutes late, and one that is six minutes fast; the reply has the right time.
class Clock(datetime.datetime):
    shift = datetime.timedelta(0)
    @classmethod
    def utcnow(cls): return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + cls.shift
    @classmethod
    def now(cls, tz=None): return datetime.datetime.now(tz) + cls.shift
fake = mock.Mock(wraps=datetime, datetime=Clock)
for minutes, wrong in (-6, True), (-4, False), (4, False), (6, True):
    Clock.shift = datetime.timedelta(minutes=minutes)
    with mock.patch.object(botocore.auth, "datetime", fake), \
            mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: Clock.utcnow(), create=True):
        found = code(lambda: signed().list_metrics())
    assert found == ((403, "RequestTimeTooSkewed") if wrong else None), (minutes, found)
with urllib.request.urlopen(presigned(60)) as r:
    age = utcnow() - datetime.datetime.strptime(r.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.timezone.utc)
    assert abs(age.total_seconds()) < 10, age
# Other services have names of their own for the same errors.
def other(service, call, **kw):
    c = boto3.client(service, endpoint_url=URL, region_name=REGION, config=Config(retries={"max_attempts": 1}), **kw)
    return code(lambda: call(c))
for service, call, unknown, wrong in [
    ("logs", lambda c: c.describe_log_groups(), "UnrecognizedClientException", "InvalidSignatureException"),
    ("ec2", lambda c: c.describe_regions(), "AuthFailure", "AuthFailure"),
    ("sts", lambda c: c.get_caller_identity(), "InvalidClientTokenId", "SignatureDoesNotMatch"),
]:
    assert other(service, call, aws_access_key_id="AKIDNOBODY", aws_secret_access_key=SK) == (403, unknown), service
    assert other(service, call, aws_access_key_id=AK, aws_secret_access_key="wrong") == (403, wrong), service
print("ok")
