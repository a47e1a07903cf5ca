//! Sampling without eBPF: a classic BPF program with `SKF_AD_RANDOM` (Linux 3.16).
//!
//! A classic program keeps no state. So each packet is drawn independently (geometric skips), and
//! packets that are not selected are not counted: `sample_pool` grows by N for each sample, lost
//! ones included, which is an unbiased estimate instead of a count. At N = 1 everything is kept and
//! the pool counts the packets that arrived; a lost super-packet counts as one.
//!
//! A classic program can load neither gso_segs nor gso_size. It estimates from the length how many
//! packets `e` an skb contains and keeps it with probability min(e, N)/N. User space knows the true
//! number `n` and makes n / min(e, N) samples of it, rounded up or down at random. The expected
//! number of samples is then n/N for every `e`.

use core::num::NonZeroU32;

use flowmote_core::Random;
use libc::sock_filter;

use super::options::Keep;
use crate::config::Direction;

/// The parameters of the draw for one rate and one MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    rate: NonZeroU32,
    /// Bytes of the longest skb that is a single packet.
    longest: u32,
    /// Payload bytes of a full TCP segment.
    segment: u32,
}

impl Draw {
    /// Parameters for an interface of this MTU in bytes.
    pub(super) fn new(rate: NonZeroU32, mtu: u32) -> Self {
        let longest = mtu.saturating_add(ETHERNET_HEADERS);
        Self { rate, longest, segment: mtu.saturating_sub(TCP_HEADERS).max(MIN_SEGMENT) }
    }

    /// The parameters that were in force at another rate.
    pub(super) fn at_rate(self, rate: u32) -> Self {
        Self { rate: NonZeroU32::new(rate).unwrap_or(self.rate), ..self }
    }

    /// The program. It keeps the first bytes of each packet that it selects.
    pub(super) fn program(self, Keep { bytes, direction }: Keep) -> Vec<sock_filter> {
        let mut program = check_direction(direction);
        program.extend(self.selection(statement(libc::BPF_RET | libc::BPF_K, bytes)));
        program
    }

    fn selection(self, keep: sock_filter) -> Vec<sock_filter> {
        let rate = self.rate.get();
        if rate == 1 {
            return vec![keep];
        }
        let threshold = (1_u64 << 32) / u64::from(rate);
        let threshold = u32::try_from(threshold).unwrap_or(u32::MAX);
        let random = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM).cast_unsigned();
        let load_random = statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, random);
        vec![
            statement(libc::BPF_LD | libc::BPF_W | libc::BPF_LEN, 0),
            jump(libc::BPF_JGT | libc::BPF_K, self.longest, (0, 7)),
            // Several packets by the estimate: keep if random < estimate * threshold.
            statement(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, self.segment - 1),
            statement(libc::BPF_ALU | libc::BPF_DIV | libc::BPF_K, self.segment),
            jump(libc::BPF_JGE | libc::BPF_K, rate, (6, 0)),
            statement(libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K, threshold),
            statement(libc::BPF_MISC | libc::BPF_TAX, 0),
            load_random,
            jump(libc::BPF_JGE | libc::BPF_X, 0, (3, 2)),
            // One packet: keep if random < threshold.
            load_random,
            jump(libc::BPF_JGE | libc::BPF_K, threshold, (1, 0)),
            keep,
            statement(libc::BPF_RET | libc::BPF_K, 0),
        ]
    }

    /// The number of wire packets that the program assumes for an skb of `length` bytes.
    pub(super) fn estimate(self, length: u32) -> u32 {
        match length > self.longest {
            true => length.saturating_add(self.segment - 1) / self.segment,
            false => 1,
        }
    }

    /// The number of samples to make of an skb of `length` bytes that contains `packets`.
    pub(super) fn choices(self, length: u32, packets: u32, random: &mut Random) -> u32 {
        round(random, packets, self.estimate(length).min(self.rate.get()))
    }
}

/// Instructions that leave out packets of the other direction.
fn check_direction(direction: Direction) -> Vec<sock_filter> {
    let skip = match direction {
        Direction::Both => return Vec::new(),
        Direction::In => (0, 1),
        Direction::Out => (1, 0),
    };
    let packet_type = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE).cast_unsigned();
    vec![
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, packet_type),
        jump(libc::BPF_JEQ | libc::BPF_K, u32::from(libc::PACKET_OUTGOING), skip),
        statement(libc::BPF_RET | libc::BPF_K, 0),
    ]
}

/// Returns `numerator / denominator`, rounded up or down at random so that the mean is the
/// quotient; 0 if `denominator` is 0.
fn round(random: &mut Random, numerator: u32, denominator: u32) -> u32 {
    let (Some(quotient), Some(rest)) =
        (numerator.checked_div(denominator), numerator.checked_rem(denominator))
    else {
        return 0;
    };
    let up = rest != 0 && random.below(denominator) < rest;
    quotient + u32::from(up)
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// A jump over `skip.0` instructions if the condition holds, else over `skip.1`.
fn jump(code: u32, k: u32, skip: (u8, u8)) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | code) as u16, jt: skip.0, jf: skip.1, k }
}

/// Ethernet header and one tag.
const ETHERNET_HEADERS: u32 = 14 + 4;
/// IPv4 and TCP with timestamps.
const TCP_HEADERS: u32 = 20 + 32;
/// Lower limit of the assumed segment, for very small MTUs.
const MIN_SEGMENT: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Keep = Keep { bytes: 128, direction: Direction::Both };

    fn draw(rate: u32) -> Draw {
        Draw::new(NonZeroU32::new(rate).unwrap(), 1500)
    }

    fn words(program: &[sock_filter]) -> Vec<(u16, u8, u8, u32)> {
        program.iter().map(|i| (i.code, i.jt, i.jf, i.k)).collect()
    }

    /// The bytes that the program keeps of an skb when the kernel draws `random`.
    fn run(program: &[sock_filter], length: u32, random: u32) -> u32 {
        run_of_type(program, libc::PACKET_HOST, (length, random))
    }

    fn run_of_type(program: &[sock_filter], kind: u8, (length, random): (u32, u32)) -> u32 {
        let (mut a, mut x, mut pc) = (0_u32, 0_u32, 0);
        loop {
            let i = program[pc];
            pc += 1;
            let mut jump = |holds: bool| pc += usize::from(if holds { i.jt } else { i.jf });
            match i.code {
                0x80 => a = length,
                0x20 => {
                    a = match i.k {
                        0xffff_f004 => kind.into(),
                        0xffff_f038 => random,
                        other => panic!("unknown load {other:#x}"),
                    };
                }
                0x15 => jump(a == i.k),
                0x04 => a += i.k,
                0x34 => a /= i.k,
                0x24 => a = a.checked_mul(i.k).expect("no overflow in the kernel"),
                0x07 => x = a,
                0x25 => jump(a > i.k),
                0x35 => jump(a >= i.k),
                0x3d => jump(a >= x),
                0x06 => return i.k,
                code => panic!("unknown instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn program_for_n_1_is_one_instruction() {
        assert_eq!(words(&draw(1).program(KEEP)), [(0x06, 0, 0, 128)]);
    }

    #[test]
    fn program_has_these_instructions() {
        let expected = [
            (0x80, 0, 0, 0),
            (0x25, 0, 7, 1518),
            (0x04, 0, 0, 1447),
            (0x34, 0, 0, 1448),
            (0x35, 6, 0, 400),
            (0x24, 0, 0, 10_737_418),
            (0x07, 0, 0, 0),
            (0x20, 0, 0, 0xffff_f038),
            (0x3d, 3, 2, 0),
            (0x20, 0, 0, 0xffff_f038),
            (0x35, 1, 0, 10_737_418),
            (0x06, 0, 0, 128),
            (0x06, 0, 0, 0),
        ];
        assert_eq!(words(&draw(400).program(KEEP)), expected);
    }

    #[test]
    fn packet_is_kept_once_in_n_and_super_packet_once_per_packet() {
        let program = draw(400).program(KEEP);
        assert_eq!(run(&program, 60, 10_737_417), 128);
        assert_eq!(run(&program, 60, 10_737_418), 0);
        assert_eq!(run(&program, 66 + 10 * 1448, 11 * 10_737_418 - 1), 128);
        assert_eq!(run(&program, 66 + 10 * 1448, 11 * 10_737_418), 0);
        // More packets than N: always.
        assert_eq!(run(&draw(10).program(KEEP), 60_000, u32::MAX), 128);
    }

    #[test]
    fn no_rate_or_length_overflows() {
        for rate in [2, 3, 45, 46, 1000, 65_536, 1 << 31] {
            for length in [0, 60, 1518, 1519, 65_535, 524_280] {
                run(&draw(rate).program(KEEP), length, 0);
            }
        }
    }

    #[test]
    fn rounding_keeps_the_mean() {
        let mut random = Random::new(1);
        let sum: u32 = (0..100_000).map(|_| round(&mut random, 45, 7)).sum();
        assert!((f64::from(sum) / 100_000.0 - 45.0 / 7.0).abs() < 0.005);
        assert_eq!(round(&mut random, 45, 1), 45);
        assert_eq!(round(&mut random, 44, 44), 1);
        assert_eq!(round(&mut random, 1, 0), 0);
    }

    #[test]
    fn packets_of_the_other_direction_are_left_out() {
        let kept = |direction, packet_type| {
            let program = draw(1).program(Keep { direction, ..KEEP });
            run_of_type(&program, packet_type, (60, 0))
        };
        for (direction, received, sent) in
            [(Direction::Both, 128, 128), (Direction::In, 128, 0), (Direction::Out, 0, 128)]
        {
            assert_eq!(kept(direction, libc::PACKET_HOST), received, "{direction:?}");
            assert_eq!(kept(direction, libc::PACKET_OUTGOING), sent, "{direction:?}");
        }
    }

    #[test]
    fn expected_samples_are_packets_over_n_for_every_estimate() {
        let mut random = Random::new(4);
        for (rate, length, packets) in
            [(2, 60, 1), (2, 9000, 7), (10, 66 + 45 * 536, 45), (400, 64_000, 45), (1, 64_000, 45)]
        {
            let draw = draw(rate);
            let program = draw.program(KEEP);
            let rounds = 200_000;
            let mut samples = 0;
            for _ in 0..rounds {
                if run(&program, length, random.next_u32()) > 0 {
                    samples += draw.choices(length, packets, &mut random);
                }
            }
            let expected = f64::from(rounds) * f64::from(packets) / f64::from(rate);
            let error = f64::from(samples) / expected - 1.0;
            assert!(error.abs() < 4.0 / expected.sqrt() + 1e-9, "1 in {rate}: {error}");
        }
    }
}
