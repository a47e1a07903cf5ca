//! Man pages of the programs: one for each program, and one for each of its commands.

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Page, Program};

pub(super) fn pages(program: &Program, date: &str) -> Result<Vec<Page>> {
    let mut command = program.command.clone().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![page(program, &command, date)?];
    let visible = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    for inner in visible {
        pages.push(page(program, inner, date)?);
    }
    Ok(pages)
}

fn page(program: &Program, command: &Command, date: &str) -> Result<Page> {
    let source = concat!("Flowmote ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(one_line_names(command.clone()))
        .section(program.section)
        .date(date)
        .source(source)
        .manual("Flowmote");
    let mut text = Vec::new();
    man.render(&mut text)?;
    further_sections(program, command).to_writer(&mut text)?;
    Ok(Page { name: man.get_filename(), text: tidied(&text) })
}

/// The programs that list pages (`apropos`) take the first line for the name: it has no full stop.
fn one_line_names(command: Command) -> Command {
    let about = command.get_about().map(|about| about.to_string());
    match about {
        Some(about) => command.about(about.trim_end_matches('.').to_owned()),
        None => command,
    }
}

fn further_sections(program: &Program, command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(
        "0 on success, 1 after a failure, 2 if the command line or the configuration cannot be used.",
    )]);
    roff.control("SH", ["FILES"]);
    for (path, meaning) in program.files {
        roff.control("TP", []);
        roff.text([bold(*path)]);
        roff.text([roman(*meaning)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    let own = program.command.get_name();
    let is_program = command.get_name() == own;
    let parent = (!is_program).then(|| format!("{own}({})", program.section));
    let others = program.see_also.iter().map(|page| (*page).to_owned());
    roff.text([roman(parent.into_iter().chain(others).collect::<Vec<_>>().join(", "))]);
    roff
}

/// Without what `clap_mangen` writes and `mandoc -Tlint` warns of: blanks at the ends of lines, empty
/// lines, and a break after a break.
fn tidied(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.dedup_by(|line, before| *line == ".br" && line == before);
    lines.iter().flat_map(|line| [*line, "\n"]).collect::<String>().into_bytes()
}
