//! Samples from messages.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use flowmote_core::record::counter::{AppOperations, AppResources, AppWorkers, HostParent};
use flowmote_core::record::flow::{
    AppContext, AppInitiator, AppOperation, AppParentContext, AppTarget, ExtendedSocketIpv4,
    ExtendedSocketIpv6, SocketIpv4, SocketIpv6,
};
use flowmote_core::{DataSource, FlowRecord, FlowSample, Interface, SampleMeta};

use super::message::{Context, FlowMessage, Operation, Operations, Resources, Socket, Workers};

/// An address of a message that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoAddress<'a>(pub(super) &'a str);

/// Passes the flow sample of a message to `emit`, and each address that is none to `refuse`; the
/// record of that socket is left out.
pub(super) fn with_flow_sample<'a>(
    message: &'a FlowMessage<'a>,
    operation: &'a Operation<'a>,
    (application, source, meta): (&str, DataSource, SampleMeta),
    refuse: &mut dyn FnMut(NoAddress<'a>),
    emit: impl FnOnce(&FlowSample<'_>),
) {
    let operation = app_operation(application, operation);
    let parent = message.app_parent_context.0.as_ref().and_then(parent_context);
    let actor = |actor: Option<&'a super::message::Actor<'a>>| actor.and_then(|it| it.actor.get());
    let initiator = actor(message.app_initiator.0.as_ref()).map(|actor| AppInitiator { actor });
    let target = actor(message.app_target.0.as_ref()).map(|actor| AppTarget { actor });
    let mut checked = |socket: Result<_, _>| socket.map_err(&mut *refuse).ok();
    let ipv4 = message.extended_socket_ipv4.0.as_ref().map(socket_ipv4).and_then(&mut checked);
    let mut checked = |socket: Result<_, _>| socket.map_err(&mut *refuse).ok();
    let ipv6 = message.extended_socket_ipv6.0.as_ref().map(socket_ipv6).and_then(&mut checked);
    let optional: [Option<&dyn FlowRecord>; 5] = [
        parent.as_ref().map(|record| record as _),
        initiator.as_ref().map(|record| record as _),
        target.as_ref().map(|record| record as _),
        ipv4.as_ref().map(|record| record as _),
        ipv6.as_ref().map(|record| record as _),
    ];
    // The operation comes first. It also fills the places that are not used.
    let mut records: [&dyn FlowRecord; 6] = [&operation; 6];
    let mut used = 1;
    for (place, record) in records.iter_mut().skip(1).zip(optional.into_iter().flatten()) {
        *place = record;
        used += 1;
    }
    let (input, output) = match message.client.0 {
        true => (Interface::Internal, Interface::Unknown),
        false => (Interface::Unknown, Interface::Internal),
    };
    let records = records.get(..used).unwrap_or_default();
    emit(&FlowSample { source, meta, input, output, header: None, records });
}

fn app_operation<'a>(application: &'a str, operation: &'a Operation<'_>) -> AppOperation<'a> {
    AppOperation {
        context: AppContext {
            application,
            operation: operation.operation.as_str(),
            attributes: operation.attributes.as_str(),
        },
        status_descr: operation.status_descr.as_str(),
        req_bytes: operation.req_bytes.0.unwrap_or(0),
        resp_bytes: operation.resp_bytes.0.unwrap_or(0),
        duration_us: operation.duration_us.gauge(),
        status: operation.status.0,
    }
}

/// `None` without the name of an application, which identifies nothing.
fn parent_context<'a>(parent: &'a Context<'_>) -> Option<AppParentContext<'a>> {
    let context = AppContext {
        application: parent.application.get()?,
        operation: parent.operation.as_str(),
        attributes: parent.attributes.as_str(),
    };
    Some(AppParentContext { context })
}

fn socket_ipv4<'a>(socket: &'a Socket<'a>) -> Result<ExtendedSocketIpv4, NoAddress<'a>> {
    Ok(ExtendedSocketIpv4(SocketIpv4 {
        protocol: socket.protocol.gauge(),
        local_ip: address(socket.local_ip.get(), Ipv4Addr::UNSPECIFIED)?,
        remote_ip: address(socket.remote_ip.get(), Ipv4Addr::UNSPECIFIED)?,
        local_port: socket.local_port.gauge(),
        remote_port: socket.remote_port.gauge(),
    }))
}

fn socket_ipv6<'a>(socket: &'a Socket<'a>) -> Result<ExtendedSocketIpv6, NoAddress<'a>> {
    Ok(ExtendedSocketIpv6(SocketIpv6 {
        protocol: socket.protocol.gauge(),
        local_ip: address(socket.local_ip.get(), Ipv6Addr::UNSPECIFIED)?,
        remote_ip: address(socket.remote_ip.get(), Ipv6Addr::UNSPECIFIED)?,
        local_port: socket.local_port.gauge(),
        remote_port: socket.remote_port.gauge(),
    }))
}

/// An address; `unknown` if it is not there.
fn address<T: FromStr>(text: Option<&str>, unknown: T) -> Result<T, NoAddress<'_>> {
    text.map_or(Ok(unknown), |text| text.parse().map_err(|_| NoAddress(text)))
}

/// What is missing is unknown.
pub(super) fn app_operations<'a>(
    application: &'a str,
    operations: &Operations,
) -> AppOperations<'a> {
    AppOperations {
        application,
        success: operations.success.counter(),
        other: operations.other.counter(),
        timeout: operations.timeout.counter(),
        internal_error: operations.internal_error.counter(),
        bad_request: operations.bad_request.counter(),
        forbidden: operations.forbidden.counter(),
        too_large: operations.too_large.counter(),
        not_implemented: operations.not_implemented.counter(),
        not_found: operations.not_found.counter(),
        unavailable: operations.unavailable.counter(),
        unauthorized: operations.unauthorized.counter(),
    }
}

pub(super) fn app_resources(resources: &Resources) -> AppResources {
    AppResources {
        user_time: resources.user_time.counter(),
        system_time: resources.system_time.counter(),
        mem_used: resources.mem_used.0.unwrap_or(0),
        mem_max: resources.mem_max.0.unwrap_or(0),
        fd_open: resources.fd_open.gauge(),
        fd_max: resources.fd_max.gauge(),
        conn_open: resources.conn_open.gauge(),
        conn_max: resources.conn_max.gauge(),
    }
}

pub(super) fn app_workers(workers: &Workers) -> AppWorkers {
    AppWorkers {
        workers_active: workers.workers_active.gauge(),
        workers_idle: workers.workers_idle.gauge(),
        workers_max: workers.workers_max.gauge(),
        req_delayed: workers.req_delayed.counter(),
        req_dropped: workers.req_dropped.counter(),
    }
}

/// The parent of every application in `host_parent` (2002): data source 2:1.
pub(super) const PARENT: HostParent = HostParent { container_type: 2, container_index: 1 };
