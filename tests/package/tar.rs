//! The archive with its install script.

use std::process::Command;

use flowmote_lab::packages::Packages;

/// Runs a script in the folder of the packages and returns what it prints.
fn run(packages: &Packages, script: &str) -> String {
    let mut sh = Command::new("sh");
    let output = sh.args(["-ec", script]).current_dir(packages.folder()).output().expect("sh");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn script_installs_keeps_the_configuration_and_removes() {
    let Some(packages) = Packages::of(&["deb", "rpm", "tar"]) else { return };
    run(&packages, "mkdir unpacked root && tar xf flowmote-*.tar.gz -C unpacked");
    let install = "DESTDIR=$PWD/root unpacked/flowmote-*/install.sh";
    assert!(run(&packages, install).contains("flowmote check"));
    let version = run(&packages, "root/usr/local/sbin/flowmote --version");
    assert!(version.starts_with("flowmote "), "{version}");
    let mode = "stat -c %a root/usr/local/sbin/flowmote root/etc/flowmote.conf";
    assert_eq!(run(&packages, mode), "755\n644\n");
    let unit = run(&packages, "cat root/usr/local/lib/systemd/system/flowmote.service");
    assert!(unit.contains("ExecStart=/usr/local/sbin/flowmote run"), "{unit}");

    run(&packages, "test -L root/etc/hsflowd.auto");
    let again = run(&packages, &format!("echo '# mine' >>root/etc/flowmote.conf; {install}"));
    assert!(again.contains("kept ") && again.contains("/etc/flowmote.conf"), "{again}");
    run(&packages, "grep -q '# mine' root/etc/flowmote.conf");

    run(&packages, &format!("{install} --uninstall"));
    run(&packages, "! test -L root/etc/hsflowd.auto");
    let left = run(&packages, "find root -name '*flowmote*' | sort");
    assert_eq!(left, "root/etc/flowmote-analyzer.conf\nroot/etc/flowmote.conf\n");
}

#[test]
fn same_sources_make_the_same_packages() {
    let Some(packages) = Packages::of(&["deb", "rpm", "tar"]) else { return };
    let sums = || run(&packages, "sha256sum *-1[._]* *.tar.gz");
    let before = sums();
    assert_eq!(before.lines().count(), 5, "{before}");
    packages.make(&["deb", "rpm", "tar"], "1");
    assert_eq!(sums(), before);
}
