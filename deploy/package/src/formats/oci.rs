//! An image for containers as an archive in the layout of the OCI, which `podman load`, `ctr image
//! import`, `skopeo copy oci-archive:` and Docker from version 25 on read. It is made without a builder
//! or a daemon: one layer with a static program has nothing to build.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{LICENCE, VERSION};
use crate::date::Date;
use crate::formats::tar::Archive;
use crate::package::{Kind, Package, gzip};
use crate::program::Arch;

/// `flowmote-1.2.3-x86_64.oci.tar`.
pub(crate) fn file_name(arch: Arch) -> String {
    format!("flowmote-{VERSION}-{}.oci.tar", arch.name())
}

/// The bytes of the archive, of the package of the agent.
///
/// # Errors
/// Never in practice: it is written to memory.
pub(crate) fn write(agent: &Package, date: Date) -> Result<Vec<u8>> {
    let files = layer(agent, date)?;
    let layer = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", gzip(&files)?);
    let architecture = agent.arch.of_debian();
    let config = json!({
        "created": date.rfc3339()?,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/sbin/flowmote"],
            "Cmd": ["run"],
            "User": "65532:65532",
            "Labels": {
                "org.opencontainers.image.title": agent.name,
                "org.opencontainers.image.description": agent.summary,
                "org.opencontainers.image.version": VERSION,
                "org.opencontainers.image.licenses": LICENCE,
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [digest(&files)] },
    });
    let config = Blob::of_json("application/vnd.oci.image.config.v1+json", &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    });
    let manifest = Blob::of_json(MANIFEST, &manifest)?;
    archive(&[layer, config, manifest], architecture, date)
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The files of the image: the program with its capabilities, its configuration, its user.
fn layer(agent: &Package, date: Date) -> Result<Vec<u8>> {
    let mut archive = Archive::new(date);
    for folder in FOLDERS {
        archive.folder(folder)?;
    }
    archive.file("etc/passwd", 0o644, b"root:x:0:0::/:/\nflowmote:x:65532:65532::/:/\n")?;
    archive.file("etc/group", 0o644, b"root:x:0:\nflowmote:x:65532:\n")?;
    let wanted = |path: &str, kind| {
        matches!(kind, Kind::Program | Kind::Configuration) || path.ends_with("/copyright")
    };
    for file in agent.files.iter().filter(|file| wanted(&file.path, file.kind)) {
        if file.kind == Kind::Program {
            archive.capabilities(&capabilities())?;
        }
        archive.file(file.path.trim_start_matches('/'), file.kind.mode(), &file.bytes)?;
    }
    archive.finish()
}

/// CAP_NET_RAW and CAP_BPF as permitted and effective, in the form of `struct vfs_cap_data`
/// (linux/capability.h), version 2: with them the program needs neither root nor a change of its user.
fn capabilities() -> Vec<u8> {
    const VERSION_2_EFFECTIVE: u32 = 0x0200_0001;
    const NET_RAW: u32 = 1 << 13;
    const BPF: u32 = 1 << (39 - 32);
    // Twice permitted and inheritable: for the capabilities 0 to 31 and 32 to 63.
    let words = [VERSION_2_EFFECTIVE, NET_RAW, 0, BPF, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The mount points too, since the root directory of a container may be read-only.
const FOLDERS: [&str; 10] = [
    "dev/",
    "etc/",
    "proc/",
    "run/",
    "sys/",
    "usr/",
    "usr/sbin/",
    "usr/share/",
    "usr/share/doc/",
    "usr/share/doc/flowmote/",
];

/// The layout: every blob under its digest, and the index that names the manifest, the last one.
fn archive(blobs: &[Blob], architecture: &str, date: Date) -> Result<Vec<u8>> {
    let mut manifest = blobs.last().context("a manifest")?.descriptor();
    manifest["platform"] = json!({ "os": "linux", "architecture": architecture });
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": VERSION });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    let mut archive = Archive::new(date);
    archive.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.file("index.json", 0o644, &serde_json::to_vec(&index)?)?;
    archive.folder("blobs/")?;
    archive.folder("blobs/sha256/")?;
    for blob in blobs {
        let name = digest(&blob.bytes).replace("sha256:", "blobs/sha256/");
        archive.file(&name, 0o644, &blob.bytes)?;
    }
    archive.finish()
}

/// A part of the image.
struct Blob {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { media_type, bytes }
    }

    fn of_json(media_type: &'static str, value: &Value) -> Result<Self> {
        Ok(Self::new(media_type, serde_json::to_vec(value)?))
    }

    fn descriptor(&self) -> Value {
        let Self { media_type, bytes } = self;
        json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
