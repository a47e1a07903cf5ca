//! An application that reports its operations in JSON.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// A socket connected to the port of the agents for applications.
#[derive(Debug)]
pub(crate) struct Application(UdpSocket);

impl Application {
    /// Opens the socket.
    ///
    /// # Errors
    ///
    /// No descriptor is left.
    pub(crate) fn new() -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, PORT))?;
        Ok(Self(socket))
    }

    /// Sends `count` messages, `per_second` of them evenly spaced.
    pub(crate) fn report(&self, count: u64, per_second: f64) {
        let start = Instant::now();
        for number in 0..count {
            let due = Duration::from_secs_f64(number as f64 / per_second);
            thread::sleep(due.saturating_sub(start.elapsed()));
            // ECONNREFUSED until the agent has bound its port.
            let _ = self.0.send(MESSAGE.as_bytes());
        }
    }
}

/// As programs send it: an operation, who requested it, and the connection.
const MESSAGE: &str = concat!(
    r#"{"flow_sample":{"app_name":"shop","service_port":8080,"app_operation":{"#,
    r#""operation":"cart.add","attributes":"cc=visa&loc=mobile","status_descr":"OK","#,
    r#""status":0,"req_bytes":310,"resp_bytes":5220,"uS":1830},"#,
    r#""app_initiator":{"actor":"customer-7"},"extended_socket_ipv4":{"protocol":6,"#,
    r#""local_ip":"10.0.0.1","remote_ip":"10.0.0.2","local_port":8080,"remote_port":40000}}}"#,
);
/// Of the configuration of the agents.
const PORT: u16 = 36_343;
