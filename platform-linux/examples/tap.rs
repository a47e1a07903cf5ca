//! Samples an interface and prints the costs once a second:
//! `tap INTERFACE [RATE [SECONDS [BLOCK_KIB BLOCKS]]]`.
//!
//! A measuring tool: the printed time is that of `Tap::drain` with a visitor that only sums up.

use core::num::NonZeroU32;
use core::time::Duration;
use std::fs;
use std::io;
use std::process::Command;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flowmote::config::Direction;
use flowmote::modules::taps::capture::{Capture, RingShape, Tap, TapOptions, Way};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or_else(|| {
        io::Error::other("usage: tap INTERFACE [RATE [SECONDS [BLOCK_KIB BLOCKS]]]")
    })?;
    let numbers: Vec<u32> = arguments.filter_map(|argument| argument.parse().ok()).collect();
    let number = |at: usize, default: u32| numbers.get(at).copied().unwrap_or(default);
    let ring = (numbers.len() >= 4)
        .then(|| RingShape { block_size: number(2, 0) << 10, blocks: number(3, 0) });
    let (if_index, mtu) = interface(&name)?;
    let mut tap = Tap::open(&TapOptions {
        if_index,
        sampling_rate: NonZeroU32::new(number(0, 1)).unwrap_or(NonZeroU32::MIN),
        configured_rate: NonZeroU32::new(number(0, 1)).unwrap_or(NonZeroU32::MIN),
        direction: Direction::Both,
        header_bytes: 128,
        promiscuous: false,
        way: Way::Socket,
        hardware_type: 1,
        loopback: name == "lo",
        mtu,
        name,
        ring,
    })?;
    println!("{:?}, ring of {} KiB", tap.method(), tap.ring().bytes() >> 10);
    tap.shortfalls().iter().for_each(|shortfall| println!("{shortfall}"));
    let end = Instant::now() + Duration::from_secs(number(1, 5).into());
    while Instant::now() < end {
        one_second(&mut tap, if_index)?;
    }
    println!("{:?}\n{}", tap.stats(if_index)?, resident_memory());
    Ok(())
}

fn one_second(tap: &mut Tap, if_index: u32) -> io::Result<()> {
    let (mut samples, mut bytes, mut spent, mut wakes) = (0, 0_u64, Duration::ZERO, 0);
    let mut oldest = 0;
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        let begin = Instant::now();
        let mut first = None;
        let drained = tap.drain(4096, &mut |packet| {
            bytes += u64::from(packet.frame_length);
            first.get_or_insert(packet.timestamp_ns);
        })?;
        if drained.samples > 0 {
            spent += begin.elapsed();
            wakes += 1;
            samples += drained.samples;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            oldest = oldest.max(now.as_nanos() - u128::from(first.unwrap_or_default()));
        }
        if !drained.more {
            // An agent waits in epoll. Here a short sleep is enough, as long as the ring does not fill
            // up meanwhile.
            thread::sleep(Duration::from_millis(1));
        }
    }
    let each = spent.as_nanos() / samples.max(1) as u128;
    let stats = tap.stats(if_index)?;
    println!(
        "{samples} samples/s of {bytes} bytes in {wakes} drains, {each} ns each, \
         at most {} ms old; seen {} chosen {} lost {}",
        oldest / 1_000_000,
        stats.seen,
        stats.chosen,
        stats.lost,
    );
    Ok(())
}

/// ifIndex and MTU, from `ip`: /sys shows the interfaces of the namespace in which it was mounted.
fn interface(name: &str) -> io::Result<(u32, u32)> {
    let output = Command::new("ip").args(["-o", "link", "show", "dev", name]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let index = text.split(':').next().and_then(|word| word.parse().ok());
    let mtu = text.split_whitespace().skip_while(|word| *word != "mtu").nth(1);
    index
        .zip(mtu.and_then(|word| word.parse().ok()))
        .ok_or_else(|| io::Error::other(String::from_utf8_lossy(&output.stderr)))
}

fn resident_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.contains("Rss") || line.contains("VmRSS")).collect()
}
