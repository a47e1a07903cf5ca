//! Names of groups and streams, and their ARNs.

use crate::aws::fault::{Fault, Kind};
use crate::aws::logs::store::{Refusal, View};
use crate::aws::members::Members;
use crate::flow_logs::Options;
use crate::hub::Hub;

/// The ARN of a group, which a `:*` may follow.
pub(super) fn arn(hub: &Hub, group: &str) -> String {
    let Options { region, account, .. } = &hub.flow_logs.options;
    format!("arn:aws:logs:{region}:{account}:log-group:{group}")
}

/// The group of a name or an ARN.
pub(super) fn of_identifier<'a>(parameter: &str, identifier: &'a str) -> Result<&'a str, Fault> {
    let name = match identifier.strip_prefix("arn:") {
        None => identifier,
        Some(arn) => {
            // partition:logs:region:account:log-group:NAME, and :* or :log-stream:STREAM.
            let mut parts = arn.splitn(6, ':').skip(1);
            let head = (parts.next(), parts.nth(2), parts.next());
            match head {
                (Some("logs"), Some("log-group"), Some(rest)) => {
                    rest.split(':').next().unwrap_or_default()
                }
                _ => return Err(Fault::value(parameter, "is no ARN of a log group")),
            }
        }
    };
    check_group(parameter, name)?;
    Ok(name)
}

fn check_group(parameter: &str, name: &str) -> Result<(), Fault> {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(belongs) {
        let reason =
            "must have 1 to 512 characters, of letters, digits, and the characters . - _ / #";
        return Err(Fault::value(parameter, reason));
    }
    Ok(())
}

pub(super) fn check_stream(parameter: &str, name: &str) -> Result<(), Fault> {
    let length = name.chars().count();
    if !(1..=MAX_NAME).contains(&length) || name.contains([':', '*']) {
        let reason = "must have 1 to 512 characters, none of them : or *";
        return Err(Fault::value(parameter, reason));
    }
    Ok(())
}

/// The name of a group that a request makes, deletes or changes.
pub(super) fn group_name<'a>(members: &Members<'a>) -> Result<&'a str, Fault> {
    let name = members.required("logGroupName")?;
    check_group("logGroupName", name)?;
    Ok(name)
}

/// The group that a request reads, by name or identifier.
pub(super) fn group<'a>(members: &Members<'a>) -> Result<&'a str, Fault> {
    match (members.text("logGroupName")?, members.text("logGroupIdentifier")?) {
        (Some(_), None) => group_name(members),
        (None, Some(identifier)) => of_identifier("logGroupIdentifier", identifier),
        (None, None) => Err(Fault::missing("logGroupName")),
        (Some(_), Some(_)) => {
            let text = "logGroupName and logGroupIdentifier exclude each other.";
            Err(Fault::new(Kind::InvalidCombination, text))
        }
    }
}

/// The groups of a list of identifiers, each once.
pub(super) fn groups<'a>(members: &Members<'a>, parameter: &str) -> Result<Vec<&'a str>, Fault> {
    let list = members.texts(parameter)?.into_iter();
    let mut groups = list
        .map(|identifier| of_identifier(parameter, identifier))
        .collect::<Result<Vec<_>, _>>()?;
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

/// The error of a refusal.
pub(super) fn fault(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoGroup => {
            Fault::new(Kind::ResourceNotFound, "The specified log group does not exist.")
        }
        Refusal::NoStream => {
            Fault::new(Kind::ResourceNotFound, "The specified log stream does not exist.")
        }
        Refusal::Exists => {
            Fault::new(Kind::ResourceAlreadyExists, "The specified resource already exists.")
        }
        Refusal::TooMany => Fault::new(Kind::LimitExceeded, "There are too many of this kind."),
    }
}

/// Which streams of a group a request is about.
#[derive(Debug)]
pub(super) enum Streams {
    All,
    /// By their numbers, in order.
    Of(Vec<u32>),
}

impl Streams {
    /// Those with one of the names or a prefix.
    pub(super) fn find(view: &View, names: &[&str], prefix: Option<&str>) -> Self {
        if names.is_empty() && prefix.is_none() {
            return Self::All;
        }
        let is_wanted = |name: &str| {
            names.contains(&name) || prefix.is_some_and(|prefix| name.starts_with(prefix))
        };
        Self::Of(view.streams().filter(|(_, name)| is_wanted(name)).map(|(id, _)| id).collect())
    }

    pub(super) fn has(&self, view: &View, stream: u32) -> bool {
        match self {
            Self::All => view.stream(stream).is_some(),
            Self::Of(ids) => ids.binary_search(&stream).is_ok(),
        }
    }
}

/// A limit of results, which is the largest one if it is absent.
pub(super) fn limit(members: &Members<'_>, largest: u32) -> Result<usize, Fault> {
    match members.integer("limit")? {
        None => Ok(largest as usize),
        Some(limit) if (1..=largest).contains(&limit) => Ok(limit as usize),
        Some(_) => Err(Fault::value("limit", &format!("must be 1 to {largest}"))),
    }
}

/// A time in milliseconds since 1970.
pub(super) fn milliseconds(members: &Members<'_>, name: &str) -> Result<Option<i64>, Fault> {
    match members.number(name)? {
        Some(number) if number < 0.0 => Err(Fault::value(name, "must not be negative")),
        number => Ok(number.map(|number| number as i64)),
    }
}

/// Characters of a name.
pub(super) const MAX_NAME: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_names_and_arns() {
        for identifier in [
            "/flowmote/vpc",
            "arn:aws:logs:us-east-1:123456789012:log-group:/flowmote/vpc",
            "arn:aws:logs:us-east-1:123456789012:log-group:/flowmote/vpc:*",
            "arn:aws-cn:logs:cn-north-1:1:log-group:/flowmote/vpc:log-stream:eni-1",
        ] {
            assert_eq!(of_identifier("x", identifier).as_deref(), Ok("/flowmote/vpc"));
        }
        for wrong in [
            "",
            "a b",
            "a:b",
            "é",
            "a*",
            "\u{0}",
            "arn:",
            "arn:aws:logs:::log-group",
            "arn:a:b:c:d:e:f",
            "arn:aws:logs:r:a:log-group:",
            "arn:aws:s3:r:a:log-group:g",
            &"a".repeat(513),
        ] {
            let fault = of_identifier("x", wrong).unwrap_err();
            assert_eq!(fault.kind, Kind::InvalidValue, "{wrong}");
        }
        assert!(of_identifier("x", &"a".repeat(512)).is_ok());
        for (stream, is_right) in [("eni-1 é", true), ("a:b", false), ("", false), ("*", false)] {
            assert_eq!(check_stream("x", stream).is_ok(), is_right, "{stream}");
        }
    }
}
