//! The datagram under construction.

use core::net::IpAddr;

use crate::data_source::DataSource;
use crate::sample::{CounterSample, DiscardedPacket, Encoding, FlowSample, RtFlow, RtMetric};
use crate::xdr::Encoder;

/// Encodes samples in place, once, at the tail of the one buffer that the caller gave.
///
/// A sample that does not fit was never begun: nothing counts until it is whole. The header is written last, by
/// [`finish`](Self::finish), when sequence number, uptime and count are known.
#[derive(Debug)]
pub struct DatagramBuilder<'a> {
    buffer: &'a mut [u8],
    head: DatagramHead,
    /// Bytes used, with room for the header; more than `limit` if not even that fits.
    len: usize,
    /// Bytes that may be used.
    limit: usize,
    samples: u32,
}

/// Who speaks, and how: what all datagrams of an agent have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramHead {
    /// agent_address: the stable identity of the device (rule A21).
    pub address: IpAddr,
    /// sub_agent_id: tells apart several streams of one device; 0 if there is one.
    pub sub_agent_id: u32,
    /// The layout of flow and counter samples.
    pub encoding: Encoding,
    /// sFlowRcvrMaximumDatagramSize: bytes of UDP payload, typically 1400.
    pub max_bytes: usize,
}

/// A sample did not fit behind those that are there, or its data source not into the compact
/// encoding; nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DoesNotFit;

impl<'a> DatagramBuilder<'a> {
    /// An empty datagram in a buffer that bounds its length, too.
    #[must_use]
    pub fn new(buffer: &'a mut [u8], head: DatagramHead) -> Self {
        let mut builder = Self { buffer, head, len: 0, limit: 0, samples: 0 };
        builder.restart(head);
        builder
    }

    /// Forgets the samples and begins a datagram with this head.
    pub fn restart(&mut self, head: DatagramHead) {
        self.head = head;
        self.len = head.len();
        self.limit = head.max_bytes.min(self.buffer.len());
        self.samples = 0;
    }

    /// Whether there is no sample yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Whether there is exactly one sample.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.samples == 1
    }

    /// Bytes used so far, the header included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes left for further samples.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.len)
    }

    /// Appends a flow sample.
    ///
    /// # Errors
    /// [`DoesNotFit`], and the datagram is as it was. So for all that follow.
    pub fn flow_sample(
        &mut self,
        sequence: u32,
        sample: &FlowSample<'_>,
    ) -> Result<(), DoesNotFit> {
        self.flow_sample_cut(sequence, sample, usize::MAX)
    }

    /// The same with at most `header_bytes` of the packet.
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

    /// Appends a discarded packet; `drops` counts the notifications that were suppressed.
    pub fn discarded_packet(
        &mut self,
        sequence: u32,
        drops: u32,
        packet: &DiscardedPacket<'_>,
    ) -> Result<(), DoesNotFit> {
        self.append(|xdr| packet.encode(sequence, drops, xdr))
    }

    /// Appends metrics of the user's own choice.
    pub fn rt_metric(&mut self, metric: &RtMetric<'_>) -> Result<(), DoesNotFit> {
        self.append(|xdr| metric.encode(xdr))
    }

    /// Appends a flow of the user's own making.
    pub fn rt_flow(&mut self, flow: &RtFlow<'_>) -> Result<(), DoesNotFit> {
        self.append(|xdr| flow.encode(xdr))
    }

    /// Writes the header and lends the whole datagram; [`restart`](Self::restart) begins the next.
    pub fn finish(&mut self, sequence: u32, uptime: u32) -> &[u8] {
        let mut xdr = Encoder::new(self.buffer);
        self.head.encode([sequence, uptime, self.samples], &mut xdr);
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Lets the sample be written into what is left, and keeps it if it fitted.
    #[inline]
    fn append(&mut self, encode: impl FnOnce(&mut Encoder<'_>)) -> Result<(), DoesNotFit> {
        let tail = self.buffer.get_mut(self.len..self.limit).ok_or(DoesNotFit)?;
        let mut xdr = Encoder::new(tail);
        encode(&mut xdr);
        if xdr.overflowed() {
            return Err(DoesNotFit);
        }
        self.len = self.len.wrapping_add(xdr.len());
        self.samples = self.samples.wrapping_add(1);
        Ok(())
    }
}

impl DatagramHead {
    /// Bytes on the wire: 28 with an IPv4 agent address, 40 with IPv6.
    fn len(&self) -> usize {
        match self.address {
            IpAddr::V4(_) => 28,
            IpAddr::V6(_) => 40,
        }
    }

    /// The datagram head of section 2. The words are sequence_number, uptime and the number of
    /// samples.
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

const VERSION: u32 = 5;

#[cfg(test)]
pub(crate) mod tests;
