//! From root to an unprivileged user, with only what the agent still needs.

use std::fmt;
use std::fs;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// What became of the privileges, in words for the log.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Under which user the process goes on, or why it could not change it.
    user: String,
    kept: Vec<Capability>,
}

/// Whether packet sockets can be opened here: the capability may be missing, or belong to a user
/// namespace that does not own the network namespace.
///
/// # Errors
/// Says what is missing and who could give it.
pub(crate) fn may_capture() -> Result<(), String> {
    let flags = SockFlag::SOCK_CLOEXEC;
    match socket(AddressFamily::Packet, SockType::Raw, flags, None) {
        Err(Errno::EPERM | Errno::EACCES) => Err(NOT_ALLOWED.to_owned()),
        // Any other error is told with the interface that it stands in the way of.
        _ => Ok(()),
    }
}

/// Gives up root, supplementary groups and all capabilities but those in [`NEEDED`], for good.
///
/// Started as an unprivileged user, with ambient capabilities say, only the surplus goes.
///
/// # Errors
/// When the kernel refuses; the daemon must not go on then.
pub(crate) fn drop_all(user: &str) -> io::Result<Outcome> {
    let keep: CapsHashSet = NEEDED.into_iter().filter(|&cap| has(CapSet::Permitted, cap)).collect();
    let user = if Uid::effective().is_root() {
        become_user(user)?
    } else {
        format!("uid {}", Uid::effective())
    };
    caps::set(None, CapSet::Effective, &keep).map_err(io::Error::other)?;
    if caps::runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    }
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &keep).map_err(io::Error::other)?;
    prctl::set_no_new_privs()?;
    let kept = NEEDED.into_iter().filter(|cap| keep.contains(cap)).collect();
    Ok(Outcome { user, kept })
}

/// Whether this process may do what the capability allows.
#[must_use]
pub(crate) fn has(set: CapSet, capability: Capability) -> bool {
    caps::has_cap(None, set, capability).unwrap_or_default()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "running as {} with ", self.user)?;
        match self.kept.as_slice() {
            [] => write!(f, "no capability"),
            [first, rest @ ..] => {
                write!(f, "{first}")?;
                rest.iter().try_for_each(|cap| write!(f, " and {cap}"))
            }
        }
    }
}

fn become_user(name: &str) -> io::Result<String> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let (uid, gid, name) = match system_user(name, &passwd) {
        Some((uid, gid)) => (uid, gid, name),
        None => (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY), "nobody"),
    };
    // Before root is gone: the bounding set needs CAP_SETPCAP.
    for capability in caps::all() {
        if !NEEDED.contains(&capability) {
            let _ = caps::drop(None, CapSet::Bounding, capability);
        }
    }
    match setgroups(&[]).and_then(|()| setresgid(gid, gid, gid)) {
        Ok(()) => {}
        // A user namespace that maps one user only: there is nobody else to become.
        Err(Errno::EPERM | Errno::EINVAL) if in_user_namespace() => {
            return Ok("root of a user namespace that has no other user".into());
        }
        Err(error) => {
            return Err(io::Error::other(format!(
                "cannot become user {name}: {error}; root needs CAP_SETUID and CAP_SETGID to give \
                 itself up, or start as another user with CAP_NET_RAW and CAP_BPF"
            )));
        }
    }
    caps::securebits::set_keepcaps(true).map_err(io::Error::other)?;
    setresuid(uid, uid, uid)?;
    caps::securebits::set_keepcaps(false).map_err(io::Error::other)?;
    Ok(format!("user {name}"))
}

/// The first namespace maps every user to itself.
fn in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// User and group id of a system user, as packages and administrators make them.
///
/// From the file alone: getpwnam(3) would load whatever modules nsswitch.conf names into a
/// process that is root and that keeps them for its lifetime.
fn system_user(name: &str, passwd: &str) -> Option<(Uid, Gid)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let uid = (fields.next()? == name).then(|| fields.nth(1))??;
        let gid = fields.next()?;
        Some((Uid::from_raw(uid.parse().ok()?), Gid::from_raw(gid.parse().ok()?)))
    })
}

/// What the agent needs for as long as it runs: a packet socket and a filter program for each
/// interface that comes up later.
const NEEDED: [Capability; 2] = [Capability::CAP_NET_RAW, Capability::CAP_BPF];
const NOT_ALLOWED: &str = "CAP_NET_RAW is missing, without which no packet can be sampled: start \
    as root or from the systemd unit, or give it to the program with \
    \"setcap cap_net_raw,cap_bpf+ep\"";
/// The overflow user and group of the kernel, which own nothing.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nflow:x:1:2::/:\nflowmote:x:998:997::/nonexistent:/usr/sbin/nologin\nbad:x:nine:9::/:\nshort:x\n";
        let ids = |name| system_user(name, passwd).map(|(uid, gid)| (uid.as_raw(), gid.as_raw()));
        assert_eq!(ids("flowmote"), Some((998, 997)));
        assert_eq!(ids("root"), Some((0, 0)));
        assert_eq!(ids("mote"), None);
        assert_eq!(ids("bad"), None);
        assert_eq!(ids("short"), None);
        assert_eq!(system_user("flowmote", ""), None);
    }
}
