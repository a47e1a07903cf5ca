//! Reading members that have limits, with the errors of the service.

use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// A text of at most `max` characters that has no control characters but tabs and line feeds.
pub(super) fn text<'a>(
    members: &Members<'a>,
    name: &str,
    min: usize,
    max: usize,
) -> Result<Option<&'a str>, Fault> {
    let text = members.text(name)?;
    text.map(|text| check(&members.name(name), text, min, max).map(|()| text)).transpose()
}

/// The same of a text that a request must have.
pub(super) fn required<'a>(
    members: &Members<'a>,
    name: &str,
    min: usize,
    max: usize,
) -> Result<&'a str, Fault> {
    text(members, name, min, max)?.ok_or_else(|| missing(&members.name(name)))
}

/// A list of texts.
pub(super) fn texts(
    members: &Members<'_>,
    name: &str,
    items: usize,
    max: usize,
) -> Result<Vec<String>, Fault> {
    let list = members.texts(name)?;
    let name = members.name(name);
    if list.len() > items {
        let reason = format!("Member must have length less than or equal to {items}");
        return Err(invalid(&format!("with {} items", list.len()), &name, &reason));
    }
    list.iter().try_for_each(|text| check(&name, text, 1, max))?;
    Ok(list.into_iter().map(str::to_owned).collect())
}

/// One of several words.
pub(super) fn choice<T: Copy>(
    members: &Members<'_>,
    name: &str,
    all: &[(&str, T)],
) -> Result<Option<T>, Fault> {
    let Some(text) = members.text(name)? else { return Ok(None) };
    let found = all.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.map(Some).ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|(word, _)| *word).collect();
        let words = words.join(", ");
        let reason = format!("Member must satisfy enum value set: [{words}]");
        invalid(&quoted(text), &members.name(name), &reason)
    })
}

/// A whole number within limits.
pub(super) fn integer(
    members: &Members<'_>,
    name: &str,
    min: u32,
    max: u32,
) -> Result<Option<u32>, Fault> {
    let reason = match members.integer(name)? {
        None => return Ok(None),
        Some(number) if number < min => {
            format!("Member must have value greater than or equal to {min}")
        }
        Some(number) if number > max => {
            format!("Member must have value less than or equal to {max}")
        }
        Some(number) => return Ok(Some(number)),
    };
    let number = members.integer(name)?.unwrap_or_default();
    Err(invalid(&format!("'{number}'"), &members.name(name), &reason))
}

pub(super) fn missing(name: &str) -> Fault {
    invalid("null", name, "Member must not be null")
}

fn check(name: &str, text: &str, min: usize, max: usize) -> Result<(), Fault> {
    let length = text.chars().count();
    let reason = if length < min {
        format!("Member must have length greater than or equal to {min}")
    } else if length > max {
        format!("Member must have length less than or equal to {max}")
    } else if text.chars().any(|c| c.is_control() && !"\t\n\r".contains(c)) {
        "Member must not have control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(invalid(&quoted(text), name, &reason))
}

fn quoted(text: &str) -> String {
    let printed = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    format!("'{}'", printed.take(64).collect::<String>())
}

/// As the service words it. Its names of members begin with a small letter.
fn invalid(value: &str, name: &str, reason: &str) -> Fault {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Fault::validation(format!(
        "1 validation error detected: Value {value} at '{name}' failed to satisfy constraint: {reason}"
    ))
}
