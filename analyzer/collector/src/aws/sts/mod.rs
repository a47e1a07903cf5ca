//! AWS Security Token Service: whose the account is.

use super::document::Document;
use super::fault::Fault;
use super::service::Operation;
use crate::hub::Hub;

/// The operations.
pub(super) const OPERATIONS: [Operation; 1] =
    [Operation { name: "GetCallerIdentity", changes: false, run: get_caller_identity }];

/// The account that the user has named: there are no users of their own.
fn get_caller_identity(hub: &Hub, _: &Document) -> Result<Document, Fault> {
    let account = hub.flow_logs.options.account.as_str();
    let arn = format!("arn:aws:iam::{account}:root");
    Ok(Document::new().with("UserId", account).with("Account", account).with("Arn", arn))
}
