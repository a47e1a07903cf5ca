//! `listen`: receive, and write every datagram.

use core::time::Duration;
use std::io::{self, ErrorKind, PipeReader};
use std::os::fd::AsFd;
use std::time::Instant;
use std::{panic, process, thread};

use crate::args::ListenArguments;
use crate::output::{Report, Writer};
use crate::receive::Queue;
use crate::receive::Signals;
use crate::receive::{Limit, Receiver};
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Writes until a signal, a limit or the end of whoever reads standard output.
pub(crate) fn run(arguments: &ListenArguments) -> Result<()> {
    let signals = Signals::block()?;
    let receiver = Receiver::bind(arguments.address)?;
    let mut writer = Writer::new(arguments.output.format(), arguments.output.path())?;
    receiver.announce()?;
    let drops = receiver.drops()?;
    let mut report = match arguments.run.interval {
        Some(interval) => Some(Report::new(interval, receiver.drops()?)),
        None => None,
    };
    // its closing tells the thread that receives that the other has ended
    let (ended, ending) = io::pipe()?;
    let limit = Limit::new(arguments.run.count, arguments.run.duration);
    let mut listener = Listener { receiver, signals, ended, limit };
    let queue = Queue::default();
    let (received, written) = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let written = writer.run(&queue, report.as_mut());
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
        // whoever read it has seen enough
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        written => written?,
    }
    received?;
    eprintln_lossy(format_args!("{}\n{}", writer.summary(), drops));
    Ok(())
}

struct Listener {
    receiver: Receiver,
    signals: Signals,
    /// At its end once the writer has ended.
    ended: PipeReader,
    limit: Limit,
}

impl Listener {
    fn run(&mut self, queue: &Queue) -> io::Result<()> {
        let mut drained = None::<Instant>;
        while !self.limit.reached() {
            let fds = [Some(self.receiver.as_fd()), Some(self.ended.as_fd())];
            let ready = self.signals.wait(fds, self.limit.timeout())?;
            if matches!(ready, Some([_, true])) {
                return Ok(());
            }
            if ready.is_none() {
                return self.finish(queue);
            }
            // what comes thick is taken by the handful: that saves both threads most wake-ups
            if drained.is_some_and(|drained| drained.elapsed() < BURST_GAP) {
                thread::sleep(COALESCE_DELAY);
            }
            self.drain(queue)?;
            drained = Some(Instant::now());
        }
        Ok(())
    }

    /// A reader that does not read may hold up the writer for ever: a further signal ends it all.
    fn wait_for_writer(&self) {
        loop {
            match self.signals.wait([Some(self.ended.as_fd())], None) {
                Ok(Some([false])) => {}
                Ok(Some([true])) | Err(_) => return,
                Ok(None) => {
                    eprintln_lossy("flowmote-analyzer: ended before all was written");
                    process::exit(1);
                }
            }
        }
    }

    /// Takes also what came before the signal and is still in the kernel's buffer.
    fn finish(&mut self, queue: &Queue) -> io::Result<()> {
        let end = Instant::now() + DRAIN_LIMIT;
        while self.drain(queue)? && Instant::now() < end {}
        Ok(())
    }

    /// Takes what has arrived, up to a bound, so that signals and deadline are seen in a flood;
    /// true if there may be more.
    fn drain(&mut self, queue: &Queue) -> io::Result<bool> {
        for _ in 0..MAX_BATCHES {
            let Some(mut batch) = queue.spare(QUEUE_WAIT) else { return Ok(true) };
            self.receiver.receive(&mut batch, self.limit.room())?;
            if batch.is_empty() {
                queue.give_back(batch);
                return Ok(false);
            }
            self.limit.note(&batch);
            if !queue.push(batch) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Batches between two looks at signals and clock.
const MAX_BATCHES: usize = 64;
/// How long a full queue is waited for between two looks at signals and clock.
const QUEUE_WAIT: Duration = Duration::from_millis(100);
/// Datagrams closer together than this come thick.
const BURST_GAP: Duration = Duration::from_millis(1);
/// How long a handful is collected in the kernel's buffer, the smallest of which (rmem_max of old,
/// 208 KiB) is full after 0.3 ms of 300,000 datagrams/s.
const COALESCE_DELAY: Duration = Duration::from_micros(250);
/// How long a flood may go on after the end was asked for.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
