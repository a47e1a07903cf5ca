//! The page that explains keys and columns.

use super::view::{Line, Role};

/// The page.
pub(super) fn lines() -> Vec<Line> {
    let line = |(at, text): (usize, &str)| {
        let role = if at == 0 { Role::Header } else { Role::Row };
        Line { role, text: text.to_owned() }
    };
    HELP.lines().enumerate().map(line).collect()
}

const HELP: &str = "\
KEYS (any key returns)
  1 … 5, Tab   all tables, flows, address pairs, interfaces, hosts
  b p n        sort by bit/s, packets/s, name
  space        pause, continue; datagrams are still received and counted
  Ctrl-L       draw again
  Ctrl-Z       stop, to the shell; `fg` continues
  q Esc Ctrl-C quit

VALUES
  lost         datagrams missing in the sequence numbers of the agents
  malformed    faults in datagrams
  implausible  values that no device can mean; left out of estimates
  estimated    packets of all agents; each agent counts a packet once
  ±95%         distance to the farther end of the 95 % interval of an estimate
  -            unknown to the agent, or before the second counter sample";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_small_terminal() {
        let lines = lines();
        assert!(lines.len() <= 22 && lines.iter().all(|line| line.text.chars().count() <= 80));
    }
}
