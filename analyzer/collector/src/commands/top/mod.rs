//! `top`: a live view of flows, interfaces and hosts, on a terminal or as plain text.

mod child;
mod help;
mod live;
mod pace;
mod recent;
mod screen;
mod units;
mod view;

use core::time::Duration;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::Instant;

use flowmote_engine::{Arrival, Instant as EngineTime};

use crate::args::TopArguments;
use crate::output::Notices;
use crate::receive::{Batch, Receiver, Signals};
use crate::stderr::eprintln_lossy;
use child::Child;
use live::Live;
use screen::{Key, Screen};
use units::fit;
use view::{Line, Page, Role, Sort, View};

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Shows the view until a key, a signal, the time limit or the end of the command.
pub(crate) fn run(arguments: &TopArguments) -> Result<()> {
    let mut top = Top::open(arguments)?;
    let interval = if top.screen.is_some() { REFRESH } else { arguments.interval };
    let deadline = arguments.duration.and_then(|time| top.start.checked_add(time));
    let ended = top.run(interval, deadline);
    top.finish(ended)
}

struct Top {
    receiver: Receiver,
    batch: Batch,
    signals: Signals,
    listening: String,
    child: Option<Child>,
    screen: Option<Screen>,
    /// The start of the engine's clock.
    start: Instant,
    live: Live,
    notices: Notices,
    page: Page,
    sort: Sort,
    /// The screen shows the help page.
    help: bool,
    /// The screen keeps its content.
    paused: bool,
}

/// The continuation after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Wait,
    Draw,
    Quit,
}

impl Top {
    /// Binds the socket, starts the command and opens the screen.
    fn open(arguments: &TopArguments) -> Result<Self> {
        let receiver = Receiver::bind(&arguments.address, arguments.senders.allow())?;
        let listening = format!("flowmote-analyzer top on {}", receiver.socket().local_address()?);
        let on_screen = io::stdout().is_terminal() && io::stdin().is_terminal();
        // Block signals before printing the address, so that a signal sent after it leads to a
        // summary. With a command, block them only after its start: it would inherit the mask and
        // never receive SIGTERM.
        let early = arguments.command.is_empty().then(Signals::block).transpose()?;
        if !on_screen {
            eprintln_lossy(format_args!("listening on {}", receiver.socket().local_address()?));
        }
        // Start the command before the screen opens, so that an error message remains visible.
        let child = Child::start(&arguments.command, on_screen)?;
        Ok(Self {
            receiver,
            batch: Batch::new(),
            signals: early.map_or_else(Signals::block, Ok)?,
            listening,
            child,
            screen: if on_screen { Some(Screen::open()?) } else { None },
            start: Instant::now(),
            live: Live::new(arguments.window),
            notices: Notices::default(),
            page: Page::Overview,
            sort: Sort::Bits,
            help: false,
            paused: false,
        })
    }

    /// Shows the view every `interval` until a key, a signal, `deadline` or the end of the command.
    fn run(&mut self, interval: Duration, deadline: Option<Instant>) -> io::Result<()> {
        let first = if self.screen.is_some() { Duration::ZERO } else { interval };
        let mut next_draw = Instant::now() + first;
        loop {
            let now = Instant::now();
            if now >= next_draw {
                self.show(now)?;
                let unchanged = self.paused || self.help;
                next_draw = now + if unchanged { PAUSED_REFRESH } else { interval };
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(());
            }
            let until = deadline.map_or(next_draw, |deadline| deadline.min(next_draw));
            match self.wait(until.saturating_duration_since(now).min(CHILD_POLL))? {
                Next::Wait => {}
                Next::Draw => next_draw = Instant::now(),
                Next::Quit => return Ok(()),
            }
        }
    }

    /// Waits for at most `timeout`, then handles datagrams, output of the command and keys.
    fn wait(&mut self, timeout: Duration) -> io::Result<Next> {
        let fds = [
            Some(self.receiver.as_fd()),
            self.child.as_ref().and_then(Child::fd),
            self.screen.as_ref().map(Screen::fd),
        ];
        let wake = self.signals.wait(fds, Some(timeout))?;
        if wake.ends != 0 || wake.hangup {
            return Ok(Next::Quit);
        }
        if wake.report && self.screen.is_none() {
            eprintln_lossy(self.summary()?);
        }
        let [datagrams, output, _] = wake.readable;
        if datagrams {
            self.drain()?;
        }
        if let Some(child) = &mut self.child {
            if output {
                child.read();
            }
            if child.ended() {
                return Ok(Next::Quit);
            }
        }
        self.keys()
    }

    /// Handles the keys pressed, even if standard input is not readable: a resize arrives as SIGWINCH.
    fn keys(&mut self) -> io::Result<Next> {
        let mut next = Next::Wait;
        while let Some(key) = self.screen.as_mut().map_or(Ok(None), Screen::key)? {
            if key == Key::Quit {
                return Ok(Next::Quit);
            }
            match (key, &mut self.screen) {
                (Key::Suspend, Some(screen)) => screen.suspend()?,
                (Key::Redraw, Some(screen)) => screen.clear()?,
                _ => {}
            }
            self.press(key);
            next = Next::Draw;
        }
        Ok(next)
    }

    /// Stops the command, and prints the last tables, the summary and the last output of the command.
    fn finish(mut self, ended: io::Result<()>) -> Result<()> {
        // Leave the alternate screen: what follows must remain visible.
        let on_screen = self.screen.take().is_some();
        let stopped = self.child.take().map(Child::stop);
        // An agent sends its last samples when it ends.
        self.drain()?;
        let shown = ended.and_then(|()| if on_screen { Ok(()) } else { self.show(Instant::now()) });
        match shown {
            // The reader of the pipe, such as `head`, has ended: not a failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            shown => shown?,
        }
        eprintln_lossy(self.summary()?);
        let Some((last_lines, ended)) = stopped else { return Ok(()) };
        last_lines.into_iter().for_each(eprintln_lossy);
        Ok(ended?)
    }

    /// Prints a line if datagrams of another protocol arrived. The screen shows it in the view.
    fn notice(&mut self) {
        if self.screen.is_none()
            && let Some(refused) = &self.live.tally().last_refused
            && let Some(line) = self.notices.note(Instant::now(), refused)
        {
            eprintln_lossy(line);
        }
    }

    /// All counts.
    fn summary(&self) -> io::Result<String> {
        let (tally, drops) = (self.live.tally(), self.receiver.socket().drops()?);
        Ok(format!("flowmote-analyzer: {tally}\n{drops}"))
    }

    /// Processes the datagrams that have arrived, up to [`MAX_BATCHES`], so that keys and signals are
    /// handled even under overload.
    fn drain(&mut self) -> io::Result<()> {
        let time = self.engine_time(Instant::now());
        for _ in 0..MAX_BATCHES {
            self.receiver.receive(&mut self.batch, usize::MAX)?;
            if self.batch.is_empty() {
                break;
            }
            for (payload, from) in self.batch.iter() {
                self.live.ingest(&Arrival { time, sender: Some(from.ip()) }, payload);
            }
            self.notice();
        }
        Ok(())
    }

    fn engine_time(&self, now: Instant) -> EngineTime {
        EngineTime::after_start(now.saturating_duration_since(self.start))
    }

    fn press(&mut self, key: Key) {
        if core::mem::take(&mut self.help) {
            return;
        }
        match key {
            Key::Help => self.help = true,
            Key::Char(' ') => self.paused = !self.paused,
            Key::NextPage => self.page = self.page.next(),
            Key::Char('b') => self.sort = Sort::Bits,
            Key::Char('p') => self.sort = Sort::Packets,
            Key::Char('n') => self.sort = Sort::Name,
            Key::Char(digit) => {
                let index = digit.to_digit(10).and_then(|digit| digit.checked_sub(1));
                let page = index.and_then(|index| Page::ALL.get(index as usize));
                self.page = page.copied().unwrap_or(self.page);
            }
            Key::Redraw | Key::Suspend | Key::Quit => {}
        }
    }

    fn show(&mut self, now: Instant) -> io::Result<()> {
        let size = self.screen.as_ref().map(Screen::size).transpose()?;
        let (width, height) = size.unwrap_or((200, 60));
        let mut view = View { page: self.page, sort: self.sort, width, height };
        if size.is_none() {
            return print(&self.lines(view, now)?);
        }
        let log = log_lines(self.child.as_ref(), view.height);
        let state = if self.paused { "PAUSED" } else { "" };
        let refused = self.receiver.socket().drops()?.refused();
        let refused = refused.map(|count| format!(", {count} refused by --allow"));
        let listening = self.listening.clone() + &refused.unwrap_or_default();
        let (title, footer) = (title(&listening, state, view), footer(view));
        view.height = view.height.saturating_sub(log.len() + 2);
        let mut lines = vec![title];
        lines.extend(if self.help { help::lines() } else { self.lines(view, now)? });
        lines.resize_with(view.height + 1, || Line { role: Role::Row, text: String::new() });
        lines.extend(log);
        lines.push(footer);
        self.screen.as_mut().map_or(Ok(()), |screen| screen.draw(&lines))
    }

    fn lines(&mut self, view: View, now: Instant) -> io::Result<Vec<Line>> {
        let now = self.engine_time(now);
        self.live.tick(now);
        let recent = self.live.recent(now);
        let flows = self.while_receiving(|| recent.flows(&view.wanted()))?;
        Ok(view.lines(&self.live.content(now, flows)))
    }

    /// Does work in another thread, and receives meanwhile: the socket of a user without privileges holds
    /// few datagrams.
    fn while_receiving<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let worker = scope.spawn(work);
            while !worker.is_finished() {
                self.drain()?;
                thread::sleep(PAUSE);
            }
            worker.join().map_err(|_| io::Error::other("the flows could not be read"))
        })
    }
}

/// Prints the view as a block of plain text and an empty line.
fn print(lines: &[Line]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", line.text.trim_end())?;
    }
    writeln!(out)?;
    out.flush()
}

fn title(listening: &str, state: &str, view: View) -> Line {
    let sorted = format!("{state}  sorted by {}", view.sort.name());
    let width = view.width.saturating_sub(sorted.len() + 1);
    Line { role: Role::Title, text: format!("{:width$} {sorted}", fit(listening, width)) }
}

fn footer(view: View) -> Line {
    let keys = "1 all  2 flows  3 addresses  4 interfaces  5 hosts  b p n sort  ? help  q quit";
    Line { role: Role::Header, text: format!("{keys:width$}", width = view.width) }
}

/// The pane with the last lines of the command, 2 to 6 depending on the height.
fn log_lines(child: Option<&Child>, height: usize) -> Vec<Line> {
    let Some(child) = child else { return Vec::new() };
    let rows = (height / 8).clamp(2, 6);
    let mut lines = vec![Line { role: Role::Header, text: format!("OUTPUT OF {}", child.name()) }];
    lines
        .extend(child.last_lines(rows).map(|text| Line { role: Role::Row, text: text.to_owned() }));
    lines.resize_with(rows + 1, || Line { role: Role::Row, text: String::new() });
    lines
}

/// Interval between two drawings of the screen.
const REFRESH: Duration = Duration::from_secs(1);
/// The same for a screen that keeps its content: long, but within the range of the clock.
const PAUSED_REFRESH: Duration = Duration::from_secs(1 << 31);
/// Interval between two checks for the end of the command.
const CHILD_POLL: Duration = Duration::from_millis(250);
/// Time between two calls that receive, while another thread works.
const PAUSE: Duration = Duration::from_micros(500);
/// Batches of datagrams between two checks of keys, signals and command.
const MAX_BATCHES: usize = 16;
