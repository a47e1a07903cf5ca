//! Every record of `core`.

use flowmote_core::record::counter::*;
use flowmote_core::record::flow::*;
use flowmote_core::{CounterRecord, FlowRecord};

use crate::keep;

macro_rules! keep_records {
    ($kind:ident: $($record:ident),* $(,)?) => {
        $(keep![<$record as $kind>::format, <$record as $kind>::encode];)*
    };
}

pub(crate) fn keep_all() {
    keep_records![FlowRecord:
        AppInitiator,
        AppOperation,
        AppParentContext,
        AppTarget,
        ExtendedAcl,
        ExtendedEgressQueue,
        ExtendedEntities,
        ExtendedFunction,
        ExtendedGateway,
        ExtendedHwTrap,
        ExtendedLinuxDropReason,
        ExtendedProxyRequest,
        ExtendedProxySocketIpv4,
        ExtendedProxySocketIpv6,
        ExtendedQueue,
        ExtendedRouter,
        ExtendedSocketIpv4,
        ExtendedSocketIpv6,
        ExtendedSwitch,
        ExtendedTcpInfo,
        ExtendedTimestamp,
        ExtendedTransit,
        HttpRequest,
        SampledEthernet,
        SampledHeader,
        SampledIpv4,
        SampledIpv6,
    ];
    keep_records![CounterRecord:
        AppOperations,
        AppResources,
        AppWorkers,
        EthernetCounters,
        HostAdapters,
        HostCpu,
        HostDescr,
        HostDiskIo,
        HostMemory,
        HostNetIo,
        HostParent,
        HttpCounters,
        IfCounters,
        LagPortStats,
        Mib2IcmpGroup,
        Mib2IpGroup,
        Mib2TcpGroup,
        Mib2UdpGroup,
        NvidiaGpu,
        OfPort,
        PfcCounters,
        PortName,
        Processor,
        QueueLength,
        Sfp,
        VirtCpu,
        VirtDiskIo,
        VirtMemory,
        VirtNetIo,
        VirtNode,
        VlanCounters,
    ];
    keep![
        <AppOperations as Default>::default,
        <HostDescr as Default>::default,
        <LagPortStats as Default>::default,
        <PortName as Default>::default,
    ];
}
