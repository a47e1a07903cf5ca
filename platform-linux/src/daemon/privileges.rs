//! The step from root to an unprivileged user with the few capabilities that modules still need.

use std::fmt;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::{Uid, setgroups, setresgid, setresuid};

use crate::daemon::user::User;

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

/// Gives up root, supplementary groups and all capabilities but `needed`, permanently. Root that may
/// not change its user gives up the capabilities only, unless `user` was named explicitly.
///
/// Started as an unprivileged user, for example with ambient capabilities, the process keeps its
/// user and gives up only the capabilities.
///
/// # Errors
/// Those of the system calls; the daemon must not continue then.
pub(super) fn drop_all(user: &User, needed: &[Capability]) -> io::Result<Outcome> {
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

impl Outcome {
    /// The user, in words.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Gives up the capabilities that are no longer among the `needed`, permanently. Errors are
    /// ignored: without the capability there is nothing to give up.
    pub(super) fn keep_only(&mut self, needed: &[Capability]) {
        self.kept.retain(|capability| {
            let keep = needed.contains(capability);
            if !keep {
                for set in [CapSet::Effective, CapSet::Permitted] {
                    let _ = caps::drop(None, set, *capability);
                }
            }
            keep
        });
    }

    /// Returns true if the process still has the user id 0, and so the rights of the owner on
    /// root's files.
    pub(super) fn is_root(&self) -> bool {
        Uid::effective().is_root()
    }
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

/// Changes the user. Returns it, or the reason why the process stays root.
fn become_user(user: &User, needed: &[Capability]) -> io::Result<String> {
    // While the process is root: dropping from the bounding set needs CAP_SETPCAP.
    for capability in caps::all() {
        if !needed.contains(&capability) {
            let _ = caps::drop(None, CapSet::Bounding, capability);
        }
    }
    // Without it setresuid(2) to a non-zero user empties the permitted set.
    caps::securebits::set_keepcaps(true).map_err(io::Error::other)?;
    let changed = setgroups(&[])
        .and_then(|()| setresgid(user.gid, user.gid, user.gid))
        .and_then(|()| setresuid(user.uid, user.uid, user.uid));
    caps::securebits::set_keepcaps(false).map_err(io::Error::other)?;
    match changed {
        Ok(()) => Ok(format!("user {user}")),
        // A container without CAP_SETUID and CAP_SETGID (EPERM), or a user namespace that maps one
        // user only (EINVAL).
        Err(Errno::EPERM | Errno::EINVAL) if !user.is_explicit || user.uid.is_root() => {
            Ok("root, which has no right to become another user,".into())
        }
        Err(error) => Err(io::Error::other(format!(
            "cannot become user {user}: {error}; root needs CAP_SETUID and CAP_SETGID to change its \
             user, or start as another user with CAP_NET_RAW and CAP_BPF"
        ))),
    }
}
