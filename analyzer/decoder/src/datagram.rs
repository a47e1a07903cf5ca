//! The datagram: header, and walk over the samples.

use crate::format::DataFormat;
use crate::malformed::{Error, Malformed, MalformedKind};
use crate::sample::Sample;
use crate::value::Address;
use crate::xdr::Span;

/// An sFlow version 5 datagram, borrowed from the bytes of the UDP payload.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Address that identifies the agent; may differ from the source address of the UDP packet.
    pub agent_address: Address,
    /// Distinguishes the datagram streams of one agent.
    pub sub_agent_id: u32,
    /// Increases by 1 per datagram of this sub-agent; wraps.
    pub sequence_number: u32,
    /// Milliseconds since the start of the device (some agents: of the agent); wraps after 49.7
    /// days.
    pub uptime: u32,
    /// Declared number of samples; [`samples`](Datagram::samples) yields those present.
    pub num_samples: u32,
    samples: Span<'a>,
}

impl<'a> Datagram<'a> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// If no sample can be found: the header is incomplete, the version is not 5, or the address
    /// type is undefined, so that the length of the address is unknown.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let mut span = Span::new(payload);
        let [version, address_type] = span.words().ok_or(Error::Short)?;
        if version != 5 {
            return Err(Error::Version(version));
        }
        let agent_address = match address_type {
            0 => Address::Unknown,
            1 => Address::V4(span.array::<4>().ok_or(Error::Short)?.into()),
            2 => Address::V6(span.array::<16>().ok_or(Error::Short)?.into()),
            other => return Err(Error::AddressType(other)),
        };
        let [sub_agent_id, sequence_number, uptime, num_samples] =
            span.words().ok_or(Error::Short)?;
        Ok(Self {
            agent_address,
            sub_agent_id,
            sequence_number,
            uptime,
            num_samples,
            samples: span,
        })
    }

    /// The samples in order.
    #[inline]
    pub fn samples(&self) -> Samples<'a> {
        Samples { span: self.samples, left: self.num_samples }
    }
}

/// The samples of a datagram, in order.
///
/// Yields an error for a sample that is too short for its kind, and continues with the next. Yields
/// an error where the walk cannot continue, and ends.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    span: Span<'a>,
    left: u32,
}

impl<'a> Samples<'a> {
    /// Bytes not walked over yet. At the end, surplus bytes of the datagram, to be ignored.
    pub fn remaining(&self) -> &'a [u8] {
        self.span.bytes()
    }

    fn fail(&mut self, kind: MalformedKind) -> Malformed {
        self.left = 0;
        self.span.malformed(kind)
    }
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Some([format, length]) = self.span.words() else {
            return Some(Err(self.fail(MalformedKind::SamplesMissing)));
        };
        let Some(body) = self.span.opaque(length) else {
            return Some(Err(self.fail(MalformedKind::SampleOverrun)));
        };
        Some(Sample::read(DataFormat(format), body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_with_ipv4_agent_is_read() {
        let payload = [
            0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 3, 0xe8, 0, 0, 0, 0,
        ];
        let datagram = Datagram::parse(&payload).unwrap();
        assert_eq!(datagram.agent_address, Address::V4([10, 0, 0, 1].into()));
        assert_eq!((datagram.sub_agent_id, datagram.sequence_number), (7, 8));
        assert_eq!((datagram.uptime, datagram.num_samples), (1000, 0));
        assert!(datagram.samples().next().is_none());
    }

    #[test]
    fn incomplete_header_wrong_version_and_address_type_are_refused() {
        assert_eq!(Datagram::parse(&[]).unwrap_err(), Error::Short);
        assert_eq!(Datagram::parse(&[0, 0, 0, 4, 0, 0, 0, 1]).unwrap_err(), Error::Version(4));
        assert_eq!(Datagram::parse(&[0, 0, 0, 5, 0, 0, 0, 3]).unwrap_err(), Error::AddressType(3));
        assert_eq!(Datagram::parse(&[0, 0, 0, 5, 0, 0, 0, 1, 10]).unwrap_err(), Error::Short);
    }

    #[test]
    fn count_without_samples_is_one_fault() {
        let mut payload = [0u8; 28];
        payload[3] = 5;
        payload[7] = 1;
        payload[24..].fill(0xff);
        let mut samples = Datagram::parse(&payload).unwrap().samples();
        let fault = samples.next().unwrap().unwrap_err();
        assert_eq!(fault, Malformed { kind: MalformedKind::SamplesMissing, offset: 28 });
        assert!(samples.next().is_none());
    }
}
