//! Instructions per repetition, counted by callgrind.
//!
//! Each case runs n and 2n times. The difference is exactly n repetitions, without start,
//! preparation and end of the program.

use std::path::Path;
use std::process::Command;

use crate::cases::Case;

/// The reason why instructions cannot be counted on this machine, if there is one.
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
/// The output of valgrind, if it did not count.
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
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    collected
        .filter(|_| output.status.success())
        .and_then(|(_, count)| count.trim().parse().ok())
        .ok_or(report)
}

/// A multiple of the samples per datagram of every case, so that each run ends with a whole datagram.
const TIMES: u32 = 4_200;

/// glibc selects its memcpy by processor, which would change the counts. These tunables select the
/// baseline of x86-64. (Names from before and after glibc 2.33; unknown ones are ignored.)
const PLAIN_MEMCPY: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-ERMS,-FSRM,-SSSE3,\
    -AVX_Fast_Unaligned_Load,-Fast_Unaligned_Copy,-AVX2_Usable,-AVX_Usable,-AVX512F_Usable";
