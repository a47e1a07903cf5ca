//! The configuration file of `serve`: the long options of the command line, one a line.
//!
//! A line is checked by the parser of the command line, so that both have the same words, values and
//! errors. What is on the command line replaces what the file has.

use core::fmt;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapError};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::args::Arguments;

/// A command line or configuration file that cannot be used.
#[derive(Debug)]
pub(crate) enum Error {
    /// Also the requests for help and version.
    CommandLine(clap::Error),
    /// Lines of the configuration file, or the reason why it cannot be read.
    File(Vec<String>),
}

/// Parses the command line, and for `serve` the configuration file.
pub(crate) fn parse(command_line: Vec<OsString>) -> Result<Arguments, Error> {
    let command = Arguments::command();
    let matches =
        command.clone().try_get_matches_from(&command_line).map_err(Error::CommandLine)?;
    let arguments = |matches| Arguments::from_arg_matches(&matches).map_err(Error::CommandLine);
    let (Some(("serve", given)), Some(serve)) =
        (matches.subcommand(), command.find_subcommand("serve"))
    else {
        return arguments(matches);
    };
    let options = options(serve, given).map_err(Error::File)?;
    let (before, after) = command_line.split_at(command_line.len().min(2));
    let all = [before, &options, after].concat();
    arguments(command.try_get_matches_from(all).map_err(Error::CommandLine)?)
}

/// The options of the file that are not `given` on the command line.
fn options(serve: &Command, given: &ArgMatches) -> Result<Vec<OsString>, Vec<String>> {
    let Some(path) = given.get_one::<PathBuf>("config") else { return Ok(Vec::new()) };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        // The default one is optional.
        Err(error) if error.kind() == ErrorKind::NotFound && !is_given(given, "config") => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(vec![format!("cannot read {}: {error}", path.display())]),
    };
    let lines = read(serve, path, &text)?;
    let wanted = lines.into_iter().filter(|line| !is_given(given, &line.id));
    Ok(wanted.map(|line| line.option.into()).collect())
}

fn is_given(given: &ArgMatches, id: &str) -> bool {
    given.value_source(id) == Some(ValueSource::CommandLine)
}

/// A line with an option.
#[derive(Debug, PartialEq)]
struct Line {
    /// The name of the argument in the parser.
    id: String,
    /// As on the command line.
    option: String,
}

/// Reads all lines.
///
/// # Errors
/// All lines that cannot be used, with file, number and reason.
fn read(serve: &Command, path: &Path, text: &str) -> Result<Vec<Line>, Vec<String>> {
    let (mut lines, mut errors, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, text) in text.lines().enumerate() {
        match line(serve, text) {
            Ok(None) => {}
            Ok(Some((line, repeatable))) if repeatable || seen.insert(line.id.clone()) => {
                lines.push(line);
            }
            Ok(Some(_)) => errors.push(at(path, number, "the option is set by a line before")),
            Err(error) => errors.push(at(path, number, &error)),
        }
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

fn at(path: &Path, number: usize, error: &str) -> String {
    format!("{}:{}: {error}", path.display(), number + 1)
}

/// Checks a line. Returns its option, and whether that may be repeated; `None` for a comment.
fn line(serve: &Command, text: &str) -> Result<Option<(Line, bool)>, String> {
    let text = without_comment(text).trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (word, value) = match text.split_once('=') {
        Some((word, value)) => (word.trim_end(), Some(unquoted(value.trim()))),
        None => (text, None),
    };
    let mut options = serve.get_arguments().filter(|it| it.get_id() != "config");
    let argument = options.find(|it| it.get_long() == Some(word) && word != "help");
    let option = match value {
        Some(value) => format!("--{word}={value}"),
        None => format!("--{word}"),
    };
    let checked = serve.clone().try_get_matches_from(["serve", &option]);
    match (argument, checked) {
        (Some(argument), Ok(_)) => {
            let repeatable = matches!(argument.get_action(), ArgAction::Append);
            Ok(Some((Line { id: argument.get_id().to_string(), option }, repeatable)))
        }
        (Some(_), Err(error)) => Err(first_line(&error)),
        (None, checked) => Err(unknown(word, checked.err())),
    }
}

/// The text before ` #`, or nothing if the line begins so. Inside quotes it is text.
fn without_comment(text: &str) -> &str {
    let mut before = ' ';
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if before.is_whitespace() && !quoted => return text.get(..at).unwrap_or(text),
            _ => {}
        }
        before = character;
    }
    text
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

fn unknown(word: &str, error: Option<clap::Error>) -> String {
    let suggested = error.filter(|error| error.kind() == ClapError::UnknownArgument);
    let suggested = suggested.and_then(|error| match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(option)) => Some(option.trim_start_matches('-').to_owned()),
        _ => None,
    });
    match suggested {
        Some(option) => format!("unknown option `{word}`; did you mean `{option}`?"),
        None => format!("unknown option `{word}`"),
    }
}

/// The error itself, without the usage below it.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(error) => error.fmt(f),
            Self::File(lines) => f.write_str(&lines.join("\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command as Parsed, ServeArguments};

    /// Parses a command line after a file with this text.
    fn with(text: &str, further: &[&str]) -> Result<ServeArguments, Error> {
        let file = std::env::temp_dir().join(format!(
            "flowmote-config-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        fs::write(&file, text).unwrap();
        let words = ["flowmote-analyzer", "serve", "--config"].into_iter().map(OsString::from);
        let words = words.chain([file.clone().into()]).chain(further.iter().map(OsString::from));
        let parsed = parse(words.collect());
        fs::remove_file(file).unwrap();
        match parsed?.command {
            Parsed::Serve(arguments) => Ok(*arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_have_the_words_of_the_command_line() {
        let text = "# comment\n\nmemory = 64M # a comment\n  read-only\nallow=192.0.2.0/24\n\
                    allow = 2001:db8::/32\nstate = \"/var/lib/a #1\"\nname = a.example\r\n";
        let arguments = with(text, &[]).unwrap();
        assert_eq!(arguments.memory.0, 64 << 20);
        assert!(arguments.read_only && !arguments.open);
        assert_eq!(arguments.state, Some("/var/lib/a #1".into()));
        assert_eq!(arguments.names, ["a.example"]);
        let allow = arguments.senders.allow();
        assert!(allow.permits("2001:db8::1".parse().unwrap()));
        assert!(allow.permits("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn command_line_replaces_the_file() {
        let text = "memory = 64M\nallow = 192.0.2.0/24\nhttp = 127.0.0.1:1\n";
        let arguments = with(text, &["--memory", "128M", "--allow", "198.51.100.0/24"]).unwrap();
        assert_eq!(arguments.memory.0, 128 << 20);
        assert_eq!(arguments.http.port(), 1);
        let allow = arguments.senders.allow();
        assert!(!allow.permits("192.0.2.1".parse().unwrap()));
        assert!(allow.permits("198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn lines_with_errors_are_named() {
        let text = "lisen = [::]:6343\nmemory = 1\nmemory = 64M\nmemory = 64M\nread-only = yes\n\
                    state\nconfig = x\nhelp\nwhat ever\n";
        let Err(Error::File(errors)) = with(text, &[]) else { panic!("no error") };
        let expected = [
            (1, "unknown option `lisen`; did you mean `listen`?"),
            (2, "invalid value '1' for '--memory <BYTES>': expected a number with K, M or G"),
            (4, "the option is set by a line before"),
            (5, "unexpected value 'yes' for '--read-only' found"),
            (6, "a value is required for '--state <DIR>'"),
            (7, "unknown option `config`"),
            (8, "unknown option `help`"),
            (9, "unknown option `what ever`"),
        ];
        assert_eq!(errors.len(), expected.len(), "{errors:#?}");
        for (error, (number, text)) in errors.iter().zip(expected) {
            assert!(error.contains(&format!(":{number}: {text}")), "{error}");
        }
    }

    #[test]
    fn file_that_is_named_must_exist() {
        let words = ["flowmote-analyzer", "serve", "--config", "/nonexistent"];
        let error = parse(words.into_iter().map(OsString::from).collect()).unwrap_err();
        assert!(matches!(&error, Error::File(_)), "{error}");
    }

    #[test]
    fn example_has_all_options_with_values_that_can_be_used() {
        let example = include_str!("../dist/flowmote-analyzer.conf");
        let lines = example.lines().filter_map(|line| line.strip_prefix('#'));
        let options =
            lines.filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        let text: String = options.map(|line| format!("{line}\n")).collect();
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        let lines = read(serve, Path::new("example"), &text).unwrap();
        let found: BTreeSet<String> = lines.into_iter().map(|line| line.id).collect();
        let ids = serve.get_arguments().map(|argument| argument.get_id().to_string());
        let all: BTreeSet<String> = ids.filter(|id| !["config", "help"].contains(&&**id)).collect();
        assert_eq!(found, all);
        // Without the comment signs removed it sets nothing.
        assert!(read(serve, Path::new("example"), example).unwrap().is_empty());
    }
}
