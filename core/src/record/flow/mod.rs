//! Flow records: what is known about one packet, or about one transaction of an application.
//!
//! Every flow sample has packet-header information, [`SampledHeader`] by preference; the rest adds
//! to it what the device knows and the header does not say.

mod app;
mod drop;
mod extended;
mod header;
mod host;
mod http;
mod sampled;
mod socket;

pub use app::{AppContext, AppInitiator, AppOperation, AppParentContext, AppStatus, AppTarget};
pub use drop::{
    AclDirection, ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedHwTrap,
    ExtendedLinuxDropReason,
};
pub use extended::{
    AsPathSegment, ExtendedGateway, ExtendedQueue, ExtendedRouter, ExtendedSwitch,
    ExtendedTimestamp, ExtendedTransit,
};
pub use header::{HeaderProtocol, SampledHeader};
pub use host::{ExtendedEntities, ExtendedTcpInfo, PacketDirection};
pub use http::{ExtendedProxyRequest, HttpMethod, HttpRequest};
pub use sampled::{SampledEthernet, SampledIpv4, SampledIpv6};
pub use socket::{
    ExtendedProxySocketIpv4, ExtendedProxySocketIpv6, ExtendedSocketIpv4, ExtendedSocketIpv6,
    SocketIpv4, SocketIpv6,
};
