//! The filter's own instructions, run by an interpreter of the subset that the assembler has.

use flowmote_core::Random;

use super::program::{HELPER_SMP_PROCESSOR_ID, assemble};
use super::*;
use crate::config::Direction;
use crate::kernel::assembler::Instruction;

/// What the filter reads of an skb, and the bytes from its network header on.
#[derive(Clone, Default)]
struct Skb {
    /// `PACKET_*`.
    kind: u32,
    if_index: u32,
    len: u32,
    gso_segs: u32,
    gso_size: u32,
    network: Vec<u8>,
}

impl Skb {
    fn plain(len: u32) -> Self {
        Self { len, ..Self::default() }
    }

    fn super_packet(segments: u32) -> Self {
        let (len, gso_segs) = (54 + segments * 1448, segments);
        Self { len, gso_segs, gso_size: 1448, ..Self::default() }
    }
}

/// One CPU, number 2, with the value of the map and its random numbers.
struct Machine {
    program: Vec<Instruction>,
    layout: Layout,
    value: Vec<u64>,
    random: Random,
    stack: [u8; 64],
}

const CONTEXT: u64 = 1 << 32;
const VALUE: u64 = 2 << 32;
const STACK_END: u64 = (3 << 32) + 64;
/// Words of a slot.
const SEEN: usize = 0;
const NEXT: usize = 1;
const RANGE: usize = 2;
const DRAWN_FOR: usize = 3;
const CHOSEN_SKBS: usize = 4;
const CHOSEN: usize = 5;

const KEEP: Keep = Keep { bytes: 128, direction: Direction::Both };
const ONE: Layout = Layout { entries: 0, rows: 1, cpus: CPUS };
const CPUS: Cpus = Cpus { slots: 4, exclusive: true };

impl Machine {
    /// A filter of one interface that has begun to sample.
    fn new(rate: u32) -> Self {
        let mut machine = Self::of(ONE);
        let range = 2 * u64::from(rate) - 1;
        let first = 1 + u64::from(machine.random.below(rate));
        machine.set(&[(RANGE, range), (DRAWN_FOR, range), (NEXT, first)]);
        machine
    }

    /// A filter with an empty map.
    fn of(layout: Layout) -> Self {
        let words = layout.entries + layout.rows * layout.cpus.slots * 8;
        Self {
            program: assemble(3, layout, KEEP).unwrap(),
            layout,
            value: vec![0; words],
            random: Random::new(7),
            stack: [0xa5; 64],
        }
    }

    /// Words of this CPU's slot in the first row.
    fn slot(&mut self) -> &mut [u64] {
        let start = self.layout.entries + 2 % self.layout.cpus.slots * 8;
        &mut self.value[start..start + 8]
    }

    fn set(&mut self, words: &[(usize, u64)]) {
        words.iter().for_each(|&(word, value)| self.slot()[word] = value);
    }

    fn seen(&mut self) -> u64 {
        self.slot()[SEEN]
    }

    /// Packets up to the one that is chosen next.
    fn skip(&mut self) -> i64 {
        self.slot()[NEXT].wrapping_sub(self.slot()[SEEN]).cast_signed()
    }

    fn chosen(&mut self) -> u64 {
        self.slot()[CHOSEN]
    }

    /// Runs the filter and returns the number of choices that user space decodes: 0 if nothing
    /// was kept.
    fn pass(&mut self, skb: &Skb) -> u32 {
        match self.run(skb) {
            0 => 0,
            kept => choices(u32::try_from(kept).unwrap().min(skb.len), 128),
        }
    }

    fn run(&mut self, skb: &Skb) -> u64 {
        self.execute(skb).0
    }

    /// The number of instructions that the filter executes.
    fn steps(&mut self, skb: &Skb) -> usize {
        self.execute(skb).1
    }

    fn execute(&mut self, skb: &Skb) -> (u64, usize) {
        let mut r = [0_u64; 11];
        (r[1], r[10]) = (CONTEXT, STACK_END);
        let mut pc = 0;
        for step in 1..100_000 {
            let [code, registers, o0, o1, c0, c1, c2, c3] = self.program[pc];
            let (d, s) = (usize::from(registers & 15), usize::from(registers >> 4));
            let offset = i16::from_le_bytes([o0, o1]);
            let constant = i64::from(i32::from_le_bytes([c0, c1, c2, c3])).cast_unsigned();
            let operand = if code & 8 == 0 { constant } else { r[s] };
            pc += 1;
            match code {
                0x18 => {
                    assert_eq!((s, constant), (2, 3), "address of the map's value");
                    let [.., o0, o1, o2, o3] = self.program[pc];
                    r[d] = VALUE + u64::from(u32::from_le_bytes([o0, o1, o2, o3]));
                    pc += 1;
                }
                0x61 | 0x71 | 0x79 => {
                    let width = [4, 2, 1, 8][usize::from(code >> 3 & 3)];
                    r[d] = self.load(skb, r[s].wrapping_add_signed(offset.into()), width);
                }
                0x7b => self.store(r[d].wrapping_add_signed(offset.into()), r[s]),
                0xdb => {
                    assert_eq!(constant, 1, "fetch and add");
                    let address = r[d].wrapping_add_signed(offset.into());
                    let before = self.load(skb, address, 8);
                    self.store(address, before.wrapping_add(r[s]));
                    r[s] = before;
                }
                0x85 => r[0] = self.call(skb, constant, &r),
                0x95 => return (r[0], step),
                _ if code & 7 == 7 => r[d] = alu(code & 0xf0, r[d], operand),
                _ if code & 7 == 5 => {
                    if holds(code & 0xf0, r[d], operand) {
                        pc = pc.checked_add_signed(offset.into()).unwrap();
                    }
                }
                _ => panic!("unknown instruction {code:#x}"),
            }
        }
        panic!("the program does not end");
    }

    fn load(&self, skb: &Skb, address: u64, width: usize) -> u64 {
        match (address, width) {
            (CONTEXT, 4) => skb.len.into(),
            (a, 4) if a == CONTEXT + 4 => skb.kind.into(),
            (a, 4) if a == CONTEXT + 40 => skb.if_index.into(),
            (a, 4) if a == CONTEXT + 164 => skb.gso_segs.into(),
            (a, 4) if a == CONTEXT + 176 => skb.gso_size.into(),
            (a, 8) if a >> 32 == 2 => self.value[self.word(a)],
            (a, 4) if a >> 32 == 2 => {
                let offset = usize::try_from(a - VALUE).unwrap();
                assert!(offset < 8 * self.layout.entries, "half a word outside of the table");
                self.value[offset / 8] >> (8 * (offset % 8)) & u64::from(u32::MAX)
            }
            (a, 8) if a >> 32 == 3 => {
                u64::from_le_bytes(*self.stack[stack_offset(a)..].first_chunk().unwrap())
            }
            (a, 1) if a >> 32 == 3 => self.stack[stack_offset(a)].into(),
            _ => panic!("load of {width} at {address:#x}"),
        }
    }

    fn store(&mut self, address: u64, value: u64) {
        if address >> 32 == 3 {
            let at = stack_offset(address);
            self.stack[at..at + 8].copy_from_slice(&value.to_le_bytes());
            return;
        }
        assert_eq!(address >> 32, 2, "store at {address:#x}");
        let word = self.word(address);
        assert!(word >= self.layout.entries, "store into the table");
        self.value[word] = value;
    }

    /// Word of the map's value at an address, which is within a slot of this CPU.
    fn word(&self, address: u64) -> usize {
        let offset = usize::try_from(address - VALUE).unwrap();
        assert!(offset.is_multiple_of(8), "{address:#x}");
        let word = offset / 8;
        let slots = self.layout.cpus.slots;
        let slot = word.checked_sub(self.layout.entries).map(|word| word / 8 % slots);
        assert_eq!(slot, Some(2 % slots), "slot of another CPU");
        word
    }

    fn call(&mut self, skb: &Skb, helper: u64, r: &[u64; 11]) -> u64 {
        match helper {
            7 => self.random.next_u32().into(),
            8 => 2,
            68 => {
                assert_eq!((r[1], r[5]), (CONTEXT, 1), "skb, BPF_HDR_START_NET");
                let (from, length) = (usize::try_from(r[2]).unwrap(), r[4] as usize);
                let to = stack_offset(r[3]);
                let Some(bytes) = skb.network.get(from..from + length) else {
                    return (-14_i64).cast_unsigned();
                };
                self.stack[to..to + length].copy_from_slice(bytes);
                0
            }
            _ => panic!("unknown helper {helper}"),
        }
    }
}

fn stack_offset(address: u64) -> usize {
    usize::try_from(address - (3 << 32)).unwrap()
}

fn alu(op: u8, a: u64, b: u64) -> u64 {
    match op {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => a.wrapping_mul(b),
        0x30 => a / b,
        0x50 => a & b,
        0x60 => a << b,
        0x70 => a >> b,
        0xb0 => b,
        _ => panic!("unknown operation {op:#x}"),
    }
}

fn holds(when: u8, a: u64, b: u64) -> bool {
    match when {
        0x00 => true,
        0x10 => a == b,
        0x20 => a > b,
        0x50 => a != b,
        0x60 => a.cast_signed() > b.cast_signed(),
        0xb0 => a <= b,
        0xd0 => a.cast_signed() <= b.cast_signed(),
        _ => panic!("unknown condition {when:#x}"),
    }
}

/// Skips that the filter draws, one choice after the other.
fn skips(rate: u32, count: usize) -> Vec<u64> {
    let mut machine = Machine::new(rate);
    (0..count)
        .map(|_| {
            let seen = machine.seen();
            machine.set(&[(NEXT, seen + 1)]);
            assert_eq!(machine.pass(&Skb::plain(60)), 1);
            machine.skip().cast_unsigned()
        })
        .collect()
}

#[test]
fn skips_are_uniform_on_1_to_2n_minus_1() {
    const COUNT: usize = 20_000;
    for rate in [1, 2, 10, 400, 65_536, 1_000_000] {
        let skips = skips(rate, COUNT);
        let range = 2 * u64::from(rate) - 1;
        assert!(skips.iter().all(|skip| (1..=range).contains(skip)));
        let mean = skips.iter().sum::<u64>() as f64 / COUNT as f64;
        let variance =
            skips.iter().map(|&skip| (skip as f64 - mean).powi(2)).sum::<f64>() / COUNT as f64;
        let true_variance = ((range * range - 1) as f64) / 12.0;
        let deviation = (true_variance / COUNT as f64).sqrt();
        assert!((mean - f64::from(rate)).abs() <= 3.0 * deviation, "1 in {rate}: mean {mean}");
        assert!((variance - true_variance).abs() <= 0.03 * true_variance, "variance {variance}");
        let bins = range.min(50);
        let mut counts = vec![0_f64; bins as usize];
        skips.iter().for_each(|skip| counts[((skip - 1) * bins / range) as usize] += 1.0);
        let chi_square: f64 = counts
            .iter()
            .enumerate()
            .map(|(bin, count)| {
                let bin = bin as u64;
                // Bins of unequal width where the range is no multiple of their number.
                let first = (bin * range).div_ceil(bins);
                let beyond = ((bin + 1) * range).div_ceil(bins);
                let expected = COUNT as f64 * (beyond - first) as f64 / range as f64;
                (count - expected).powi(2) / expected
            })
            .sum();
        // Normal approximation of the 99.9 % bound.
        let freedom = (bins - 1) as f64;
        assert!(chi_square <= freedom + 3.1 * (2.0 * freedom).sqrt() + 3.0, "{chi_square}");
    }
}

#[test]
fn mean_skip_is_n_with_super_packets() {
    for rate in [1, 2, 10, 400, 65_536] {
        let mut machine = Machine::new(rate);
        let mut lengths = Random::new(rate.into());
        let (mut packets, mut choices) = (0_u64, 0_u64);
        let largest = if rate > 1000 { 60_000 } else { 64 };
        for _ in 0..30_000 {
            let segments = 1 + lengths.below(largest);
            let kept = machine.pass(&Skb::super_packet(segments));
            assert!(kept <= segments, "each choice has its own packet");
            packets += u64::from(segments);
            choices += u64::from(kept);
        }
        assert_eq!(machine.seen(), packets);
        assert_eq!(machine.chosen(), choices, "user space reads off what was chosen");
        if rate == 1 {
            assert_eq!(choices, packets);
        }
        let expected = packets as f64 / f64::from(rate);
        // Uniform skips vary by N/sqrt(3).
        let bound = 3.5 * (expected / 3.0).sqrt() + 1.0;
        assert!((choices as f64 - expected).abs() <= bound, "1 in {rate}: {choices}, {expected}");
    }
}

#[test]
fn choices_beyond_the_encoding_carry_over() {
    let mut machine = Machine::new(1);
    // 64 datagrams of one byte each by UDP GSO: 106 bytes encode one choice only.
    let tiny = Skb { len: 106, gso_segs: 64, gso_size: 1, ..Skb::default() };
    assert_eq!(machine.pass(&tiny), 1);
    assert_eq!(machine.skip(), -62);
    // The next one with bytes enough makes up for it.
    assert_eq!(machine.pass(&Skb::plain(1514)), 64);
    assert_eq!((machine.skip(), machine.chosen(), machine.seen()), (1, 65, 65));
}

#[test]
fn choices_of_one_skb_are_bounded() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.pass(&Skb::super_packet(3000)), 1024);
    assert_eq!(machine.pass(&Skb::super_packet(2000)), 1024);
    assert_eq!(machine.skip(), 1 - (5000 - 2048));
}

#[test]
fn super_packet_with_many_choices_leaves_no_rest() {
    for rate in [2, 3, 7] {
        let mut machine = Machine::new(rate);
        let mut choices = 0;
        for _ in 0..3000 {
            choices += machine.pass(&Skb::super_packet(362));
            assert!((1..=2 * i64::from(rate) - 1).contains(&machine.skip()));
        }
        let error = f64::from(choices) * f64::from(rate) / (3000.0 * 362.0) - 1.0;
        assert!(error.abs() < 0.002, "1 in {rate}: {error}");
    }
}

/// The position of the first packet that is chosen, counted from 1.
fn first_choice(machine: &mut Machine) -> u64 {
    (1..).find(|_| machine.pass(&Skb::plain(60)) == 1).unwrap()
}

/// Expects position k with the probability (2N-k)/(N(2N-1)), which is that of a process that has
/// run for ever.
fn expect_stationary(positions: &[u64], rate: u64) {
    let range = 2 * rate - 1;
    assert!(positions.iter().all(|position| (1..=range).contains(position)));
    let mut chi_square = 0.0;
    for position in 1..=range {
        let count = positions.iter().filter(|&&other| other == position).count() as f64;
        let probability = (2 * rate - position) as f64 / (rate * range) as f64;
        let expected = positions.len() as f64 * probability;
        chi_square += (count - expected).powi(2) / expected;
    }
    // Normal approximation of the 99.9 % bound.
    let freedom = (range - 1) as f64;
    let bound = freedom + 3.1 * (2.0 * freedom).sqrt() + 3.0;
    assert!(chi_square <= bound, "1 in {rate}: {chi_square} > {bound}");
}

#[test]
fn first_skip_favours_no_packet() {
    for rate in [1, 2, 5, 20] {
        let mut machine = Machine::of(ONE);
        let positions: Vec<u64> = (0..20_000)
            .map(|_| {
                machine.set(&[(RANGE, 2 * rate - 1), (DRAWN_FOR, 0)]);
                first_choice(&mut machine)
            })
            .collect();
        expect_stationary(&positions, rate);
    }
}

#[test]
fn first_skip_within_a_super_packet_counts_from_its_first_packet() {
    let mut machine = Machine::of(ONE);
    machine.set(&[(RANGE, 1)]);
    assert_eq!(machine.pass(&Skb::super_packet(10)), 10);
    assert_eq!((machine.seen(), machine.skip(), machine.chosen()), (10, 1, 10));
    assert_eq!(machine.slot()[CHOSEN_SKBS], 1);
}

#[test]
fn changed_n_takes_effect_at_the_next_packet_as_if_sampling_began_there() {
    for (old, new) in [(1_000_000, 10), (3, 10)] {
        let positions: Vec<u64> = (0..20_000)
            .map(|seed| {
                let mut machine = Machine::new(old);
                machine.random = Random::new(seed);
                let due = if old > new { 1_900_000 } else { 1 };
                machine.set(&[(RANGE, 2 * u64::from(new) - 1), (SEEN, 5), (NEXT, 5 + due)]);
                first_choice(&mut machine)
            })
            .collect();
        expect_stationary(&positions, new.into());
    }
}

#[test]
fn filter_of_several_interfaces_counts_each_in_its_row() {
    let layout = Layout { entries: 16, rows: 4, cpus: CPUS };
    let mut machine = Machine::of(layout);
    let row_bytes = CPUS.slots * size_of::<Slot>();
    // ifIndex 21 has row 3.
    machine.value[21 % 16] = 21 | (3 * row_bytes as u64) << 32;
    let start = layout.entries + (3 * CPUS.slots + 2) * 8;
    machine.value[start + RANGE] = 1;
    // 5 has the same place, 22 has none.
    for if_index in [5, 22] {
        assert_eq!(machine.run(&Skb { if_index, ..Skb::super_packet(3) }), 0, "{if_index}");
    }
    assert_eq!(machine.pass(&Skb { if_index: 21, ..Skb::super_packet(3) }), 3);
    assert_eq!(machine.value[start..start + 6], [3, 4, 1, 1, 1, 3]);
    let others: u64 = machine.value.iter().sum::<u64>() - machine.value[5];
    assert_eq!(others, 3 + 4 + 1 + 1 + 1 + 3, "no other slot was written");
}

#[test]
fn shared_slots_are_counted_by_atomic_additions() {
    let cpus = Cpus { slots: 2, exclusive: false };
    let mut machine = Machine::of(Layout { entries: 0, rows: 1, cpus });
    machine.set(&[(RANGE, 1)]);
    assert_eq!(machine.pass(&Skb::super_packet(10)), 10);
    assert_eq!(machine.pass(&Skb::plain(60)), 1);
    assert_eq!((machine.seen(), machine.chosen()), (11, 11));
    let atomics = |cpus| {
        let program = assemble(3, Layout { cpus, ..ONE }, KEEP).unwrap();
        program.iter().filter(|instruction| instruction[0] == 0xdb).count()
    };
    assert_eq!((atomics(cpus), atomics(CPUS)), (3, 0));
}

#[test]
fn packets_of_the_other_direction_are_neither_chosen_nor_counted() {
    let kinds = [libc::PACKET_HOST, libc::PACKET_MULTICAST, libc::PACKET_OUTGOING].map(u32::from);
    for (direction, expected) in [
        (Direction::Both, [128_u64; 3]),
        (Direction::In, [128, 128, 0]),
        (Direction::Out, [0, 0, 128]),
    ] {
        let mut machine = Machine::new(1);
        machine.program = assemble(3, ONE, Keep { direction, ..KEEP }).unwrap();
        let kept = kinds.map(|kind| machine.run(&Skb { kind, len: 60, ..Skb::default() }));
        assert_eq!(kept, expected, "{direction:?}");
        let counted = kept.iter().filter(|bytes| **bytes > 0).count() as u64;
        assert_eq!(machine.slot()[SEEN], counted, "{direction:?}");
    }
}

/// Instructions of the way of a packet that is not chosen, which is the cost of the filter.
#[test]
fn packet_that_is_not_chosen_takes_few_instructions() {
    let mut machine = Machine::new(1 << 20);
    machine.set(&[(NEXT, 1000)]);
    assert_eq!(machine.steps(&Skb::plain(60)), 22);
    let mut machine = Machine::of(Layout { entries: 8, rows: 2, cpus: CPUS });
    machine.value[7] = 7;
    machine.set(&[(RANGE, 9), (DRAWN_FOR, 9), (NEXT, 1000)]);
    assert_eq!(machine.steps(&Skb { if_index: 7, ..Skb::plain(60) }), 33);
    assert_eq!(machine.steps(&Skb { if_index: 8, ..Skb::plain(60) }), 11, "not selected");
}

#[test]
fn untrusted_super_packets_are_divided_by_their_headers() {
    let ipv4_tcp = {
        let mut bytes = vec![0; 60];
        (bytes[0], bytes[9], bytes[32]) = (0x45, 6, 0x80);
        bytes
    };
    let ipv6_udp = {
        let mut bytes = vec![0; 60];
        (bytes[0], bytes[6]) = (0x60, 17);
        bytes
    };
    let ipv6_tcp = {
        let mut bytes = vec![0; 60];
        (bytes[0], bytes[6], bytes[52]) = (0x60, 6, 0x50);
        bytes
    };
    let cases = [
        (ipv4_tcp.clone(), 14 + 20 + 32 + 10 * 1448, 10),
        (ipv4_tcp.clone(), 14 + 20 + 32 + 10 * 1448 + 1, 11),
        (ipv6_udp, 14 + 40 + 8 + 3 * 1448, 3),
        (ipv6_tcp, 14 + 40 + 20 + 5 * 1448 - 1, 5),
        // Headers that cannot be read, or that leave no payload: one packet.
        (vec![], 20_000, 1),
        (ipv4_tcp[..16].to_vec(), 20_000, 1),
        (ipv4_tcp, 66, 1),
    ];
    for (network, len, packets) in cases {
        let mut machine = Machine::new(1000);
        machine.pass(&Skb { len, gso_segs: 0, gso_size: 1448, network, ..Skb::default() });
        assert_eq!(machine.seen(), packets);
    }
}

#[test]
fn cpu_beyond_the_slots_shares_one() {
    let cpus = Cpus { slots: 2, exclusive: false };
    let mut machine = Machine::of(Layout { entries: 0, rows: 1, cpus });
    machine.pass(&Skb::plain(60));
    assert_eq!((machine.seen(), machine.value[SEEN]), (1, 1), "CPU 2 shares the slot of CPU 0");
}

#[test]
fn short_packet_encodes_one_choice() {
    assert_eq!([60, 128, 129, 172].map(|kept| choices(kept, 128)), [1, 1, 2, 45]);
}

#[test]
fn program_stays_small() {
    let several = Layout { entries: 64, rows: 16, cpus: CPUS };
    for (layout, limit) in [(ONE, 192), (several, 208)] {
        let length = assemble(3, layout, KEEP).unwrap().len();
        assert!(length < limit, "{length} instructions");
    }
}

#[test]
fn slot_address_is_computed_on_one_path() {
    const ALU_OR_WIDE_LOAD: [u8; 4] = [0x57, 0x67, 0x18, 0x0f];
    for slots in [1_usize, 2, 4, 64, 128] {
        let cpus = Cpus { slots, exclusive: true };
        let program = assemble(3, Layout { cpus, ..ONE }, KEEP).unwrap();
        let helper = i32::to_le_bytes(HELPER_SMP_PROCESSOR_ID);
        let call = program.iter().position(|i| i[0] == 0x85 && i[4..] == helper).unwrap();
        let last = i32::try_from(slots - 1).unwrap();
        assert_eq!(program[call + 1][4..], last.to_le_bytes(), "mask for {slots} CPUs");
        // And, shift, the two halves of the map's address, add.
        let codes = program[call + 1..call + 6].iter().map(|i| i[0]).filter(|&code| code != 0);
        assert_eq!(codes.collect::<Vec<_>>(), ALU_OR_WIDE_LOAD, "{slots} CPUs");
        let jumps = |i: &&Instruction| i[0] & 7 == 5 && i[0] != 0x85;
        assert_eq!(program[..call].iter().find(jumps), None, "one path leads there");
    }
}
