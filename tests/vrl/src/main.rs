//! Reads lines of flow logs by `parse_aws_vpc_flow_log` of `vrl`, the language of Vector.
//!
//! `flowmote-vrl [FORMAT] < LINES` prints a line of JSON for each: the fields, or the error as a text. FORMAT has the
//! names of the fields, with a space between them; without it lines are in the default format.
use std::collections::BTreeMap;
use std::io::{self, Read};

use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, Program, TargetValue, TimeZone, compile};
use vrl::value::{Secrets, Value};

fn main() {
    let format = std::env::args().nth(1);
    let program = program(format.as_deref());
    let mut lines = String::new();
    io::stdin().read_to_string(&mut lines).expect("lines in UTF-8");
    for line in lines.lines() {
        println!("{}", serde_json::to_string(&read(&program, line)).expect("JSON has all values"));
    }
}

fn program(format: Option<&str>) -> Program {
    let format = format.map(|format| format!(", {format:?}")).unwrap_or_default();
    let source = format!("parse_aws_vpc_flow_log!(string!(.){format})");
    compile(&source, &vrl::stdlib::all())
        .unwrap_or_else(|error| panic!("{source}: {error:?}"))
        .program
}

fn read(program: &Program, line: &str) -> Value {
    let (value, metadata) = (Value::from(line), Value::Object(BTreeMap::new()));
    let mut target = TargetValue { value, metadata, secrets: Secrets::new() };
    let (mut state, zone) = (RuntimeState::default(), TimeZone::default());
    let mut context = Context::new(&mut target, &mut state, &zone);
    program.resolve(&mut context).unwrap_or_else(|error| Value::from(error.to_string()))
}
