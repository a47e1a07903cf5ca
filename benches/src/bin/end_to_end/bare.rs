//! The bare loop: the cost of only sending the same number of datagrams of the same size.
//!
//! A child process, like the agent, so that its CPU time is accounted in the same way.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

use crate::accounts::{Cpu, CpuSpent};
use crate::children::Process;

/// Runs the loop in a child process and returns its CPU time.
///
/// # Errors
///
/// The child fails, or its output is malformed.
pub(crate) fn measure(collector: SocketAddr, datagrams: u64, size: u64) -> Result<CpuSpent> {
    let arguments = [collector.to_string(), datagrams.to_string(), size.to_string()];
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(SUBCOMMAND).args(arguments).stdout(Stdio::piped());
    let mut process = Process::spawn(&mut command)?;
    let pipe = process.child().stdout.take().context("pipe")?;
    let output = std::io::read_to_string(pipe)?;
    let (user, system) = output.trim().split_once(' ').context("the bare loop failed")?;
    Ok(CpuSpent { user: user.parse()?, system: system.parse()? })
}

/// The child: `ADDRESS DATAGRAMS SIZE`; prints user and system nanoseconds of the loop.
///
/// # Errors
///
/// Bad arguments, or as `send(2)`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let [collector, datagrams, size] = arguments else {
        anyhow::bail!("{SUBCOMMAND} ADDRESS DATAGRAMS SIZE");
    };
    let (datagrams, size): (u64, usize) = (datagrams.parse()?, size.parse()?);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(*collector)?;
    let payload = vec![0u8; size];
    let before = Cpu::of(Pid::this())?;
    for _ in 0..datagrams {
        socket.send(&payload)?;
    }
    // The account of a running thread lags by up to one tick; after a sleep it is current.
    thread::sleep(Duration::from_millis(1));
    let spent = Cpu::of(Pid::this())?.since(before);
    println!("{} {}", spent.user, spent.system);
    Ok(())
}

/// Argument that makes `main` run the child.
pub(crate) const SUBCOMMAND: &str = "bare-loop";
