//! The format of a flow log: its fields in order, `${version} ${account-id}`.

use core::fmt;

use super::field::{Field, Line, find};

/// The fields of a flow log, in order.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    fields: Vec<&'static Field>,
    /// The highest version among the fields.
    version: u8,
}

/// The format that flow logs have by default, version 2.
pub(crate) const DEFAULT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} \
    ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// The format of the history of flows: what keys of queries follow from, and what the error does.
pub(super) const HISTORY: &str = "${start} ${end} ${flowmote-agent} ${flowmote-datasource} \
    ${flow-direction} ${pkt-srcaddr} ${pkt-dstaddr} ${protocol} ${srcport} ${dstport} ${tcp-flags} \
    ${flowmote-srcmac} ${flowmote-dstmac} ${flowmote-vlan-id} ${bytes} ${flowmote-samples} \
    ${flowmote-frames} ${flowmote-frames-variance} ${flowmote-frame-bytes} \
    ${flowmote-frame-bytes-squares} ${flowmote-frame-bytes-variance} ${flowmote-rate-error}";

impl Format {
    /// Parses a format.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = text.split_whitespace().map(field).collect::<Result<_, _>>()?;
        if fields.is_empty() || fields.len() > MAX_FIELDS {
            return Err(format!("has {} fields, 1 to {MAX_FIELDS} are possible", fields.len()));
        }
        for (at, field) in fields.iter().enumerate() {
            if fields.iter().skip(at + 1).any(|other| other.name == field.name) {
                return Err(format!("has the field {} twice", field.name));
            }
        }
        let versions = fields.iter().filter_map(|field| field.version);
        let version = versions.max().unwrap_or(2);
        Ok(Self { fields, version })
    }

    /// The default format with further fields.
    pub(super) fn default_with(further: &str) -> Self {
        Self::parse(&format!("{DEFAULT} {further}"))
            .unwrap_or_else(|_| Self { fields: Vec::new(), version: 2 })
    }

    pub(crate) fn fields(&self) -> &[&'static Field] {
        &self.fields
    }

    /// The version that lines of this format have.
    pub(super) fn version(&self) -> u8 {
        self.version
    }

    /// True if MAC addresses, the VLAN, or what frames have in sum is among the fields.
    pub(super) fn has_link(&self) -> bool {
        let link =
            ["flowmote-srcmac", "flowmote-dstmac", "flowmote-vlan-id", "flowmote-rate-error"];
        let of_link = |name: &str| link.contains(&name) || name.starts_with("flowmote-frame-bytes");
        self.fields.iter().any(|field| of_link(field.name))
    }

    /// Appends a line without its end.
    pub(super) fn write(&self, line: &Line<'_>, to: &mut String) {
        for (at, field) in self.fields.iter().enumerate() {
            if at > 0 {
                to.push(' ');
            }
            if (field.write)(line, to).is_none() {
                to.push('-');
            }
        }
    }
}

fn field(text: &str) -> Result<&'static Field, String> {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let name = name.ok_or_else(|| format!("has {text:.100}, which is no ${{field}}"))?;
    find(name).ok_or_else(|| format!("has the unknown field {name:.100}"))
}

/// As it is parsed.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, field) in self.fields.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            write!(f, "${{{}}}", field.name)?;
        }
        Ok(())
    }
}

const MAX_FIELDS: usize = 80;
