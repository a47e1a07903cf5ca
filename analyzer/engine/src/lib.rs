//! Analysis of sFlow datagrams: no socket, no clock, no thread.
#![forbid(unsafe_code)]
