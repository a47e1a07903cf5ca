//! Table of interfaces and their rates.

use flowmote_engine::{Engine, Interface, InterfaceRates};

use super::{Line, Sort, View, label, section};
use crate::commands::top::units::{fit, known, si};

impl View {
    pub(super) fn interfaces(&self, engine: &Engine, height: usize) -> Vec<Line> {
        let mut rows: Vec<_> = engine.interfaces().map(|(at, port)| (*at, port)).collect();
        let rates = |port: &Interface| port.rates.unwrap_or_default();
        let bits = |r: InterfaceRates| r.in_bits.unwrap_or(0.0) + r.out_bits.unwrap_or(0.0);
        let packets =
            |r: InterfaceRates| r.in_packets.unwrap_or(0.0) + r.out_packets.unwrap_or(0.0);
        rows.sort_by(|(a, x), (b, y)| match self.sort {
            Sort::Bits => bits(rates(y)).total_cmp(&bits(rates(x))).then(a.cmp(b)),
            Sort::Packets => packets(rates(y)).total_cmp(&packets(rates(x))).then(a.cmp(b)),
            Sort::Name => x.name.cmp(&y.name).then(a.cmp(b)),
        });
        let name = (self.width.saturating_sub(60)).clamp(12, 40);
        let row = |cells: [&str; 9]| {
            let [port, status, speed, inb, outb, inp, outp, errors, discards] = cells;
            let rates = format!("{inb:>6} {outb:>6} {inp:>6} {outp:>6} {errors:>6} {discards:>5}");
            format!("{:name$} {status:9} {speed:>5} {rates}", fit(port, name))
        };
        let header = row([
            "INTERFACE",
            "adm/oper",
            "speed",
            "in b/s",
            "out",
            "in p/s",
            "out",
            "errors",
            "drops",
        ]);
        section(header, height, rows.iter(), |(origin, port)| {
            let Some((_, counters)) = &port.counters else {
                return row([&label(engine, origin), "no data", "-", "-", "-", "-", "-", "-", "-"]);
            };
            let rates = rates(port);
            // Bit 0 of ifStatus is the administrative, bit 1 the operational state.
            let up = |bit: u32| if counters.if_status & bit != 0 { "up" } else { "down" };
            row([
                &label(engine, origin),
                &format!("{}/{}", up(1), up(2)),
                &si(counters.if_speed as f64),
                &known(rates.in_bits, si),
                &known(rates.out_bits, si),
                &known(rates.in_packets, si),
                &known(rates.out_packets, si),
                &known(rates.errors, si),
                &known(rates.discards, si),
            ])
        })
    }
}
