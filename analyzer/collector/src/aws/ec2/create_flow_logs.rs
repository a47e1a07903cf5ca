//! `CreateFlowLogs`: a flow log for each resource.

use core::hash::BuildHasher;
use std::collections::BTreeMap;
use std::hash::RandomState;

use super::unsuccessful;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::flow_logs::{
    ALL, DEFAULT, Destination, FileSetting, FlowLogSetting, Format, Traffic, WINDOWS,
    is_group_name, make_groups,
};
use crate::hub::Hub;

/// A request.
#[derive(Debug)]
struct Create<'a> {
    resources: Vec<&'a str>,
    /// The flow log of a resource that is still to be filled in.
    setting: FlowLogSetting,
}

pub(super) fn run(hub: &Hub, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let create = Create::read(hub, &members)?;
    if members.boolean("DryRun")? == Some(true) {
        return Err(Fault::new(Kind::DryRun, "The request would have succeeded."));
    }
    let (ids, failed) = hub.change(|hub, settings| {
        let made = create.add(&mut settings.flow_logs);
        let fault = |(_, error): (String, String)| Fault::new(Kind::InvalidValue, error);
        hub.flow_logs.set(&settings.flow_logs).map_err(fault).map(|()| made)
    })?;
    make_groups(hub);
    Ok(Document::new()
        .with_some("clientToken", create.setting.client_token)
        .with("flowLogIdSet", ids)
        .with("unsuccessful", failed))
}

impl<'a> Create<'a> {
    fn read(hub: &Hub, members: &Members<'a>) -> Result<Self, Fault> {
        let resources = members.texts("ResourceId")?;
        if resources.is_empty() {
            return Err(Fault::missing("ResourceId"));
        }
        if resources.len() > MAX_RESOURCES {
            let text = format!("has more than {MAX_RESOURCES} ids");
            return Err(Fault::value("ResourceId", &text));
        }
        match members.required("ResourceType")? {
            "VPC" | "Subnet" | "NetworkInterface" => {}
            _ => {
                let text = "is none of VPC, Subnet and NetworkInterface";
                return Err(Fault::value("ResourceType", text));
            }
        }
        let setting = FlowLogSetting {
            resource: String::new(),
            traffic: traffic(members)?,
            format: format(members)?,
            window: window(members)?,
            destination: destination(hub, members)?,
            created: hub.unix_ms(hub.now()),
            tags: tags(members)?,
            tag_keys: tag_keys(members)?,
            client_token: bounded(members, "ClientToken", 64)?.map(str::to_owned),
            permission: bounded(members, "DeliverLogsPermissionArn", 2048)?.map(str::to_owned),
            cross_account_role: bounded(members, "DeliverCrossAccountRole", 2048)?
                .map(str::to_owned),
        };
        Ok(Self { resources, setting })
    }

    /// Adds the flow logs. Returns their ids, and the resources that have none.
    fn add(&self, logs: &mut BTreeMap<String, FlowLogSetting>) -> (Vec<Document>, Vec<Document>) {
        let (mut ids, mut failed) = (Vec::new(), Vec::new());
        for resource in &self.resources {
            match self.add_one(resource, logs) {
                Ok(id) => ids.push(id.into()),
                Err((code, message)) => failed.push(unsuccessful(resource, code, message)),
            }
        }
        (ids, failed)
    }

    fn add_one(
        &self,
        resource: &str,
        logs: &mut BTreeMap<String, FlowLogSetting>,
    ) -> Result<String, (&'static str, &'static str)> {
        let resource = if resource == "*" { ALL } else { resource };
        if !is_resource(resource) {
            let text = "A resource is all, *, vpc-…, subnet-…, eni-…, i-…, the address of an agent, or \
                        an interface-id of a flow log.";
            return Err(("InvalidParameterValue", text));
        }
        let new = FlowLogSetting { resource: resource.to_owned(), ..self.setting.clone() };
        let mut others = logs.values().filter(|old| old.client_token.is_some());
        if others.any(|old| old.client_token == new.client_token && !old.is_like(&new)) {
            let text = "There is a flow log of this ClientToken with other parameters.";
            return Err(("IdempotentParameterMismatch", text));
        }
        let same = |old: &FlowLogSetting| {
            old.resource == new.resource
                && old.traffic == new.traffic
                && old.destination == new.destination
                && old.format == new.format
        };
        if let Some((id, old)) = logs.iter().find(|(_, old)| same(old)) {
            let again = new.client_token.is_some() && old.client_token == new.client_token;
            let text = "There is a flow log with this resource, traffic, format and destination.";
            return if again { Ok(id.clone()) } else { Err(("FlowLogAlreadyExists", text)) };
        }
        if logs.len() >= MAX_FLOW_LOGS {
            return Err(("FlowLogsLimitExceeded", "There can be 100 flow logs."));
        }
        let id = new_id(logs);
        logs.insert(id.clone(), new);
        Ok(id)
    }
}

fn traffic(members: &Members<'_>) -> Result<Traffic, Fault> {
    match members.text("TrafficType")? {
        None | Some("ALL") => Ok(Traffic::All),
        Some("ACCEPT") => Ok(Traffic::Accept),
        Some("REJECT") => Ok(Traffic::Reject),
        Some(_) => Err(Fault::value("TrafficType", "is none of ACCEPT, REJECT and ALL")),
    }
}

fn format(members: &Members<'_>) -> Result<String, Fault> {
    let text = bounded(members, "LogFormat", 4096)?.unwrap_or(DEFAULT);
    let format = Format::parse(text).map_err(|error| Fault::value("LogFormat", &error))?;
    Ok(format.to_string())
}

fn window(members: &Members<'_>) -> Result<u32, Fault> {
    let window = members.integer("MaxAggregationInterval")?.unwrap_or(600);
    if WINDOWS.contains(&window) {
        return Ok(window);
    }
    Err(Fault::value("MaxAggregationInterval", "is none of 1, 10, 60 and 600"))
}

fn destination(hub: &Hub, members: &Members<'_>) -> Result<Destination, Fault> {
    let arn = members.text("LogDestination")?;
    let group = members.text("LogGroupName")?;
    match members.text("LogDestinationType")?.unwrap_or("cloud-watch-logs") {
        "cloud-watch-logs" => {
            let of_arn = arn.and_then(|arn| arn.split_once(":log-group:")).map(|(_, name)| name);
            let of_arn = of_arn.map(|name| name.strip_suffix(":*").unwrap_or(name));
            let group = group.or(of_arn).ok_or_else(|| Fault::missing("LogGroupName"))?;
            if !is_group_name(group) {
                let text = "is no name of a log group: 1 to 400 of a-z, A-Z, 0-9 and _-/.#";
                return Err(Fault::value("LogGroupName", text));
            }
            Ok(Destination::Group(group.to_owned()))
        }
        "s3" => files(hub, members, arn).map(Destination::Files),
        _ => Err(Fault::value("LogDestinationType", "is neither cloud-watch-logs nor s3")),
    }
}

fn files(hub: &Hub, members: &Members<'_>, arn: Option<&str>) -> Result<FileSetting, Fault> {
    if !hub.flow_logs.has_files() {
        let text = "is s3, but the analyzer has no directory for files: --flow-files DIR";
        return Err(Fault::value("LogDestinationType", text));
    }
    let arn = arn.ok_or_else(|| Fault::missing("LogDestination"))?;
    let path = arn.strip_prefix("arn:aws:s3:::").map(|path| path.trim_end_matches('/'));
    let path = path.filter(|path| is_path(path)).ok_or_else(|| {
        let text = "is none of the form arn:aws:s3:::BUCKET/PREFIX, of a-z, A-Z, 0-9 and _-.=";
        Fault::value("LogDestination", text)
    })?;
    let options = members.structure("DestinationOptions")?;
    let flag = |name: &str| -> Result<bool, Fault> {
        let flag = options.as_ref().map(|options| options.boolean(name)).transpose()?;
        Ok(flag.flatten().unwrap_or(false))
    };
    let format = options.as_ref().map(|options| options.text("FileFormat")).transpose()?.flatten();
    let parquet = match format {
        None | Some("plain-text") => false,
        Some("parquet") => true,
        Some(_) => {
            let text = "is neither plain-text nor parquet";
            return Err(Fault::value("DestinationOptions.FileFormat", text));
        }
    };
    let (hive, per_hour) = (flag("HiveCompatiblePartitions")?, flag("PerHourPartition")?);
    Ok(FileSetting { path: path.to_owned(), parquet, hive, per_hour })
}

/// True for a path that stays below its directory.
fn is_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.=".contains(&byte);
    let part = |part: &str| !part.starts_with('.') && !part.is_empty() && part.bytes().all(allowed);
    path.len() <= 512 && path.split('/').all(part)
}

fn tags(members: &Members<'_>) -> Result<Vec<(String, String)>, Fault> {
    let mut tags = Vec::new();
    for specification in members.structures("TagSpecification")? {
        for tag in specification.structures("Tag")? {
            let key = bounded(&tag, "Key", 128)?.ok_or_else(|| Fault::missing("Tag.Key"))?;
            let value = bounded(&tag, "Value", 256)?.unwrap_or_default();
            if tags.iter().any(|(other, _)| other == key) {
                return Err(Fault::value("TagSpecification", &format!("has the key {key} twice")));
            }
            tags.push((key.to_owned(), value.to_owned()));
        }
    }
    if tags.len() > 50 {
        return Err(Fault::value("TagSpecification", "has more than 50 tags"));
    }
    Ok(tags)
}

/// The tags of instances that `instance-tag` and `instance-tag-2` have.
fn tag_keys(members: &Members<'_>) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    for specification in members.structures("TagFieldSpecification")? {
        if specification.text("ResourceType")? == Some("instance") {
            let keys = specification.texts("TagKey")?;
            found.extend(keys.into_iter().map(str::to_owned));
        }
    }
    if found.len() > 2 || found.iter().any(|key| key.len() > 128) {
        return Err(Fault::value("TagFieldSpecification", "has more than 2 keys of 128 bytes"));
    }
    Ok(found)
}

fn bounded<'a>(members: &Members<'a>, name: &str, most: usize) -> Result<Option<&'a str>, Fault> {
    let text = members.text(name)?;
    if text.is_some_and(|text| text.len() > most) {
        return Err(Fault::value(name, &format!("has more than {most} bytes")));
    }
    Ok(text)
}

/// True for what a flow log can be about.
fn is_resource(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

/// An id that no other flow log has.
fn new_id(logs: &BTreeMap<String, FlowLogSetting>) -> String {
    let hasher = RandomState::new();
    // The highest digit is none of the flow logs that are always there.
    let id = |number| format!("fl-1{:016x}", hasher.hash_one(number));
    (0..u64::MAX).map(id).find(|id| !logs.contains_key(id)).unwrap_or_default()
}

const MAX_RESOURCES: usize = 25;
const MAX_FLOW_LOGS: usize = 100;
