//! Records of a request to a web server or proxy.

use crate::record::codes::codes;
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// `http_request` (0:2206): one request and its response. Sent with a socket record, such as
/// [`ExtendedSocketIpv4`](super::ExtendedSocketIpv4) (rule A26). Any string may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HttpRequest<'a> {
    /// Method of the request.
    pub method: HttpMethod,
    /// Version of HTTP: 1000 times major plus minor, such as 1001 for HTTP/1.1.
    pub protocol: u32,
    /// URI as received, at most 255 bytes.
    pub uri: &'a str,
    /// `Host`, at most 64 bytes.
    pub host: &'a str,
    /// `Referer`, at most 255 bytes.
    pub referer: &'a str,
    /// `User-Agent`, at most 128 bytes.
    pub useragent: &'a str,
    /// `X-Forwarded-For`, at most 64 bytes.
    pub xff: &'a str,
    /// Authenticated user (RFC 1413 identity or HTTP authentication), at most 32 bytes.
    pub authuser: &'a str,
    /// Media type of the response, at most 64 bytes.
    pub mime_type: &'a str,
    /// `Content-Length` of the request, bytes.
    pub req_bytes: u64,
    /// `Content-Length` of the response, bytes.
    pub resp_bytes: u64,
    /// Duration in microseconds; `uS` in the specification.
    pub duration_us: u32,
    /// Status code of the response.
    pub status: i32,
}

impl FlowRecord for HttpRequest<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2206)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([self.method.code(), self.protocol]);
        xdr.string(self.uri, URI_MAX);
        xdr.string(self.host, HOST_MAX);
        xdr.string(self.referer, 255);
        xdr.string(self.useragent, 128);
        xdr.string(self.xff, 64);
        xdr.string(self.authuser, 32);
        xdr.string(self.mime_type, 64);
        xdr.u64(self.req_bytes);
        xdr.u64(self.resp_bytes);
        xdr.u32(self.duration_us);
        xdr.i32(self.status);
    }
}

codes! {
    /// `method` of [`HttpRequest`].
    HttpMethod {
        /// Any other method.
        OTHER = 0 "OTHER",
        OPTIONS = 1 "OPTIONS",
        GET = 2 "GET",
        HEAD = 3 "HEAD",
        POST = 4 "POST",
        PUT = 5 "PUT",
        DELETE = 6 "DELETE",
        TRACE = 7 "TRACE",
        CONNECT = 8 "CONNECT",
    }
}

/// `extended_proxy_request` (0:2207): the request as a proxy forwarded it. Sent only if the proxy
/// changed URI or host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedProxyRequest<'a> {
    /// URI as forwarded, at most 255 bytes.
    pub uri: &'a str,
    /// `Host` as forwarded, at most 64 bytes.
    pub host: &'a str,
}

impl FlowRecord for ExtendedProxyRequest<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2207)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.uri, URI_MAX);
        xdr.string(self.host, HOST_MAX);
    }
}

const URI_MAX: usize = 255;
const HOST_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::record::testing::{self, hyper, word};

    #[test]
    fn http_request() {
        let record = HttpRequest {
            method: HttpMethod::new(word(1)),
            protocol: word(2),
            uri: "s3xyz",
            host: "s4",
            referer: "s5x",
            useragent: "s6xy",
            xff: "s7xyz",
            authuser: "s8",
            mime_type: "s9x",
            req_bytes: hyper(10),
            resp_bytes: hyper(11),
            duration_us: word(12),
            status: 1013,
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-2206.hex"),
        );
    }

    /// A request whose seven strings are all the same one.
    fn request(string: &str) -> HttpRequest<'_> {
        HttpRequest {
            method: HttpMethod::GET,
            protocol: 1001,
            uri: string,
            host: string,
            referer: string,
            useragent: string,
            xff: string,
            authuser: string,
            mime_type: string,
            req_bytes: 0,
            resp_bytes: 0,
            duration_us: 0,
            status: 404,
        }
    }

    /// The bytes of that request, of each string those that fit.
    fn request_bytes(string: &str, maxima: [u8; 7]) -> Vec<u8> {
        let mut bytes = Vec::from([0, 0, 0, 2, 0, 0, 3, 0xe9]);
        for max in maxima {
            bytes.extend([0, 0, 0, max]);
            bytes.extend(&string.as_bytes()[..usize::from(max)]);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes.extend([0; 8 + 8 + 4]);
        bytes.extend([0, 0, 1, 0x94]);
        bytes
    }

    #[test]
    fn http_request_of_empty_strings() {
        let bytes = request_bytes("", [0; 7]);
        testing::flow_bytes(&request(""), DataFormat::standard(2206), &bytes);
    }

    #[test]
    fn http_request_of_long_strings() {
        let long = "h".repeat(256);
        let bytes = request_bytes(&long, [255, 64, 255, 128, 64, 32, 64]);
        testing::flow_bytes(&request(&long), DataFormat::standard(2206), &bytes);
    }

    #[test]
    fn extended_proxy_request() {
        testing::flow_vector(
            &ExtendedProxyRequest { uri: "s1x", host: "s2xy" },
            include_str!("../../../../tests/vectors/synthetic/flow-0-2207.hex"),
        );
    }

    #[test]
    fn extended_proxy_request_at_the_bounds() {
        let format = DataFormat::standard(2207);
        testing::flow_bytes(&ExtendedProxyRequest { uri: "", host: "" }, format, &[0; 8]);
        let long = "h".repeat(256);
        let mut bytes = Vec::from([0, 0, 0, 255]);
        bytes.extend([b'h'; 255]);
        bytes.extend([0, 0, 0, 0, 64]);
        bytes.extend([b'h'; 64]);
        testing::flow_bytes(&ExtendedProxyRequest { uri: &long, host: &long }, format, &bytes);
    }
}
