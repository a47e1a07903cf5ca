//! Causes of a refused eBPF program, for the log and for `check`.

use std::fs;
use std::io;

use caps::{CapSet, Capability};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// The text of an error of a filter, followed by its cause.
pub(crate) fn explain(error: &io::Error) -> String {
    format!("{error}{}", cause(error.raw_os_error(), &Rights::of_this_process()))
}

/// The text of an error of a program of traffic control, followed by its cause.
pub(crate) fn explain_classifier(error: &io::Error) -> String {
    format!("{error}{}", cause_of_classifier(error.raw_os_error(), &Rights::of_this_process()))
}

/// Returns true if programs of this process may read memory of the kernel (`perfmon_capable`).
pub(crate) fn may_read_memory() -> bool {
    has(Capability::CAP_PERFMON) || has(Capability::CAP_SYS_ADMIN)
}

fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or_default()
}

fn cause_of_classifier(errno: Option<i32>, rights: &Rights) -> String {
    match errno {
        Some(libc::EPERM) if rights.capable && !rights.may_administer => {
            ": CAP_NET_ADMIN is missing".to_owned()
        }
        Some(libc::EINVAL) => ": Linux 5.8 is needed".to_owned(),
        other => cause(other, rights),
    }
}

/// Everything that `EPERM` of `bpf(2)` may be due to.
struct Rights {
    /// CAP_BPF or CAP_SYS_ADMIN, in whichever user namespace.
    capable: bool,
    /// CAP_NET_ADMIN or CAP_SYS_ADMIN.
    may_administer: bool,
    /// The kernel looks for them in the first user namespace (kernel/bpf/syscall.c, bpf_capable).
    in_first_namespace: bool,
    /// Bytes of `RLIMIT_MEMLOCK`, `None` without a limit.
    locked_memory: Option<u64>,
}

impl Rights {
    fn of_this_process() -> Self {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map(|(soft, _)| soft);
        Self {
            capable: has(Capability::CAP_BPF) || has(Capability::CAP_SYS_ADMIN),
            may_administer: has(Capability::CAP_NET_ADMIN) || has(Capability::CAP_SYS_ADMIN),
            // That one maps every user to itself.
            in_first_namespace: map.split_whitespace().eq(["0", "0", "4294967295"]),
            locked_memory: limit.ok().filter(|&limit| limit != RLIM_INFINITY),
        }
    }
}

fn cause(errno: Option<i32>, rights: &Rights) -> String {
    match errno {
        Some(libc::EPERM) if !rights.capable => {
            ": CAP_BPF is missing, before Linux 5.8 CAP_SYS_ADMIN".to_owned()
        }
        Some(libc::EPERM) if !rights.in_first_namespace => {
            ": CAP_BPF of a user namespace is not enough".to_owned()
        }
        Some(libc::EPERM) => rights.locked_memory.map_or_else(String::new, |limit| {
            format!(
                ": the limit of locked memory (RLIMIT_MEMLOCK), {} KiB, is used up; before Linux \
                 5.11 it covers filters",
                limit >> 10
            )
        }),
        Some(libc::EINVAL) => ": Linux 5.7 is needed".to_owned(),
        // The text of the error names the cause, such as the verifier's.
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_names_what_is_missing() {
        let able = || Rights {
            capable: true,
            may_administer: true,
            in_first_namespace: true,
            locked_memory: Some(64 << 10),
        };
        let eperm = |rights: Rights| cause(Some(libc::EPERM), &rights);
        assert!(eperm(Rights { capable: false, ..able() }).contains("CAP_BPF is missing"));
        assert!(eperm(Rights { in_first_namespace: false, ..able() }).contains("user namespace"));
        assert!(eperm(able()).contains("RLIMIT_MEMLOCK), 64 KiB"));
        assert_eq!(eperm(Rights { locked_memory: None, ..able() }), "");
        assert!(cause(Some(libc::EINVAL), &able()).contains("Linux 5.7"));
        assert_eq!(cause(Some(libc::EACCES), &able()), "");
        assert_eq!(cause(None, &able()), "");
    }

    #[test]
    fn refusal_of_a_classifier_names_what_is_missing() {
        let able = || Rights {
            capable: true,
            may_administer: true,
            in_first_namespace: true,
            locked_memory: None,
        };
        let eperm = |rights: Rights| cause_of_classifier(Some(libc::EPERM), &rights);
        assert!(eperm(Rights { may_administer: false, ..able() }).contains("CAP_NET_ADMIN"));
        let none = Rights { may_administer: false, capable: false, ..able() };
        assert!(eperm(none).contains("CAP_BPF is missing"));
        assert!(cause_of_classifier(Some(libc::EINVAL), &able()).contains("Linux 5.8"));
        assert_eq!(cause_of_classifier(Some(libc::ENOMEM), &able()), "");
    }
}
