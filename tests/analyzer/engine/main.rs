//! The engine against devices in virtual time: the real samplers and encoder at one end, and at the
//! other what it makes of their datagrams, compared with what really passed.

mod arbitrary;
mod bounds;
mod counters;
mod days;
mod device;
mod heap;
mod truth;
