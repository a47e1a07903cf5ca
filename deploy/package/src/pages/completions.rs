//! Completions of bash, fish and zsh.

use clap::Command;
use clap_complete::{Generator, Shell, generate};

use super::Page;

/// The scripts of a program, which must be named as they are here for the shells to find them.
pub(super) fn scripts(command: &Command) -> Vec<Page> {
    [Shell::Bash, Shell::Fish, Shell::Zsh].map(|shell| script(shell, command)).into()
}

fn script(shell: Shell, command: &Command) -> Page {
    let program = command.get_name();
    let name = match shell {
        // bash-completion loads the file that is called like the program.
        Shell::Bash => program.to_owned(),
        _ => shell.file_name(program),
    };
    let mut text = Vec::new();
    generate(shell, &mut command.clone(), program, &mut text);
    Page { name, text }
}
