//! The processor's side of the bridge: the port behind which the agent is, and the registers that
//! it reads counters from.
//!
//! Data plane and agent take turns with the bridge. Neither holds it while it calls the other, so
//! it is never found taken; asking whether it is costs less than a panic that has to be ruled out.

use core::cell::RefCell;

use flowmote_baremetal::FrameDevice;
use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::{CounterRecord, CounterSource, DataSource, SendError};

use crate::bridge::{Bridge, Wire};
use crate::port::Port;

/// The port of the processor: what the agent sends goes through the switch like any frame.
#[derive(Debug)]
pub struct CpuPort<'a, W>(pub(crate) &'a RefCell<Bridge<'a, W>>);

/// The counters of the front ports.
#[derive(Debug)]
pub struct PortRegisters<'a, W>(pub(crate) &'a RefCell<Bridge<'a, W>>);

impl<W: Wire> FrameDevice for CpuPort<'_, W> {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        let length = head.len().saturating_add(payload.len());
        let missing = SHORTEST.len().saturating_sub(length);
        // Only ARP is that short, and it has no payload.
        let padding = SHORTEST.get(..missing).filter(|_| payload.is_empty());
        let mut bridge = self.0.try_borrow_mut().map_err(|_| SendError)?;
        bridge.send_own(head, padding.unwrap_or(payload))
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        let Ok(mut bridge) = self.0.try_borrow_mut() else { return false };
        let Some(frame) = bridge.next_for_cpu() else { return false };
        drop(bridge);
        take(frame.bytes());
        true
    }
}

impl<W: Wire> CounterSource for PortRegisters<'_, W> {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let Some(port) = Port::numbered(source.index()) else { return };
        let Ok(bridge) = self.0.try_borrow() else { return };
        let Some(counters) = bridge.counters().get(port.index()).copied() else { return };
        drop(bridge);
        let records: (IfCounters, EthernetCounters) = counters.records(port);
        emit(&[&records.0, &records.1]);
    }
}

/// The shortest frame of Ethernet, without FCS.
const SHORTEST: [u8; 60] = [0; 60];
