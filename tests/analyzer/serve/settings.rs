//! Settings that survive the end of the program.

use std::fs;

use nix::sys::signal::Signal;

use crate::client::Server;

const SETTINGS: [(&str, &str); 7] = [
    (
        "/flow/pairs/json",
        "{keys:'ipsource,ipdestination',value:'bytes',filter:'ipttl=64',log:true}",
    ),
    ("/threshold/big/json", "{metric:'pairs',value:1e6,byFlow:true,timeout:2,plain:true}"),
    ("/group/json", "{inside:['10.0.0.0/8','2001:db8::/32']}"),
    ("/group/sites/json", "{a:['10.1.0.0/16'],b:['10.2.0.0/16']}"),
    (
        "/topology/json",
        "{links:{l:{node1:'a',port1:'1',node2:'b',port2:'2'}},\
         nodes:{a:{agent:'192.0.2.1',ports:{'1':{ifindex:'1'}}},b:{}}}",
    ),
    ("/forwarding/copy/json", "{address:'192.0.2.1',agents:['192.0.2.7']}"),
    ("/tenant/a/json", "{collectorAddress:'192.0.2.1',filters:{mac:['0200000000A1']}}"),
];

#[test]
fn settings_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::with_state(directory.path());
    for (path, body) in SETTINGS {
        server.put(path, body);
    }
    server.put("/flow/removed/json", "{value:'bytes'}");
    assert_eq!(server.delete("/flow/removed/json"), 204);
    let paths = SETTINGS.map(|(path, _)| path).into_iter().chain(["/flow/json"]);
    let before: Vec<_> = paths.clone().map(|path| server.json(path)).collect();
    assert_eq!(before[0]["filter"], "ipttl=64");
    server.program.signal(Signal::SIGKILL);
    server.program.wait();

    let server = Server::with_state(directory.path());
    let after: Vec<_> = paths.map(|path| server.json(path)).collect();
    assert_eq!(after, before);
}

#[test]
fn damaged_settings_are_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("settings.json");
    fs::write(&file, "{\"flows\":{\"a\":").unwrap();
    let server = Server::with_state(directory.path());
    let message = server.program.wait_for_line(0, "settings.json cannot be used");
    assert!(message.contains("settings.json.damaged"), "{message}");
    let aside = directory.path().join("settings.json.damaged");
    assert_eq!(fs::read_to_string(aside).unwrap(), "{\"flows\":{\"a\":");
    // It goes on without them, and keeps new ones.
    server.put("/flow/b/json", "{value:'bytes'}");
    assert!(fs::read_to_string(&file).unwrap().contains("\"b\""));
}

#[test]
fn setting_that_cannot_be_used_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let settings = r#"{"flows":{"good":{"value":"bytes"},"old":{"keys":"gone","value":"bytes"}},
        "forwarding":{"none":{"address":"192.0.2.1","port":0}}}"#;
    fs::write(directory.path().join("settings.json"), settings).unwrap();
    let server = Server::with_state(directory.path());
    server.program.wait_for_line(0, "flow old is not restored");
    server.program.wait_for_line(0, "forwarding none is not restored");
    assert_eq!(server.get("/flow/old/json").status, 404);
    assert_eq!(server.json("/flow/good/json")["value"], "bytes");
}
