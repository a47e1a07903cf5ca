//! The settings that the agent publishes for other programs (`hsflowd.auto`).

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use flowmote_lab::net::{Agent, Lab, Namespace, flowmote};
use flowmote_lab::wait_until;
use nix::sys::signal::Signal;

const CONFIGURATION: &str = "sflow { sampling = 50 sampling.10G = 5000 polling = 7
    collector { ip = localhost udpport = 7 } collector { ip = 192.0.2.9 }
    collector { ip = 127.0.0.2 dev = lo } }";

/// A host with an address on `lan0`, and the other end of that link.
fn host(lab: &Lab) -> (Namespace, Namespace) {
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    (host, peer)
}

fn path(agent: &Agent) -> PathBuf {
    agent.runtime_directory().join("hsflowd.auto")
}

/// Waits until the file is complete and has this line; returns the lines between the revisions.
fn wait_for(path: &Path, line: &str) -> Vec<String> {
    wait_until(&format!("{line:?} in the file"), || {
        let text = fs::read_to_string(path).ok()?;
        let lines = settings(&text);
        lines.iter().any(|found| found == line).then_some(lines)
    })
}

/// The lines between the revisions, which must be those of one file.
fn settings(text: &str) -> Vec<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.pop().and_then(|line| line.strip_prefix("rev_end="));
    assert!(text.starts_with("# Written by flowmote") && text.ends_with('\n'), "{text:?}");
    assert!(last.is_some() && lines[1].strip_prefix("rev_start=") == last, "{text:?}");
    lines[2..].iter().map(|line| (*line).to_owned()).collect()
}

fn reload(lab: &Lab, agent: &Agent, configuration: &str) {
    lab.file("flowmote.conf", configuration);
    agent.program().signal(Signal::SIGHUP);
}

#[test]
fn settings_are_published_and_follow_reloads_and_addresses() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host(&lab);
    host.ip("addr flush dev lan0\naddr add 10.9.0.1/24 dev lan0");
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    // The name has its address a moment after the start.
    let of_name = |lines: &Vec<String>| lines.iter().any(|line| line.ends_with(" 7"));
    let lines = wait_until("the address of the name", || {
        Some(settings(&fs::read_to_string(path(&agent)).ok()?)).filter(of_name)
    });
    let (hostname, lines) = lines.split_first().unwrap();
    assert_eq!(*hostname, format!("hostname={}", host.run("uname -n").trim()));
    let expected = |sampling, agent, name| {
        let of_file = ["header=128", "datagram=1400", "polling=7", "sampling.10G=5000"];
        let mut collectors = ["collector=127.0.0.2/6343/lo/", name, "collector=192.0.2.9"];
        collectors.sort_unstable();
        let end = [agent, "agent=lan0", "ds_index=1"];
        [&[sampling][..], &of_file, &collectors, &end].concat()
    };
    let name = lines.iter().find(|line| line.ends_with(" 7")).unwrap();
    assert!(["collector=127.0.0.1 7", "collector=::1 7"].contains(&name.as_str()), "{name}");
    assert_eq!(lines, expected("sampling=50", "agentIP=10.9.0.1", name));
    let mode = fs::metadata(path(&agent)).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o644, "every application may read it");
    reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", "sampling = 20"));
    let lines = wait_for(&path(&agent), "sampling=20");
    assert_eq!(lines[1..], expected("sampling=20", "agentIP=10.9.0.1", name));
    // A public address is a better one. hsflowd keeps the old one in the file.
    host.ip("addr add 8.8.4.4/32 dev lan0");
    let lines = wait_for(&path(&agent), "agentIP=8.8.4.4");
    assert_eq!(lines[1..], expected("sampling=20", "agentIP=8.8.4.4", name));
    let file = path(&agent);
    agent.stop();
    assert!(!file.exists(), "removed at the end");
}

#[test]
fn reader_never_finds_a_part_of_the_file() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host(&lab);
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    let file = path(&agent);
    wait_for(&file, "sampling=50");
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u64;
            while !end.load(Ordering::Relaxed) {
                settings(&fs::read_to_string(&file).expect("it is always there"));
                reads += 1;
            }
            reads
        });
        for sampling in 1..=30 {
            let rate = format!("sampling = {sampling}");
            reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", &rate));
            wait_for(&file, &format!("sampling={sampling}"));
        }
        end.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 30);
    });
    assert!(!agent.stop().contains("hsflowd.auto"), "nothing failed");
}

#[test]
fn link_is_made_but_no_file_of_another_program_replaced() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host(&lab);
    let link = lab.path().join("link");
    let options = format!("-o 192.0.2.9 -n 33 --auto {}", link.display());
    let agent = Agent::start(&lab, &host, &options);
    wait_for(&link, "sampling=33");
    assert_eq!(fs::read_link(&link).unwrap(), path(&agent));
    agent.stop();
    assert!(!link.exists() && link.is_symlink(), "a link to nothing until the next start");
    let agent = Agent::start(&lab, &host, &options);
    wait_for(&link, "sampling=33");
    agent.stop();
    fs::remove_file(&link).unwrap();
    fs::write(&link, "of hsflowd").unwrap();
    let agent = Agent::start(&lab, &host, &options);
    let line = agent.program().wait_for_line(0, "settings are published in ");
    assert!(
        line.ends_with(": belongs to another program; if that no longer runs, remove the file")
    );
    wait_for(&path(&agent), "sampling=33");
    agent.stop();
    assert_eq!(fs::read_to_string(&link).unwrap(), "of hsflowd");
    let agent = Agent::start(&lab, &host, "-o 192.0.2.9 --auto off");
    let directory = agent.runtime_directory().to_owned();
    agent.stop();
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
}

#[test]
fn check_reports_where_the_settings_are_published_and_what_is_in_the_way() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let link = lab.file("link", "of hsflowd").display().to_string();
    let check = |auto: &str| {
        let mut command = host.command(flowmote());
        let output = command.args(["check", "-o", "192.0.2.9", "--auto", auto]).output().unwrap();
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let [lines, warnings] = check(&link);
    let place = "published in /dev/null/run/hsflowd.auto, to which ";
    assert!(lines.contains(&format!("\nsettings        {place}{link} is a link\n")), "{lines}");
    let warning =
        format!("{link}: belongs to another program; if that no longer runs, remove the file");
    assert!(warnings.contains(&warning), "{warnings}");
    let [lines, warnings] = check("off");
    assert!(lines.contains("\nsettings        not published\n"), "{lines}");
    assert!(!warnings.contains("another program"), "{warnings}");
    let [_, error] = check("hsflowd.auto");
    assert!(error.contains("neither an absolute path nor off"), "{error}");
}

#[test]
fn links_planted_in_the_directory_are_replaced() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host(&lab);
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    wait_for(&path(&agent), "sampling=50");
    let victim = lab.file("victim", "precious");
    fs::set_permissions(&victim, Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(path(&agent)).unwrap();
    for name in ["hsflowd.auto", ".hsflowd.auto.new"] {
        symlink(&victim, agent.runtime_directory().join(name)).unwrap();
    }
    reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", "sampling = 20"));
    wait_until("the new file", || path(&agent).symlink_metadata().ok()?.is_file().then_some(()));
    wait_for(&path(&agent), "sampling=20");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    agent.stop();
}

#[test]
fn directory_that_is_not_writable_costs_a_counter_and_a_line() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host(&lab);
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    wait_for(&path(&agent), "sampling=50");
    fs::set_permissions(agent.runtime_directory(), Permissions::from_mode(0o555)).unwrap();
    reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", "sampling = 20"));
    let line = agent.program().wait_for_line(0, "hsflowd.auto: ");
    assert!(line.ends_with("Permission denied (os error 13); trying again every 30 s"), "{line}");
    let statistics = agent.statistics(3);
    assert!(
        statistics.contains("\n  also: 1 failed writes of the published settings"),
        "{statistics}"
    );
    wait_for(&path(&agent), "sampling=50");
    fs::set_permissions(agent.runtime_directory(), Permissions::from_mode(0o755)).unwrap();
    reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", "sampling = 30"));
    wait_for(&path(&agent), "sampling=30");
    agent.stop();
}

/// As under the systemd unit: the directory is there, and the agent is never root.
#[test]
fn agent_that_never_was_root_publishes_in_the_directory_of_its_unit() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, _peer) = host(&lab);
    let script = "mkdir -m 711 \"$RUNTIME_DIRECTORY\" && chown 65534 \"$RUNTIME_DIRECTORY\" && \
        exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$0\" run -o 192.0.2.9 -n 44";
    let mut command = host.command("sh");
    command.args(["-c", script]).arg(flowmote());
    let agent = Agent::start_command(&lab, command);
    wait_for(&path(&agent), "sampling=44");
    let directory = agent.runtime_directory().to_owned();
    assert!(!agent.stop().contains("no runtime directory"));
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
}

#[test]
fn full_file_system_leaves_the_old_file() {
    let Some(lab) = Lab::of_root() else { return };
    let (host, _peer) = host(&lab);
    let configuration = lab.file("flowmote.conf", CONFIGURATION);
    // Two pages for files: the published one, and the new one, which `full` takes.
    let script = "mkdir \"$RUNTIME_DIRECTORY\" && \
        mount -t tmpfs -o uid=65534,gid=65534,mode=711,size=8k none \"$RUNTIME_DIRECTORY\" && \
        exec \"$0\" run --user 65534 --config \"$1\"";
    let mut command = host.command("unshare");
    command.args(["-m", "sh", "-c", script]).arg(flowmote()).arg(configuration);
    let agent = Agent::start_command(&lab, command);
    let root = format!("/proc/{}/root", agent.program().pid());
    let inside = |name: &str| {
        let directory = agent.runtime_directory().strip_prefix("/").unwrap();
        Path::new(&root).join(directory).join(name)
    };
    wait_for(&inside("hsflowd.auto"), "sampling=50");
    fs::write(inside("full"), [0; 4096]).unwrap();
    reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", "sampling = 20"));
    let line = agent.program().wait_for_line(0, "hsflowd.auto: ");
    assert!(line.contains("No space left on device"), "{line}");
    wait_for(&inside("hsflowd.auto"), "sampling=50");
    fs::remove_file(inside("full")).unwrap();
    reload(&lab, &agent, &CONFIGURATION.replace("sampling = 50", "sampling = 30"));
    wait_for(&inside("hsflowd.auto"), "sampling=30");
    agent.stop();
}
