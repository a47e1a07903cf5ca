//! Access keys, from a file.

use core::fmt;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::claim::MAX_KEY;

/// The secrets of access keys.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Keys(HashMap<String, String>);

impl Keys {
    /// Reads a file. Returns a warning too if others than its owner and group can read it.
    ///
    /// # Errors
    /// The file or its first line that cannot be used, and why. No text of a line is in it.
    pub(crate) fn read(path: &Path) -> Result<(Self, Option<String>), String> {
        let failed = |error: &dyn fmt::Display| {
            format!("cannot read the access keys in {}: {error}", path.display())
        };
        let file = File::open(path).map_err(|error| failed(&error))?;
        let mut text = String::new();
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
        if text.len() as u64 > MAX_FILE {
            return Err(failed(&format_args!("the file has more than {MAX_FILE} bytes")));
        }
        let keys = Self::parse(&text)
            .map_err(|(line, error)| format!("{}:{line}: {error}", path.display()))?;
        if keys.0.is_empty() {
            return Err(format!("{} contains no access key", path.display()));
        }
        let mode = fs::metadata(path).map_err(|error| failed(&error))?.permissions().mode();
        let warning = (mode & 0o004 != 0).then(|| {
            format!("all users of this host can read {0}: `chmod o= {0}`", path.display())
        });
        Ok((keys, warning))
    }

    /// Reads lines `KEY SECRET`, or those of a credentials file of the AWS CLI.
    pub(in crate::aws) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let (mut keys, mut pending) = (HashMap::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            let failed = |error: &str| (number, error.to_owned());
            let entry = entry(line).map_err(failed)?;
            if pending.is_some() && !matches!(entry, Entry::Secret(_) | Entry::Other) {
                return Err(failed("the key before has no aws_secret_access_key"));
            }
            let (key, secret) = match entry {
                Entry::Other | Entry::Section => continue,
                Entry::Key(key) => {
                    pending = Some(key);
                    continue;
                }
                Entry::Secret(secret) => {
                    let key = pending.take();
                    (key.ok_or_else(|| failed("no aws_access_key_id is before it"))?, secret)
                }
                Entry::Pair(key, secret) => (key, secret),
            };
            check(key, secret).map_err(failed)?;
            if keys.insert(key.to_owned(), secret.to_owned()).is_some() {
                return Err(failed("the key has a secret already"));
            }
        }
        match pending {
            None => Ok(Self(keys)),
            Some(_) => {
                Err((text.lines().count(), "the key has no aws_secret_access_key".to_owned()))
            }
        }
    }

    /// The secret of a key.
    pub(super) fn secret(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The number of keys.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Secrets are in no log.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a line has.
enum Entry<'a> {
    Pair(&'a str, &'a str),
    Section,
    Key(&'a str),
    Secret(&'a str),
    /// Nothing, a comment, or another setting of the CLI.
    Other,
}

fn entry(line: &str) -> Result<Entry<'_>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(Entry::Other);
    }
    if line.starts_with('[') {
        return Ok(Entry::Section);
    }
    // A secret may have this sign too, but no name of a setting is a key.
    if let Some((name, value)) = line.split_once('=') {
        match (name.trim(), value.trim()) {
            ("aws_access_key_id", value) => return Ok(Entry::Key(value)),
            ("aws_secret_access_key", value) => return Ok(Entry::Secret(value)),
            (name, _) if name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_') => {
                return Ok(Entry::Other);
            }
            _ => {}
        }
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [key, secret] => Ok(Entry::Pair(key, secret)),
        _ => Err("expected an access key and its secret"),
    }
}

fn check(key: &str, secret: &str) -> Result<(), &'static str> {
    let fits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
    };
    if !fits(key, MAX_KEY) || key.contains(['/', ',', '=']) {
        return Err("an access key has 1 to 128 letters and digits");
    }
    if !fits(secret, 256) {
        return Err("a secret has 1 to 256 printable characters without spaces");
    }
    Ok(())
}

/// Bytes of a file, some 10,000 keys.
const MAX_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        let mut keys: Vec<_> = Keys::parse(text).unwrap().0.into_iter().collect();
        keys.sort();
        keys
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, secret)| ((*key).to_owned(), (*secret).to_owned())).collect()
    }

    #[test]
    fn lines_have_keys_with_their_secrets() {
        let text = "# of the dashboard\nAKIDB  s/e+c=r==\n\n  AKIDA\tsecret\r\n; another comment\n";
        assert_eq!(parsed(text), owned(&[("AKIDA", "secret"), ("AKIDB", "s/e+c=r==")]));
        assert_eq!(parsed("a b=c\n"), owned(&[("a", "b=c")]));
    }

    #[test]
    fn file_that_is_too_large_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let of_length = |length: usize| {
            let line = "AKIDA secret\n";
            fs::write(&path, line.to_owned() + &"#".repeat(length - line.len())).unwrap();
            Keys::read(&path).map(|(keys, _)| keys.count())
        };
        assert_eq!(of_length(MAX_FILE as usize), Ok(1));
        let error = of_length(MAX_FILE as usize + 1).unwrap_err();
        assert!(error.ends_with("keys: the file has more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn credentials_file_of_the_cli_is_read() {
        let text = "[default]\naws_access_key_id = AKIDA\naws_secret_access_key=a/b=\nregion = x\n\
                    [other]\naws_access_key_id=AKIDB\naws_session_token = t\n\
                    aws_secret_access_key = c\n";
        assert_eq!(parsed(text), owned(&[("AKIDA", "a/b="), ("AKIDB", "c")]));
    }

    #[test]
    fn lines_with_errors_are_numbered_and_not_shown() {
        for (text, line) in [
            ("AKID", 1),
            ("\nAKID hidden3 more", 2),
            ("AKID hidden3\nAKID hidden4", 2),
            ("AK/ID hidden3", 1),
            (&format!("AKID {}", "h".repeat(257)), 1),
            ("aws_secret_access_key = hidden3", 1),
            ("[a]\naws_access_key_id = hidden3\n[b]", 3),
            ("[a]\naws_access_key_id = hidden3", 2),
            ("aws_access_key_id =\naws_secret_access_key = hidden3", 2),
        ] {
            let (at, error) = Keys::parse(text).unwrap_err();
            assert_eq!(at, line, "{text}: {error}");
            assert!(!error.contains("hidden"), "{error}");
        }
        assert!(!format!("{:?}", Keys::parse("AKID hidden3").unwrap()).contains("hidden"));
    }
}
