//! `host_memory` (2004), from `/proc/meminfo` and `/proc/vmstat`.

use flowmote_core::record::counter::HostMemory;

use super::sums::Ledger;
use super::text::{Files, WHOLE, low, number};
use crate::kernel::sys::ring::page_size;

/// Updates the record. What cannot be read stays as it is.
pub(super) fn read(files: &mut Files, ledger: &mut Ledger, memory: &mut HostMemory) {
    if let Some(text) = files.read("proc/meminfo", WHOLE) {
        meminfo(&text, memory);
    }
    if let Some(text) = files.read("proc/vmstat", WHOLE) {
        vmstat(&text, page_size(), ledger, memory);
    }
}

/// Parses `/proc/meminfo`: sizes in KiB. `mem_cached` is the page cache and reclaimable slab, the
/// "cache" of free(1); `mem_shared` is `Shmem`, tmpfs and shared memory.
fn meminfo(text: &str, memory: &mut HostMemory) {
    let mut cached = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let Some(kib) = value.split_ascii_whitespace().next().and_then(number) else { continue };
        let bytes = kib.saturating_mul(1024);
        match key {
            "MemTotal" => memory.mem_total = bytes,
            "MemFree" => memory.mem_free = bytes,
            "Shmem" => memory.mem_shared = bytes,
            "Buffers" => memory.mem_buffers = bytes,
            "Cached" | "SReclaimable" => {
                cached = Some(cached.unwrap_or(0_u64).saturating_add(bytes));
            }
            "SwapTotal" => memory.swap_total = bytes,
            "SwapFree" => memory.swap_free = bytes,
            _ => {}
        }
    }
    memory.mem_cached = cached.unwrap_or(memory.mem_cached);
}

/// Parses `/proc/vmstat`: paging. All four fields are in pages, but the kernel counts `pgpg*` in
/// KiB (mm/vmstat.c, `vmstat_start`).
fn vmstat(text: &str, page_size: u32, ledger: &mut Ledger, memory: &mut HostMemory) {
    let kib_per_page = u64::from(page_size / 1024).max(1);
    for line in text.lines() {
        let Some((key, value)) = line.split_once(' ') else { continue };
        let Some(count) = number(value) else { continue };
        let (field, pages) = match key {
            "pgpgin" => (&mut memory.page_in, count / kib_per_page),
            "pgpgout" => (&mut memory.page_out, count / kib_per_page),
            "pswpin" => (&mut memory.swap_in, count),
            "pswpout" => (&mut memory.swap_out, count),
            _ => continue,
        };
        *field = low(ledger.advance(key, pages));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Linux 6.18: the lines in use and a few others.
    const MEMINFO_6_18: &str = "\
MemTotal:       24684084 kB
MemFree:        24110196 kB
MemAvailable:   24294420 kB
Buffers:            3104 kB
Cached:           334620 kB
SwapCached:            0 kB
SwapTotal:       1048576 kB
SwapFree:        1048000 kB
Shmem:              8872 kB
KReclaimable:     121664 kB
SReclaimable:     121664 kB
HugePages_Total:       0
";

    /// Linux 3.10: no MemAvailable, no KReclaimable.
    const MEMINFO_3_10: &str = "\
MemTotal:        1884188 kB
MemFree:          108244 kB
Buffers:            2108 kB
Cached:           846464 kB
SwapCached:           12 kB
SwapTotal:             0 kB
SwapFree:              0 kB
Shmem:             25100 kB
Slab:             102080 kB
SReclaimable:      70044 kB
SUnreclaim:        32036 kB
";

    #[test]
    fn meminfo_of_6_18() {
        let mut memory = HostMemory::UNKNOWN;
        meminfo(MEMINFO_6_18, &mut memory);
        let expected = HostMemory {
            mem_total: 24_684_084 << 10,
            mem_free: 24_110_196 << 10,
            mem_shared: 8_872 << 10,
            mem_buffers: 3_104 << 10,
            mem_cached: (334_620 + 121_664) << 10,
            swap_total: 1_048_576 << 10,
            swap_free: 1_048_000 << 10,
            ..HostMemory::UNKNOWN
        };
        assert_eq!(memory, expected);
    }

    #[test]
    fn meminfo_of_3_10() {
        let mut memory = HostMemory::UNKNOWN;
        meminfo(MEMINFO_3_10, &mut memory);
        assert_eq!(memory.mem_total, 1_884_188 << 10);
        assert_eq!(memory.mem_cached, (846_464 + 70_044) << 10);
        assert_eq!(memory.mem_shared, 25_100 << 10);
    }

    #[test]
    fn paging_is_in_pages() {
        let mut memory = HostMemory::UNKNOWN;
        let mut ledger = Ledger::default();
        let text = "nr_free_pages 6\npgpgin 2034189\npgpgout 377756\npswpin 7\n";
        vmstat(text, 4096, &mut ledger, &mut memory);
        assert_eq!((memory.page_in, memory.page_out), (508_547, 94_439));
        assert_eq!((memory.swap_in, memory.swap_out), (7, u32::MAX));
        vmstat("pgpgin 8\npswpin 6\n", 4096, &mut ledger, &mut memory);
        assert_eq!((memory.page_in, memory.swap_in), (508_549, 7), "never smaller");
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text: String, page_size: u32) {
            let mut memory = HostMemory::UNKNOWN;
            meminfo(&text, &mut memory);
            vmstat(&text, page_size, &mut Ledger::default(), &mut memory);
        }
    }
}
