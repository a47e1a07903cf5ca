//! Names of cgroups: which of them are services, containers and pods.

use std::borrow::Cow;

/// Where a cgroup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// In none of the others.
    Host,
    /// In the directory in which Docker puts its containers if systemd does not manage them.
    Docker,
    Service,
    Pod,
    Container,
}

/// What a cgroup is by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class<'a> {
    /// A service with this unit name.
    Service(Cow<'a, str>),
    /// A container with this id.
    Container(Runtime, &'a str),
    /// A pod with this UID.
    Pod(String),
    /// See [`Within::Docker`].
    Docker,
    Other,
}

/// The programs that containers are named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Docker,
    Podman,
    /// containerd and CRI-O.
    Containerd,
}

/// Classifies a cgroup. What is in a container belongs to it, whatever its name is: it may run a
/// systemd or Docker of its own. So do the services of a user to `user@UID.service`, but not its
/// containers.
pub(super) fn classify(name: &str, within: Within) -> Class<'_> {
    if within == Within::Container {
        return Class::Other;
    }
    if let Some((runtime, id)) = container(name, within) {
        return Class::Container(runtime, id);
    }
    match within {
        Within::Host if name == "docker" => Class::Docker,
        Within::Host => service(name)
            .map(Class::Service)
            .or_else(|| pod(name).map(Class::Pod))
            .unwrap_or(Class::Other),
        _ => Class::Other,
    }
}

fn container(name: &str, within: Within) -> Option<(Runtime, &str)> {
    let unit = name.strip_suffix(".scope").unwrap_or(name);
    let prefixed = PREFIXES.iter().find_map(|(prefix, runtime)| {
        let id = unit.strip_prefix(prefix)?;
        Some((*runtime, id))
    });
    let bare = match within {
        Within::Docker => Some((Runtime::Docker, name)),
        Within::Pod => Some((Runtime::Containerd, name)),
        _ => None,
    };
    // The processes that watch a container are in crio-conmon-ID and libpod-conmon-ID.
    prefixed.or(bare).filter(|(_, id)| is_container_id(id))
}

/// Returns true for 64 hexadecimal digits, as all runtimes with these names have them.
fn is_container_id(text: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(is_digit)
}

/// The unit name of a service: systemd puts `_` before a name that could be a file of the kernel's
/// (cg_escape of src/basic/cgroup-util.c), and `\x2d` for `-` of a path in it (systemd-escape(1)).
fn service(name: &str) -> Option<Cow<'_, str>> {
    let unit = name.strip_prefix('_').unwrap_or(name);
    unit.strip_suffix(".service").filter(|stem| !stem.is_empty())?;
    if !unit.contains("\\x") {
        return Some(Cow::Borrowed(unit));
    }
    let mut bytes = Vec::with_capacity(unit.len());
    let mut rest = unit.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = rest.strip_prefix(b"\\x").and_then(|digits| digits.get(..2)).and_then(byte);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { rest.get(4..).unwrap_or_default() } else { after };
    }
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

/// A byte of two hexadecimal digits.
fn byte(digits: &[u8]) -> Option<u8> {
    let digits = core::str::from_utf8(digits).ok()?;
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The UID of a pod: `kubepods-burstable-podUID.slice` with `_` for `-`, or `podUID` if systemd does
/// not manage the cgroups. A pod that the node has made from a file has 32 digits instead.
fn pod(name: &str) -> Option<String> {
    let uid = match name.strip_suffix(".slice") {
        Some(slice) => {
            let (parents, uid) = slice.rsplit_once("-pod")?;
            parents.contains("kubepods").then(|| uid.replace('_', "-"))?
        }
        None => name.strip_prefix("pod")?.to_owned(),
    };
    let is_uid = matches!(uid.len(), 32 | 36) && uuid::Uuid::try_parse(&uid).is_ok();
    is_uid.then_some(uid)
}

const PREFIXES: [(&str, Runtime); 6] = [
    ("docker-", Runtime::Docker),
    // In the cgroup of a service (`--cgroups=split`, Quadlet).
    ("libpod-payload-", Runtime::Podman),
    ("libpod-", Runtime::Podman),
    ("cri-containerd-", Runtime::Containerd),
    ("crio-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "00f1c4e60c7c0b1b6d2a77d0a4a21b0e8b0b84a3b9d3a6dfe7a1d1b0c9e8f7a6";
    const UID: &str = "5d1ff72a-7a4e-4b6c-9d58-0d1f2f1f7a10";

    fn service_of(name: &str) -> Option<String> {
        match classify(name, Within::Host) {
            Class::Service(unit) => Some(unit.into_owned()),
            _ => None,
        }
    }

    #[test]
    fn services_have_the_names_of_their_units() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(service_of("ssh.service"), some("ssh.service"));
        assert_eq!(service_of("getty@tty1.service"), some("getty@tty1.service"));
        assert_eq!(service_of("_cgroup.service"), some("cgroup.service"));
        let fsck = r"systemd-fsck@dev-disk-by\x2duuid-1\x2d2.service";
        assert_eq!(service_of(fsck), some("systemd-fsck@dev-disk-by-uuid-1-2.service"));
        assert_eq!(service_of(r"a\x.service"), some(r"a\x.service"));
        assert_eq!(service_of(r"a\x+1.service"), some(r"a\x+1.service"));
        assert_eq!(service_of(r"\xff.service"), some("\u{fffd}.service"));
        for name in [".service", "_.service", "system.slice", "session-1.scope", "service"] {
            assert_eq!(service_of(name), None, "{name}");
        }
    }

    #[test]
    fn containers_have_the_names_that_runtimes_give_them() {
        let docker = Class::Container(Runtime::Docker, ID);
        let podman = Class::Container(Runtime::Podman, ID);
        let containerd = Class::Container(Runtime::Containerd, ID);
        let named = |prefix: &str, suffix: &str| format!("{prefix}{ID}{suffix}");
        for (name, class) in [
            (named("docker-", ".scope"), &docker),
            (named("libpod-", ".scope"), &podman),
            (named("libpod-", ""), &podman),
            (named("libpod-payload-", ""), &podman),
            (named("cri-containerd-", ".scope"), &containerd),
            (named("crio-", ".scope"), &containerd),
            (named("nerdctl-", ".scope"), &containerd),
        ] {
            for within in [Within::Host, Within::Service, Within::Pod] {
                assert_eq!(classify(&name, within), *class, "{name}");
            }
            assert_eq!(classify(&name, Within::Container), Class::Other, "in another one");
        }
        assert_eq!(classify("docker", Within::Host), Class::Docker);
        assert_eq!(classify("docker", Within::Service), Class::Other);
        assert_eq!(classify(ID, Within::Docker), docker);
        assert_eq!(classify(ID, Within::Pod), containerd);
        assert_eq!(classify(ID, Within::Host), Class::Other);
        for name in [
            named("crio-conmon-", ".scope"),
            named("libpod-conmon-", ".scope"),
            named("docker-", "0.scope"),
            format!("docker-{}.scope", &ID[1..]),
            format!("docker-{}.scope", ID.replace('f', "F")),
            "docker-.scope".into(),
        ] {
            assert_eq!(classify(&name, Within::Host), Class::Other, "{name}");
        }
    }

    #[test]
    fn pods_have_their_uid_in_both_kinds_of_names() {
        let pod = Class::Pod(UID.to_owned());
        let escaped = UID.replace('-', "_");
        for name in [
            format!("kubepods-burstable-pod{escaped}.slice"),
            format!("kubepods-pod{escaped}.slice"),
            format!("kubelet-kubepods-besteffort-pod{escaped}.slice"),
            format!("pod{UID}"),
        ] {
            assert_eq!(classify(&name, Within::Host), pod, "{name}");
            assert_eq!(classify(&name, Within::Container), Class::Other, "in a container");
        }
        let digits = UID.replace('-', "");
        assert_eq!(classify(&format!("pod{digits}"), Within::Host), Class::Pod(digits));
        for name in ["pod1", "podman", "kubepods.slice", "kubepods-pod.slice", "x-pod1.slice"] {
            assert_eq!(classify(name, Within::Host), Class::Other, "{name}");
        }
        let other = format!("user-pod{escaped}.slice");
        assert_eq!(classify(&other, Within::Host), Class::Other);
    }

    #[test]
    fn what_is_in_a_service_is_no_service() {
        assert_eq!(classify("a.service", Within::Service), Class::Other);
        assert_eq!(classify("a.service", Within::Container), Class::Other);
        assert_eq!(classify("a.service", Within::Pod), Class::Other);
    }

    proptest! {
        #[test]
        fn arbitrary_names_do_not_panic(name: String) {
            for within in [Within::Host, Within::Docker, Within::Service, Within::Pod] {
                classify(&name, within);
                classify(&format!("{name}.service"), within);
                classify(&format!("\\x{name}.service"), within);
            }
        }
    }
}
