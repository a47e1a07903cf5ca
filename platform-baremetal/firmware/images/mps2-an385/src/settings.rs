//! Addresses of the station, and the values that the console can change.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use flowmote_core::Duration;

/// The address of the station, in a network of [`PREFIX`] bits.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 85);

/// The length of the network prefix.
pub const PREFIX: u8 = 24;

/// The IPv6 address of the station, in images with IPv6. The prefix has 64 bits.
pub const ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85);

/// The initial collector.
pub const COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), SFLOW_PORT);

/// Initial N of 1-in-N.
pub const SAMPLING_RATE: u32 = 100;

/// Initial interval of counter samples.
pub const POLLING: Duration = Duration::from_secs(POLLING_SECONDS);

/// The UDP port of collectors.
pub const SFLOW_PORT: u16 = 6343;

/// The UDP port of the echo service (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// Maximum bytes of an sFlow datagram: fits one Ethernet frame.
pub const DATAGRAM: usize = 1400;

/// [`POLLING`] in seconds.
pub const POLLING_SECONDS: u32 = 20;
