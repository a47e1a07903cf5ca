//! Amazon EC2, as far as flow logs are concerned.

mod create_flow_logs;
mod delete_flow_logs;
mod describe_flow_logs;
mod describe_regions;
mod filter;
mod tags;

use super::document::Document;
use super::service::Operation;

/// The operations.
pub(super) const OPERATIONS: [Operation; 6] = [
    Operation { name: "CreateFlowLogs", changes: true, run: create_flow_logs::run },
    Operation { name: "CreateTags", changes: true, run: tags::create },
    Operation { name: "DeleteFlowLogs", changes: true, run: delete_flow_logs::run },
    Operation { name: "DeleteTags", changes: true, run: tags::delete },
    Operation { name: "DescribeFlowLogs", changes: false, run: describe_flow_logs::run },
    Operation { name: "DescribeRegions", changes: false, run: describe_regions::run },
];

/// An item of a request that failed, while others did not.
fn unsuccessful(resource: &str, code: &str, message: &str) -> Document {
    let error = Document::new().with("code", code).with("message", message);
    Document::new().with("error", error).with("resourceId", resource)
}
