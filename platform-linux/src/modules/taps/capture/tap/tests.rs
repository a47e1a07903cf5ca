//! A scripted kernel: what each errno does, and a ring written by hand.

use core::cell::RefCell;
use core::num::NonZeroU32;
use std::rc::Rc;

use flowmote_core::SampleMeta;

use super::*;
use crate::config::Direction;
use crate::kernel::sys::fake::{Scripted, anonymous_memory, descriptor, errno};
use crate::kernel::sys::syscall::Call;
use crate::modules::taps::capture::options::{TapOptions, Way};

fn options() -> TapOptions {
    TapOptions {
        if_index: 7,
        name: "eth9".into(),
        sampling_rate: NonZeroU32::new(400).unwrap(),
        configured_rate: NonZeroU32::new(400).unwrap(),
        direction: Direction::Both,
        header_bytes: 64,
        promiscuous: false,
        way: Way::Socket,
        hardware_type: libc::ARPHRD_ETHER,
        loopback: false,
        mtu: 1500,
        ring: Some(RingShape { block_size: 16 << 10, blocks: 4 }),
    }
}

/// A kernel that can do everything, with a ring of plain memory.
fn able(call: &mut Call<'_>) -> Option<io::Result<usize>> {
    Some(match call {
        Call::Socket { .. } | Call::MapCreate { .. } | Call::ProgramLoad { .. } => descriptor(),
        Call::Map { length, .. } | Call::Reserve { length } => anonymous_memory(*length),
        Call::Unmap { .. } => return None,
        Call::Name { address, .. } => {
            address.sll_ifindex = 7;
            Ok(0)
        }
        Call::GetOption { value, .. } => {
            value.fill(0);
            Ok(value.len())
        }
        _ => Ok(0),
    })
}

/// That kernel, except for the calls that `but` handles.
fn but(mut but: impl FnMut(&mut Call<'_>) -> Option<io::Result<usize>> + 'static) -> Scripted {
    Scripted::kernel(move |call| but(call).or_else(|| able(call)))
}

fn is_option(call: &Call<'_>, wanted: i32) -> bool {
    matches!(call, Call::SetOption { name, level: libc::SOL_PACKET, .. } if *name == wanted)
}

fn is_bpf(call: &Call<'_>) -> bool {
    matches!(call, Call::MapCreate { .. } | Call::ProgramLoad { .. })
}

#[test]
fn filter_and_ring_are_in_place_before_bind() {
    let steps = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&steps);
    let _kernel = but(move |call| {
        log.borrow_mut().push(match call {
            Call::Socket { protocol: 0, .. } => "socket without protocol",
            Call::SetOption { level: libc::SOL_SOCKET, name: libc::SO_ATTACH_BPF, .. } => "filter",
            Call::SetOption { name: libc::PACKET_VNET_HDR, .. } => "vnet",
            Call::SetOption { name: libc::PACKET_RX_RING, .. } => "ring",
            Call::SetOption { name: libc::PACKET_IGNORE_OUTGOING, .. } => "incoming only",
            Call::SetOption { name: libc::PACKET_ADD_MEMBERSHIP, .. } => "promiscuous",
            Call::Bind { address, .. } if address.sll_protocol == 0x0300 => "bind to all",
            _ => return None,
        });
        None
    });
    let options = TapOptions { promiscuous: true, loopback: true, ..options() };
    let tap = Tap::open(&options).unwrap();
    assert_eq!(tap.method(), Method::Ebpf);
    assert!(tap.shortfalls().is_empty());
    let expected = [
        "socket without protocol",
        "filter",
        "incoming only",
        "vnet",
        "ring",
        "promiscuous",
        "bind to all",
    ];
    assert_eq!(*steps.borrow(), expected);
}

#[test]
fn missing_cap_net_raw_is_named_in_the_error() {
    let _kernel = but(|call| {
        matches!(call, Call::Socket { .. }).then_some(())?;
        errno(libc::EPERM)
    });
    let error = Tap::open(&options()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    let text = error.to_string();
    assert!(text.contains("eth9: AF_PACKET socket") && text.contains("CAP_NET_RAW"), "{text}");
}

#[test]
fn refused_ebpf_falls_back_to_classic_bpf() {
    for number in [libc::EPERM, libc::ENOSYS, libc::EINVAL] {
        let _kernel = but(move |call| is_bpf(call).then(|| errno(number)).flatten());
        let tap = Tap::open(&options()).unwrap();
        assert_eq!(tap.method(), Method::Classic);
        assert!(tap.shortfalls()[0].contains("sample_pool is estimated"));
    }
}

#[test]
fn refused_attach_falls_back_to_classic_bpf() {
    let _kernel = but(|call| match call {
        Call::SetOption { name: libc::SO_ATTACH_BPF, .. } => errno(libc::ENOPROTOOPT),
        _ => None,
    });
    assert_eq!(Tap::open(&options()).unwrap().method(), Method::Classic);
}

#[test]
fn missing_vnet_header_is_a_shortfall_not_an_error() {
    for number in [libc::ENOPROTOOPT, libc::EINVAL] {
        let _kernel = but(move |call| {
            is_option(call, libc::PACKET_VNET_HDR).then(|| errno(number)).flatten()
        });
        let tap = Tap::open(&options()).unwrap();
        assert!(!tap.vnet && tap.shortfalls()[0].contains("frame_length"));
    }
}

#[test]
fn short_memory_gives_a_smaller_ring() {
    let mut refusals = 1;
    let _kernel = but(move |call| {
        let refuse = is_option(call, libc::PACKET_RX_RING) && refusals > 0;
        refusals -= i32::from(refuse);
        refuse.then(|| errno(libc::ENOMEM)).flatten()
    });
    let tap = Tap::open(&options()).unwrap();
    assert_eq!(tap.ring().blocks, 2);
    assert!(tap.shortfalls()[0].contains("64 KiB, 32 KiB used"));
}

#[test]
fn ring_that_cannot_be_mapped_is_freed_before_a_smaller_one() {
    let rings = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&rings);
    let _kernel = but(move |call| match call {
        Call::SetOption { name: libc::PACKET_RX_RING, value, .. } => {
            let blocks = u32::from_ne_bytes(*value[4..].first_chunk().unwrap());
            let busy = blocks > 0 && log.borrow().last().is_some_and(|&last| last > 0);
            log.borrow_mut().push(blocks);
            // As the kernel does: one ring at a time.
            busy.then(|| errno(libc::EBUSY)).flatten()
        }
        Call::Map { length: 65_536, .. } => errno(libc::ENOMEM),
        _ => None,
    });
    let tap = Tap::open(&options()).unwrap();
    assert_eq!((tap.ring().blocks, &*rings.borrow()), (2, &vec![4, 0, 2]));
}

#[test]
fn ring_leaves_address_space_to_the_rest_of_the_process() {
    let mut reserved = 0;
    let _kernel = but(move |call| match call {
        Call::Reserve { length } => {
            reserved = *length;
            None
        }
        Call::Unmap { length, .. } => {
            reserved -= if *length == reserved { reserved } else { 0 };
            None
        }
        // The address space that is left ends within the larger ring.
        Call::Map { length: 65_536, .. } if reserved >= 1 << 20 => errno(libc::ENOMEM),
        _ => None,
    });
    assert_eq!(Tap::open(&options()).unwrap().ring().blocks, 2);
}

#[test]
fn no_memory_at_all_is_an_error() {
    let _kernel =
        but(|call| is_option(call, libc::PACKET_RX_RING).then(|| errno(libc::ENOMEM)).flatten());
    let text = Tap::open(&options()).unwrap_err().to_string();
    assert!(text.contains("eth9: receive ring") && text.contains("no memory"), "{text}");
}

#[test]
fn missing_interface_is_named_in_the_error() {
    let _kernel = but(|call| match call {
        Call::Bind { .. } => errno(libc::ENODEV),
        _ => None,
    });
    let text = Tap::open(&options()).unwrap_err().to_string();
    assert!(text.contains("eth9: bind") && text.contains("no such interface"), "{text}");
}

#[test]
fn invalid_options_are_refused_before_any_system_call() {
    let _kernel = Scripted::kernel(|call| panic!("{call:?}"));
    let wrong = [
        TapOptions { sampling_rate: NonZeroU32::new((1 << 31) + 1).unwrap(), ..options() },
        TapOptions { header_bytes: 13, ..options() },
        TapOptions { header_bytes: 1025, ..options() },
    ];
    for options in wrong {
        assert_eq!(Tap::open(&options).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn link_that_is_down_or_deleted_is_a_fault() {
    let answers = Rc::new(RefCell::new((0_i32, 7_i32)));
    let script = Rc::clone(&answers);
    let _kernel = but(move |call| match call {
        Call::GetOption { name: libc::SO_ERROR, value, .. } => {
            value.copy_from_slice(&script.borrow().0.to_ne_bytes());
            Some(Ok(4))
        }
        Call::Name { address, .. } => {
            address.sll_ifindex = script.borrow().1;
            Some(Ok(0))
        }
        _ => None,
    });
    let mut tap = Tap::open(&options()).unwrap();
    for (answer, fault) in [
        ((0, 7), None),
        ((libc::ENETDOWN, 7), Some(LinkFault::Down)),
        ((libc::ENOBUFS, 7), Some(LinkFault::Other(libc::ENOBUFS))),
        ((libc::ENETDOWN, -1), Some(LinkFault::Gone)),
        ((0, -1), Some(LinkFault::Gone)),
    ] {
        *answers.borrow_mut() = answer;
        assert_eq!(tap.take_fault().unwrap(), fault);
    }
}

/// A classic tap at N = 1 over a ring of plain memory that the test writes.
struct HandWritten {
    tap: Tap,
    ring: Rc<RefCell<usize>>,
    _kernel: Scripted,
}

impl HandWritten {
    fn new(lost: u32) -> Self {
        let ring = Rc::new(RefCell::new(0));
        let address = Rc::clone(&ring);
        let lost = RefCell::new(lost);
        let kernel = but(move |call| match call {
            call if is_bpf(call) => errno(libc::EPERM),
            Call::Map { length, .. } => {
                let memory = anonymous_memory(*length);
                *address.borrow_mut() = *memory.as_ref().unwrap();
                Some(memory)
            }
            Call::GetOption { name: libc::PACKET_STATISTICS, value, .. } => {
                value.fill(0);
                value[4..8].copy_from_slice(&lost.take().to_ne_bytes());
                Some(Ok(12))
            }
            _ => None,
        });
        let options = TapOptions { sampling_rate: NonZeroU32::MIN, ..options() };
        Self { tap: Tap::open(&options).unwrap(), ring, _kernel: kernel }
    }

    /// Hands over block `index` with `packets` plain frames of 60 bytes.
    fn hand_over(&self, index: usize, packets: u32, status: u32) {
        let mut block = vec![0; 16 << 10];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(12, &packets.to_ne_bytes());
        put(16, &48_u32.to_ne_bytes());
        for packet in 0..packets as usize {
            let at = 48 + 160 * packet;
            for (field, value) in [160_u32, 1, 2, 60, 60, 1].into_iter().enumerate() {
                put(at + 4 * field, &value.to_ne_bytes());
            }
            put(at + 24, &92_u16.to_ne_bytes());
            put(at + 52, &7_u32.to_ne_bytes());
            put(at + 56, &1_u16.to_ne_bytes());
        }
        put(8, &status.to_ne_bytes());
        crate::kernel::sys::fake::write_memory(*self.ring.borrow() + index * (16 << 10), &block);
    }

    fn drain(&mut self, budget: usize) -> (Drained, Vec<SampleMeta>) {
        let mut metas = Vec::new();
        let drained = self.tap.drain(budget, &mut |packet| {
            assert_eq!((packet.header.len(), packet.frame_length, packet.stripped), (60, 64, 4));
            metas.push(packet.meta);
        });
        (drained.unwrap(), metas)
    }
}

#[test]
fn budget_ends_within_a_block_and_continues_there() {
    let mut hand = HandWritten::new(0);
    hand.hand_over(0, 5, 1);
    hand.hand_over(1, 2, 1);
    assert_eq!(hand.drain(3).0, Drained { samples: 3, more: true });
    let (drained, metas) = hand.drain(100);
    assert_eq!(drained, Drained { samples: 4, more: false });
    assert_eq!(metas.last().unwrap().sample_pool, 7);
    assert_eq!(hand.drain(100).0, Drained::default());
    // Both blocks were given back: the kernel can use them again, in the same order.
    hand.hand_over(2, 1, 1);
    hand.hand_over(3, 1, 1);
    hand.hand_over(0, 1, 1);
    assert_eq!(hand.drain(100).0.samples, 3);
}

#[test]
fn losses_are_read_after_a_losing_block_and_counted_once() {
    let mut hand = HandWritten::new(9);
    hand.hand_over(0, 1, 1);
    hand.drain(10);
    assert_eq!(hand.tap.meta(7).drops, 0, "no block carried TP_STATUS_LOSING");
    hand.hand_over(1, 1, 1 | 4);
    hand.drain(10);
    assert_eq!(hand.tap.meta(7).drops, 9);
    let stats = hand.tap.stats(7).unwrap();
    let expected = TapStats { seen: 11, chosen: 11, delivered: 2, lost: 9, malformed: 0 };
    assert_eq!(stats, expected);
}

#[test]
fn malformed_block_is_counted_and_returned_to_the_kernel() {
    let mut hand = HandWritten::new(0);
    hand.hand_over(0, 100, 1);
    // The 71st packet lies about where the next one is.
    let at = *hand.ring.borrow() + 48 + 160 * 70;
    crate::kernel::sys::fake::write_memory(at, &8_u32.to_ne_bytes());
    hand.hand_over(1, 2, 1);
    assert_eq!(hand.drain(1000).0.samples, 72);
    let stats = hand.tap.stats(7).unwrap();
    assert_eq!((stats.malformed, stats.lost, stats.delivered), (30, 30, 72));
    assert_eq!(hand.tap.meta(7).drops, 30);
}

#[test]
fn sample_has_the_rate_at_which_its_packet_was_chosen() {
    let mut hand = HandWritten::new(0);
    let rate = |rate| NonZeroU32::new(rate).unwrap();
    hand.hand_over(0, 2, 1);
    // The kernel fills the second block and has counted three packets.
    hand.hand_over(1, 3, 0);
    hand.tap.set_sampling_rate(7, rate(5)).unwrap();
    hand.hand_over(1, 4, 0);
    hand.tap.set_sampling_rate(7, rate(9)).unwrap();
    hand.hand_over(1, 5, 1);
    hand.hand_over(2, 1, 1);
    let rates = hand.drain(100).1.into_iter().map(|meta| meta.sampling_rate);
    assert_eq!(rates.collect::<Vec<_>>(), [1, 1, 1, 1, 1, 5, 9, 9]);
    assert_eq!(hand.tap.meta(7).sampling_rate, 9);
}

#[test]
fn block_that_was_read_is_empty_until_the_kernel_fills_it() {
    let mut hand = HandWritten::new(0);
    (0..4).for_each(|block| hand.hand_over(block, 1, 1));
    hand.drain(100);
    // Block 0 again, in which the kernel has not written yet: the change applies to its first packet.
    hand.tap.set_sampling_rate(7, NonZeroU32::new(5).unwrap()).unwrap();
    hand.hand_over(0, 1, 1);
    assert_eq!(hand.drain(100).1[0].sampling_rate, 5);
}

#[test]
fn samples_in_the_ring_are_lost_at_the_end_of_a_tap() {
    let stats = TapStats { seen: 90, chosen: 9, delivered: 5, lost: 3, malformed: 0 };
    assert_eq!(stats.lost_at_end(), 4);
    assert_eq!(TapStats { delivered: 9, ..stats }.lost_at_end(), 3);
    assert_eq!(stats.since(TapStats { delivered: 2, lost: 1, ..stats }).delivered, 3);
}
