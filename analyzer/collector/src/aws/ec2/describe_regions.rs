//! `DescribeRegions`: the one that the user has named.

use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;

pub(super) fn run(hub: &Hub, request: &Document) -> Result<Document, Fault> {
    let members = Members::of(request)?;
    let region = hub.flow_logs.options.region.as_str();
    if let Some(other) = members.texts("RegionName")?.into_iter().find(|name| *name != region) {
        return Err(Fault::value("RegionName", &format!("has {other:.64}, which is not here")));
    }
    let own = Document::new()
        .with("regionName", region)
        .with("regionEndpoint", format!("ec2.{region}.amazonaws.com"))
        .with("optInStatus", "opt-in-not-required");
    Ok(Document::new().with("regionInfo", vec![own]))
}
