//! From root to an unprivileged user, with only what the agent still needs.

use std::fmt;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, setgroups, setresgid, setresuid};

/// What became of the privileges, in words for the log.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Under which user the process goes on, or why it could not change it.
    user: String,
    kept: Vec<Capability>,
}

/// Gives up root, supplementary groups and all capabilities but those in [`NEEDED`], for good.
///
/// Started as an unprivileged user, with ambient capabilities say, only the surplus goes.
///
/// # Errors
/// When the kernel refuses; the daemon must not go on then.
pub(crate) fn drop_all(user: &str) -> io::Result<Outcome> {
    let keep: CapsHashSet = NEEDED.into_iter().filter(|&cap| has(CapSet::Permitted, cap)).collect();
    let user = if Uid::effective().is_root() { become_user(user)? } else { current_user() };
    caps::set(None, CapSet::Effective, &keep).map_err(io::Error::other)?;
    caps::clear(None, CapSet::Ambient).or_else(|error| ignore_if_unsupported(error))?;
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
    let (uid, gid, name) = match User::from_name(name)? {
        Some(user) => (user.uid, user.gid, user.name),
        None => (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY), "nobody".into()),
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
        Err(error) => return Err(error.into()),
    }
    caps::securebits::set_keepcaps(true).map_err(io::Error::other)?;
    setresuid(uid, uid, uid)?;
    caps::securebits::set_keepcaps(false).map_err(io::Error::other)?;
    Ok(format!("user {name}"))
}

fn current_user() -> String {
    let uid = Uid::effective();
    User::from_uid(uid)
        .ok()
        .flatten()
        .map_or_else(|| format!("uid {uid}"), |user| format!("user {}", user.name))
}

/// The first namespace maps every user to itself.
fn in_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// Ambient capabilities came with kernel 4.3; where there are none, none need to go.
fn ignore_if_unsupported(_: caps::errors::CapsError) -> io::Result<()> {
    if caps::has_cap(None, CapSet::Ambient, Capability::CAP_NET_RAW).is_err() {
        return Ok(());
    }
    Err(io::Error::other("cannot clear the ambient capabilities"))
}

/// What the agent needs for as long as it runs: a packet socket and a filter program for each
/// interface that comes up later.
const NEEDED: [Capability; 2] = [Capability::CAP_NET_RAW, Capability::CAP_BPF];
/// The overflow user and group of the kernel, which own nothing.
const NOBODY: u32 = 65_534;
