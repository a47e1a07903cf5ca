//! The comparisons that filter patterns and queries have.

use core::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    /// True for values in this order.
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// The number that a text is. Words such as `inf` are none.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let first = *text.as_bytes().first()?;
    if !first.is_ascii_digit() && !b"+-.".contains(&first) {
        return None;
    }
    // Most are whole and short, and the parser of all others takes longer.
    if text.len() <= EXACT && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let whole = text.bytes().fold(0_u64, |sum, byte| sum * 10 + u64::from(byte - b'0'));
        return Some(whole as f64);
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The order of two texts that are numbers; `None` if one is none. Of whole numbers all digits count, also
/// those that a float does not have.
pub(super) fn numeric(one: &str, other: &str) -> Option<Ordering> {
    if one.len().max(other.len()) > EXACT
        && let (Ok(one), Ok(other)) = (one.trim().parse::<i128>(), other.trim().parse::<i128>())
    {
        return Some(one.cmp(&other));
    }
    number(one)?.partial_cmp(&number(other)?)
}

/// Runs of digits by their number and value, other characters by their code: the order in which the service
/// sorts texts.
pub(super) fn natural(mut one: &str, mut other: &str) -> Ordering {
    let is_run = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    while !one.is_empty() && !other.is_empty() {
        let ((a, rest), (b, others)) = (part(one), part(other));
        let length = if is_run(a) && is_run(b) { a.len().cmp(&b.len()) } else { Ordering::Equal };
        let order = length.then_with(|| a.cmp(b));
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, others);
    }
    one.len().cmp(&other.len())
}

/// A run of digits or one other character, and what follows.
fn part(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let first = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(digits.max(first))
}

/// Digits of a whole number that a float always has.
pub(super) const EXACT: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_compared_by_all_digits() {
        for (one, other, order) in [
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("-9007199254740993", "-9007199254740992", Ordering::Less),
            ("1e3", "1000", Ordering::Equal),
            ("10", "9", Ordering::Greater),
            ("0.5", "12345678901234567", Ordering::Less),
        ] {
            assert_eq!(numeric(one, other), Some(order), "{one} {other}");
        }
        for word in ["inf", "+inf", "-Infinity", "nan", "", "1e999", "10.0.0.1", "-"] {
            assert_eq!(numeric(word, "1"), None, "{word}");
        }
    }

    #[test]
    fn runs_of_digits_have_the_order_of_their_numbers() {
        let sorted = ["10.0.0.9", "10.0.0.10", "10.0.1.1", "192.0.2.1", "eni-2", "eni-10", "é"];
        assert!(sorted.is_sorted_by(|one, other| natural(one, other).is_lt()));
    }
}
