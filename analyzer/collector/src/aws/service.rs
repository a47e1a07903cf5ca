//! The services of the one port, and how a request names each.

use super::cloudwatch;
use super::document::Document;
use super::ec2;
use super::fault::Fault;
use super::flow_monitor;
use super::logs;
use super::sts;
use crate::hub::Hub;

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Amazon CloudWatch: metrics and alarms.
    Monitoring,
    /// Amazon CloudWatch Logs.
    Logs,
    /// Amazon EC2, as far as flow logs are concerned.
    Ec2,
    /// AWS Security Token Service.
    Sts,
    /// Network Flow Monitor.
    FlowMonitor,
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// True if it changes something.
    pub(crate) changes: bool,
    pub(crate) run: fn(&Hub, &Document) -> Result<Document, Fault>,
}

impl Service {
    /// The service with a name in `X-Amz-Target`, or in a path.
    pub(crate) fn of_target(name: &str) -> Option<Self> {
        match name {
            "GraniteServiceVersion20100801" => Some(Self::Monitoring),
            "Logs_20140328" => Some(Self::Logs),
            flow_monitor::NAME => Some(Self::FlowMonitor),
            _ => None,
        }
    }

    /// The service of a query with a `Version`.
    pub(crate) fn of_version(version: &str) -> Option<Self> {
        match version {
            "2010-08-01" => Some(Self::Monitoring),
            "2016-11-15" => Some(Self::Ec2),
            "2011-06-15" => Some(Self::Sts),
            _ => None,
        }
    }

    /// The operation with a name.
    pub(crate) fn operation(self, name: &str) -> Option<Operation> {
        self.operations().iter().find(|operation| operation.name == name).copied()
    }

    /// All operations.
    pub(crate) fn operations(self) -> &'static [Operation] {
        match self {
            Self::Monitoring => &cloudwatch::OPERATIONS,
            Self::Logs => &logs::OPERATIONS,
            Self::Ec2 => &ec2::OPERATIONS,
            Self::Sts => &sts::OPERATIONS,
            Self::FlowMonitor => &flow_monitor::OPERATIONS,
        }
    }

    /// The namespace of replies in XML.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Monitoring => "http://monitoring.amazonaws.com/doc/2010-08-01/",
            Self::Logs => "http://logs.amazonaws.com/doc/2014-03-28/",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::FlowMonitor => "",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    /// The version of its JSON.
    pub(crate) fn json(self) -> &'static str {
        match self {
            Self::Logs => "application/x-amz-json-1.1",
            Self::FlowMonitor => "application/json",
            _ => "application/x-amz-json-1.0",
        }
    }

    /// True if lists of a query have their numbers directly, `Filter.1.Name`, and those of a reply `item`.
    pub(crate) fn has_plain_lists(self) -> bool {
        self == Self::Ec2
    }
}
