//! The output of `show`: one topic per line, as words followed by numbers.

use core::fmt;
use core::net::Ipv4Addr;

use flowmote_baremetal::Neighbour;
use flowmote_core::Instant;

use super::{Control, Load};
use crate::bridge::{Bridge, Wire};
use crate::config::ADDRESS;

impl<W: Wire> Control<'_, W> {
    /// Prints totals of packets, samples, drops and datagrams.
    pub(super) fn show(&mut self, now: Instant, out: &mut impl fmt::Write) -> fmt::Result {
        self.show_agent(out)?;
        self.show_collector(out)?;
        if let Ok(bridge) = self.bridge.try_borrow() {
            self.show_ports(&bridge, out)?;
            show_bridge(&bridge, now, out)?;
        }
        let Load { frames, rounds, ticks, stack } = self.load;
        writeln!(out, "load frames {frames} rounds {rounds} ticks {ticks}")?;
        writeln!(out, "memory stack {stack}")
    }

    fn show_agent(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let stats = self.node.stats();
        writeln!(out, "agent {}", Dotted(ADDRESS))?;
        writeln!(out, "polling seconds {}", self.polling.as_millis() / 1000)?;
        writeln!(
            out,
            "samples flow {} counter {} discards {} suppressed {} lost {} refused {}",
            stats.flow_samples,
            stats.counter_samples,
            stats.discarded_packets,
            stats.discards_suppressed,
            stats.discards_lost,
            stats.too_large.wrapping_add(stats.unknown_source),
        )?;
        let sent = stats.datagrams.wrapping_sub(stats.send_errors);
        writeln!(out, "datagrams sent {sent} lost {}", stats.send_errors)
    }

    fn show_collector(&mut self, out: &mut impl fmt::Write) -> fmt::Result {
        let Some(address) = self.collector().map(Dotted) else {
            return out.write_str("collector none\n");
        };
        match self.node.uplink_mut().sender().neighbour() {
            Neighbour::Unknown => writeln!(out, "collector {address} not found yet"),
            Neighbour::Known([a, b, c, d, e, f]) => writeln!(
                out,
                "collector {address} at {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"
            ),
        }
    }

    fn show_ports(&self, bridge: &Bridge<'_, W>, out: &mut impl fmt::Write) -> fmt::Result {
        for (port, counters) in self.node.ports().iter().zip(bridge.counters()) {
            let meta = port.sampler.meta();
            writeln!(
                out,
                "port {} received {} discarded {} errors {} sampling {} pool {} sampled {} \
                 drops {} sent {} unsent {}",
                port.if_index,
                counters.received.total(),
                counters.in_discards,
                counters.in_errors,
                meta.sampling_rate,
                meta.sample_pool,
                counters.sampled,
                meta.drops,
                counters.sent.total(),
                counters.out_discards.wrapping_add(counters.out_errors),
            )?;
        }
        Ok(())
    }
}

fn show_bridge<W: Wire>(
    bridge: &Bridge<'_, W>,
    now: Instant,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    let cpu = bridge.cpu_counters();
    writeln!(out, "cpu received {} discarded {}", cpu.received, cpu.discarded)?;
    let stations = bridge.switch().stations();
    let (known, moved, evicted) = (stations.count(now), stations.moved(), stations.evicted());
    writeln!(out, "stations known {known} moved {moved} evicted {evicted}")
}

/// An IPv4 address in dotted notation. `Display` of the standard library is not used, because its
/// buffer handling contains a panic.
struct Dotted(Ipv4Addr);

impl fmt::Display for Dotted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0.octets();
        write!(out, "{a}.{b}.{c}.{d}")
    }
}
