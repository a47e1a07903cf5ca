//! Every call of `core`.

use flowmote_core::record::flow::HeaderProtocol;
use flowmote_core::{
    Agent, CounterRecord, CounterSource, DataFormat, DataSource, DatagramBuilder, DropReason,
    Duration, Encoder, Instant, Interface, Poller, Random, Sampler, SendError, Transport,
    is_datasource_name, is_value_name,
};

use crate::keep;

pub(crate) fn keep_all() {
    keep![
        Agent::new,
        Agent::reconfigure,
        Agent::add_source,
        Agent::remove_source,
        Agent::set_polling,
        Agent::counters_reset,
        Agent::stats,
        Agent::handle_flow_sample,
        Agent::handle_discard,
        Agent::discards_lost,
        Agent::datagrams_lost,
        Agent::handle_counters,
        Agent::handle_rt_metric,
        Agent::handle_rt_flow,
        is_datasource_name,
        is_value_name,
        Agent::poll_counters,
        Agent::poll_transmit,
        Agent::flush,
        Agent::poll_timeout,
        agent_poll,
        agent_poll_source,
        agent_transmit,
    ];
    keep![
        DatagramBuilder::new,
        DatagramBuilder::restart,
        DatagramBuilder::is_empty,
        DatagramBuilder::is_first,
        DatagramBuilder::len,
        DatagramBuilder::remaining,
        DatagramBuilder::flow_sample,
        DatagramBuilder::counter_sample,
        DatagramBuilder::discarded_packet,
        DatagramBuilder::rt_metric,
        DatagramBuilder::rt_flow,
        DatagramBuilder::finish,
    ];
    keep![
        Poller::new,
        Poller::interval,
        Poller::due,
        Poller::poll,
        Random::new,
        Random::next_u32,
        Random::below,
        Random::fill,
        Sampler::new,
        Sampler::advance,
        Sampler::meta,
        Sampler::dropped,
        Sampler::until_sample,
        Sampler::sampling_rate,
        Sampler::set_sampling_rate,
    ];
    keep![
        DataSource::new,
        DataSource::interface,
        DataSource::logical,
        DataSource::class,
        DataSource::index,
        DataSource::compact,
        Interface::expanded,
        Interface::compact,
        DropReason::new,
        DropReason::code,
        DropReason::name,
        HeaderProtocol::new,
        HeaderProtocol::code,
        HeaderProtocol::name,
        DataFormat::new,
        DataFormat::standard,
        DataFormat::word,
    ];
    keep![
        Instant::from_millis,
        Instant::as_millis,
        Instant::uptime,
        Instant::saturating_add,
        Instant::since,
        <Instant as core::ops::Add<Duration>>::add,
        Duration::from_millis,
        Duration::from_secs,
        Duration::as_millis,
        Duration::is_zero,
    ];
    keep![
        Encoder::new,
        Encoder::len,
        Encoder::is_empty,
        Encoder::overflowed,
        Encoder::written,
        Encoder::u32,
        Encoder::i32,
        Encoder::u64,
        Encoder::f32,
        Encoder::f64,
        Encoder::words::<3>,
        Encoder::opaque_fixed,
        Encoder::opaque,
        Encoder::string,
        Encoder::mac,
        Encoder::remaining,
    ];
}

type Records = &'static [&'static dyn CounterRecord];

/// A platform of which nothing is known.
pub(crate) struct Unknown {
    pub(crate) records: fn(DataSource) -> Records,
    pub(crate) send: fn(&[u8]) -> Result<(), SendError>,
}

impl CounterSource for Unknown {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        emit((self.records)(source));
    }
}

impl Transport for Unknown {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        (self.send)(datagram)
    }
}

fn agent_poll(
    agent: &mut Agent<'_>,
    now: Instant,
    mut counters: &mut Unknown,
    mut transport: &mut Unknown,
) -> Option<Instant> {
    agent.poll(now, &mut counters, &mut transport)
}

fn agent_poll_source(
    agent: &mut Agent<'_>,
    now: Instant,
    source: DataSource,
    mut counters: &mut Unknown,
    mut transport: &mut Unknown,
) {
    agent.poll_source(now, source, &mut counters, &mut transport);
}

fn agent_transmit(agent: &mut Agent<'_>, now: Instant, transport: &mut Unknown) {
    agent.transmit(now, transport);
}
