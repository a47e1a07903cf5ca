//! Formats, and the lines of records.

use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::{Address, DataSource, MacAddress};
use flowmote_engine::records::{Direction, Key, Link};
use flowmote_engine::source::Source;

use super::field::{FIELDS, Line};
use super::format::{DEFAULT, Format};
use super::interface::Interface;

fn key() -> Key {
    Key {
        interface: Source {
            agent: Address::V4([192, 0, 2, 1].into()),
            data_source: DataSource { class: 0, index: 5 },
        },
        direction: Direction::Ingress,
        tuple: FiveTuple {
            src: [198, 51, 100, 1].into(),
            dst: [10, 0, 0, 7].into(),
            protocol: 6,
            src_port: 50_000,
            dst_port: 443,
        },
        reason: None,
        link: Some(Link {
            src: MacAddress([2, 0, 0, 0, 0, 0xa1]),
            dst: MacAddress([2, 0, 0, 0, 0, 0xb2]),
            vlan: Some(20),
        }),
    }
}

fn interface() -> Interface {
    Interface {
        id: "eni-0abc".to_owned(),
        agent: "192.0.2.1".to_owned(),
        index: Some(5),
        vpc: Some("vpc-1".to_owned()),
        tags: [("a_key".to_owned(), "web 1, a=b".to_owned())].into(),
        addresses: vec![[10, 0, 0, 4].into(), [10, 0, 0, 7].into()],
        ..Interface::default()
    }
}

fn line(format: &str, key: &Key) -> String {
    let record = flowmote_engine::records::Record::of(1000, 250.4, 1000, 2);
    let (format, interface) = (Format::parse(format).unwrap(), interface());
    let line = Line {
        version: format.version(),
        account: "123456789012",
        interface: &interface,
        tag_keys: &["a.key".to_owned()],
        start: 100,
        end: 107,
        record: Some((key, &record)),
        frames: None,
        status: "OK",
    };
    let mut text = String::new();
    format.write(&line, &mut text);
    text
}

#[test]
fn default_format_is_version_2() {
    // The address of the interface is its primary one.
    let expected =
        "2 123456789012 eni-0abc 198.51.100.1 10.0.0.4 50000 443 6 250 250400 100 107 ACCEPT OK";
    assert_eq!(line(DEFAULT, &key()), expected);
    assert_eq!(Format::parse(DEFAULT).unwrap().to_string(), DEFAULT);
}

#[test]
fn version_is_the_highest_of_the_fields() {
    for (format, expected) in [
        ("${version} ${vpc-id} ${pkt-dstaddr}", "3 vpc-1 10.0.0.7"),
        ("${version} ${flow-direction} ${traffic-path} ${type}", "5 ingress - IPv4"),
        ("${version} ${instance-tag} ${instance-tag-2}", "11 web%201%2C%20a%3Db -"),
        ("${version} ${flowmote-vlan-id} ${flowmote-srcmac}", "2 20 02:00:00:00:00:a1"),
        ("${tcp-flags} ${flowmote-samples} ${flowmote-sampling-rate}", "2 1 250.4"),
        ("${flowmote-error} ${flowmote-tcp-rtt} ${flowmote-ifindex}", "195.61 - 5"),
    ] {
        assert_eq!(line(format, &key()), expected, "{format}");
    }
}

#[test]
fn discard_has_its_reason() {
    let format = "${action} ${flowmote-drop-reason}";
    for (code, expected) in
        [(258, "REJECT acl"), (257, "DISCARD ttl_exceeded"), (9999, "DISCARD 9999")]
    {
        let key = Key { reason: Some(code), ..key() };
        assert_eq!(line(format, &key), expected);
    }
}

#[test]
fn status_of_an_interface_has_five_fields() {
    let format = Format::parse(&format!("{DEFAULT} ${{vpc-id}} ${{flowmote-ifname}}")).unwrap();
    let interface = interface();
    let line = Line {
        version: 3,
        account: "unknown",
        interface: &interface,
        tag_keys: &[],
        start: 60,
        end: 119,
        record: None,
        frames: None,
        status: "NODATA",
    };
    let mut text = String::new();
    format.write(&line, &mut text);
    assert_eq!(text, "3 unknown eni-0abc - - - - - - - 60 119 - NODATA - -");
}

#[test]
fn formats_with_errors_are_named() {
    for (format, error) in [
        ("", "has 0 fields"),
        ("${version} srcaddr", "has srcaddr, which is no ${field}"),
        ("${version} ${source}", "has the unknown field source"),
        ("${version} ${bytes} ${bytes}", "has the field bytes twice"),
        ("${tgw-id}", "has the unknown field tgw-id"),
    ] {
        let found = Format::parse(format).unwrap_err();
        assert!(found.contains(error), "{format}: {found}");
    }
}

#[test]
fn all_fields_together_are_a_format() {
    let all: Vec<String> = FIELDS.iter().map(|field| format!("${{{}}}", field.name)).collect();
    let format = Format::parse(&all.join(" ")).unwrap();
    assert_eq!((format.version(), format.fields().len()), (11, FIELDS.len()));
    let text = line(&all.join(" "), &key());
    assert_eq!(text.split(' ').count(), FIELDS.len(), "{text}");
}

#[test]
fn vpc_without_lines_for_an_hour_makes_room() {
    let options = super::Options {
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        window: 10,
        files: None,
        history: None,
        no_data: false,
    };
    let logs = super::FlowLogs::new(options, 0);
    let own = logs.all().len();
    for number in 0..super::MAX_VPCS {
        assert!(logs.note_vpc(&format!("vpc-{number}"), 1000));
    }
    assert!(!logs.note_vpc("vpc-new", 2000));
    assert!(!logs.note_vpc("a name", 2000));
    assert!(logs.note_vpc("vpc-7", 2000));
    assert_eq!(logs.counts.without_group.load(core::sync::atomic::Ordering::Relaxed), 2);
    assert!(logs.note_vpc("vpc-new", 1000 + super::MAX_SILENCE));
    let left: Vec<_> = logs.all().into_iter().map(|log| log.setting.resource).skip(own).collect();
    assert_eq!(left, ["vpc-7", "vpc-new"]);
}
