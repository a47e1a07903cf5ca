//! What the applications of a process share: the socket, the settings of the agent, and a thread
//! that follows them.

use std::env;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::application::Shared;
use crate::sampling::rate_for;
use crate::settings::{Rate, Settings, SettingsFile};
use crate::socket::Socket;

/// The applications of a process and their way to the agent.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) socket: Socket,
    /// Apart from the state, because a file system can block, and [`application`](Self::application)
    /// must not wait for it.
    file: Mutex<SettingsFile>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    applications: Vec<Registered>,
}

#[derive(Debug)]
struct Registered {
    application: &'static Shared,
    /// When its counters were sent last, or when it was made.
    reported: Instant,
    /// Its operations at the last look, and when that was.
    seen: (u64, Instant),
}

impl Process {
    /// That of this process. Its thread starts with the first application, and sleeps almost always.
    pub(crate) fn of_this() -> &'static Self {
        static PROCESS: OnceLock<Process> = OnceLock::new();
        static THREAD: OnceLock<()> = OnceLock::new();
        let process = PROCESS.get_or_init(|| {
            let path =
                env::var_os(PATH_VARIABLE).map_or_else(|| DEFAULT_PATH.into(), PathBuf::from);
            Self::new(path)
        });
        THREAD.get_or_init(|| {
            let thread = thread::Builder::new().name("flowmote-app".into()).stack_size(STACK);
            // Without it the rate stays the usual one, and there are no counters.
            let _ = thread.spawn(|| {
                loop {
                    thread::sleep(process.work(Instant::now()));
                }
            });
        });
        process
    }

    pub(crate) fn new(path: PathBuf) -> Self {
        let settings = Settings::default();
        let socket = Socket::open(settings.port);
        let file = Mutex::new(SettingsFile::new(path));
        Self { socket, file, state: Mutex::new(State { settings, applications: Vec::new() }) }
    }

    /// The application of this name. There is one for all callers, so that its counters are those of
    /// the whole process. It is never freed.
    pub(crate) fn application(&'static self, name: &str) -> &'static Shared {
        let mut state = self.lock();
        let mut known = state.applications.iter().map(|known| known.application);
        if let Some(known) = known.find(|known| known.name() == name) {
            return known;
        }
        let rate = match state.settings.sampling_of(name) {
            Rate::Fixed(rate) => rate,
            Rate::PerSecond(_) => FIRST_RATE,
        };
        let application = Box::leak(Box::new(Shared::new(name.to_owned(), rate, self)));
        let now = Instant::now();
        state.applications.push(Registered { application, reported: now, seen: (0, now) });
        application
    }

    /// Follows the settings and sends the counters that are due. Returns when to call again.
    pub(crate) fn work(&self, now: Instant) -> Duration {
        self.follow_settings();
        self.set_rates(now);
        let mut wait = LOOK_AGAIN;
        for application in self.take_due(now, &mut wait) {
            // Without the lock: the application's own function is called.
            application.send_counters();
        }
        wait
    }

    fn follow_settings(&self) {
        let changed = self.file.lock().unwrap_or_else(PoisonError::into_inner).changed();
        if let Some(settings) = changed {
            self.socket.set_port(settings.port);
            self.lock().settings = settings;
        }
    }

    fn set_rates(&self, now: Instant) {
        let mut state = self.lock();
        let State { settings, applications, .. } = &mut *state;
        for Registered { application, seen, .. } in applications {
            let count = application.count();
            let (before, since) = core::mem::replace(seen, (count, now));
            application.set_rate(match settings.sampling_of(application.name()) {
                Rate::Fixed(rate) => rate,
                Rate::PerSecond(number) => {
                    let time = now.saturating_duration_since(since);
                    rate_for(number, count.wrapping_sub(before), time, application.rate())
                }
            });
        }
    }

    /// The applications whose counters are due. Shortens `wait` to the next that are.
    fn take_due(&self, now: Instant, wait: &mut Duration) -> Vec<&'static Shared> {
        let mut state = self.lock();
        let State { settings, applications, .. } = &mut *state;
        let mut due = Vec::new();
        for Registered { application, reported, .. } in applications {
            let Some(polling) = settings.polling_of(application.name()) else { continue };
            if now.saturating_duration_since(*reported) >= polling {
                *reported = now;
                due.push(*application);
            }
            *wait = (*wait).min((*reported + polling).saturating_duration_since(now));
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in it leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The environment variable with the path of the agent's settings, for a container for example.
const PATH_VARIABLE: &str = "FLOWMOTE_AUTO";
const DEFAULT_PATH: &str = "/etc/hsflowd.auto";
/// N until the number of operations is known, where it follows that.
const FIRST_RATE: u32 = 256;
/// Time between two looks at the file.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Bytes. The functions that users pass to [`Application::counters`](crate::Application::counters)
/// run on it.
const STACK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use crate::application::Application;
    use crate::status::Status;
    use crate::testing::Lab;

    #[test]
    fn file_system_that_blocks_delays_no_application() {
        let (lab, app) = Lab::with_application("shop");
        // As the thread does while it reads.
        let _reading = lab.process.file.lock().unwrap();
        let other = Application::in_process("shop.cart", lab.process);
        app.operation("x").finish(Status::Success);
        other.operation("x").finish(Status::Success);
        assert_eq!(other.sampling_rate(), 1);
        assert!(lab.receive().is_some() && lab.receive().is_some());
    }
}
