//! The datagram under construction: section 2.

use core::net::IpAddr;

use crate::data_source::DataSource;
use crate::sample::{CounterSample, DiscardedPacket, Encoding, FlowSample, RtFlow, RtMetric};
use crate::xdr::Encoder;

/// A builder that encodes samples in place, at the tail of one buffer of the caller.
///
/// A sample that does not fit leaves the datagram unchanged. The header is written last, by
/// [`finish`](Self::finish), when sequence number, uptime and the number of samples are known.
#[derive(Debug)]
pub struct DatagramBuilder<'a> {
    buffer: &'a mut [u8],
    head: DatagramHead,
    /// Bytes used, including the room for the header; more than `limit` if not even that fits.
    len: usize,
    /// Bytes that may be used: the smaller of `max_bytes` and the buffer.
    limit: usize,
    samples: u32,
}

/// The properties that all datagrams of an agent share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramHead {
    /// `agent_address`: the identity of the device, which must not change with its interfaces (rule
    /// A21).
    pub address: IpAddr,
    /// `sub_agent_id`: distinguishes several streams of one device; 0 if there is one.
    pub sub_agent_id: u32,
    /// The layout of flow and counter samples.
    pub encoding: Encoding,
    /// sFlowRcvrMaximumDatagramSize: most bytes of UDP payload, typically 1400 (rule A12).
    pub max_bytes: usize,
}

/// Error of [`DatagramBuilder`]: the sample does not fit, or the index of its data source needs
/// more than the 24 bits of the compact encoding. The datagram is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DoesNotFit;

impl<'a> DatagramBuilder<'a> {
    /// Creates an empty datagram. The length of `buffer` bounds its own, as `head.max_bytes` does.
    #[must_use]
    pub fn new(buffer: &'a mut [u8], head: DatagramHead) -> Self {
        let mut builder = Self { buffer, head, len: 0, limit: 0, samples: 0 };
        builder.restart(head);
        builder
    }

    /// Removes all samples and begins a datagram with this head.
    pub fn restart(&mut self, head: DatagramHead) {
        self.head = head;
        self.len = head.len();
        self.limit = head.max_bytes.min(self.buffer.len());
        self.samples = 0;
    }

    /// Returns true if there is no sample yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Returns true if there is exactly one sample.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.samples == 1
    }

    /// Returns the bytes used so far, including the header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the bytes left for further samples.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    /// Appends a flow sample.
    ///
    /// # Errors
    /// [`DoesNotFit`]; the datagram is unchanged. The same holds for the other kinds of sample.
    pub fn flow_sample(
        &mut self,
        sequence: u32,
        sample: &FlowSample<'_>,
    ) -> Result<(), DoesNotFit> {
        self.flow_sample_cut(sequence, sample, usize::MAX)
    }

    /// Appends a flow sample with at most `header_bytes` of the packet.
    pub(crate) fn flow_sample_cut(
        &mut self,
        sequence: u32,
        sample: &FlowSample<'_>,
        header_bytes: usize,
    ) -> Result<(), DoesNotFit> {
        let encoding = self.head.encoding;
        self.append(|xdr| sample.encode(encoding, sequence, header_bytes, xdr))
    }

    /// Appends a counter sample.
    pub fn counter_sample(
        &mut self,
        source: DataSource,
        sequence: u32,
        sample: &CounterSample<'_>,
    ) -> Result<(), DoesNotFit> {
        let encoding = self.head.encoding;
        self.append(|xdr| sample.encode(encoding, source, sequence, xdr))
    }

    /// Appends a discarded packet. `drops` is the total of notifications that were suppressed or
    /// lost.
    pub fn discarded_packet(
        &mut self,
        sequence: u32,
        drops: u32,
        packet: &DiscardedPacket<'_>,
    ) -> Result<(), DoesNotFit> {
        self.append(|xdr| packet.encode(sequence, drops, xdr))
    }

    /// Appends user-defined metrics.
    pub fn rt_metric(&mut self, metric: &RtMetric<'_>) -> Result<(), DoesNotFit> {
        self.append(|xdr| metric.encode(xdr))
    }

    /// Appends a user-defined flow.
    pub fn rt_flow(&mut self, flow: &RtFlow<'_>) -> Result<(), DoesNotFit> {
        self.append(|xdr| flow.encode(xdr))
    }

    /// Writes the header and returns the whole datagram; [`restart`](Self::restart) begins the
    /// next.
    pub fn finish(&mut self, sequence: u32, uptime: u32) -> &[u8] {
        let mut xdr = Encoder::new(self.buffer);
        self.head.encode([sequence, uptime, self.samples], &mut xdr);
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Encodes a sample into the rest of the buffer, and keeps it only if all of it fits.
    #[inline]
    fn append(&mut self, encode: impl FnOnce(&mut Encoder<'_>)) -> Result<(), DoesNotFit> {
        // `None` if `len` is beyond `limit`: the head alone does not fit.
        let tail = self.buffer.get_mut(self.len..self.limit).ok_or(DoesNotFit)?;
        let mut xdr = Encoder::new(tail);
        encode(&mut xdr);
        // The bytes written remain in the buffer after `len`, where the next sample overwrites
        // them.
        if xdr.overflowed() {
            return Err(DoesNotFit);
        }
        self.len = self.len.wrapping_add(xdr.len());
        self.samples = self.samples.wrapping_add(1);
        Ok(())
    }
}

impl DatagramHead {
    /// Returns the agent and sub-agent, by which collectors separate sequences of datagrams.
    pub(crate) fn stream(&self) -> (IpAddr, u32) {
        (self.address, self.sub_agent_id)
    }

    /// Returns the bytes on the wire: 28 with an IPv4 agent address, 40 with IPv6.
    fn len(&self) -> usize {
        match self.address {
            IpAddr::V4(_) => 28,
            IpAddr::V6(_) => 40,
        }
    }

    /// Writes the head. The words are `sequence_number`, `uptime` and the number of samples.
    fn encode(&self, [sequence, uptime, samples]: [u32; 3], xdr: &mut Encoder<'_>) {
        match self.address {
            IpAddr::V4(address) => xdr.words([VERSION, 1, address.to_bits()]),
            IpAddr::V6(address) => {
                xdr.words([VERSION, 2]);
                xdr.opaque_fixed(&address.octets());
            }
        }
        xdr.words([self.sub_agent_id, sequence, uptime, samples]);
    }
}

/// The version of sFlow.
const VERSION: u32 = 5;

#[cfg(test)]
pub(crate) mod tests;
