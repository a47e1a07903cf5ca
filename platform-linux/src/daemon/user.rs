//! The user that the daemon becomes when it was started as root.

use std::fmt;
use std::fs;

use nix::unistd::{Gid, Uid};

/// A user that exists, or the unprivileged one that stands in for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    name: String,
    /// Named by `--user`: the daemon ends if it cannot become this user.
    pub(super) is_explicit: bool,
}

impl User {
    /// Finds the user that `--user` names, else `flowmote`, else `nobody`.
    ///
    /// # Errors
    /// A message if `--user` names a user that does not exist.
    pub(super) fn find(named: Option<&str>) -> Result<Self, String> {
        Self::find_in(named, &fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    fn find_in(named: Option<&str>, passwd: &str) -> Result<Self, String> {
        let is_explicit = named.is_some();
        let user = |name: &str, (uid, gid): (u32, u32)| Self {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            name: name.to_owned(),
            is_explicit,
        };
        let Some(named) = named else {
            let default = by_name(DEFAULT, passwd).map(|ids| user(DEFAULT, ids));
            return Ok(default.unwrap_or_else(|| user("nobody", (NOBODY, NOBODY))));
        };
        let found = by_name(named, passwd).or_else(|| by_number(named, passwd));
        found.map(|ids| user(named, ids)).ok_or_else(|| {
            format!("--user {named:?}: neither a user in /etc/passwd nor a number of one")
        })
    }
}

impl User {
    /// Describes an explicit user that this process, which is not root, cannot become.
    pub(super) fn without_effect(&self) -> Option<String> {
        let problem = format!("--user {self} has no effect: only root can become another user");
        (self.is_explicit && !Uid::effective().is_root() && Uid::effective() != self.uid)
            .then_some(problem)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// User and group id of a system user, as packages and administrators create them.
///
/// Reads the file only: getpwnam(3) would load the modules that nsswitch.conf names into a process
/// that is root, for its whole life.
fn by_name(name: &str, passwd: &str) -> Option<(u32, u32)> {
    entries(passwd).find_map(|(entry, uid, gid)| (entry == name).then_some((uid, gid)))
}

/// The user with a number. One that has no entry, as in containers, gets the group of `nobody`.
fn by_number(text: &str, passwd: &str) -> Option<(u32, u32)> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    // setresuid(2) takes -1 for "no change".
    let uid = text.parse().ok().filter(|&uid| is_number && uid != u32::MAX)?;
    let group = entries(passwd).find_map(|(_, entry, gid)| (entry == uid).then_some(gid));
    Some((uid, group.unwrap_or(NOBODY)))
}

/// Name, user id and group id of each entry of /etc/passwd, passwd(5).
fn entries(passwd: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some((name, uid, fields.next()?.parse().ok()?))
    })
}

const DEFAULT: &str = "flowmote";
/// The overflow user and group of the kernel, which own nothing.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nflow:x:1:2::/:\n\
        flowmote:x:998:997::/nonexistent:/usr/sbin/nologin\nbad:x:nine:9::/:\nshort:x\n:x:5:5::/:\n";

    fn ids(named: Option<&str>, passwd: &str) -> Option<(u32, u32)> {
        let user = User::find_in(named, passwd).ok()?;
        assert_eq!(user.is_explicit, named.is_some());
        Some((user.uid.as_raw(), user.gid.as_raw()))
    }

    #[test]
    fn named_user_is_found_by_its_whole_name_or_number() {
        let named = |name| ids(Some(name), PASSWD);
        assert_eq!(named("flowmote"), Some((998, 997)));
        assert_eq!(named("root"), Some((0, 0)));
        assert_eq!(named("998"), Some((998, 997)), "the group of its entry");
        assert_eq!(named("1234"), Some((1234, NOBODY)), "no entry");
        for name in ["mote", "bad", "short", "", "4294967295", "4294967296", "-1", "+1", "1x"] {
            assert_eq!(named(name), None, "{name:?}");
        }
        let error = User::find_in(Some("flowmtoe"), PASSWD).unwrap_err();
        assert!(error.starts_with("--user \"flowmtoe\": neither a user"), "{error}");
    }

    #[test]
    fn only_the_default_falls_back_to_nobody() {
        assert_eq!(ids(None, PASSWD), Some((998, 997)));
        assert_eq!(ids(None, ""), Some((NOBODY, NOBODY)));
        assert_eq!(User::find_in(None, "").unwrap().to_string(), "nobody");
        assert_eq!(ids(Some("flowmote"), ""), None);
    }
}
