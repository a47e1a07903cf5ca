//! What deploys the packages to many hosts: checked by the tools of each kind, and the role is run.

use std::path::PathBuf;
use std::process::Command;

use flowmote_lab::machine::Machine;
use flowmote_lab::packages::Packages;
use flowmote_lab::skip;
use flowmote_lab::toolchain::{folder, target_directory};

/// A program of the virtual environment that `tests/setup` makes.
fn tool(name: &str) -> Option<PathBuf> {
    let path = target_directory("").join("deploy/bin").join(name);
    if !path.exists() {
        skip(&format!("{name} is missing: tests/setup installs it"));
        return None;
    }
    Some(path)
}

fn assert_clean(program: &PathBuf, arguments: &[&str], file: &str) {
    let tools = program.parent().expect("a folder").display().to_string();
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    let command = command.args(arguments).arg(folder(file)).env("PATH", path).env("NO_COLOR", "1");
    let output = command.output().expect("the checker");
    let streams = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&streams));
}

#[test]
fn ansible_lint_finds_nothing() {
    let Some(lint) = tool("ansible-lint") else { return };
    assert_clean(&lint, &["--offline", "-q"], "deploy/ansible");
}

#[test]
fn daemon_set_fits_the_schema_of_kubernetes() {
    let Some(validate) = tool("kubernetes-validate") else { return };
    assert_clean(&validate, &["--strict"], "deploy/kubernetes/flowmote.yaml");
}

#[test]
fn role_installs_the_agent_and_has_nothing_to_do_the_second_time() {
    let Some(playbook) = tool("ansible-playbook") else { return };
    let Some(packages) = Packages::of(&["deb"]) else { return };
    let Some(machine) = Machine::open(packages.folder()) else { return };
    let site = folder("deploy/ansible/site.yml").canonicalize().expect("the playbook");
    let run = |more: &str| {
        let tools = playbook.parent().expect("a folder").canonicalize().expect("a folder");
        machine.try_run(&format!(
            "export HOME=/root PATH={}:$PATH
            ansible-playbook -i localhost, -c local -e ansible_python_interpreter=/usr/bin/python3 \
                -e ansible_become=false -e flowmote_packages=/packages -e flowmote_service=false \
                {more} {}",
            tools.display(),
            site.display()
        ))
    };
    let first = run("");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stdout));
    machine.run("flowmote check --syntax && getent passwd flowmote");
    assert!(machine.run("cat /etc/flowmote.conf").contains("collector { ip = sflow.example.com }"));
    let second = String::from_utf8_lossy(&run("").stdout).into_owned();
    assert!(second.contains("changed=0"), "{second}");
    // A value that makes no configuration is refused, and the file stays.
    let refused = run("-e flowmote_polling=often");
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success() && text.contains("is not a whole number"), "{text}");
    machine.run("flowmote check --syntax");
}
