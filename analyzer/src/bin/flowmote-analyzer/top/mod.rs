//! `top`: the live view.

use crate::args::TopArguments;

pub(crate) fn run(_arguments: &TopArguments) -> Result<(), Box<dyn core::error::Error>> {
    Ok(())
}
