//! Operations on what log groups of this program never have: filters that make metrics or send events on,
//! policies, indexes, saved queries and others. Tools such as Terraform and Grafana list them before they do
//! anything else. The operations that would make one are not there.

use super::name::{fault, group, group_name};
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;

pub(super) fn account_policies(_: &Hub, document: &Document) -> Result<Document, Fault> {
    Members::of(document)?.required("policyType")?;
    Ok(none("accountPolicies"))
}

pub(super) fn anomaly_detectors(_: &Hub, _: &Document) -> Result<Document, Fault> {
    Ok(none("anomalyDetectors"))
}

pub(super) fn destinations(_: &Hub, _: &Document) -> Result<Document, Fault> {
    Ok(none("destinations"))
}

pub(super) fn export_tasks(_: &Hub, _: &Document) -> Result<Document, Fault> {
    Ok(none("exportTasks"))
}

pub(super) fn field_indexes(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    of_groups(hub, document)?;
    Ok(none("fieldIndexes"))
}

pub(super) fn index_policies(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    of_groups(hub, document)?;
    Ok(none("indexPolicies"))
}

pub(super) fn metric_filters(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    if members.has("logGroupName") {
        check(hub, group_name(&members)?)?;
    }
    Ok(none("metricFilters"))
}

pub(super) fn query_definitions(_: &Hub, _: &Document) -> Result<Document, Fault> {
    Ok(none("queryDefinitions"))
}

pub(super) fn resource_policies(_: &Hub, _: &Document) -> Result<Document, Fault> {
    Ok(none("resourcePolicies"))
}

pub(super) fn subscription_filters(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    check(hub, group_name(&Members::of(document)?)?)?;
    Ok(none("subscriptionFilters"))
}

/// The reply without a policy.
pub(super) fn data_protection(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    check(hub, group(&members)?)?;
    Ok(Document::new().with_some("logGroupIdentifier", members.text("logGroupIdentifier")?))
}

fn of_groups(hub: &Hub, document: &Document) -> Result<(), Fault> {
    let members = Members::of(document)?;
    let groups = super::name::groups(&members, "logGroupIdentifiers")?;
    if groups.is_empty() {
        return Err(Fault::missing("logGroupIdentifiers"));
    }
    groups.into_iter().try_for_each(|group| check(hub, group))
}

fn check(hub: &Hub, group: &str) -> Result<(), Fault> {
    hub.aws.logs.store().group(group).map(drop).map_err(fault)
}

fn none(list: &str) -> Document {
    Document::new().with(list, Vec::new())
}
