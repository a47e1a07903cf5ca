//! Numbers and text for narrow columns.

/// `value` with an SI prefix in at most six columns: `0`, `12.3`, `123`, `1.23k`, `45.6M`.
pub(super) fn si(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// `value` with a binary prefix in at most seven columns: `1.50Ki`.
pub(super) fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
}

/// `value` formatted by `number`, or `-` if unknown.
pub(super) fn known(value: Option<f64>, number: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

/// `text` in at most `width` columns. The middle is cut out: the last groups of an IPv6 address and
/// the port differ more often than what precedes them.
pub(super) fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let tail = width.saturating_sub(1) * 2 / 3;
    let head = width.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

fn scaled(value: f64, base: f64, prefixes: &[&str]) -> String {
    let mut scaled = value;
    let mut prefix = "";
    for next in prefixes {
        prefix = next;
        // 999.7 would round to 1000, which is a column too wide.
        if scaled < base * 0.9995 {
            break;
        }
        scaled /= base;
    }
    match scaled {
        _ if prefix.is_empty() && scaled.fract() == 0.0 => format!("{scaled:.0}"),
        ..9.995 => format!("{scaled:.2}{prefix}"),
        ..99.95 => format!("{scaled:.1}{prefix}"),
        _ => format!("{scaled:.0}{prefix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_few_columns() {
        for (value, shown) in [
            (0.0, "0"),
            (0.5, "0.50"),
            (12.34, "12.3"),
            (999.0, "999"),
            (999.7, "1.00k"),
            (1234.0, "1.23k"),
            (45_600_000.0, "45.6M"),
            (1e11, "100G"),
        ] {
            assert_eq!(si(value), shown);
        }
        assert_eq!(bytes(1536.0), "1.50Ki");
        assert_eq!(fit("2001:db8:1:2:3:4:5:6", 10), "200…:4:5:6");
        assert_eq!(fit("abc", 3), "abc");
    }
}
