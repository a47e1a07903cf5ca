//! `instructions [check|update]`: counts instructions, and compares them with
//! `benches/instructions.txt` or rewrites that file.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use flowmote_benches::table::Table;
use flowmote_benches::{CASES, callgrind};

fn main() -> ExitCode {
    let mode = std::env::args().nth(1);
    if let Some(reason) = callgrind::unavailable() {
        eprintln!("SKIPPED: instructions are not counted: {reason}");
        return ExitCode::SUCCESS;
    }
    let done = match mode.as_deref() {
        None => count().map(|_| ()),
        Some("check") => count().and_then(|now| check(&now)),
        Some("update") => count().and_then(|now| {
            std::fs::write(table_path(), now.to_text()).map_err(|error| error.to_string())
        }),
        Some(_) => Err("usage: instructions [check|update]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Counts and prints every case.
fn count() -> Result<Table, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let workload = program.with_file_name("workload");
    let checked_in = read_table().unwrap_or_default();
    let mut now = Table { compiler: compiler()?, ..Table::default() };
    println!("{:<24}{:>14}{:>8}", "instructions", "per repetition", "table");
    for case in &CASES {
        let figure = callgrind::instructions(&workload, case)?;
        let table = checked_in.instructions.get(case.name).map_or("-".to_owned(), u64::to_string);
        println!("{:<24}{figure:>14}{table:>8}", case.name);
        now.instructions.insert(case.name.to_owned(), figure);
    }
    Ok(now)
}

fn check(now: &Table) -> Result<(), String> {
    let checked_in = read_table()?;
    let grown = checked_in.grown(now);
    if grown.is_empty() {
        return Ok(());
    }
    let grown = grown.join("\n  ");
    if checked_in.compiler != now.compiler {
        eprintln!(
            "NOT JUDGED: different compiler ({} here, {} in the table); above the table:\n  {grown}",
            now.compiler, checked_in.compiler
        );
        return Ok(());
    }
    Err(format!(
        "more than 3 % above benches/instructions.txt:\n  {grown}\n\
         If the growth is intended, run `benches/run update` and give the reason in the commit."
    ))
}

fn read_table() -> Result<Table, String> {
    let path = table_path();
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Table::parse(&text)
}

fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

/// Version of the compiler that cargo uses in this directory.
fn compiler() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let output = output.map_err(|error| format!("rustc --version: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
