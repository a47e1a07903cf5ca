//! Flow logs: lines of an instance that sends samples, discards and its identity, by the interface of
//! CloudWatch Logs and in files, and the operations of EC2.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flowmote_core::{
    DataSource, DatagramBuilder, DiscardedPacket, DropReason, FlowSample, Interface, MetricValue,
    RtMetric, SampleMeta,
};
use flowmote_lab::toolchain::target_directory;
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::accept;
use crate::client::{Reply, Server};
use crate::traffic::{
    AGENT, DST, FRAME_LENGTH, INTERVAL, PORT, RATE, SAMPLES, SRC, Sent, Traffic, frame, head, now,
    sampled,
};

const GROUP: &str = "/flowmote/vpc";
const ENI: &str = "eni-0abc";
const VPC: &str = "vpc-0abc";

/// A datagram with the identity of an instance, samples of a connection, and a packet that netfilter dropped.
fn datagram(number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
    let instance = [
        ("cloud_account", MetricValue::String("123456789012")),
        ("cloud_vpc", MetricValue::String(VPC)),
        ("cloud_instance_id", MetricValue::String("i-0abc")),
        ("cloud_tag_Name", MetricValue::String("web 1")),
    ];
    datagram.rt_metric(&RtMetric { datasource: "cloud", metrics: &instance }).expect("room");
    let interface = [
        ("cloud_ifindex", MetricValue::String("5")),
        ("cloud_ifname", MetricValue::String("eth0")),
        ("cloud_interface_id", MetricValue::String(ENI)),
    ];
    datagram.rt_metric(&RtMetric { datasource: "cloud-eth0", metrics: &interface }).expect("room");
    let frame_of_flow = frame(SRC, DST);
    for sample in 0..SAMPLES {
        let sequence = number * SAMPLES + sample + 1;
        let sample = FlowSample {
            source: DataSource::interface(PORT),
            meta: SampleMeta {
                sampling_rate: RATE,
                sample_pool: sequence.wrapping_mul(RATE),
                drops: 0,
            },
            input: Interface::Index(PORT),
            output: Interface::Internal,
            header: Some(sampled(&frame_of_flow)),
            records: &[],
        };
        datagram.flow_sample(sequence, &sample).expect("room for a sample");
    }
    let refused = frame("198.51.100.66", DST);
    for (at, reason) in [(1, DropReason::ACL), (2, DropReason::TTL_EXCEEDED)] {
        let discard = DiscardedPacket {
            source: DataSource::interface(PORT),
            input: PORT,
            output: 0,
            reason,
            header: sampled(&refused),
            records: &[],
        };
        datagram.discarded_packet(2 * number + at, 0, &discard).expect("room for a discard");
    }
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

fn instance(server: &Server) -> Traffic {
    Traffic::of(server.sflow, |number| vec![datagram(number)])
}

/// A query of EC2 or STS.
fn query(server: &Server, form: &str) -> Reply {
    let head = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    server.send("POST", "/", head, form)
}

fn ec2(server: &Server, form: &str) -> String {
    let reply = query(server, &format!("Version=2016-11-15&{form}"));
    assert_eq!(reply.status, 200, "{form}: {reply:?}");
    reply.body
}

/// The texts of all elements of a name.
fn texts<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0)).collect()
}

/// The messages of a log group.
fn messages(server: &Server, group: &str) -> Vec<String> {
    let (mut found, mut request) = (Vec::new(), json!({"logGroupName": group}));
    loop {
        let head = "X-Amz-Target: Logs_20140328.FilterLogEvents\r\n\
            Content-Type: application/x-amz-json-1.1\r\n";
        let reply = server.send("POST", "/", head, &request.to_string());
        if reply.status != 200 {
            return found;
        }
        let page = reply.json();
        let events = page["events"].as_array().expect("events").iter();
        found.extend(events.map(|it| it["message"].as_str().expect("a text").to_owned()));
        match &page["nextToken"] {
            Value::Null => return found,
            token => request["nextToken"] = token.clone(),
        }
    }
}

/// Packets and bytes of lines in the default format, by source address and action.
fn sums(lines: &[String]) -> BTreeMap<(String, String), (f64, f64)> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split(' ').collect();
        if fields[13] != "OK" {
            continue;
        }
        let number = |at: usize| fields[at].parse::<f64>().expect("a number");
        let sum: &mut (f64, f64) =
            sums.entry((fields[3].to_owned(), fields[12].to_owned())).or_default();
        (sum.0, sum.1) = (sum.0 + number(8), sum.1 + number(9));
    }
    sums
}

/// Bytes of an IP packet.
const IP_LENGTH: f64 = (FRAME_LENGTH - 18) as f64;

fn expected(sent: Sent, action: &str) -> BTreeMap<(String, String), (f64, f64)> {
    let packets = sent.datagrams * f64::from(SAMPLES * RATE);
    let key = |src: &str, action: &str| (src.to_owned(), action.to_owned());
    let refused = (sent.datagrams, sent.datagrams * IP_LENGTH);
    let mut sums = BTreeMap::from([(key("198.51.100.66", "REJECT"), refused)]);
    match action {
        "discards" => drop(sums.insert(key("198.51.100.66", "DISCARD"), refused)),
        _ => drop(sums.insert(key(SRC, "ACCEPT"), (packets, packets * IP_LENGTH))),
    }
    sums
}

#[test]
fn lines_have_exactly_what_was_sent() {
    let server = Server::start(&["--flow-window", "1"]);
    let traffic = instance(&server);
    wait_until("lines of two seconds", || (messages(&server, GROUP).len() > 4).then_some(()));
    let sent = traffic.stop();
    wait_until("all packets in lines", || {
        (sums(&messages(&server, GROUP)) == expected(sent, "all")).then_some(())
    });
    let lines = messages(&server, GROUP);
    let own =
        lines.iter().filter(|line| line.contains(&format!(" {ENI} {SRC} {DST} 50000 443 6 ")));
    assert!(own.count() > 0, "{lines:?}");
    assert!(lines.iter().skip(4).all(|line| line.starts_with("2 123456789012 ")), "{lines:?}");
    // The VPC has the same lines, but for those before the identity was read.
    let of_vpc = messages(&server, &format!("{GROUP}/{VPC}"));
    assert!(!of_vpc.is_empty() && of_vpc.iter().all(|line| lines.contains(line)), "{of_vpc:?}");
    let discards = messages(&server, "/flowmote/discards");
    assert_eq!(sums(&discards), expected(sent, "discards"));
    assert!(discards.iter().any(|line| line.ends_with(" REJECT OK acl")), "{discards:?}");
    assert!(discards.iter().any(|line| line.ends_with(" DISCARD OK ttl_exceeded")), "{discards:?}");
}

#[test]
fn interface_without_samples_and_with_lost_ones_has_a_status() {
    let server = Server::start(&["--flow-window", "1", "--flow-nodata"]);
    let make = |number: u32| {
        // Datagrams are lost, and for a time there are counters only, of which none is lost.
        let silent = number / 60 % 2 == 1;
        let full = crate::traffic::datagram(AGENT, SRC, if silent { 0 } else { 4 }, number);
        if !silent && number % 20 == 7 { Vec::new() } else { vec![full] }
    };
    let _traffic = Traffic::of(server.sflow, make);
    wait_until("a line of each status", || {
        let lines = messages(&server, GROUP);
        let has = |status: &str| lines.iter().any(|line| line.ends_with(status));
        (has(" - NODATA") && has(" - SKIPDATA") && has(" OK")).then_some(())
    });
}

#[test]
fn flow_logs_of_users_have_their_format_and_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let format = "%24%7Bversion%7D+%24%7Bflow-direction%7D+%24%7Binstance-tag%7D+\
        %24%7Bflowmote-drop-reason%7D+%24%7Bflowmote-dstmac%7D";
    let create = format!(
        "Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1={VPC}&ResourceId.2=vpc-other&\
         TrafficType=REJECT&LogGroupName=/net/rejects&MaxAggregationInterval=1&LogFormat={format}&\
         TagFieldSpecification.1.ResourceType=instance&TagFieldSpecification.1.TagKey.1=Name&\
         TagSpecification.1.ResourceType=vpc-flow-log&TagSpecification.1.Tag.1.Key=team&\
         TagSpecification.1.Tag.1.Value=net"
    );
    let server = Server::with_state(directory.path());
    let reply = ec2(&server, &create);
    let ids = texts(&reply, "item");
    assert_eq!(ids.len(), 2, "{reply}");
    assert!(ids.iter().all(|id| id.len() == 20 && id.starts_with("fl-1")), "{ids:?}");
    // The same again is an error for each resource.
    assert_eq!(texts(&ec2(&server, &create), "code"), ["FlowLogAlreadyExists"; 2]);
    let token = "Action=CreateFlowLogs&ResourceType=VPC&ClientToken=t&LogGroupName=/net/once";
    let once = ec2(&server, &format!("{token}&ResourceId.1=vpc-1"));
    let again = ec2(&server, &format!("{token}&ResourceId.1=vpc-1"));
    assert_eq!(texts(&once, "item"), texts(&again, "item"));
    let other = ec2(&server, &format!("{token}&ResourceId.1=vpc-1&MaxAggregationInterval=60"));
    assert_eq!(texts(&other, "code"), ["IdempotentParameterMismatch"], "{other}");
    let id = texts(&once, "item")[0];
    assert_eq!(
        ec2(&server, &format!("Action=DeleteFlowLogs&FlowLogId.1={id}")).matches("code").count(),
        0
    );
    drop(server);
    let server = Server::with_state(directory.path());
    let describe = |filter: &str| ec2(&server, &format!("Action=DescribeFlowLogs&{filter}"));
    let found = describe("Filter.1.Name=log-group-name&Filter.1.Value.1=/net/*");
    assert_eq!(texts(&found, "flowLogId").len(), 2, "{found}");
    assert_eq!(texts(&found, "maxAggregationInterval"), ["1", "1"]);
    assert_eq!(texts(&found, "tagKeySet"), ["<item>Name</item>"; 2]);
    assert_eq!(texts(&found, "trafficType"), ["REJECT"; 2]);
    let _traffic = instance(&server);
    wait_until("a line in the format", || {
        let lines = messages(&server, "/net/rejects");
        lines.contains(&"11 ingress web%201 acl 02:00:00:00:00:b2".to_owned()).then_some(())
    });
    let delete = format!("Action=DeleteFlowLogs&FlowLogId.1={}&FlowLogId.2=fl-nothere", ids[0]);
    assert_eq!(texts(&ec2(&server, &delete), "code"), ["InvalidFlowLogId.NotFound"]);
    assert_eq!(
        texts(&describe("Filter.1.Name=tag:team&Filter.1.Value.1=net"), "flowLogId"),
        [ids[1]]
    );
}

#[test]
fn log_groups_are_there_before_their_lines() {
    let server = Server::start(&[]);
    ec2(&server, "Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1=vpc-1&LogGroupName=/net/new");
    let described = ec2(&server, "Action=DescribeFlowLogs");
    let head = "X-Amz-Target: Logs_20140328.DescribeLogGroups\r\n\
        Content-Type: application/x-amz-json-1.1\r\n";
    let groups = server.send("POST", "/", head, "{}").json();
    let groups = groups["logGroups"].as_array().expect("groups");
    let names: Vec<_> = groups.iter().filter_map(|group| group["logGroupName"].as_str()).collect();
    assert!(names.contains(&GROUP) && names.contains(&"/net/new"), "{names:?}");
    for name in texts(&described, "logGroupName") {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
}

#[test]
fn lines_are_read_by_vrl() {
    let program = target_directory("").join("vrl/debug/flowmote-vrl");
    if !program.exists() {
        return skip("flowmote-vrl is missing; tests/setup builds it");
    }
    let server = Server::start(&["--flow-window", "1", "--flow-nodata"]);
    let format: String =
        VRL_FIELDS.split(' ').map(|field| format!("${{{}}} ", field.replace('_', "-"))).collect();
    let format = format.trim_end().replace('$', "%24").replace('{', "%7B").replace('}', "%7D");
    ec2(
        &server,
        &format!(
            "Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1=all&LogGroupName=/all/fields&\
             MaxAggregationInterval=1&LogFormat={}",
            format.replace(' ', "%20")
        ),
    );
    // Datagrams are missing now and then.
    let _traffic = Traffic::of(server.sflow, |number| {
        if number % 16 == 15 { Vec::new() } else { vec![datagram(number)] }
    });
    for (group, fields) in [(GROUP, None), ("/all/fields", Some(VRL_FIELDS))] {
        let lines = wait_until("lines of all kinds", || {
            let lines = messages(&server, group);
            let has = |text: &str| lines.iter().any(|line| line.contains(text));
            (has("ACCEPT") && has("REJECT") && has("SKIPDATA")).then_some(lines)
        });
        read_by_vrl(&program, &lines, fields);
    }
}

/// Names and order of fields as the parser has them; those of the default format are the first.
const VRL_FIELDS: &str = "version account_id interface_id srcaddr dstaddr srcport dstport protocol packets bytes \
    start end action log_status vpc_id subnet_id instance_id tcp_flags type pkt_srcaddr pkt_dstaddr region az_id \
    sublocation_type sublocation_id pkt_src_aws_service pkt_dst_aws_service flow_direction traffic_path \
    ecs_cluster_arn ecs_cluster_name ecs_container_instance_arn ecs_container_instance_id ecs_container_id \
    ecs_second_container_id ecs_service_name ecs_task_definition_arn ecs_task_arn ecs_task_id reject_reason \
    resource_id encryption_status instance_tag instance_tag_2 interface_tag interface_tag_2 asg_tag asg_tag_2 \
    interface_type next_hop_interface_id next_hop_subnet_id next_hop_az_id next_hop_vpc_id \
    next_hop_interface_type";

/// Compares the fields that the parser finds with the words of the lines.
fn read_by_vrl(program: &Path, lines: &[String], fields: Option<&str>) {
    let mut child = Command::new(program)
        .args(fields)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flowmote-vrl starts");
    let mut input = child.stdin.take().expect("a pipe");
    let text = lines.join("\n");
    let write = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("its output");
    write.join().expect("no panic").expect("it reads all");
    let found: Vec<Value> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(found.len(), lines.len());
    let names: Vec<&str> = fields.unwrap_or(VRL_FIELDS).split(' ').collect();
    for (line, found) in lines.iter().zip(&found) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            found.as_object().map(|fields| fields.len()),
            Some(words.len()),
            "{line} {found}"
        );
        for (name, word) in names.iter().zip(words) {
            let expected = match &found[*name] {
                Value::Null => "-".to_owned(),
                Value::Number(number) => number.to_string(),
                other => other.as_str().expect("a text").to_owned(),
            };
            assert_eq!(expected, word, "{name} of {line}");
        }
    }
}

#[test]
fn flow_logs_are_described_in_pages() {
    let server = Server::start(&[]);
    for number in 0..5 {
        ec2(
            &server,
            &format!(
                "Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1=vpc-{number}&LogGroupName=g"
            ),
        );
    }
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let page = ec2(&server, &format!("Action=DescribeFlowLogs&MaxResults=2&NextToken={token}"));
        let own: Vec<String> = texts(&page, "flowLogId").into_iter().map(str::to_owned).collect();
        assert!(own.len() <= 2, "{page}");
        ids.extend(own);
        match texts(&page, "nextToken").first() {
            Some(next) => token = (*next).to_owned(),
            None => break,
        }
    }
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (7, 7), "{ids:?}");
}

#[test]
fn requests_that_cannot_be_done_name_the_parameter() {
    let server = Server::start(&["--account", "123456789012", "--region", "eu-central-1"]);
    let create = "Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1=vpc-1&LogGroupName=g";
    for (form, status, code) in [
        (format!("{create}&LogFormat=%24%7Bsource%7D"), 400, "InvalidParameterValue"),
        (format!("{create}&LogFormat="), 400, "InvalidParameterValue"),
        (format!("{create}&MaxAggregationInterval=61"), 400, "InvalidParameterValue"),
        (format!("{create}&TrafficType=SOME"), 400, "InvalidParameterValue"),
        (format!("{create}&LogDestinationType=s3"), 400, "InvalidParameterValue"),
        (format!("{create}&DryRun=true"), 412, "DryRunOperation"),
        (
            format!(
                "{create}&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=1&\
                 TagSpecification.1.Tag.2.Key=k&TagSpecification.1.Tag.2.Value=2"
            ),
            400,
            "InvalidParameterValue",
        ),
        (create.replace("LogGroupName=g", "LogGroupName=a%20b"), 400, "InvalidParameterValue"),
        (create.replace("&LogGroupName=g", ""), 400, "MissingParameter"),
        (create.replace("&ResourceId.1=vpc-1", ""), 400, "MissingParameter"),
        ("Action=DescribeFlowLogs&FlowLogId.1=fl-0".to_owned(), 400, "InvalidFlowLogId.NotFound"),
        ("Action=DescribeFlowLogs&MaxResults=0".to_owned(), 400, "InvalidParameterValue"),
        ("Action=DescribeFlowLogs&NextToken=x".to_owned(), 400, "InvalidNextToken"),
        (
            "Action=DescribeFlowLogs&Filter.1.Name=x&Filter.1.Value.1=y".to_owned(),
            400,
            "InvalidParameterValue",
        ),
        (
            "Action=DescribeFlowLogs&Filter.1.Name=resource-id&Filter.1.Value.1=none&Filter.2.Name=x"
                .to_owned(),
            400,
            "InvalidParameterValue",
        ),
        ("Action=DescribeRegions&RegionName.1=us-east-1".to_owned(), 400, "InvalidParameterValue"),
        ("Action=RunInstances".to_owned(), 404, "InvalidAction"),
    ] {
        let reply = query(&server, &format!("Version=2016-11-15&{form}"));
        assert_eq!((reply.status, texts(&reply.body, "Code")), (status, vec![code]), "{form}");
    }
    let failed = ec2(&server, &create.replace("vpc-1", "a%20b"));
    assert_eq!(texts(&failed, "code"), ["InvalidParameterValue"], "{failed}");
    assert_eq!(texts(&ec2(&server, "Action=DescribeFlowLogs"), "flowLogId").len(), 2);
    assert_eq!(texts(&ec2(&server, "Action=DescribeRegions"), "regionName"), ["eu-central-1"]);
    let identity = query(&server, "Version=2011-06-15&Action=GetCallerIdentity").body;
    assert_eq!(texts(&identity, "Account"), ["123456789012"], "{identity}");
    assert_eq!(texts(&identity, "Arn"), ["arn:aws:iam::123456789012:root"]);
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn files_have_exactly_what_was_sent() {
    let python = target_directory("").join("flow-logs/bin/python");
    if !python.exists() {
        return skip("flow-logs of PyPI is missing; tests/setup installs it");
    }
    for kind in ["plain-text", "parquet"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().expect("plain characters");
        let options = ["--flow-window", "1", "--flow-files", path, "--flow-format", kind];
        let mut server = Server::start(&options);
        let traffic = instance(&server);
        wait_until("lines", || (messages(&server, GROUP).len() > 2).then_some(()));
        assert!(files(directory.path()).is_empty(), "no file is there before its end");
        let sent = traffic.stop();
        // What is open is completed at the end.
        server.program.signal(Signal::SIGTERM);
        let ended = server.program.wait();
        assert!(ended.success(), "{ended:?}");
        assert!(!files(directory.path()).is_empty());
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/clients/aws");
        for script in ["s3_layout.py", "flow_files.py"] {
            let mut command = Command::new(&python);
            command.arg("-B").arg(clients.join(script)).arg(path);
            command.env("PACKETS", (sent.datagrams * f64::from(SAMPLES * RATE)).to_string());
            let output = command.output().expect("Python starts");
            assert!(output.status.success(), "{kind} {script}: {output:?}");
        }
    }
}

#[test]
fn clients_of_flow_logs_pass() {
    let server = Server::start(&["--flow-window", "1"]);
    let _traffic = instance(&server);
    let begin = now();
    wait_until("lines of some seconds", || {
        (messages(&server, GROUP).len() > 4 && now() > begin + 3.0).then_some(())
    });
    for (environment, client) in [
        ("aws", "ec2_flow_logs.py"),
        ("aws-old", "ec2_flow_logs.py"),
        ("aws", "logs_filter.py"),
        ("aws-old", "logs_filter.py"),
        ("aws", "logs_insights_top.py"),
        ("aws-old", "logs_insights_top.py"),
        ("aws", "logs_live_tail.py"),
        ("flow-logs", "flow_group.py"),
    ] {
        if !accept(&server, environment, client) {
            return;
        }
    }
    command_line(&server);
}

/// Runs the commands of the AWS CLI.
fn command_line(server: &Server) {
    let programs = target_directory("").join("aws/bin");
    if !programs.join("aws").exists() {
        return skip("awscli of PyPI is missing; tests/setup installs it");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/clients/aws/cli_smoke.sh");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command.arg(script).env("PATH", format!("{}:{path}", programs.display()));
    command.env("FLOWMOTE_URL", format!("http://{}", server.http));
    command.env("AWS_CONFIG_FILE", "/nonexistent");
    let output = command.output().expect("bash starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.trim_end().ends_with("ok"), "{output:?}");
}
