//! After its start the agent runs as an unprivileged user with two capabilities.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of};
use flowmote_lab::{Program, wait_until};
use nix::sys::signal::Signal;

/// CAP_NET_RAW and CAP_BPF, linux/capability.h.
const NEEDED: u64 = 1 << 13 | 1 << 39;

/// The fields of /proc/PID/status.
fn status(pid: u32) -> HashMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(field).collect()
}

/// `flowmote` with `arguments`, by setpriv(1) with `privileges`; both are split at spaces.
fn by_setpriv(host: &Namespace, privileges: &str, arguments: &str) -> Command {
    let mut command = host.command("setpriv");
    command.args(privileges.split_whitespace()).arg("--").arg(flowmote());
    command.args(arguments.split_whitespace());
    command
}

fn start(lab: &Lab, host: &Namespace, privileges: &str, options: &str) -> Agent {
    Agent::start_command(lab, by_setpriv(host, privileges, &format!("run {options}")))
}

fn check_least_privilege(pid: u32) {
    let status = status(pid);
    for ids in ["Uid", "Gid"] {
        let of_root = status[ids].split_whitespace().any(|id| id == "0");
        assert!(!of_root, "{ids}: {}", status[ids]);
    }
    assert_eq!(status["Groups"], "", "supplementary groups");
    assert_eq!(status["NoNewPrivs"], "1");
    let capabilities = |set: &str| u64::from_str_radix(&status[set], 16).expect("a bit mask");
    assert_eq!(capabilities("CapEff"), NEEDED);
    assert_eq!(capabilities("CapPrm"), NEEDED);
    assert_eq!(capabilities("CapInh"), 0);
    assert_eq!(capabilities("CapAmb"), 0);
    assert_eq!(capabilities("CapBnd") & !NEEDED, 0, "bounding set {}", status["CapBnd"]);
}

#[test]
fn root_is_dropped_and_two_capabilities_suffice() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    // With groups to lose, as root has in a login.
    let agent = start(&lab, &host, "--groups=0,4,27", "-i lan0 -i lan1 -n 1 -p 1 -o 127.0.0.1");
    check_least_privilege(agent.program().pid());
    // This interface appears after root was dropped.
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let index = host.if_index("lan1");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(2).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    collector.wait_for("counters of the host", |capture| !capture.counters_of(2, 1).is_empty());
    check_least_privilege(agent.program().pid());
    let log = agent.stop();
    assert_eq!(log.matches("eBPF filter)").count(), 2, "{log}");
    collector.finish().check();
}

/// Started as by the systemd unit: never root, two ambient capabilities.
#[test]
fn two_ambient_capabilities_suffice_from_the_start() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let unprivileged = "--reuid=65534 --regid=65534 --clear-groups --no-new-privs \
         --inh-caps=-all,+net_raw,+bpf --ambient-caps=-all,+net_raw,+bpf \
         --bounding-set=-all,+net_raw,+bpf";
    let agent = start(&lab, &host, unprivileged, "-i lan0 -n 1 -p 1 -o 127.0.0.1:6343");
    check_least_privilege(agent.program().pid());
    let index = host.if_index("lan0");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    let log = agent.stop();
    assert!(log.contains("eBPF filter)"), "{log}");
    collector.finish().check();
}

/// The capabilities of a container that drops all and adds these two.
const CONTAINER: &str = "--bounding-set=-all,+net_raw,+bpf --inh-caps=-all";

#[test]
fn root_that_may_not_change_its_user_gives_up_its_capabilities() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let options = "-i lan0 -n 1 -p 1 -o 127.0.0.1:6343";
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = start(&lab, &host, CONTAINER, options);
    let status = status(agent.program().pid());
    assert!(status["Uid"].starts_with("0\t"), "{}", status["Uid"]);
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(u64::from_str_radix(&status[set], 16), Ok(NEEDED), "{set}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    let index = host.if_index("lan0");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    let log = agent.stop();
    assert!(log.contains("warn: running as root, which has no right"), "{log}");
    drop(collector.finish());

    let mut named =
        Program::start(by_setpriv(&host, CONTAINER, &format!("run {options} --user 65534")));
    let status = named.wait();
    assert_eq!(status.code(), Some(1), "{}", named.log());
    assert!(named.log().contains("cannot become user 65534"), "{}", named.log());
}

#[test]
fn named_user_must_exist() {
    let Some(lab) = Lab::of_root() else { return };
    let host = lab.namespace();
    for user in ["flowmtoe", "", "4294967295", "-1"] {
        for command in ["run", "check"] {
            let user = format!("--user={user}");
            let mut named = host.command(flowmote());
            named.args([command, "-i", "lo", "-o", "127.0.0.1", &user]);
            let mut named = Program::start(named);
            let status = named.wait();
            assert_eq!(status.code(), Some(2), "{command} {user}: {}", named.log());
            assert!(named.log().contains("/etc/passwd"), "{command} {user}: {}", named.log());
        }
    }
    let agent = Agent::start(&lab, &host, "-i lo -o 127.0.0.1 --user 1234");
    let status = status(agent.program().pid());
    assert_eq!(status["Uid"], "1234\t1234\t1234\t1234");
    assert_eq!(status["Gid"], "65534\t65534\t65534\t65534", "no entry in /etc/passwd");
    assert!(agent.stop().contains("running as user 1234 with "));
    let nobody = "--reuid=65534 --regid=65534 --clear-groups";
    let agent = start(&lab, &host, nobody, "-o 127.0.0.1 --user root");
    assert!(agent.stop().contains("warn: --user root has no effect"));
    let agent = Agent::start(&lab, &host, "-i lo -o 127.0.0.1 --user root");
    assert!(agent.stop().contains("warn: running as user root with "));
}

#[test]
fn file_that_the_later_user_cannot_read_is_reported() {
    let Some(lab) = Lab::of_root() else { return };
    let host = lab.namespace();
    let text = "sflow { polling = 1 collector { ip = 127.0.0.1 } }";
    let directory = lab.path().join("private");
    fs::create_dir(&directory).unwrap();
    let (file, hidden) = (lab.file("secret.conf", text), lab.file("private/flowmote.conf", text));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    for (file, remedy) in [
        (&file, format!("chmod o+r {}", file.display())),
        (&hidden, format!("chmod o+x {}", directory.display())),
    ] {
        let check = host.command(flowmote()).arg("check").arg("-c").arg(file).output().unwrap();
        let errors = String::from_utf8_lossy(&check.stderr);
        assert_eq!(check.status.code(), Some(2), "{errors}");
        assert!(errors.contains(&remedy), "no {remedy} in {errors}");

        let agent = Agent::start(&lab, &host, &format!("-c {}", file.display()));
        let warned = agent.program().wait_for_line(0, "cannot read it");
        let (_, problem) = warned.split_once(" warn: ").expect("a time and the severity");
        assert!(errors.contains(problem), "{warned}\n{errors}");
        agent.program().signal(Signal::SIGHUP);
        agent.program().wait_for_line(0, "configuration not reloaded");
        agent.stop();
    }
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let check = host.command(flowmote()).arg("check").arg("-c").arg(&file).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let report = String::from_utf8_lossy(&check.stdout);
    assert!(report.lines().any(|line| line.starts_with("runs as ")), "{report}");
}
