//! Drivers of Ethernet controllers. A driver for another one is another file or folder in here, and
//! [`ethernet`](crate::ethernet) names the one that the board has.

pub mod lan9118;
