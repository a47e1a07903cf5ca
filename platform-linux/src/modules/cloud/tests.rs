//! Queries of a metadata service on the loopback.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::cache::Cache;
use super::fetch::{Fetch, Target};
use super::http::Failure;
use super::identity::Identity;
use super::*;

/// What the service does with a request.
enum Action {
    Reply(Vec<u8>),
    /// A byte now and then, without end.
    Drip,
    Silence,
}

/// A reply with this status and body.
fn reply(status: u16, body: &str) -> Action {
    let length = body.len();
    Action::Reply(format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}").into())
}

/// A service; the requests that it got are in the list.
fn serve(
    mut respond: impl FnMut(&str) -> Action + Send + 'static,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let request = read_request(&stream);
            kept.lock().unwrap().push(request.clone());
            held.extend(perform(stream, respond(&request)));
        }
    });
    (address, requests)
}

fn read_request(mut stream: &TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        request.extend(byte);
    }
    String::from_utf8(request).unwrap()
}

/// Returns the connection if it is to stay open.
fn perform(mut stream: TcpStream, action: Action) -> Option<TcpStream> {
    match action {
        Action::Reply(bytes) => {
            let _ = stream.write_all(&bytes);
            None
        }
        Action::Silence => Some(stream),
        Action::Drip => {
            thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while stream.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(5));
                }
            });
            None
        }
    }
}

fn fetch(provider: CloudProvider, addresses: &[SocketAddr]) -> Fetch {
    Fetch::new(Target {
        provider,
        addresses: addresses.to_vec(),
        tags: true,
        cache: Cache { directory: "/nonexistent".into(), boot_id: String::new() },
        known: Identity::default(),
    })
}

fn values(identity: &Identity) -> Vec<(&str, &str)> {
    identity.values.iter().collect()
}

const DOCUMENT: &str = r#"{"accountId":"123456789012","architecture":"x86_64",
    "availabilityZone":"us-west-2b","billingProducts":null,"imageId":"ami-5fb8c835",
    "instanceId":"i-1234567890abcdef0","instanceType":"t2.micro","kernelId":null,
    "pendingTime":"2016-11-19T16:32:11Z","privateIp":"10.158.112.84","region":"us-west-2"}"#;
const MACS: &str = "/latest/meta-data/network/interfaces/macs/";

/// A whole instance of EC2, as the service of version 2 describes it.
fn ec2(request: &str) -> Action {
    let path = request.split(' ').nth(1).unwrap();
    if request.starts_with("PUT /latest/api/token ") {
        assert!(request.contains("X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
        return reply(200, "TOKEN==");
    }
    assert!(request.contains("X-aws-ec2-metadata-token: TOKEN==\r\n"), "{request}");
    match path.strip_prefix(MACS) {
        Some("") => return reply(200, "02:00:00:00:00:01/\n02:00:00:00:00:02/\n../x/"),
        Some("02:00:00:00:00:01/interface-id") => return reply(200, "eni-1"),
        Some("02:00:00:00:00:01/vpc-id") => return reply(200, "vpc-1"),
        Some("02:00:00:00:00:01/subnet-id") => return reply(200, "subnet-1"),
        Some("02:00:00:00:00:02/interface-id") => return reply(200, "eni-2"),
        Some("02:00:00:00:00:02/local-ipv4s") => return reply(200, "10.0.0.1\n10.0.0.2"),
        _ => {}
    }
    match path {
        "/latest/dynamic/instance-identity/document" => reply(200, DOCUMENT),
        "/latest/meta-data/placement/availability-zone-id" => reply(200, "usw2-az2"),
        "/latest/meta-data/mac" => reply(200, "02:00:00:00:00:01"),
        "/latest/meta-data/tags/instance/" => reply(200, "Name\nteam.x\nbad key"),
        "/latest/meta-data/tags/instance/Name" => reply(200, "web 1"),
        "/latest/meta-data/tags/instance/team.x" => reply(200, "a\r\nb"),
        _ => reply(404, "<html>Not Found</html>"),
    }
}

const INSTANCE: [(&str, &str); 12] = [
    ("cloud_provider", "ec2"),
    ("cloud_instance_id", "i-1234567890abcdef0"),
    ("cloud_instance_type", "t2.micro"),
    ("cloud_region", "us-west-2"),
    ("cloud_zone", "us-west-2b"),
    ("cloud_zone_id", "usw2-az2"),
    ("cloud_account", "123456789012"),
    ("cloud_image", "ami-5fb8c835"),
    ("cloud_vpc", "vpc-1"),
    ("cloud_subnet", "subnet-1"),
    ("cloud_tag_Name", "web 1"),
    ("cloud_tag_team_x", "ab"),
];

#[test]
fn instance_of_ec2_is_queried_with_one_token() {
    let (address, requests) = serve(ec2);
    let mut fetch = fetch(CloudProvider::Ec2, &[address]);
    fetch.query();
    fetch.query();
    let reason = fetch.not_kept.clone().expect("there is no directory");
    assert!(reason.starts_with("/nonexistent: No such file or directory"), "{reason}");
    let identity = fetch.outcome.clone().unwrap();
    assert_eq!(values(&identity), INSTANCE);
    let [first, second] = &identity.interfaces[..] else { panic!("{identity:?}") };
    assert_eq!(first.values.get("cloud_interface_id"), Some("eni-1"));
    assert_eq!(second.values.get("cloud_private_ipv4"), Some("10.0.0.1 10.0.0.2"));
    assert_eq!((first.mac[5], second.mac[5], fetch.failures), (1, 2, 0));
    let requests = requests.lock().unwrap();
    assert_eq!(requests.iter().filter(|request| request.starts_with("PUT ")).count(), 1);
    // A name in a path that the list of the service made up, or one with a space, is not followed.
    assert!(!requests.iter().any(|request| request.contains("..") || request.contains("bad")));
}

#[test]
fn expired_token_is_renewed_once() {
    let mut old = true;
    let (address, _) = serve(move |request| {
        if request.starts_with("PUT ") || !old {
            return ec2(request);
        }
        old = false;
        reply(401, "")
    });
    let identity = fetch(CloudProvider::Ec2, &[address]).first_reachable(LONG).unwrap();
    assert_eq!(values(&identity), INSTANCE);
    // A service that accepts no token at all is not asked without end.
    let (address, requests) = serve(|request| match request.starts_with("PUT ") {
        true => ec2(request),
        false => reply(401, ""),
    });
    let outcome = fetch(CloudProvider::Ec2, &[address]).first_reachable(LONG);
    assert_eq!(outcome, Err(Failure::Status(401)));
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[test]
fn throttled_request_is_tried_again() {
    let mut refused = 2;
    let (address, _) = serve(move |request| {
        if refused > 0 {
            refused -= 1;
            return reply(503, "");
        }
        ec2(request)
    });
    let mut fetch = fetch(CloudProvider::Ec2, &[address]);
    assert!(fetch.first_reachable(LONG).is_ok());
    assert_eq!(fetch.failures, 2);
}

#[test]
fn each_failure_has_its_reason_and_costs_a_counter() {
    let huge = "x".repeat(70_000);
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
        + &format!("ffff\r\n{}\r\n", "x".repeat(0xffff)).repeat(2);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{huge}");
    for (action, expected) in [
        (reply(403, ""), Failure::Status(403)),
        (reply(404, ""), Failure::Status(404)),
        (reply(301, ""), Failure::Status(301)),
        (reply(200, &huge), Failure::TooLong),
        (Action::Reply(chunks.into()), Failure::TooLong),
        (Action::Reply(endless.into()), Failure::TooLong),
        (Action::Reply(b"220 mail.example ESMTP\r\n".to_vec()), Failure::NotHttp),
        (Action::Reply(Vec::new()), Failure::NotHttp),
        (reply(200, "a\r\nX-Injected: 1"), Failure::Malformed),
        (reply(200, ""), Failure::Malformed),
        (Action::Drip, Failure::Silent),
        (Action::Silence, Failure::Silent),
    ] {
        let mut action = Some(action);
        let (address, requests) = serve(move |_| action.take().unwrap_or(Action::Silence));
        let mut fetch = fetch(CloudProvider::Ec2, &[address]);
        assert_eq!(fetch.first_reachable(SHORT), Err(expected.clone()));
        // No version 1, whose requests need no token.
        assert!(requests.lock().unwrap().iter().all(|request| request.starts_with("PUT ")));
        let counted = u64::from(!matches!(expected, Failure::Status(404) | Failure::Malformed));
        assert!(fetch.failures >= counted, "{expected:?}");
    }
}

#[test]
fn redirect_is_not_followed() {
    let (elsewhere, stolen) = serve(|_| reply(200, "TOKEN"));
    let (address, _) = serve(move |_| {
        let head = format!("HTTP/1.1 307 X\r\nLocation: http://{elsewhere}/\r\n");
        Action::Reply((head + "Content-Length: 0\r\n\r\n").into())
    });
    let outcome = fetch(CloudProvider::Ec2, &[address]).first_reachable(LONG);
    assert_eq!(outcome, Err(Failure::Status(307)));
    assert_eq!(stolen.lock().unwrap().len(), 0);
}

#[test]
fn documents_of_another_kind_are_malformed() {
    for document in ["[]", "{}", "{\"instanceId\":5}", &"[".repeat(60_000), "\u{0}"] {
        let document = document.to_owned();
        let (address, _) = serve(move |request| match request.contains("document") {
            true => reply(200, &document),
            false => ec2(request),
        });
        let outcome = fetch(CloudProvider::Ec2, &[address]).first_reachable(LONG);
        assert_eq!(outcome, Err(Failure::Malformed));
    }
}

#[test]
fn second_address_is_tried_if_the_first_refuses_connections() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, _) = serve(ec2);
    let identity = fetch(CloudProvider::Ec2, &[closed, address]).first_reachable(LONG).unwrap();
    assert_eq!(values(&identity), INSTANCE);
    let outcome = fetch(CloudProvider::Ec2, &[closed]).first_reachable(SHORT);
    assert!(matches!(outcome, Err(Failure::Unreachable(text)) if text.contains("refused")));
    let addresses: Vec<_> =
        Target::addresses(CloudProvider::Ec2).iter().map(SocketAddr::to_string).collect();
    assert_eq!(addresses, ["169.254.169.254:80", "[fd00:ec2::254]:80"]);
}

#[test]
fn instance_of_gcp() {
    let (address, _) = serve(|request| {
        assert!(request.contains("Metadata-Flavor: Google\r\n"));
        let path = request.split(' ').nth(1).unwrap();
        match path.strip_prefix("/computeMetadata/v1/").unwrap() {
            "instance/id" => reply(200, "5771193284518456842"),
            "instance/name" => reply(200, "web-1"),
            "instance/machine-type" => reply(200, "projects/1/machineTypes/n1-standard-1"),
            "instance/zone" => reply(200, "projects/1/zones/us-central1-a"),
            "instance/image" => reply(200, "projects/debian-cloud/global/images/debian-12"),
            "project/project-id" => reply(200, "example"),
            "instance/tags" => reply(200, r#"["http-server","web"]"#),
            "instance/network-interfaces/?recursive=true" => reply(
                200,
                r#"[{"accessConfigs":[{"externalIp":"192.0.2.1","type":"ONE_TO_ONE_NAT"}],
                     "ip":"10.128.0.2","mac":"42:01:0a:80:00:02","mtu":1460,
                     "network":"projects/1/networks/default"}]"#,
            ),
            _ => reply(404, ""),
        }
    });
    let identity = fetch(CloudProvider::Gcp, &[address]).first_reachable(LONG).unwrap();
    let expected = [
        ("cloud_provider", "gcp"),
        ("cloud_instance_id", "5771193284518456842"),
        ("cloud_instance_name", "web-1"),
        ("cloud_instance_type", "n1-standard-1"),
        ("cloud_zone", "us-central1-a"),
        ("cloud_image", "debian-12"),
        ("cloud_account", "example"),
        ("cloud_region", "us-central1"),
        ("cloud_tags", "http-server web"),
        ("cloud_vpc", "default"),
    ];
    assert_eq!(values(&identity), expected);
    let interface = identity.interface([0x42, 0x01, 0x0a, 0x80, 0, 2]).unwrap();
    let expected = [
        ("cloud_device_number", "0"),
        ("cloud_vpc", "default"),
        ("cloud_private_ipv4", "10.128.0.2"),
        ("cloud_public_ipv4", "192.0.2.1"),
    ];
    assert_eq!(interface.values.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn instance_of_azure() {
    let (address, _) = serve(|request| {
        assert!(request.contains("Metadata: true\r\n"));
        assert!(request.starts_with("GET /metadata/instance?api-version="));
        reply(
            200,
            r#"{"compute":{"location":"westus","name":"vm1","resourceGroupName":"rg","zone":"1",
                 "storageProfile":{"imageReference":{"id":"","offer":"debian-12","publisher":"Debian",
                 "sku":"12-gen2","version":"latest"}},"subscriptionId":"8d10da13",
                 "tagsList":[{"name":"Cost Center","value":"7"}],"vmId":"02aab8a4-74ef",
                 "vmSize":"Standard_A3"},
                "network":{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"10.144.133.132",
                 "publicIpAddress":""}],"subnet":[{"address":"10.144.133.128","prefix":"26"}]},
                 "ipv6":{"ipAddress":[]},"macAddress":"0011AAFFBB22"}]}}"#,
        )
    });
    let mut fetch = fetch(CloudProvider::Azure, &[address]);
    let identity = fetch.first_reachable(LONG).unwrap();
    let expected = [
        ("cloud_provider", "azure"),
        ("cloud_instance_id", "02aab8a4-74ef"),
        ("cloud_instance_name", "vm1"),
        ("cloud_instance_type", "Standard_A3"),
        ("cloud_region", "westus"),
        ("cloud_zone", "1"),
        ("cloud_account", "8d10da13"),
        ("cloud_resource_group", "rg"),
        ("cloud_image", "debian-12:12-gen2:latest"),
        ("cloud_tag_Cost_Center", "7"),
        ("cloud_subnet", "10.144.133.128/26"),
    ];
    assert_eq!(values(&identity), expected);
    let interface = identity.interface([0, 0x11, 0xaa, 0xff, 0xbb, 0x22]).unwrap();
    assert_eq!(interface.values.get("cloud_private_ipv4"), Some("10.144.133.132"));
    assert_eq!(interface.values.get("cloud_public_ipv4"), None);
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(500);
