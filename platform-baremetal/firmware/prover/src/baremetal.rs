//! All public functions of `flowmote-baremetal` that do not need smoltcp.

use core::fmt::Debug;
use core::net::SocketAddr;

use embedded_hal::spi::{ErrorType, Operation, SpiDevice};
use flowmote_baremetal::{
    Clock64, CollectorError, FrameDevice, Ksz9477, Ksz9477Port, MibCounter, Node, PacketSample,
    PortSampler, RawUplink, SampleQueue, SharedClock, UdpSender, Uplink,
};
use flowmote_core::{FlowSample, Instant, SampleMeta, SendError, Transport};

use crate::core_entries::Unknown;
use crate::keep;

pub(crate) fn keep_all() {
    keep![
        Clock64::new,
        Clock64::ticks,
        Clock64::ticks_down,
        Clock64::now,
        Clock64::now_down,
        SharedClock::new,
        shared_clock_now,
        shared_clock_now_down,
        MibCounter::clear_on_read,
        MibCounter::wrapping,
        MibCounter::read,
        MibCounter::add,
        MibCounter::total,
    ];
    keep![
        Ksz9477::<Spi>::new,
        Ksz9477::<Spi>::update,
        Ksz9477Port::new,
        Ksz9477Port::if_counters,
        Ksz9477Port::ethernet_counters,
    ];
    keep![
        PortSampler::new,
        PortSampler::advance,
        PortSampler::dropped,
        PortSampler::set_sampling_rate,
        PortSampler::meta,
        port_sampler_offer,
        queue_push,
        SampleQueue::<8>::new,
        SampleQueue::<8>::pop,
        SampleQueue::<8>::peek,
        SampleQueue::<8>::remove,
        PacketSample::received,
        PacketSample::sent,
        PacketSample::sent_in_parts,
        PacketSample::switched,
        PacketSample::header,
        with_flow_sample,
    ];
    keep![
        UdpSender::new,
        UdpSender::neighbour,
        UdpSender::config,
        UdpSender::set_collector,
        UdpSender::reaches,
        UdpSender::handle_frame,
        UdpSender::poll,
        UdpSender::poll_timeout,
        UdpSender::head,
        RawUplink::<Mac>::new,
        RawUplink::<Mac>::device_mut,
        RawUplink::<Mac>::sender,
        <RawUplink<Mac> as Transport>::send,
        <RawUplink<Mac> as Uplink>::poll,
        <RawUplink<Mac> as Uplink>::is_ready,
        <RawUplink<Mac> as Uplink>::poll_timeout,
        <RawUplink<Mac> as Uplink>::set_collector,
    ];
    keep![
        <SampleQueue<8> as Default>::default,
        <SampleQueue<8> as Debug>::fmt,
        <PortSampler as Debug>::fmt,
    ];
    keep_node::<RawUplink<Mac>>();
    keep_node::<AnyUplink>();
}

fn keep_node<U: Uplink + 'static>() {
    keep![
        Node::<Unknown, U, 8>::new,
        Node::<Unknown, U, 8>::poll,
        Node::<Unknown, U, 8>::handle_flow_sample,
        Node::<Unknown, U, 8>::handle_discard,
        Node::<Unknown, U, 8>::set_sampling_rate,
        Node::<Unknown, U, 8>::set_polling,
        Node::<Unknown, U, 8>::set_collector,
        Node::<Unknown, U, 8>::ports,
        Node::<Unknown, U, 8>::stats,
        Node::<Unknown, U, 8>::agent_mut,
        Node::<Unknown, U, 8>::counters_mut,
        Node::<Unknown, U, 8>::uplink_mut,
    ];
}

fn shared_clock_now(clock: &SharedClock, tick: fn() -> u32) -> Instant {
    clock.now(tick)
}

fn shared_clock_now_down(clock: &SharedClock, tick: fn() -> u32) -> Instant {
    clock.now_down(tick)
}

fn port_sampler_offer(port: &PortSampler, queue: &SampleQueue<8>, frame: &[u8]) {
    port.offer(queue, |meta: SampleMeta| PacketSample::received(1, meta, frame));
}

fn queue_push(queue: &SampleQueue<8>, make: fn() -> PacketSample<'static>) -> bool {
    queue.push(make)
}

fn with_flow_sample(sample: &PacketSample<'_>, take: fn(&FlowSample<'_>)) {
    sample.with_flow_sample(take);
}

/// A bus that is opaque to the compiler.
pub(crate) struct Spi(fn(&mut [Operation<'_, u8>]) -> Result<(), core::convert::Infallible>);

impl ErrorType for Spi {
    type Error = core::convert::Infallible;
}

impl SpiDevice for Spi {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Self::Error> {
        (self.0)(operations)
    }
}

/// A MAC that is opaque to the compiler.
pub(crate) struct Mac {
    send: fn(&[u8], &[u8]) -> Result<(), SendError>,
    receive: fn(Take<'_>) -> bool,
}

type Take<'a> = &'a mut dyn FnMut(&[u8]);

impl FrameDevice for Mac {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        (self.send)(head, payload)
    }

    fn receive(&mut self, take: Take<'_>) -> bool {
        (self.receive)(take)
    }
}

/// An uplink that is opaque to the compiler.
pub(crate) struct AnyUplink {
    send: fn(&[u8]) -> Result<(), SendError>,
    ready: fn() -> bool,
    timeout: fn() -> Option<Instant>,
    collector: fn(SocketAddr) -> Result<u32, CollectorError>,
}

impl Transport for AnyUplink {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        (self.send)(datagram)
    }
}

impl Uplink for AnyUplink {
    fn poll(&mut self, _: Instant) {}

    fn is_ready(&mut self) -> bool {
        (self.ready)()
    }

    fn poll_timeout(&mut self, _: Instant) -> Option<Instant> {
        (self.timeout)()
    }

    fn set_collector(&mut self, collector: SocketAddr) -> Result<u32, CollectorError> {
        (self.collector)(collector)
    }
}
