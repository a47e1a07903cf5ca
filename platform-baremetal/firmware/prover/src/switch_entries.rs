//! All public functions of `virt-switch` that do not need hardware.

use core::fmt;

use flowmote_baremetal::FrameDevice;
use flowmote_core::{CounterSource, DropReason, Instant};
use virt_switch::{
    Bridge, Console, Control, CpuPort, Discards, Frame, Packets, Port, PortRegisters, PortSet,
    Stations, Switch, VlanTable, Wire, WireError, configured_switch, sampled_ports, samplers,
};

use crate::keep;

pub(crate) fn keep_all() {
    keep![
        Bridge::<AnyWire>::new,
        Bridge::<AnyWire>::receive,
        Bridge::<AnyWire>::wire_mut,
        Bridge::<AnyWire>::switch,
        Bridge::<AnyWire>::counters,
        Bridge::<AnyWire>::cpu_counters,
        discards_iter,
        <CpuPort<AnyWire> as FrameDevice>::send,
        <CpuPort<AnyWire> as FrameDevice>::receive,
        <PortRegisters<AnyWire> as CounterSource>::counters,
    ];
    keep![
        samplers,
        sampled_ports,
        Control::<AnyWire>::new,
        Control::<AnyWire>::receive,
        Control::<AnyWire>::poll,
        control_execute,
        Console::new,
        Console::push,
        <Console as Default>::default,
    ];
    keep![
        Frame::parse,
        Frame::destination,
        Frame::source,
        Packets::total,
        Port::numbered,
        port_all,
        Port::index,
        Port::if_index,
        PortSet::of,
        PortSet::with,
        PortSet::without,
        PortSet::contains,
        PortSet::is_empty,
        PortSet::front,
        port_set_iter,
    ];
    keep![
        Switch::new,
        configured_switch,
        Switch::forward,
        Switch::forward_own,
        Switch::own_address,
        Switch::stations,
        Stations::new,
        <Stations as Default>::default,
        Stations::learn,
        Stations::find,
        Stations::count,
        Stations::moved,
        Stations::evicted,
        VlanTable::classify,
        VlanTable::find,
    ];
}

fn discards_iter(discards: &Discards, take: fn(Option<Port>, DropReason)) {
    discards.iter().for_each(|(port, reason)| take(port, reason));
}

fn control_execute(
    control: &mut Control<'_, AnyWire>,
    now: Instant,
    console: &Console,
    mut out: &mut dyn fmt::Write,
) -> fmt::Result {
    control.execute(now, console, &mut out)
}

fn port_all(take: fn(Port)) {
    Port::all().for_each(take);
}

fn port_set_iter(set: PortSet, take: fn(Port)) {
    set.iter().for_each(take);
}

/// Ports that are opaque to the compiler.
pub(crate) struct AnyWire {
    send: fn(Port, &[&[u8]]) -> Result<(), WireError>,
}

impl Wire for AnyWire {
    fn send(&mut self, port: Port, parts: &[&[u8]]) -> Result<(), WireError> {
        (self.send)(port, parts)
    }
}
