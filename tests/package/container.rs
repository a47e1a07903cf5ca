//! The image for containers: its parts, and that the agent works in it with the capabilities that the
//! DaemonSet gives it.

use std::fs;
use std::path::Path;
use std::process::Command;

use flowmote_lab::net::{Collector, Lab, peer_ip_of};
use flowmote_lab::packages::Packages;
use flowmote_lab::toolchain::folder;
use flowmote_lab::{Program, skip};
use serde_json::Value;

/// Runs a script in a folder and returns what it prints.
fn run(folder: &Path, script: &str) -> String {
    let mut sh = Command::new("sh");
    let output = sh.args(["-ec", script]).current_dir(folder).output().expect("sh");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The image unpacked into a folder: `layout` with its parts, `root` with its files.
fn unpack(packages: &Packages, into: &Path) {
    // By a pattern, because its name has the version.
    let archive = format!("{}/flowmote-*.oci.tar", packages.folder().display());
    run(
        into,
        &format!("cp {archive} image.tar && mkdir layout root && tar xf image.tar -C layout"),
    );
    let layer = document(into, &descriptor(into, "layers"));
    run(into, &format!("tar xzf {} --xattrs --xattrs-include='*' -C root", layer.display()));
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a document")).expect("JSON")
}

/// The path of the part that a descriptor names.
fn document(folder: &Path, descriptor: &Value) -> std::path::PathBuf {
    let digest = descriptor["digest"].as_str().expect("a digest");
    folder.join("layout/blobs").join(digest.replace(':', "/"))
}

/// The descriptor of the configuration or of the layer, by the manifest that the index names.
fn descriptor(folder: &Path, part: &str) -> Value {
    let index = json(&folder.join("layout/index.json"));
    let manifest = json(&document(folder, &index["manifests"][0]));
    if part == "layers" { manifest[part][0].clone() } else { manifest[part].clone() }
}

#[test]
fn digests_and_sizes_of_the_image_are_right() {
    let Some(packages) = Packages::of(&["oci"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    unpack(&packages, folder.path());
    let index = json(&folder.path().join("layout/index.json"));
    let parts = [
        index["manifests"][0].clone(),
        descriptor(folder.path(), "config"),
        descriptor(folder.path(), "layers"),
    ];
    for part in &parts {
        let path = document(folder.path(), part);
        let sum = run(folder.path(), &format!("sha256sum {}", path.display()));
        let digest = part["digest"].as_str().expect("a digest");
        assert!(sum.starts_with(digest.trim_start_matches("sha256:")), "{part}");
        let size = fs::metadata(&path).expect("the part").len();
        assert_eq!(part["size"].as_u64(), Some(size), "{part}");
    }
    let config = json(&document(folder.path(), &parts[1]));
    let layer = document(folder.path(), &parts[2]);
    let files = run(folder.path(), &format!("zcat {} | sha256sum", layer.display()));
    let digest = config["rootfs"]["diff_ids"][0].as_str().expect("a digest");
    assert!(files.starts_with(digest.trim_start_matches("sha256:")), "{config}");
    assert_eq!(config["config"]["User"], "65532:65532");
    let mut skopeo = Command::new("skopeo");
    let image = format!("oci-archive:{}", folder.path().join("image.tar").display());
    match skopeo.args(["inspect", &image]).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => skip(&format!("skopeo: {error}")),
    }
}

/// The capabilities of the DaemonSet, in the form of capsh.
fn capabilities() -> String {
    let file = folder("deploy/kubernetes/flowmote.yaml");
    let manifest = fs::read_to_string(file).expect("the DaemonSet");
    let (_, add) = manifest.split_once("add: [").expect("the list of capabilities");
    let list = add.split_once(']').expect("its end").0.replace(['"', ' '], "");
    let list: Vec<String> =
        list.split(',').map(|name| format!("cap_{}", name.to_lowercase())).collect();
    list.join("\\|")
}

/// As a runtime does: a read-only root, a writable /run, all other capabilities out of reach, and
/// another user than root.
const CONTAINER: &str = r#"
mount --bind root root
mount -o remount,bind,ro root
mount -t tmpfs -o mode=2777 tmpfs root/run
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
all=$(capsh --print | sed -n 's/^Bounding set =//p' | tr , '\n')
exec capsh --chroot=root --drop="$(echo "$all" | grep -vx "$0" | paste -sd,)" \
    --gid=65532 --uid=65532 --shell=/usr/sbin/flowmote -- run
"#;

#[test]
fn agent_samples_with_the_capabilities_of_the_daemon_set() {
    let Some(packages) = Packages::of(&["oci"]) else { return };
    let Some(lab) = Lab::of_root() else { return };
    if Command::new("capsh").arg("--print").output().is_err() {
        return skip("capsh is missing");
    }
    unpack(&packages, lab.path());
    let configuration = "sflow { collector { ip = 127.0.0.1 } sampling = 1 pcap { dev = lan0 } }";
    fs::write(lab.path().join("root/etc/flowmote.conf"), configuration).expect("the file");
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut container = host.command("unshare");
    container.args(["-m", "sh", "-ec", CONTAINER, &capabilities()]).current_dir(lab.path());
    let agent = Program::start(container);
    let line = agent.wait_for_line(0, "running as");
    assert!(line.contains("CAP_NET_RAW and CAP_BPF"), "{line}");
    assert!(agent.log().contains("eBPF filter"), "{}", agent.log());
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("the process");
    let has = |line: &str| status.lines().any(|it| it == line);
    assert!(has("Uid:\t65532\t65532\t65532\t65532"), "{status}");
    // CAP_NET_RAW is bit 13, CAP_BPF bit 39.
    assert!(has("CapEff:\t0000008000002000") && has("CapBnd:\t0000008000002000"), "{status}");
    host.run(&format!("ping -c 3 -i 0.05 {}", peer_ip_of(1).0));
    collector.wait_for("6 samples", |capture| capture.flow_samples().len() >= 6);
    assert!(!agent.log().contains("warn"), "{}", agent.log());
}
