//! Enumerations as the words of their specification.

/// The word for the value of an enumeration; `None` if the field has no words, or not for this value.
pub(super) fn word(record: &str, field: &str, value: f64) -> Option<&'static str> {
    let words: &[&str] = match (record, field) {
        ("if_counters", "ifDirection") => &["unknown", "full-duplex", "half-duplex", "in", "out"],
        ("host_descr", "machine_type") => &[
            "unknown", "other", "x86", "x86_64", "ia64", "sparc", "alpha", "powerpc", "m68k",
            "mips", "arm", "hppa", "s390",
        ],
        ("host_descr", "os_name") => &[
            "unknown",
            "other",
            "linux",
            "windows",
            "darwin",
            "hpux",
            "aix",
            "dragonfly",
            "freebsd",
            "netbsd",
            "openbsd",
            "osf",
            "solaris",
            "java",
        ],
        _ => return None,
    };
    words.get(value as usize).copied()
}
