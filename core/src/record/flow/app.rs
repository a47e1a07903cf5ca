//! Records of a transaction of an application.

use crate::record::codes::codes;
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// `app_operation` (0:2202): one operation and its outcome. Sent with a socket record, such as
/// [`ExtendedSocketIpv4`](super::ExtendedSocketIpv4) (rule A26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppOperation<'a> {
    /// Name of the operation.
    pub context: AppContext<'a>,
    /// Description of the status, at most 64 bytes; may be empty.
    pub status_descr: &'a str,
    /// Bytes of the body of the request.
    pub req_bytes: u64,
    /// Bytes of the body of the response.
    pub resp_bytes: u64,
    /// Duration in microseconds; `uS` in the specification.
    pub duration_us: u32,
    /// Outcome.
    pub status: AppStatus,
}

impl FlowRecord for AppOperation<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2202)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        self.context.encode(xdr);
        xdr.string(self.status_descr, 64);
        xdr.u64(self.req_bytes);
        xdr.u64(self.resp_bytes);
        xdr.words([self.duration_us, self.status.code()]);
    }
}

/// The name of an operation, `context` in the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppContext<'a> {
    /// The application, such as `payment`, at most 32 bytes.
    pub application: &'a str,
    /// The operation, dots between its levels, such as `get.customer.name`, at most 32 bytes.
    pub operation: &'a str,
    /// Attributes, such as `cc=visa&loc=mobile`, at most 255 bytes; may be empty.
    pub attributes: &'a str,
}

impl AppContext<'_> {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.application, 32);
        xdr.string(self.operation, 32);
        xdr.string(self.attributes, 255);
    }
}

codes! {
    /// `status` of [`AppOperation`].
    AppStatus {
        /// The operation succeeded.
        SUCCESS = 0 "SUCCESS",
        /// Any other failure.
        OTHER = 1 "OTHER",
        /// The operation timed out.
        TIMEOUT = 2 "TIMEOUT",
        /// The application failed.
        INTERNAL_ERROR = 3 "INTERNAL_ERROR",
        /// The request was malformed.
        BAD_REQUEST = 4 "BAD_REQUEST",
        /// The client lacks the permission.
        FORBIDDEN = 5 "FORBIDDEN",
        /// The request was too large.
        TOO_LARGE = 6 "TOO_LARGE",
        /// The application does not implement the operation.
        NOT_IMPLEMENTED = 7 "NOT_IMPLEMENTED",
        /// The object of the operation does not exist.
        NOT_FOUND = 8 "NOT_FOUND",
        /// The application, or a service that it depends on, was out of service.
        UNAVAILABLE = 9 "UNAVAILABLE",
        /// The client was not authenticated.
        UNAUTHORIZED = 10 "UNAUTHORIZED",
    }
}

/// `app_parent_context` (0:2203): the operation of a server that caused the sampled operation, in
/// which it was the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppParentContext<'a> {
    /// Name of the operation of the server.
    pub context: AppContext<'a>,
}

impl FlowRecord for AppParentContext<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2203)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        self.context.encode(xdr);
    }
}

/// `app_initiator` (0:2204): the party that requested the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppInitiator<'a> {
    /// Identifier in business terms, such as a customer number, at most 64 bytes.
    pub actor: &'a str,
}

impl FlowRecord for AppInitiator<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2204)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.actor, 64);
    }
}

/// `app_target` (0:2205): the party that the operation concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppTarget<'a> {
    /// Identifier in business terms, such as a customer number, at most 64 bytes.
    pub actor: &'a str,
}

impl FlowRecord for AppTarget<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2205)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.actor, 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper, word};

    const CONTEXT: AppContext<'_> =
        AppContext { application: "s1x", operation: "s2xy", attributes: "s3xyz" };

    #[test]
    fn app_operation() {
        let record = AppOperation {
            context: CONTEXT,
            status_descr: "s4",
            req_bytes: hyper(5),
            resp_bytes: hyper(6),
            duration_us: word(7),
            status: AppStatus::new(word(8)),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-2202.hex"),
        );
    }

    #[test]
    fn app_operation_of_empty_strings() {
        let record = AppOperation {
            context: AppContext { application: "", operation: "", attributes: "" },
            status_descr: "",
            req_bytes: 0,
            resp_bytes: 0,
            duration_us: 0,
            status: AppStatus::UNAUTHORIZED,
        };
        let mut bytes = [0; 40];
        bytes[39] = 10;
        testing::flow_bytes(&record, DataFormat::standard(2202), &bytes);
    }

    #[test]
    fn app_parent_context() {
        testing::flow_vector(
            &AppParentContext { context: CONTEXT },
            include_str!("../../../../tests/vectors/synthetic/flow-0-2203.hex"),
        );
    }

    #[test]
    fn context_is_cut_at_32_32_and_255_bytes() {
        let long = "c".repeat(256);
        let context = AppContext { application: &long, operation: &long, attributes: &long };
        let mut bytes = std::vec::Vec::new();
        for max in [32_u8, 32, 255] {
            bytes.extend([0, 0, 0, max]);
            bytes.extend(&long.as_bytes()[..usize::from(max)]);
        }
        bytes.push(0);
        testing::flow_bytes(&AppParentContext { context }, DataFormat::standard(2203), &bytes);
    }

    #[test]
    fn app_initiator() {
        testing::flow_vector(
            &AppInitiator { actor: "s1x" },
            include_str!("../../../../tests/vectors/synthetic/flow-0-2204.hex"),
        );
    }

    #[test]
    fn app_target() {
        testing::flow_vector(
            &AppTarget { actor: "s1x" },
            include_str!("../../../../tests/vectors/synthetic/flow-0-2205.hex"),
        );
    }

    #[test]
    fn actors_are_cut_at_64_bytes_and_may_be_empty() {
        let long = "a".repeat(65);
        let mut bytes = [b'a'; 68];
        bytes[..4].copy_from_slice(&[0, 0, 0, 64]);
        testing::flow_bytes(&AppInitiator { actor: &long }, DataFormat::standard(2204), &bytes);
        testing::flow_bytes(&AppInitiator { actor: "" }, DataFormat::standard(2204), &[0; 4]);
        testing::flow_bytes(&AppTarget { actor: &long }, DataFormat::standard(2205), &bytes);
        testing::flow_bytes(&AppTarget { actor: "" }, DataFormat::standard(2205), &[0; 4]);
    }
}
