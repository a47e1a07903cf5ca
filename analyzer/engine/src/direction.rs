//! Packets of an agent, each counted once.

use flowmote_decoder::{FlowSample, Port};

use crate::window::{Moment, Rate, Sum, Window};

/// The direction in which a packet passed the port that sampled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// It entered the device, or was sent by the device itself, so that no port received it before.
    In,
    /// It left the device. The port that received it may have sampled it too.
    Out,
}

impl Direction {
    /// The direction from the data source, which is the input or the output port of the packet.
    pub(crate) fn of(sample: &FlowSample<'_>) -> Self {
        let (input, output) = (sample.input.port(), sample.output.port());
        let sampler = Port::Index(sample.source_id.index);
        let leaves = sample.source_id.class == 0 && output == sampler && input != sampler;
        if leaves && input != Port::Internal { Self::Out } else { Self::In }
    }
}

/// Packets estimated from the samples of an agent, by direction.
///
/// An agent that samples both directions of its ports samples most packets twice. Those that leave
/// are therefore counted only if none enters, because the agent samples one direction only.
#[derive(Debug, Default)]
pub(crate) struct AgentPackets {
    entering: Window,
    leaving: Window,
}

impl AgentPackets {
    pub(crate) fn add(&mut self, now: Moment, direction: Direction, sum: Sum) {
        match direction {
            Direction::In => self.entering.add(now, sum),
            Direction::Out => self.leaving.add(now, sum),
        }
    }

    /// The packets over the window.
    pub(crate) fn rate(&self, now: Moment) -> Rate {
        let entering = self.entering.rate(now);
        if entering.samples == 0 { self.leaving.rate(now) } else { entering }
    }
}
