//! Flow records: attributes of one sampled packet or transaction.

mod application;
mod device;
mod forwarding;
mod infiniband;
mod packet;
mod tunnel;
mod user;
mod vendor;
mod wireless;

pub use application::*;
pub use device::*;
pub use forwarding::*;
pub use infiniband::*;
pub use packet::*;
pub use tunnel::*;
pub use user::User;
pub use vendor::*;
pub use wireless::*;

use crate::layout::{Items, Layout};
use crate::record::{Record, Records};
use crate::space::registry;
use crate::xdr::Span;

/// The number space of flow records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {}

/// A flow record, not yet read.
pub type FlowRecord<'a> = Record<'a, Flow>;

/// The flow records of a sample.
pub type FlowRecords<'a> = Records<'a, Flow>;

impl<'a> FlowRecords<'a> {
    /// The records of a sample that were stored without it: the [remaining](Records::remaining) bytes of
    /// its records, and their [version](Records::version). Bytes that are no record end them.
    pub fn stored(version: u8, bytes: &'a [u8]) -> Self {
        let span = Span::new(bytes);
        match version {
            2 | 4 => Self::new(span, 1, Layout::list(version, Items::Packet)),
            _ => Self::new(span, u32::MAX, Layout::VERSION_5),
        }
    }
}

registry! {
    /// A flow record that has been read.
    FlowData of Flow {
        SampledHeader<'a>,
        SampledEthernet,
        SampledIpv4,
        SampledIpv6,
        ExtendedSwitch,
        ExtendedRouter,
        ExtendedGateway<'a>,
        ExtendedUser<'a>,
        ExtendedUrl<'a>,
        ExtendedMpls<'a>,
        ExtendedNat,
        ExtendedMplsTunnel<'a>,
        ExtendedMplsVc<'a>,
        ExtendedMplsFtn<'a>,
        ExtendedMplsLdpFec,
        ExtendedVlantunnel<'a>,
        Extended80211Payload<'a>,
        Extended80211Rx<'a>,
        Extended80211Tx<'a>,
        Extended80211Aggregation<'a>,
        ExtendedOpenflowV1,
        ExtendedFc,
        ExtendedQueueLength,
        ExtendedNatPort,
        ExtendedL2TunnelEgress,
        ExtendedL2TunnelIngress,
        ExtendedIpv4TunnelEgress,
        ExtendedIpv4TunnelIngress,
        ExtendedIpv6TunnelEgress,
        ExtendedIpv6TunnelIngress,
        ExtendedDecapsulateEgress,
        ExtendedDecapsulateIngress,
        ExtendedVniEgress,
        ExtendedVniIngress,
        ExtendedIbLrh,
        ExtendedIbGrh,
        ExtendedIbBth,
        ExtendedVlanin<'a>,
        ExtendedVlanout<'a>,
        ExtendedEgressQueue,
        ExtendedAcl<'a>,
        ExtendedFunction<'a>,
        ExtendedTransit,
        ExtendedQueue,
        ExtendedHwTrap<'a>,
        ExtendedLinuxDropReason<'a>,
        ExtendedTimestamp,
        Transaction,
        ExtendedNfsStorageTransaction<'a>,
        ExtendedScsiStorageTransaction,
        ExtendedHttpTransaction<'a>,
        ExtendedSocketIpv4,
        ExtendedSocketIpv6,
        ExtendedProxySocketIpv4,
        ExtendedProxySocketIpv6,
        MemcacheOperation<'a>,
        HttpRequestDeprecated<'a>,
        AppOperation<'a>,
        AppParentContext<'a>,
        AppInitiator<'a>,
        AppTarget<'a>,
        HttpRequest<'a>,
        ExtendedProxyRequest<'a>,
        ExtendedNavTiming,
        ExtendedTcpInfo,
        ExtendedEntities,
        ExtendedBstEgressQueue,
        PmacctTagOld,
        PmacctClassOld,
        PmacctTag,
        PmacctNdpiClass,
    }
}
