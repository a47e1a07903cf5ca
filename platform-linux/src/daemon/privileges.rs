//! The step from root to an unprivileged user with the few capabilities that modules still need.

use std::fmt;
use std::fs;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// The privileges that are left. Displayed as `user U with CAP_A and CAP_B`.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The user, or the reason why root could not be given up.
    user: String,
    kept: Vec<Capability>,
}

/// Raises the limit of locked memory as far as this process may: before Linux 5.11 it covers eBPF
/// maps and programs, and 64 KiB, the kernel's default then, are used up by five interfaces.
pub(super) fn raise_locked_memory() {
    let limit = Resource::RLIMIT_MEMLOCK;
    // Raising the hard limit takes CAP_SYS_RESOURCE.
    if setrlimit(limit, RLIM_INFINITY, RLIM_INFINITY).is_err()
        && let Ok((_, hard)) = getrlimit(limit)
    {
        // Too little shows at each interface that gets the classic filter, with this reason.
        let _ = setrlimit(limit, hard, hard);
    }
}

/// Gives up root, supplementary groups and all capabilities but `needed`, permanently.
///
/// Started as an unprivileged user, for example with ambient capabilities, the process keeps its
/// user and gives up only the capabilities.
///
/// # Errors
/// Those of the system calls; the daemon must not continue then.
pub(super) fn drop_all(user: &str, needed: &[Capability]) -> io::Result<Outcome> {
    let kept: Vec<Capability> =
        needed.iter().copied().filter(|&capability| is_permitted(capability)).collect();
    let keep: CapsHashSet = kept.iter().copied().collect();
    let user = if Uid::effective().is_root() {
        become_user(user, needed)?
    } else {
        format!("uid {}", Uid::effective())
    };
    // setresuid(2) has emptied the effective set; it may hold what is permitted.
    caps::set(None, CapSet::Effective, &keep).map_err(io::Error::other)?;
    // Ambient before inheritable and permitted, of which it must be a part (Linux 4.3).
    if caps::runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    }
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &keep).map_err(io::Error::other)?;
    prctl::set_no_new_privs()?;
    Ok(Outcome { user, kept })
}

fn is_permitted(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Permitted, capability).unwrap_or_default()
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with ", self.user)?;
        match self.kept.as_slice() {
            [] => write!(f, "no capability"),
            [first, rest @ ..] => {
                write!(f, "{first}")?;
                rest.iter().try_for_each(|cap| write!(f, " and {cap}"))
            }
        }
    }
}

fn become_user(name: &str, needed: &[Capability]) -> io::Result<String> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let (uid, gid, name) = match system_user(name, &passwd) {
        Some((uid, gid)) => (uid, gid, name),
        None => (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY), "nobody"),
    };
    // While the process is root: dropping from the bounding set needs CAP_SETPCAP.
    for capability in caps::all() {
        if !needed.contains(&capability) {
            let _ = caps::drop(None, CapSet::Bounding, capability);
        }
    }
    match setgroups(&[]).and_then(|()| setresgid(gid, gid, gid)) {
        Ok(()) => {}
        // A user namespace that maps one user only has no other user to become.
        Err(Errno::EPERM | Errno::EINVAL) if in_user_namespace() => {
            return Ok("root of a user namespace that has no other user".into());
        }
        Err(error) => {
            return Err(io::Error::other(format!(
                "cannot become user {name}: {error}; root needs CAP_SETUID and CAP_SETGID to \
                 change its user, or start as another user with CAP_NET_RAW and CAP_BPF"
            )));
        }
    }
    // Without it setresuid(2) to a non-zero user empties the permitted set.
    caps::securebits::set_keepcaps(true).map_err(io::Error::other)?;
    setresuid(uid, uid, uid)?;
    caps::securebits::set_keepcaps(false).map_err(io::Error::other)?;
    Ok(format!("user {name}"))
}

/// The initial user namespace maps every user to itself.
fn in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// User and group id of a system user, as packages and administrators create them.
///
/// Reads the file only: getpwnam(3) would load the modules that nsswitch.conf names into a process
/// that is root, for its whole life.
fn system_user(name: &str, passwd: &str) -> Option<(Uid, Gid)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let uid = (fields.next()? == name).then(|| fields.nth(1))??;
        let gid = fields.next()?;
        Some((Uid::from_raw(uid.parse().ok()?), Gid::from_raw(gid.parse().ok()?)))
    })
}

/// The overflow user and group of the kernel, which own nothing.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_user_is_found_by_its_whole_name() {
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
