//! What `show` prints: a line for each port, then what concerns them all.

use core::fmt;

use flowmote_core::Instant;

use super::Node;
use crate::config::ADDRESS;
use crate::port::Port;

impl Node<'_> {
    /// Everything that was seen, sampled, dropped and sent.
    pub(super) fn show(&self, now: Instant, out: &mut impl fmt::Write) -> fmt::Result {
        for (port, (counters, tap)) in
            Port::all().zip(self.bridge.counters.iter().zip(self.taps.iter()))
        {
            let meta = tap.sampler.meta();
            writeln!(
                out,
                "port {} received {} discarded {} errors {} pool {} sampled {} drops {} \
                 sent {} unsent {} sampling {}",
                port.if_index(),
                counters.received.total(),
                counters.in_discards,
                counters.in_errors,
                meta.sample_pool,
                tap.sampled,
                meta.drops,
                counters.sent.total(),
                counters.out_discards.wrapping_add(counters.out_errors),
                meta.sampling_rate,
            )?;
        }
        self.show_stations(now, out)?;
        self.show_agent(out)?;
        self.show_collector(out)?;
        writeln!(out, "load frames {} ticks {}", self.load.frames, self.load.ticks)
    }

    fn show_stations(&self, now: Instant, out: &mut impl fmt::Write) -> fmt::Result {
        let stations = self.bridge.switch.stations();
        let (known, moved, evicted) = (stations.count(now), stations.moved(), stations.evicted());
        writeln!(out, "stations known {known} moved {moved} evicted {evicted}")
    }

    fn show_agent(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let stats = self.agent.stats();
        writeln!(out, "agent {ADDRESS}")?;
        writeln!(out, "polling seconds {}", self.polling.as_millis() / 1000)?;
        writeln!(
            out,
            "samples flow {} counter {} discards {} suppressed {} lost {} refused {}",
            stats.flow_samples,
            stats.counter_samples,
            stats.discarded_packets,
            stats.discards_suppressed,
            self.notices_lost,
            stats.too_large.wrapping_add(stats.unknown_source),
        )?;
        let sent = stats.datagrams.wrapping_sub(stats.send_errors);
        writeln!(out, "datagrams sent {sent} lost {}", stats.send_errors)
    }

    fn show_collector(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self.bridge.host.collector() {
            None => writeln!(out, "collector none"),
            Some((address, None)) => writeln!(out, "collector {address} not found yet"),
            Some((address, Some([a, b, c, d, e, f]))) => writeln!(
                out,
                "collector {address} at {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"
            ),
        }
    }
}
