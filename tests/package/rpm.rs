//! The packages for rpm: contents, and their life under the real rpm.

use std::process::Command;

use flowmote_lab::machine::Machine;
use flowmote_lab::packages::Packages;
use flowmote_lab::skip;
use flowmote_lab::toolchain::folder;

const LEFT: &str = "find /etc /usr /var/lib /var/cache -path /var/lib/rpm -prune -o -name '*flowmote*' -print | sort";
/// Debian's rpm has no packages in its database that could provide anything.
const RPM: &str = "rpm --force-debian --nodeps";

fn packages() -> Option<Packages> {
    if Command::new("rpm").arg("--version").output().is_ok() {
        return Packages::of(&["rpm"]);
    }
    skip("rpm is missing");
    None
}

fn machine() -> Option<Machine> {
    let packages = packages()?;
    let machine = Machine::open(packages.folder())?;
    machine.pretend_systemd();
    Some(machine)
}

#[test]
fn life_of_a_package() {
    let Some(machine) = machine() else { return };
    let before = machine.run(LEFT);

    machine.run(&format!("{RPM} -i /packages/*-1.*.rpm"));
    machine.run("flowmote --version && flowmote-analyzer --version && flowmote check --syntax");
    machine.run("getent passwd flowmote | grep -q 'Flowmote sFlow agent:/'");
    machine.run("test -L /etc/hsflowd.auto");
    assert_eq!(machine.run("rpm -V --nodeps flowmote flowmote-analyzer"), "");
    let requests = machine.requests();
    assert!(requests.contains("preset flowmote.service"), "{requests}");
    assert!(!requests.contains("start") && !requests.contains("flowmote-analyzer"), "{requests}");

    machine.run(&format!("echo '# mine' >>/etc/flowmote.conf && {RPM} -U /packages/*-2.*.rpm"));
    assert!(machine.run("tail -n 1 /etc/flowmote.conf").contains("# mine"));
    let requests = machine.requests();
    for unit in ["flowmote", "flowmote-analyzer"] {
        assert!(requests.contains(&format!("try-restart {unit}.service")), "{requests}");
    }
    assert!(!requests.contains("disable") && !requests.contains("preset"), "{requests}");

    machine.run("mkdir -p /var/lib/flowmote /var/cache/flowmote");
    machine.run(&format!("{RPM} -e flowmote flowmote-analyzer"));
    let requests = machine.requests();
    for request in ["disable flowmote.service", "stop flowmote.service"] {
        assert!(requests.contains(request), "{request}: {requests}");
    }
    machine
        .run("! getent passwd flowmote && ! getent group flowmote && ! test -L /etc/hsflowd.auto");
    // What the administrator wrote is kept, in the way of rpm.
    machine.run("grep -q '# mine' /etc/flowmote.conf.rpmsave && rm /etc/flowmote.conf.rpmsave");
    assert_eq!(machine.run(LEFT), before);
}

/// Output of a query of the packages, sorted by package.
fn query(packages: &Packages, arguments: &[&str]) -> String {
    let mut rpm = Command::new("rpm");
    let files = packages.files("-1.");
    let output = rpm.arg("-qp").args(arguments).args(files).output().expect("rpm");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// rpm 4.11 of Amazon Linux 2 knows gzip, SHA-1 of the header, and no dependency but these.
#[test]
fn old_rpm_can_install_it() {
    let Some(packages) = packages() else { return };
    let requirements = query(&packages, &["--requires"]);
    let mut names: Vec<&str> = requirements.lines().collect();
    names.sort_unstable();
    names.dedup();
    let own: Vec<&str> = names.iter().copied().filter(|it| !it.starts_with("config(")).collect();
    assert_eq!(
        own,
        [
            "/bin/sh",
            "/usr/sbin/useradd",
            "rpmlib(CompressedFileNames) <= 3.0.4-1",
            "rpmlib(FileDigests) <= 4.6.0-1",
            "rpmlib(PayloadFilesHavePrefix) <= 4.0-1",
            "systemd",
        ]
    );
    let format = "%{PAYLOADCOMPRESSOR} %{PAYLOADFORMAT} %{SHA1HEADER}\n";
    for line in query(&packages, &["--queryformat", format]).lines() {
        let (kind, digest) = line.rsplit_once(' ').expect("a digest");
        assert_eq!(kind, "gzip cpio");
        assert_eq!(digest.len(), 40, "{digest}");
    }
}

#[test]
fn configuration_is_kept_and_texts_are_marked() {
    let Some(packages) = packages() else { return };
    let format = "[%{FILEFLAGS:fflags} %{FILEMODES:octal} %{FILEUSERNAME} %{FILENAMES}\n]";
    let list = query(&packages, &["--queryformat", format]);
    let has = |line: &str| list.lines().any(|it| it.trim_start() == line);
    for line in [
        "cn 100644 root /etc/flowmote.conf",
        "cn 100644 root /etc/flowmote-analyzer.conf",
        "dl 100644 root /usr/share/doc/flowmote/copyright",
        "d 100644 root /usr/share/man/man8/flowmote.8.gz",
        "100755 root /usr/sbin/flowmote",
        "100644 root /usr/lib/systemd/system-preset/80-flowmote.preset",
    ] {
        assert!(has(line), "{line}\n{list}");
    }
}

#[test]
fn rpmlint_finds_nothing() {
    let Some(packages) = Packages::of(&["rpm"]) else { return };
    let mut rpmlint = Command::new("rpmlint");
    let rpmlint =
        rpmlint.arg("-c").arg(folder("deploy/package/rpmlint.toml")).args(packages.files("-1."));
    match rpmlint.output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains(" 0 errors, 0 warnings"), "{text}{output:?}");
        }
        Err(error) => skip(&format!("rpmlint: {error}")),
    }
}
