//! An agent for unit tests: a port where messages arrive, and a file with its settings.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::application::Application;
use crate::process::Process;

#[derive(Debug)]
pub(crate) struct Lab {
    socket: UdpSocket,
    pub(crate) path: PathBuf,
    pub(crate) process: &'static Process,
}

impl Lab {
    /// A process with an application that reports every operation.
    pub(crate) fn with_application(name: impl core::fmt::Display) -> (Self, Application) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name_of_file = format!("flowmote-app-{}-{count}.auto", std::process::id());
        let path = std::env::temp_dir().join(name_of_file);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let process = Box::leak(Box::new(Process::new(path.clone())));
        let lab = Self { socket, path, process };
        lab.publish("sampling=1");
        let application = Application::in_process(name, lab.process);
        (lab, application)
    }

    /// Replaces the settings, and has the process read them.
    pub(crate) fn publish(&self, settings: &str) {
        let port = self.socket.local_addr().unwrap().port();
        let text = format!("rev_start=1\njsonPort={port}\n{settings}\nrev_end=1\n");
        // Another inode, as after a rename(2) by the agent.
        let new = self.path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &self.path).unwrap();
        self.process.work(Instant::now());
    }

    /// The next message. On the loopback interface one that was sent has arrived.
    pub(crate) fn receive(&self) -> Option<String> {
        let mut buffer = vec![0xa5; 65536];
        let length = self.socket.recv(&mut buffer).ok()?;
        buffer.truncate(length);
        Some(String::from_utf8(buffer).expect("UTF-8"))
    }

    pub(crate) fn received(&self) -> serde_json::Value {
        serde_json::from_str(&self.receive().expect("a message")).expect("JSON")
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.receive().is_none()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
