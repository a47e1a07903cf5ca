//! The processor's side of the bridge: the CPU port that the agent sends by, and the counter
//! registers.
//!
//! Data plane and agent borrow the bridge in turn, and neither holds the borrow while it calls the
//! other, so `try_borrow` never fails. It is used because `borrow` could panic, which the
//! proof would have to exclude.

use core::cell::RefCell;

use flowmote_baremetal::FrameDevice;
use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::{CounterRecord, CounterSource, DataSource, SendError};

use crate::bridge::{Bridge, Wire};
use crate::port::Port;

/// The CPU port: frames of the agent go through the switch like any other.
#[derive(Debug)]
pub struct CpuPort<'a, W>(pub(crate) &'a RefCell<Bridge<'a, W>>);

/// The counter registers of the front ports.
#[derive(Debug)]
pub struct PortRegisters<'a, W>(pub(crate) &'a RefCell<Bridge<'a, W>>);

impl<W: Wire> FrameDevice for CpuPort<'_, W> {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        let length = head.len().saturating_add(payload.len());
        let missing = SHORTEST.len().saturating_sub(length);
        // Pad to the minimum of Ethernet. Only ARP frames are that short, and they have no payload.
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

/// Minimum frame length without FCS.
const SHORTEST: [u8; 60] = [0; 60];
