use axum::body::to_bytes;
use axum::http::Request;

use super::*;
use crate::aws::document::Rows;
use crate::aws::fault::Kind;

fn target(path: &str, header: Option<&str>) -> Target {
    let mut request = Request::post(path);
    if let Some(header) = header {
        request = request.header("X-Amz-Target", header);
    }
    Target::of(&request.body(()).unwrap().into_parts().0)
}

fn read(protocol: Protocol, body: &[u8]) -> Result<Document, Fault> {
    read_for(Service::Monitoring, protocol, body)
}

fn read_for(service: Service, protocol: Protocol, body: &[u8]) -> Result<Document, Fault> {
    let named = Some(("Service".to_owned(), "Do".to_owned()));
    let operation = if protocol == Protocol::Query { None } else { named };
    let dialect = Dialect { protocol, service };
    Target { protocol, operation, parameters: Vec::new() }
        .read(dialect, body)
        .map(|(_, document)| document)
}

fn dialect(protocol: Protocol) -> Dialect {
    Dialect { protocol, service: Service::Monitoring }
}

fn body(response: Response) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(to_bytes(response.into_body(), usize::MAX)).unwrap().to_vec()
}

fn text(response: Response) -> String {
    String::from_utf8(body(response)).unwrap()
}

#[test]
fn protocol_is_seen_in_the_head() {
    let granite =
        |operation: &str| Some(("GraniteServiceVersion20100801".to_owned(), operation.to_owned()));
    let cbor = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
    for path in [cbor.to_owned(), format!("/aws{cbor}")] {
        let expected = Target {
            protocol: Protocol::Cbor,
            operation: granite("ListMetrics"),
            parameters: Vec::new(),
        };
        assert_eq!(target(&path, None), expected, "{path}");
    }
    let json = target("/", Some("GraniteServiceVersion20100801.GetMetricData"));
    assert_eq!(
        json,
        Target {
            protocol: Protocol::Json,
            operation: granite("GetMetricData"),
            parameters: Vec::new()
        }
    );
    let query = Target { protocol: Protocol::Query, operation: None, parameters: Vec::new() };
    assert_eq!(target("/", None), query);
    assert_eq!(target("/service/x", None), query);
}

#[test]
fn lists_of_a_query_are_in_the_order_of_their_numbers() {
    let form = b"Action=Do&Version=2010-08-01&A=1+2&L.member.10=c&L.member.2.X=b&L.member.1.Y.Z=a";
    let list = vec![
        Document::new().with("Y", Document::new().with("Z", "a")),
        Document::new().with("X", "b"),
        "c".into(),
    ];
    let expected = Document::new().with("A", "1 2").with("L", list);
    assert_eq!(read(Protocol::Query, form), Ok(expected));
    let target = target("/", None);
    assert_eq!(target.service(form), Some(Service::Monitoring));
    let dialect = target.dialect(form);
    assert_eq!(target.read(dialect, form).unwrap().0, "Do");
    let fault = read(Protocol::Query, b"A=1").unwrap_err();
    assert_eq!(fault.kind, Kind::UnknownOperation);
    let deep = format!("Action=Do&{}=1", "a.".repeat(100_000));
    assert_eq!(read(Protocol::Query, deep.as_bytes()).unwrap_err().kind, Kind::InvalidValue);
}

#[test]
fn tree_of_a_query_has_a_limit() {
    let form = |parts: usize| {
        let names: Vec<_> = (0..parts / 10).map(|at| format!("{at}.b.c.d.e.f.g.h.i.j=")).collect();
        format!("Action=Do&{}", names.join("&"))
    };
    // The action is one too.
    assert!(read(Protocol::Query, form(49_990).as_bytes()).is_ok());
    let fault = read(Protocol::Query, form(50_000).as_bytes()).unwrap_err();
    assert_eq!(fault.kind, Kind::Serialization);
}

#[test]
fn maps_of_cbor_have_a_length_or_an_end() {
    // {"A": [1, 2.5, 1(1700000000)], "B": null, "C": true}
    let definite = b"\xa3\x61A\x83\x01\xf9\x41\x00\xc1\x1a\x65\x53\xf1\x00\x61B\xf6\x61C\xf5";
    let endless =
        b"\xbf\x61A\x9f\x01\xf9\x41\x00\xc1\x1a\x65\x53\xf1\x00\xff\x61B\xf6\x61C\xf5\xff";
    let list = vec![1.0.into(), 2.5.into(), Document::Time(1_700_000_000.0)];
    let expected =
        Document::new().with("A", list).with("B", Document::Null).with("C", Document::Bool(true));
    assert_eq!(read(Protocol::Cbor, definite), Ok(expected.clone()));
    assert_eq!(read(Protocol::Cbor, endless), Ok(expected));
    assert_eq!(read(Protocol::Cbor, b""), Ok(Document::new()));
    for broken in [
        &b"\xa1\x61A"[..],
        b"\xa1\x01\x02",
        b"\xa0\x00",
        b"\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
        &[0x81; 100_000],
        b"\xc1\x61A",
        b"\x41A",
    ] {
        assert_eq!(read(Protocol::Cbor, broken).unwrap_err().kind, Kind::Serialization);
    }
}

#[test]
fn broken_json_is_an_error() {
    assert_eq!(read(Protocol::Json, b""), Ok(Document::new()));
    for broken in [&b"{"[..], b"{\"a\":1}x", b"\xff", "[".repeat(100_000).as_bytes()] {
        assert_eq!(read(Protocol::Json, broken).unwrap_err().kind, Kind::Serialization);
    }
}

#[test]
fn json_has_a_limit_of_structures() {
    let list = |items: usize| format!("{{\"a\":[{}0]}}", "[],".repeat(items));
    assert!(read(Protocol::Json, list(49_998).as_bytes()).is_ok());
    let fault = read(Protocol::Json, list(49_999).as_bytes()).unwrap_err();
    assert_eq!(fault.kind, Kind::Serialization);
    // Those in texts are none.
    let body =
        |text: &str| format!(r#"{{"a":["\\\"{text}"{},0]}}"#, ",[]".repeat(49_990)).into_bytes();
    assert!(read(Protocol::Json, &body(&"[{".repeat(99))).is_ok());
    assert!(read(Protocol::Json, &body(&r#"",[],""#.repeat(99))).is_err());
}

/// A reply with each type of value.
fn sample() -> Document {
    let map = Document::Map(vec![("p99.9".to_owned(), 0.5.into())]);
    Document::new()
        .with("Label", "a <b> & \u{1}c")
        .with("Values", vec![3.0.into(), 0.25.into()])
        .with("Period", 60)
        .with("Time", Document::Time(1_700_000_000.0))
        .with("Times", vec![Document::Time(1_700_000_000.25)])
        .with("Empty", Document::List(Vec::new()))
        .with("Extended", map)
}

/// Rows are the same as the lists that they stand for.
#[test]
fn rows_are_lists_in_each_protocol() {
    let columns = ["a", "b \"c\""].map(str::to_owned).into();
    let text = |text: &str| Some(text.to_owned());
    let rows = vec![vec![text("1"), None], Vec::new(), vec![None, None], vec![text("é"), text("")]];
    let rows = Rows::new(columns, rows.into());
    let field = |name: &str, value: &str| Document::new().with("field", name).with("value", value);
    let last = vec![field("a", "é"), field("b \"c\"", "")];
    let plain: Vec<Document> =
        vec![vec![field("a", "1")].into(), Vec::new().into(), Vec::new().into(), last.into()];
    for protocol in [Protocol::Query, Protocol::Json, Protocol::Cbor] {
        let reply = |document: Document| {
            dialect(protocol).reply("Do", &Document::new().with("results", document), "id")
        };
        let own = body(reply(rows.clone().into()));
        assert_eq!(own, body(reply(plain.clone().into())), "{protocol:?}");
    }
}

#[test]
fn reply_in_xml() {
    let xml = text(dialect(Protocol::Query).reply("Do", &sample(), "id-1"));
    assert_eq!(
        xml,
        "<DoResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><DoResult>\
         <Label>a &lt;b&gt; &amp; c</Label>\
         <Values><member>3</member><member>0.25</member></Values>\
         <Period>60</Period><Time>2023-11-14T22:13:20Z</Time>\
         <Times><member>2023-11-14T22:13:20.25Z</member></Times><Empty></Empty>\
         <Extended><entry><key>p99.9</key><value>0.5</value></entry></Extended></DoResult>\
         <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DoResponse>"
    );
    // No XML has these characters.
    let document = Document::new().with("Label", "a\u{0}\u{ffff}\u{fffe}\u{fffd}b");
    let xml = text(dialect(Protocol::Query).reply("Do", &document, "id-1"));
    assert!(xml.contains("<Label>a\u{fffd}b</Label>"), "{xml}");
    let empty = text(dialect(Protocol::Query).reply("Put", &Document::new(), "id-1"));
    assert!(empty.contains("<ResponseMetadata>") && !empty.contains("PutResult"), "{empty}");
}

#[test]
fn reply_in_json() {
    let response = dialect(Protocol::Json).reply("Do", &sample(), "id-1");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
    assert_eq!(response.headers()["x-amzn-requestid"], "id-1");
    assert_eq!(
        text(response),
        "{\"Label\":\"a <b> & \\u0001c\",\"Values\":[3.0,0.25],\"Period\":60,\"Time\":1700000000,\
         \"Times\":[1700000000.25],\"Empty\":[],\"Extended\":{\"p99.9\":0.5}}"
    );
    assert_eq!(text(dialect(Protocol::Json).reply("Put", &Document::new(), "id-1")), "{}");
}

#[test]
fn reply_in_cbor_has_floats_integers_and_tagged_times() {
    let document = Document::new()
        .with("V", vec![3.0.into(), 0.1.into()])
        .with("P", 60)
        .with("T", Document::Time(1_700_000_000.0));
    let response = dialect(Protocol::Cbor).reply("Do", &document, "id-1");
    assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(response.headers()["content-type"], "application/cbor");
    assert_eq!(
        body(response),
        b"\xa3\x61V\x82\xf9\x42\x00\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a\x61P\x18\x3c\x61T\xc1\x1a\x65\x53\xf1\x00"
    );
    assert_eq!(body(dialect(Protocol::Cbor).reply("Put", &Document::new(), "id-1")), b"\xa0");
}

#[test]
fn errors_have_shape_code_and_status() {
    let fault = Fault::value("Period", "is no multiple of 60");
    let xml = dialect(Protocol::Query).fault(&fault, "id-1");
    assert_eq!(xml.status(), 400);
    let xml = text(xml);
    assert!(
        xml.contains(
            "<Error><Type>Sender</Type><Code>InvalidParameterValue</Code>\
             <Message>The parameter Period is no multiple of 60.</Message></Error>\
             <RequestId>id-1</RequestId>"
        ),
        "{xml}"
    );
    for protocol in [Protocol::Json, Protocol::Cbor] {
        let reply = dialect(protocol).fault(&fault, "id-1");
        assert_eq!(reply.status(), 400);
        assert_eq!(reply.headers()["x-amzn-query-error"], "InvalidParameterValue;Sender");
        let body = String::from_utf8_lossy(&body(reply)).into_owned();
        assert!(body.contains("__type") && body.contains("InvalidParameterValueException"));
        assert!(body.contains("The parameter Period is no multiple of 60."), "{body}");
    }
}

#[test]
fn service_is_that_of_the_target_or_the_version() {
    for (version, service) in [
        ("&Version=2010-08-01", Some(Service::Monitoring)),
        ("", Some(Service::Monitoring)),
        ("&Version=2016-11-15", Some(Service::Ec2)),
        ("&Version=2011-06-15", Some(Service::Sts)),
        ("&Version=2000-01-01", None),
    ] {
        let form = format!("Action=Do{version}");
        assert_eq!(target("/", None).service(form.as_bytes()), service, "{version}");
    }
    let named = |header| target("/", Some(header)).service(b"");
    assert_eq!(named("GraniteServiceVersion20100801.ListMetrics"), Some(Service::Monitoring));
    assert_eq!(named("Logs_20140328.FilterLogEvents"), Some(Service::Logs));
    assert_eq!(named("Other.ListMetrics"), None);
}

#[test]
fn ec2_has_lists_and_replies_of_its_own() {
    let form =
        b"Action=Do&Version=2016-11-15&Filter.2.Name=b&Filter.1.Value.1=x&Filter.1.Name=a&N=3";
    let filters = vec![
        Document::new().with("Name", "a").with("Value", vec!["x".into()]),
        Document::new().with("Name", "b"),
    ];
    let expected = Document::new().with("Filter", filters).with("N", "3");
    assert_eq!(read_for(Service::Ec2, Protocol::Query, form), Ok(expected));
    let ec2 = Dialect { protocol: Protocol::Query, service: Service::Ec2 };
    let list = vec![Document::new().with("flowLogId", "fl-1")];
    let reply = ec2.reply("DescribeFlowLogs", &Document::new().with("flowLogSet", list), "id-1");
    assert_eq!(
        text(reply),
        "<DescribeFlowLogsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>id-1</requestId><flowLogSet><item><flowLogId>fl-1</flowLogId></item></flowLogSet>\
         </DescribeFlowLogsResponse>"
    );
    let fault = ec2.fault(&Fault::value("MaxResults", "is no number"), "id-1");
    assert_eq!(
        text(fault),
        "<Response><Errors><Error><Code>InvalidParameterValue</Code>\
         <Message>The parameter MaxResults is no number.</Message></Error></Errors>\
         <RequestID>id-1</RequestID></Response>"
    );
}

#[test]
fn logs_have_another_json_and_errors_without_a_code() {
    let logs = Dialect { protocol: Protocol::Json, service: Service::Logs };
    let reply = logs.fault(&Fault::value("limit", "is no number"), "id-1");
    assert_eq!(reply.headers()["content-type"], "application/x-amz-json-1.1");
    assert!(!reply.headers().contains_key("x-amzn-query-error"));
    assert!(text(reply).contains("\"__type\":\"InvalidParameterException\""));
}
