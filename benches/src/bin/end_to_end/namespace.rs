//! The network namespace of the benchmark, and its interfaces.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// The interface that the agents sample.
pub(crate) const SAMPLED: &str = "bench0";
/// The other end of the veth pair, used by the sender.
pub(crate) const PEER: &str = "bench1";
/// An interface that drops what is sent on it: an ifb to which nothing is redirected.
pub(crate) const SINK: &str = "bench2";
/// The address of [`SAMPLED`], which is also the agents' address.
pub(crate) const ADDRESS: &str = "192.0.2.1";

/// Privileges in the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// Created by root: all privileges.
    Root,
    /// Created in a user namespace: the kernel refuses `bpf(2)`, so agents fall back to classic BPF.
    User,
}

/// Moves this process into a new, empty network namespace.
///
/// Call this before the first thread starts. The namespace ends with the last process in it.
///
/// # Errors
///
/// Not root, and the kernel refuses user namespaces.
pub(crate) fn enter() -> Result<Privilege> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(Privilege::Root),
        Err(Errno::EPERM) => {}
        Err(error) => bail!("no network namespace: {error}"),
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .context("not root, and no user namespace either")?;
    fs::write("/proc/self/setgroups", "deny").context("/proc/self/setgroups")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).context("/proc/self/uid_map")?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).context("/proc/self/gid_map")?;
    Ok(Privilege::User)
}

/// Sets up loopback, and a veth pair on which the kernel sends nothing by itself.
///
/// # Errors
///
/// `ip` (Debian package iproute2) is missing or fails.
pub(crate) fn furnish() -> Result<()> {
    silence_ipv6()?;
    ip("link set lo up")?;
    ip(&format!("link add {SAMPLED} type veth peer name {PEER}"))?;
    ip(&format!("address add {ADDRESS}/24 dev {SAMPLED}"))?;
    ip(&format!("link set {SAMPLED} up"))?;
    ip(&format!("link set {PEER} up"))?;
    ip(&format!("link add {SINK} type ifb"))?;
    ip(&format!("link set {SINK} up"))
}

/// Disables IPv6: neighbour discovery and multicast listener reports would disturb the idle test.
///
/// # Errors
///
/// The kernel has IPv6 but does not allow disabling it.
pub(crate) fn silence_ipv6() -> Result<()> {
    for name in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
        if fs::exists(&path)? {
            fs::write(&path, "1").context(path)?;
        }
    }
    Ok(())
}

/// Runs `ip` of iproute2.
///
/// # Errors
///
/// `ip` is missing or fails; its message goes to standard error.
pub(crate) fn ip(arguments: &str) -> Result<()> {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .status()
        .context("ip (Debian package iproute2)")?;
    ensure!(status.success(), "ip {arguments}: {status}");
    Ok(())
}
