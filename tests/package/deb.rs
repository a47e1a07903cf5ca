//! The Debian packages: contents, and their life under the real dpkg.

use std::process::Command;

use flowmote_lab::machine::Machine;
use flowmote_lab::packages::Packages;
use flowmote_lab::skip;

/// The names of files of the packages that are outside of dpkg's own records.
const LEFT: &str =
    "find /etc /usr /var/lib -path /var/lib/dpkg -prune -o -name '*flowmote*' -print | sort";

fn machine() -> Option<Machine> {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        skip("dpkg is missing");
        return None;
    }
    let packages = Packages::of(&["deb"])?;
    Machine::open(packages.folder())
}

#[test]
fn installation_enables_the_agent_and_starts_nothing() {
    let Some(machine) = machine() else { return };
    machine.pretend_systemd();
    machine.run("dpkg -i /packages/*-1_*.deb");
    let version = machine.run("flowmote --version; flowmote-analyzer --version");
    assert_eq!(version.lines().count(), 2, "{version}");
    let modes = "stat -c '%a %U %n' /etc/flowmote.conf /usr/sbin/flowmote /usr/bin/flowmote-analyzer \
        /usr/lib/systemd/system/flowmote.service";
    assert_eq!(
        machine.run(modes),
        "644 root /etc/flowmote.conf\n755 root /usr/sbin/flowmote\n\
         755 root /usr/bin/flowmote-analyzer\n644 root /usr/lib/systemd/system/flowmote.service\n"
    );
    assert!(
        machine
            .run("grep ExecStart= /usr/lib/systemd/system/flowmote*.service")
            .contains("/usr/sbin/flowmote run")
    );
    let user = machine.run("getent passwd flowmote");
    assert!(user.contains(":Flowmote sFlow agent:/") && user.contains("nologin"), "{user}");
    machine.run("test -L /etc/systemd/system/multi-user.target.wants/flowmote.service");
    machine.run("! test -e /etc/systemd/system/multi-user.target.wants/flowmote-analyzer.service");
    assert_eq!(machine.run("readlink /etc/hsflowd.auto"), "/run/flowmote/hsflowd.auto\n");
    let requests = machine.requests();
    assert!(requests.contains("daemon-reload") && !requests.contains("start"), "{requests}");
    // The program uses the file that is installed, and the file can be used.
    machine.run("flowmote check --syntax");
}

#[test]
fn upgrade_keeps_the_configuration_and_restarts_what_runs() {
    let Some(machine) = machine() else { return };
    machine.pretend_systemd();
    machine.run("dpkg -i /packages/flowmote_*-1_*.deb && echo '# mine' >>/etc/flowmote.conf");
    let _ = machine.requests();
    // The default file of the next version differs too.
    machine.run(
        "cd /tmp && dpkg-deb -R /packages/flowmote_*-2_*.deb next
        echo '# theirs' >>next/etc/flowmote.conf && dpkg-deb -b next next.deb >/dev/null
        dpkg --force-confold -i next.deb",
    );
    assert!(machine.run("dpkg -s flowmote | grep ^Version").ends_with("-2\n"));
    assert!(machine.run("tail -n 1 /etc/flowmote.conf").contains("# mine"));
    assert!(machine.run("tail -n 1 /etc/flowmote.conf.dpkg-dist").contains("# theirs"));
    let requests = machine.requests();
    assert!(requests.contains("try-restart flowmote.service"), "{requests}");
    assert!(!requests.contains("stop"), "{requests}");
}

#[test]
fn upgrade_leaves_a_disabled_service_disabled() {
    let Some(machine) = machine() else { return };
    let link = "/etc/systemd/system/multi-user.target.wants/flowmote.service";
    machine.run(&format!("dpkg -i /packages/flowmote_*-1_*.deb && test -L {link} && rm {link}"));
    machine.run(&format!("dpkg -i /packages/flowmote_*-2_*.deb && ! test -e {link}"));
}

#[test]
fn removal_stops_the_service_and_purge_leaves_nothing() {
    let Some(machine) = machine() else { return };
    machine.pretend_systemd();
    let before = machine.run(LEFT);
    machine.run("dpkg -i /packages/*-1_*.deb && echo '# mine' >>/etc/flowmote.conf");
    // As systemd makes them for the unit of the agent with a state.
    machine.run("mkdir -p /var/lib/flowmote /var/cache/flowmote");
    let _ = machine.requests();
    machine.run("dpkg -r flowmote flowmote-analyzer");
    let requests = machine.requests();
    assert!(requests.contains("stop flowmote.service"), "{requests}");
    machine.run("! test -e /usr/sbin/flowmote && grep -q '# mine' /etc/flowmote.conf");
    machine.run("dpkg -P flowmote flowmote-analyzer");
    assert_eq!(machine.run(LEFT), before);
    machine
        .run("! getent passwd flowmote && ! getent group flowmote && ! test -L /etc/hsflowd.auto");
}

#[test]
fn package_needs_no_library_and_one_package() {
    let Some(packages) = Packages::of(&["deb"]) else { return };
    let script = "for package in flowmote-analyzer_*-1_*.deb flowmote_*-1_*.deb; do dpkg-deb -f $package Depends; done; \
        dpkg-deb --fsys-tarfile flowmote_*-1_*.deb | tar xO ./usr/share/doc/flowmote/copyright";
    let mut sh = Command::new("sh");
    let output = sh.args(["-c", script]).current_dir(packages.folder()).output().expect("sh");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let depends = [lines.next(), lines.next()];
    assert_eq!(depends, [Some(""), Some("passwd")], "of analyzer and agent");
    for linked in ["Permission is hereby granted", "musl libc (MIT)", "\nnix 0.", "\nclap 4."] {
        assert!(text.contains(linked), "{linked} is not in the licences");
    }
    // Macros, tests and other programs leave nothing in the agent.
    for other in ["\nserde_derive ", "\nproptest ", "\naxum "] {
        assert!(!text.contains(other), "{other} is in the licences");
    }
}

#[test]
fn lintian_finds_nothing() {
    let Some(packages) = Packages::of(&["deb"]) else { return };
    let mut lintian = Command::new("lintian");
    let lintian = lintian.args(["--allow-root", "--info", "--fail-on", "error,warning"]);
    let lintian = lintian.args(packages.files("-1_"));
    match lintian.output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.is_empty(), "{text}{output:?}");
        }
        Err(error) => skip(&format!("lintian: {error}")),
    }
}
