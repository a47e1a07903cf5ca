//! Flow records.
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;
/// tmp
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledHeader<'a> {
    /// p
    pub protocol: u32,
    /// f
    pub frame_length: u32,
    /// s
    pub stripped: u32,
    /// h
    pub header: &'a [u8],
}
impl FlowRecord for SampledHeader<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1)
    }
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([self.protocol, self.frame_length, self.stripped]);
        xdr.opaque(self.header);
    }
}
