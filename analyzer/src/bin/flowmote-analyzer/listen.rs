//! `listen`: print every datagram.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::os::fd::AsFd;
use std::time::{Instant, SystemTime};

use crate::args::ListenArguments;
use crate::output::{Json, Received, Text};
use crate::receiver::Receiver;
use crate::signals::Signals;
use crate::tally::Tally;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Prints until a signal, a limit or the end of whoever reads standard output.
pub(crate) fn run(arguments: &ListenArguments) -> Result<()> {
    let signals = Signals::block()?;
    let receiver = Receiver::bind(arguments.address)?;
    eprintln!("listening on {}", receiver.local_address()?);
    let mut listener = Listener {
        receiver,
        format: if arguments.json {
            Format::Json(Json::default())
        } else {
            Format::Text(Text::default())
        },
        out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
        tally: Tally::default(),
    };
    let left = arguments.count.unwrap_or(u64::MAX);
    let deadline = arguments.duration.and_then(|time| Instant::now().checked_add(time));
    match listener.run(&signals, left, deadline) {
        // whoever read it has seen enough
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        ended => ended?,
    }
    eprintln!("{}", listener.tally);
    Ok(())
}

struct Listener {
    receiver: Receiver,
    format: Format,
    out: BufWriter<StdoutLock<'static>>,
    tally: Tally,
}

enum Format {
    Json(Json),
    Text(Text),
}

impl Listener {
    fn run(
        &mut self,
        signals: &Signals,
        mut left: u64,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        while left > 0 {
            let timeout = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                break;
            }
            let signal = signals.wait([Some(self.receiver.as_fd())], timeout)?.is_none();
            // also what came before the signal
            self.drain(&mut left)?;
            self.out.flush()?;
            if signal {
                break;
            }
        }
        self.out.flush()
    }

    /// Prints what has arrived, up to a bound, so that signals and deadline are seen in a flood.
    fn drain(&mut self, left: &mut u64) -> io::Result<()> {
        for _ in 0..MAX_BATCH.min(*left) {
            let Some((payload, from)) = self.receiver.receive()? else { break };
            let received = Received { time: SystemTime::now(), from: Some(from), payload };
            let written = self.format.print(&received, &mut self.tally);
            self.out.write_all(written)?;
            *left -= 1;
        }
        Ok(())
    }
}

impl Format {
    fn print(&mut self, received: &Received<'_>, tally: &mut Tally) -> &[u8] {
        match self {
            Self::Json(json) => json.datagram(received, tally),
            Self::Text(text) => text.datagram(received, tally),
        }
    }
}

/// Datagrams between two looks at signals and clock.
const MAX_BATCH: u64 = 256;
