//! Identity of an instance (`cloud { }`), from a metadata service on 169.254.169.254 in a network namespace.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use flowmote_decoder::Sample;
use flowmote_decoder::visit::Value;
use flowmote_lab::Program;
use flowmote_lab::net::{
    Agent, Capture, Checked, Collector, Lab, Namespace, flowmote, helper, with_local_collector,
};
use nix::sys::signal::Signal;

/// The instance that the service describes.
#[derive(Clone, Debug)]
struct Instance {
    instance_type: &'static str,
    /// Name of the interface by MAC address.
    interfaces: BTreeMap<String, &'static str>,
    tags: Vec<(&'static str, &'static str)>,
    /// The status of all replies, unless it is 200; 0: no reply.
    status: u16,
}

/// A metadata service in a namespace.
struct Service {
    instance: Arc<Mutex<Instance>>,
    requests: Arc<Mutex<Vec<String>>>,
    _relay: Program,
}

impl Service {
    fn start(lab: &Lab, namespace: &Namespace, address: &str, instance: Instance) -> Self {
        let path = lab.path().join("metadata");
        let listener = UnixListener::bind(&path).unwrap();
        let (instance, requests) = (Arc::new(Mutex::new(instance)), Arc::default());
        let (shown, kept) = (Arc::clone(&instance), Arc::clone(&requests));
        std::thread::spawn(move || serve(&listener, &shown, &kept));
        let mut command = namespace.command(helper());
        command.args(["relay", address]).arg(path);
        let relay = Program::start(command);
        relay.wait_for_line(0, "listening");
        Self { instance, requests, _relay: relay }
    }

    fn change(&self, change: impl FnOnce(&mut Instance)) {
        change(&mut self.instance.lock().unwrap());
    }

    /// The number of requests so far that begin with `text`.
    fn requests(&self, text: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.starts_with(text)).count()
    }
}

fn serve(listener: &UnixListener, instance: &Mutex<Instance>, requests: &Mutex<Vec<String>>) {
    let mut unanswered = Vec::new();
    for mut stream in listener.incoming().map_while(Result::ok) {
        let request = read_request(&stream);
        requests.lock().unwrap().push(request.clone());
        let (status, body) = instance.lock().unwrap().respond(&request);
        if status == 0 {
            unanswered.push(stream);
            continue;
        }
        let length = body.len();
        let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
    }
}

fn read_request(mut stream: &UnixStream) -> String {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        request.extend(byte);
    }
    String::from_utf8(request).unwrap()
}

impl Instance {
    fn new(interfaces: &[(&str, &'static str)]) -> Self {
        Self {
            instance_type: "m5.large",
            interfaces: interfaces.iter().map(|(mac, id)| ((*mac).to_owned(), *id)).collect(),
            tags: vec![("Name", "web 1")],
            status: 200,
        }
    }

    fn respond(&self, request: &str) -> (u16, String) {
        if self.status != 200 {
            return (self.status, String::new());
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        if request.starts_with("PUT /latest/api/token ") {
            return (200, "TOKEN".to_owned());
        }
        if !request.contains("X-aws-ec2-metadata-token: TOKEN\r\n") {
            return (401, String::new());
        }
        match self.get(path) {
            Some(body) => (200, body),
            None => (404, String::new()),
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        if path == "/latest/dynamic/instance-identity/document" {
            return Some(format!(
                r#"{{"accountId":"123456789012","availabilityZone":"us-west-2b","imageId":"ami-1",
                     "instanceId":"i-0123456789abcdef0","instanceType":"{}","region":"us-west-2"}}"#,
                self.instance_type
            ));
        }
        let path = path.strip_prefix("/latest/meta-data/")?;
        if let Some(rest) = path.strip_prefix("network/interfaces/macs/") {
            return match rest.split_once('/') {
                None => Some(self.interfaces.keys().map(|mac| format!("{mac}/\n")).collect()),
                Some((mac, "interface-id")) => self.interfaces.get(mac).map(|id| (*id).to_owned()),
                Some((_, "vpc-id")) => Some("vpc-1".to_owned()),
                Some(_) => None,
            };
        }
        if let Some(key) = path.strip_prefix("tags/instance/") {
            let value = self.tags.iter().find(|(name, _)| *name == key);
            let keys = || self.tags.iter().map(|(name, _)| format!("{name}\n")).collect();
            return value
                .map(|(_, value)| (*value).to_owned())
                .or_else(|| key.is_empty().then(keys));
        }
        match path {
            "mac" => self.interfaces.keys().next().cloned(),
            "placement/availability-zone-id" => Some("usw2-az2".to_owned()),
            _ => None,
        }
    }
}

/// The last texts that were received under a data source.
fn texts(capture: &Capture, datasource: &str) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for sample in capture.samples() {
        let Sample::RtMetric(metric) = sample else { continue };
        for value in metric.values().map(Result::unwrap) {
            let Value::Text(text) = value.value else { panic!("{value:?}") };
            if metric.datasource.to_string() == datasource {
                texts.insert(value.name.to_string(), text.to_string());
            }
        }
    }
    texts
}

fn config(block: &str) -> String {
    with_local_collector(&format!("polling = 1 {block}"))
}

/// A host with an interface that takes the place of an adapter, as in a container, and the address of
/// the service.
fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "eth0"), (&peer, "eth0"));
    host.ip("address add 169.254.169.254/32 dev lo");
    Some((lab, host, peer))
}

fn agent(lab: &Lab, host: &Namespace, text: &str) -> Agent {
    let path = lab.file("flowmote.conf", text);
    let state = lab.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = host.command(flowmote());
    command.args(["run", "--config"]).arg(path).env("STATE_DIRECTORY", state);
    Agent::start_command(lab, command)
}

const EC2: &str = "cloud { provider = ec2 }";
const SERVICE: &str = "169.254.169.254:80";
const MAC: &str = "02:00:00:00:01:01";

fn wait_for(collector: &Collector, datasource: &str, name: &str, expected: &str) {
    collector.wait_for(expected, |capture| {
        texts(capture, datasource).get(name).is_some_and(|text| text == expected)
    });
}

#[test]
fn identity_is_sent_as_custom_metrics_and_follows_changes() {
    let Some((lab, host, _peer)) = lab() else { return };
    let service = Service::start(&lab, &host, SERVICE, Instance::new(&[(MAC, "eni-1")]));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = agent(&lab, &host, &config(EC2));
    wait_for(&collector, "cloud", "cloud_tag_Name", "web 1");
    let expected = [
        ("cloud_account", "123456789012"),
        ("cloud_image", "ami-1"),
        ("cloud_instance_id", "i-0123456789abcdef0"),
        ("cloud_instance_type", "m5.large"),
        ("cloud_provider", "ec2"),
        ("cloud_region", "us-west-2"),
        ("cloud_tag_Name", "web 1"),
        ("cloud_vpc", "vpc-1"),
        ("cloud_zone", "us-west-2b"),
        ("cloud_zone_id", "usw2-az2"),
    ];
    let expected = BTreeMap::from(expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(texts(&collector.so_far(), "cloud"), expected);
    wait_for(&collector, "cloud-eth0", "cloud_interface_id", "eni-1");
    let index = host.if_index("eth0").to_string();
    wait_for(&collector, "cloud-eth0", "cloud_ifindex", &index);
    wait_for(&collector, "cloud-eth0", "cloud_mac", MAC);
    // An interface that gets another address is another one for the cloud: queried without a wait for
    // `refresh`, which is 300 s.
    service.change(|instance| {
        instance.interfaces.insert("02:00:00:00:09:09".to_owned(), "eni-9");
        instance.tags.push(("Role", "db"));
    });
    host.ip("link set eth0 address 02:00:00:00:09:09");
    wait_for(&collector, "cloud-eth0", "cloud_interface_id", "eni-9");
    wait_for(&collector, "cloud", "cloud_tag_Role", "db");
    assert_eq!(service.requests("PUT "), 1, "the token is used again");
    let log = agent.stop();
    let line = "cloud: ec2 i-0123456789abcdef0 m5.large us-west-2b";
    assert_eq!(log.matches(line).count(), 1, "{log}");
    collector.finish().check();
}

#[test]
fn restart_without_the_service_has_the_identity_of_this_boot() {
    let Some((lab, host, _peer)) = lab() else { return };
    let service = Service::start(&lab, &host, SERVICE, Instance::new(&[(MAC, "eni-1")]));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let first = agent(&lab, &host, &config(EC2));
    wait_for(&collector, "cloud-eth0", "cloud_interface_id", "eni-1");
    first.stop();
    drop(collector);
    // Disabled: 403.
    service.change(|instance| instance.status = 403);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let second = agent(&lab, &host, &config(EC2));
    wait_for(&collector, "cloud", "cloud_instance_id", "i-0123456789abcdef0");
    wait_for(&collector, "cloud-eth0", "cloud_interface_id", "eni-1");
    let line = "cloud: HTTP status 403: instance metadata is disabled; retrying";
    second.program().wait_for_line(0, line);
    let statistics = second.statistics(1);
    assert!(statistics.contains("failed requests of instance metadata"), "{statistics}");
    second.stop();
    assert_eq!(service.requests("GET /latest/meta-data/mac"), 1, "no version 1");
}

/// A service that accepts connections and does not respond, as where the hop limit is 1.
#[test]
fn silent_service_delays_nothing() {
    let Some((lab, host, _peer)) = lab() else { return };
    let instance = Instance { status: 0, ..Instance::new(&[]) };
    let service = Service::start(&lab, &host, SERVICE, instance);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = agent(&lab, &host, &config(EC2));
    flowmote_lab::wait_until("a request", || (service.requests("PUT ") > 0).then_some(()));
    // The host is polled while the thread waits for a reply.
    let polls = || collector.so_far().counters_of(2, 1).len();
    let before = polls();
    flowmote_lab::wait_until("polls", || (polls() > before + 1).then_some(()));
    assert!(!agent.program().log().contains("hop limit"), "the query has not ended");
    agent.program().wait_for_line(0, "cloud: no reply in time; in a container, the hop limit");
    assert!(texts(&collector.so_far(), "cloud").is_empty());
    agent.stop();
    collector.finish().check();
}

#[test]
fn reload_and_environment_choose_the_service() {
    let Some((lab, host, _peer)) = lab() else { return };
    let service = Service::start(&lab, &host, "127.0.0.1:8080", Instance::new(&[(MAC, "eni-1")]));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    // On this machine no firmware names a cloud.
    let mut agent = agent(&lab, &host, &config("cloud { provider = off }"));
    let block = "cloud { provider = ec2 endpoint = http://127.0.0.1:8080 tags = off }";
    lab.file("flowmote.conf", &config(block));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    wait_for(&collector, "cloud", "cloud_instance_type", "m5.large");
    assert_eq!(service.requests("GET /latest/meta-data/tags"), 0);
    agent.stop();
    let check = |variable: &str, value: &str| {
        let checked = Checked::with(&lab, &host, &config(EC2), |command| {
            command.env(variable, value);
        });
        checked.lines + &checked.problems
    };
    let text = check("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:8080/");
    assert!(text.contains("cloud           ec2 i-0123456789abcdef0 m5.large"), "{text}");
    let text = check("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://metadata.example");
    let line = "\"http://metadata.example\" is not http://ADDRESS or http://ADDRESS:PORT; it has";
    assert!(text.contains(line), "{text}");
    let text = check("AWS_EC2_METADATA_DISABLED", "true");
    assert!(!text.contains("cloud"), "{text}");
    let text = check("UNRELATED", "");
    assert!(text.contains("cloud           ec2: unknown"), "{text}");
    assert!(text.contains("warning: cloud: no connection: Connection refused"), "{text}");
}

/// The subnet has IPv6 only.
#[test]
fn service_is_found_by_ipv6() {
    let Some((lab, host, _peer)) = lab() else { return };
    host.ip("address del 169.254.169.254/32 dev lo\naddress add fd00:ec2::254/128 dev lo nodad");
    let instance = Instance::new(&[(MAC, "eni-1")]);
    let _service = Service::start(&lab, &host, "[fd00:ec2::254]:80", instance);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = agent(&lab, &host, &config(EC2));
    wait_for(&collector, "cloud-eth0", "cloud_interface_id", "eni-1");
    agent.stop();
}
