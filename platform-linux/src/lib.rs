//! sFlow v5 agent for Linux hosts: packet samples from AF_PACKET, counters from the kernel.

mod sys;

pub mod capture;
