//! Keys of countries, autonomous systems and vendors from files that the user names.

use std::fs;
use std::path::{Path, PathBuf};

use flowmote_lab::{Program, wait_until};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::client::{Server, serve};
use crate::mmdb::{map, mmdb, number, text};
use crate::traffic::{AGENT, Traffic, datagram};

fn countries(code: &str) -> Vec<u8> {
    let record = |code| map(&[("country", map(&[("iso_code", text(code))]))]);
    mmdb("GeoLite2-Country", &[("2001:db8::/32", record("SE")), ("198.51.100.0/24", record(code))])
}

fn systems() -> Vec<u8> {
    let record = map(&[
        ("autonomous_system_number", number(64496)),
        ("autonomous_system_organization", text("Example Networks")),
    ]);
    mmdb("GeoLite2-ASN", &[("198.51.0.0/16", record)])
}

const VENDORS: &str = "02-00-00   (hex)\t\tExample Devices, Inc.\r\n";

/// Writes a file; returns its path.
fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, content).expect("a file");
    path
}

/// The key of the only flow of a definition.
fn key(server: &Server, name: &str) -> Option<String> {
    let flows = server.json(&format!("/activeflows/ALL/{name}/json"));
    Some(flows[0]["key"].as_str()?.to_owned())
}

#[test]
fn keys_of_databases_have_the_words_of_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let country = write(directory.path(), "country.mmdb", countries("NZ"));
    let asn = write(directory.path(), "asn.mmdb", systems());
    let oui = write(directory.path(), "oui.txt", VENDORS);
    let files = [&country, &asn, &oui].map(|path| path.to_str().expect("plain characters"));
    let server = Server::start(&["--country", files[0], "--asn", files[1], "--oui", files[2]]);
    let _traffic = Traffic::to(server.sflow);
    // The destination is in no file.
    let keys = "country:ipsource,asn:ipsource,asn:ipsource:name,asn:ipsource:both,oui:macsource,\
                oui:macsource:name,null:[country:ipdestination]:unknown";
    server.put("/flow/facts/json", &format!("{{keys:'{keys}',value:'bytes',fs:'|'}}"));
    server.put("/flow/absent/json", "{keys:'asn:ipdestination',value:'bytes'}");
    let expected = "NZ|64496|Example Networks|64496-Example Networks|020000|\
                    Example Devices, Inc.|unknown";
    assert_eq!(wait_until("a flow", || key(&server, "facts")), expected);
    assert_eq!(server.json("/activeflows/ALL/absent/json"), json!([]));
}

#[test]
fn names_of_addresses_are_those_of_the_resolver() {
    let server = Server::start(&[]);
    let _traffic =
        Traffic::of(server.sflow, |number| vec![datagram(AGENT, "127.0.0.1", 1, number)]);
    // The destination has no name: it is an address for documentation.
    let keys = "dns:ipsource,null:[dns:ipdestination]:unknown";
    server.put("/flow/names/json", &format!("{{keys:'{keys}',value:'bytes'}}"));
    assert_eq!(wait_until("a flow", || key(&server, "names")), "localhost,unknown");
    // Names are known to queries of the past, and stay known when groups change.
    server.put("/group/one/json", "{all:['0.0.0.0/0']}");
    server.put("/flow/later/json", "{keys:'dns:ipsource',value:'bytes'}");
    assert_eq!(wait_until("a flow", || key(&server, "later")), "localhost");
    let past = server.json("/api/v1/flows?keys=dns:ipsource&from=-10s");
    assert_eq!(past["flows"][0]["key"], "localhost", "{past}");
}

#[test]
fn databases_are_read_again_on_sighup() {
    let directory = tempfile::tempdir().unwrap();
    let country = write(directory.path(), "country.mmdb", countries("NZ"));
    let server = Server::start(&["--country", country.to_str().unwrap()]);
    let _traffic = Traffic::to(server.sflow);
    let is = |name: &str, code: &str| {
        server.put(&format!("/flow/{name}/json"), "{keys:'country:ipsource',value:'bytes'}");
        assert_eq!(wait_until("a flow", || key(&server, name)), code);
    };
    is("first", "NZ");
    write(directory.path(), "country.mmdb", countries("AU"));
    server.program.signal(Signal::SIGHUP);
    server.program.wait_for_line(0, "databases are read again");
    is("second", "AU");
    // A file that cannot be used leaves the one before, and so do other settings.
    write(directory.path(), "country.mmdb", "no database");
    server.program.signal(Signal::SIGHUP);
    let message = server.program.wait_for_line(0, "the databases of before stay in use");
    assert!(message.contains("country.mmdb"), "{message}");
    server.put("/group/json", "{all:['0.0.0.0/0']}");
    is("third", "AU");
}

#[test]
fn file_that_cannot_be_used_is_an_error_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let asn = write(directory.path(), "asn.mmdb", systems());
    let text = write(directory.path(), "text", "02-00-00 Example");
    let absent = directory.path().join("absent");
    for (option, file, reason) in [
        ("--country", &asn, "no record has `country.iso_code`; it is a database of `GeoLite2-ASN`"),
        ("--country", &text, "cannot read"),
        ("--asn", &absent, "No such file"),
        ("--oui", &absent, "No such file"),
        ("--oui", &text, "no assignment as in oui.txt or oui.csv"),
    ] {
        let mut program = Program::start(serve(&[option, file.to_str().unwrap()]));
        assert_eq!(program.wait().code(), Some(1), "{option} {file:?}");
        let log = program.log();
        assert!(log.contains(reason) && log.contains(file.to_str().unwrap()), "{log}");
    }
}
