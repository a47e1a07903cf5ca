//! Instructions of one repetition, counted by callgrind.
//!
//! Each case runs n and 2n times; the difference holds nothing but n repetitions, so it is exact:
//! neither start nor preparation nor end of the program counts.

use std::path::Path;
use std::process::Command;

use crate::cases::Case;

/// Why nothing can be counted here, if so.
#[must_use]
pub fn unavailable() -> Option<&'static str> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the table holds x86-64 instructions");
    }
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) if output.status.success() => None,
        _ => Some("valgrind is not installed (Debian: apt-get install valgrind)"),
    }
}

/// Instructions of one repetition of `case`, run by the program `workload`.
///
/// # Errors
/// What valgrind said, if it did not count.
pub fn instructions(workload: &Path, case: &Case) -> Result<u64, String> {
    let (once, twice) = (count(workload, case, TIMES)?, count(workload, case, 2 * TIMES)?);
    Ok((twice.saturating_sub(once) + u64::from(TIMES / 2)) / u64::from(TIMES))
}

fn count(workload: &Path, case: &Case, times: u32) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(workload)
        .args([case.name, &times.to_string()])
        .env("GLIBC_TUNABLES", PLAIN_MEMCPY)
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    collected
        .filter(|_| output.status.success())
        .and_then(|(_, count)| count.trim().parse().ok())
        .ok_or(said)
}

/// A multiple of what a datagram holds of any sample, so that each count ends with a whole one.
const TIMES: u32 = 4_200;

/// glibc chooses its memcpy by processor; this makes it choose the one that every x86-64 has.
/// (The names of before and after glibc 2.33; unknown ones are ignored.)
const PLAIN_MEMCPY: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM,-SSSE3,\
    -AVX_Fast_Unaligned_Load,-Fast_Unaligned_Copy,-AVX2_Usable,-AVX_Usable,-AVX512F_Usable";
