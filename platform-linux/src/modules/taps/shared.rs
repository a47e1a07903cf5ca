//! When interfaces share a tap, and its dimensions.

use std::num::NonZeroU32;

use crate::modules::taps::capture::{Keep, RingShape, TableSize, TapOptions};

/// Dimensions of a shared tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SharedShape {
    pub(super) table: TableSize,
    /// Interfaces at present.
    interfaces: usize,
    pub(super) keep: Keep,
    pub(super) ring: RingShape,
}

impl SharedShape {
    /// The interfaces that can share a tap: those with the direction of the first.
    pub(super) fn candidates<'a>(
        interfaces: impl Iterator<Item = &'a TapOptions>,
    ) -> Vec<&'a TapOptions> {
        let mut candidates: Vec<_> = interfaces.filter(|options| !options.loopback).collect();
        let first = candidates.first().map(|options| options.direction);
        candidates.retain(|options| Some(options.direction) == first);
        candidates
    }

    /// The dimensions for these interfaces; `None` if each is to have a tap of its own.
    pub(super) fn of(interfaces: &[&TapOptions], is_open: bool) -> Option<Self> {
        let least = if is_open { 1 } else { OWN_TAPS + 1 };
        let first = interfaces.first().filter(|_| interfaces.len() >= least)?;
        let indices: Vec<u32> = interfaces.iter().map(|options| options.if_index).collect();
        Some(Self {
            table: TableSize::of(&indices),
            interfaces: indices.len(),
            keep: first.keep(),
            ring: RingShape::for_rate(joint_rate(interfaces)),
        })
    }

    /// The dimensions of hooks, which cannot change later: with room for many more interfaces, and a
    /// ring for events that are twice as long as entries of a packet socket's ring.
    pub(super) fn for_hooks(interfaces: &[&TapOptions]) -> (TableSize, u32) {
        let indices: Vec<u32> = interfaces.iter().map(|options| options.if_index).collect();
        let ring = 2 * RingShape::for_rate(joint_rate(interfaces)).bytes();
        (TableSize::roomy(&indices), u32::try_from(ring).unwrap_or(1 << 24))
    }

    /// Returns true if a tap of this shape can be used where `needed` is.
    pub(super) fn suffices_for(&self, needed: &Self) -> bool {
        self.table.interfaces() >= needed.interfaces
            && self.keep == needed.keep
            && self.ring.bytes() >= needed.ring.bytes()
    }
}

/// N of one interface that causes as many samples as these at their full rates: a host is not able
/// to flood more than [`FLOODED`] of its interfaces at the same time.
fn joint_rate(interfaces: &[&TapOptions]) -> NonZeroU32 {
    let mut rates: Vec<u32> =
        interfaces.iter().map(|options| options.configured_rate.get()).collect();
    rates.sort_unstable();
    let samples: f64 = rates.iter().take(FLOODED).map(|&rate| 1.0 / f64::from(rate)).sum();
    NonZeroU32::new((1.0 / samples) as u32).unwrap_or(NonZeroU32::MIN)
}

/// The most interfaces that have a tap each. An unbound socket sees the packets of all interfaces,
/// so that those that are not selected pay too, and a chosen packet takes a lock that others may
/// hold; but each tap of its own costs a ring and the time to open it.
pub(super) const OWN_TAPS: usize = 16;
const FLOODED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Direction;
    use crate::modules::taps::capture::Way;

    fn options(if_index: u32, rate: u32) -> TapOptions {
        TapOptions {
            if_index,
            name: format!("eth{if_index}"),
            sampling_rate: NonZeroU32::new(rate).unwrap(),
            configured_rate: NonZeroU32::new(rate).unwrap(),
            direction: Direction::Both,
            header_bytes: 128,
            promiscuous: false,
            way: Way::Socket,
            hardware_type: libc::ARPHRD_ETHER,
            loopback: false,
            mtu: 1500,
            ring: None,
        }
    }

    fn shape(count: u32, rate: u32, is_open: bool) -> Option<SharedShape> {
        let interfaces: Vec<TapOptions> = (1..=count).map(|index| options(index, rate)).collect();
        SharedShape::of(&interfaces.iter().collect::<Vec<_>>(), is_open)
    }

    #[test]
    fn few_interfaces_keep_their_own_taps_until_a_shared_one_is_open() {
        assert_eq!(shape(16, 400, false), None);
        assert!(shape(17, 400, false).is_some());
        assert!(shape(1, 400, true).is_some());
        assert_eq!(shape(0, 400, true), None);
    }

    #[test]
    fn ring_is_sized_for_eight_flooded_interfaces() {
        let ring = |rate| shape(400, rate, false).unwrap().ring;
        let of = |rate| RingShape::for_rate(NonZeroU32::new(rate).unwrap());
        assert_eq!(ring(10_000), of(1250));
        assert_eq!(ring(1000), of(125));
        assert_eq!(ring(1), of(1));
        let (mut some, fast) = (vec![], options(1, 1));
        let slow = options(2, 1 << 20);
        some.extend([&slow; 17]);
        some.push(&fast);
        assert_eq!(SharedShape::of(&some, false).unwrap().ring, of(1));
    }

    #[test]
    fn tap_is_replaced_for_more_interfaces_other_header_bytes_or_a_larger_ring() {
        let open = shape(40, 1000, true).unwrap();
        assert!(open.suffices_for(&shape(44, 1000, true).unwrap()));
        assert!(open.suffices_for(&shape(1, 10_000, true).unwrap()));
        assert!(!open.suffices_for(&shape(400, 1000, true).unwrap()));
        assert!(!open.suffices_for(&shape(40, 10, true).unwrap()));
        let keep = Keep { bytes: 64, ..open.keep };
        assert!(!open.suffices_for(&SharedShape { keep, ..open }));
    }
}
