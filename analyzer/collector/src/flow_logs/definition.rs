//! The definition of a flow log, in the form in which it is stored.

use serde::{Deserialize, Serialize};

use super::format::Format;

/// A flow log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowLogSetting {
    /// What its lines are about: see [`Interface::is_in`](super::interface::Interface::is_in).
    pub(crate) resource: String,
    pub(crate) traffic: Traffic,
    pub(crate) format: String,
    /// Seconds of a window: 1, 10, 60 or 600.
    pub(crate) window: u32,
    pub(crate) destination: Destination,
    /// Milliseconds since 1970.
    pub(crate) created: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<(String, String)>,
    /// Keys of the tags that `instance-tag` and `instance-tag-2` have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tag_keys: Vec<String>,
    /// Of the request that made it: the same one again makes no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
    /// Roles of AWS. Nothing here needs one, but tools make a flow log again if its description lacks them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) permission: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cross_account_role: Option<String>,
}

/// Which records a flow log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Traffic {
    Accept,
    Reject,
    All,
    /// Discarded packets, also those that no policy rejected.
    Discards,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Destination {
    /// A log group.
    Group(String),
    /// Files.
    Files(FileSetting),
}

/// Files of a flow log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileSetting {
    /// Bucket and prefix: a path below the directory of all files; empty for the directory itself.
    pub(crate) path: String,
    pub(crate) parquet: bool,
    /// True for directories `year=2026`.
    pub(crate) hive: bool,
    /// True for a directory for each hour.
    pub(crate) per_hour: bool,
}

impl FlowLogSetting {
    /// True for one that the same request could have made, of another resource too.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let Self { resource, created, .. } = self.clone();
        *self == Self { resource, created, ..other.clone() }
    }
}

impl FileSetting {
    /// Files in the directory of all files.
    pub(super) fn below(parquet: bool) -> Self {
        Self { path: String::new(), parquet, hive: false, per_hour: false }
    }

    /// Files that are found by the hour.
    pub(super) fn of_history() -> Self {
        Self { path: String::new(), parquet: true, hive: true, per_hour: true }
    }
}

impl Traffic {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Reject | Self::Discards => "REJECT",
            Self::All => "ALL",
        }
    }

    /// The end of the names of its log streams.
    pub(super) const fn stream(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::All => "all",
            Self::Discards => "discards",
        }
    }
}

impl FlowLogSetting {
    /// A flow log of all traffic to a log group, in the default format.
    pub(super) fn to_group(group: &str, window: u32, created: u64) -> Self {
        Self {
            resource: ALL.to_owned(),
            traffic: Traffic::All,
            format: super::format::DEFAULT.to_owned(),
            window,
            destination: Destination::Group(group.to_owned()),
            created,
            tags: Vec::new(),
            tag_keys: Vec::new(),
            client_token: None,
            permission: None,
            cross_account_role: None,
        }
    }

    /// The format; an error if it cannot be used.
    pub(crate) fn format(&self) -> Result<Format, String> {
        Format::parse(&self.format)
    }
}

/// The resource that has all interfaces.
pub(crate) const ALL: &str = "all";
/// Lengths of windows, in seconds.
pub(crate) const WINDOWS: [u32; 4] = [1, 10, 60, 600];
