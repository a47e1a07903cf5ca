//! `listen`: receives datagrams and writes them in an output format.

use core::time::Duration;
use std::io::{self, ErrorKind, IsTerminal, PipeReader};
use std::os::fd::AsFd;
use std::time::Instant;
use std::{panic, process, thread};

use crate::args::ListenArguments;
use crate::output::{Progress, Report, Writer};
use crate::receive::{Item, Limit, Pause, Queue, Receiver, Signals};
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Writes datagrams until a signal or a limit ends the run, or the reader of the output closes it.
pub(crate) fn run(arguments: &ListenArguments) -> Result<()> {
    let signals = Signals::block()?;
    let receiver = Receiver::bind(&arguments.address, arguments.senders.allow())?;
    let mut writer = Writer::new(arguments.output.format(), arguments.output.path())?;
    receiver.socket().announce()?;
    let drops = receiver.socket().drops()?;
    let mut report = Report::new(arguments.run.interval, receiver.socket().drops()?);
    // The writing thread closes `ending` when it ends, which wakes the receiving thread out of poll.
    let (ended, ending) = io::pipe()?;
    let limit = Limit::new(arguments.run.count, arguments.run.duration);
    let mut listener = Listener {
        receiver,
        signals,
        ended,
        limit,
        progress: writer.progress(),
        to_terminal: arguments.output.to_stdout() && io::stdout().is_terminal(),
        ends: 0,
    };
    let queue = Queue::default();
    let (received, written) = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let written = writer.run(&queue, &mut report);
            queue.close();
            drop(ending);
            written
        });
        let received = listener.run(&queue);
        queue.close();
        listener.wait_for_writer();
        (received, writing.join().unwrap_or_else(|cause| panic::resume_unwind(cause)))
    });
    match written {
        // The reader of the pipe, such as `head`, has ended: not a failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        written => written?,
    }
    received?;
    eprintln_lossy(format_args!("{}\n{drops}", writer.summary()));
    Ok(())
}

struct Listener {
    receiver: Receiver,
    signals: Signals,
    /// Readable, at its end, after the writing thread has ended.
    ended: PipeReader,
    limit: Limit,
    progress: Progress,
    /// True if the output is a terminal, which sends SIGHUP when it is closed.
    to_terminal: bool,
    /// Signals that request the end.
    ends: u32,
}

impl Listener {
    fn run(&mut self, queue: &Queue) -> io::Result<()> {
        let mut pause = Pause::default();
        while !self.limit.reached() {
            let fds = [Some(self.receiver.as_fd()), Some(self.ended.as_fd())];
            let wake = self.signals.wait(fds, self.limit.timeout())?;
            if matches!(wake.readable, [_, true]) {
                return Ok(());
            }
            if wake.report {
                queue.push(Item::Report);
            }
            if wake.hangup && !self.to_terminal {
                queue.push(Item::Reopen);
            }
            self.ends += wake.ends + u32::from(wake.hangup && self.to_terminal);
            if self.ends != 0 {
                return self.finish(queue);
            }
            pause.collect();
            self.drain(queue)?;
            pause.drained();
        }
        Ok(())
    }

    /// Waits for the writing thread, which a reader that does not read its pipe can block
    /// indefinitely. After a second signal, the process ends if nothing is written for
    /// [`STALL_LIMIT`].
    fn wait_for_writer(&mut self) {
        let (mut written, mut since) = (self.progress.bytes(), Instant::now());
        loop {
            let impatient = self.ends > 1;
            let timeout = impatient.then(|| STALL_LIMIT.saturating_sub(since.elapsed()));
            match self.signals.wait([Some(self.ended.as_fd())], timeout) {
                Ok(wake) if wake.readable == [false] => self.ends += wake.ends,
                _ => return,
            }
            if !impatient || written != self.progress.bytes() {
                (written, since) = (self.progress.bytes(), Instant::now());
            } else if since.elapsed() >= STALL_LIMIT {
                eprintln_lossy("flowmote-analyzer: ended before all output was written");
                process::exit(1);
            }
        }
    }

    /// Receives the datagrams that arrived before the signal and are still in the socket buffer.
    fn finish(&mut self, queue: &Queue) -> io::Result<()> {
        let end = Instant::now() + DRAIN_LIMIT;
        while self.drain(queue)? && Instant::now() < end {}
        Ok(())
    }

    /// Receives the datagrams that have arrived, up to [`MAX_BATCHES`], so that signals and the
    /// deadline are checked even under overload. Returns true if there may be more.
    fn drain(&mut self, queue: &Queue) -> io::Result<bool> {
        for _ in 0..MAX_BATCHES {
            let Some(mut batch) = queue.spare(QUEUE_WAIT) else { return Ok(true) };
            self.receiver.receive(&mut batch, self.limit.room())?;
            if batch.is_empty() {
                queue.give_back(batch);
                return Ok(false);
            }
            self.limit.note(&batch);
            if !queue.push(Item::Batch(batch)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Batches between two checks of signals and clock.
const MAX_BATCHES: usize = 64;
/// Wait for room in a full queue between two checks of signals and clock.
const QUEUE_WAIT: Duration = Duration::from_millis(100);
/// Time without progress after which a second signal ends the process.
const STALL_LIMIT: Duration = Duration::from_secs(2);
/// Upper bound on receiving after a signal, if datagrams keep arriving.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
