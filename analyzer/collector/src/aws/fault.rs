//! The errors of the services.

use axum::http::StatusCode;

use super::document::Document;
use super::service::Service;

/// An error, with its text for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

/// The kinds of errors. A client raises the exception of the shape, or of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidValue,
    InvalidCombination,
    MissingParameter,
    InvalidNextToken,
    Validation,
    Serialization,
    UnknownOperation,
    MissingToken,
    InvalidClient,
    SignatureMismatch,
    IncompleteSignature,
    /// The clock of the client differs.
    Skewed,
    /// A presigned URL is too old.
    Expired,
    AccessDenied,
    ResourceNotFound,
    /// There is no resource with an ARN; another exception than [`Self::ResourceNotFound`] of CloudWatch.
    NoResource,
    /// The service failed. Clients send the request again.
    Internal,
    LimitExceeded,
    InvalidFormat,
    Throttled,
    TooLarge,
    Timeout,
    NoFlowLog,
    DryRun,
    ResourceAlreadyExists,
    /// A query of Logs Insights, with the place of what is wrong in it.
    MalformedQuery {
        start: u32,
        end: u32,
    },
}

impl Fault {
    /// An error whose text is cut if it is very long: it may repeat what somebody sent.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE));
            message.push('…');
        }
        Self { kind, message }
    }

    /// The members of the exception with a name.
    pub(crate) fn document(&self, shape: &str) -> Document {
        let document = Document::new().with("__type", shape).with("message", &*self.message);
        let Kind::MalformedQuery { start, end } = self.kind else { return document };
        let location = Document::new()
            .with("startCharOffset", i64::from(start))
            .with("endCharOffset", i64::from(end));
        let error = Document::new().with("location", location).with("message", &*self.message);
        document.with("queryCompileError", error)
    }

    /// A parameter has a value that cannot be used.
    pub(crate) fn value(name: &str, reason: &str) -> Self {
        Self::new(Kind::InvalidValue, format!("The parameter {name} {reason}."))
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::new(Kind::MissingParameter, format!("The parameter {name} is required."))
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(Kind::Validation, message)
    }

    pub(crate) fn next_token() -> Self {
        Self::new(
            Kind::InvalidNextToken,
            "The parameter NextToken is none that this request returned.",
        )
    }
}

/// Bytes of a text.
const MAX_MESSAGE: usize = 2000;

impl Kind {
    /// The name of the exception in JSON and CBOR.
    pub(crate) fn shape(self, service: Service) -> &'static str {
        match self {
            Self::InvalidValue
            | Self::InvalidCombination
            | Self::MissingParameter
            | Self::InvalidNextToken
            | Self::Validation
                if service == Service::Logs =>
            {
                "InvalidParameterException"
            }
            Self::InvalidValue
            | Self::InvalidCombination
            | Self::MissingParameter
            | Self::InvalidNextToken
            | Self::Validation
                if service == Service::FlowMonitor =>
            {
                "ValidationException"
            }
            Self::ResourceNotFound if matches!(service, Service::Logs | Service::FlowMonitor) => {
                "ResourceNotFoundException"
            }
            Self::NoResource => "ResourceNotFoundException",
            Self::Internal => "InternalServiceFault",
            Self::LimitExceeded if service == Service::Logs => "LimitExceededException",
            Self::LimitExceeded => "LimitExceededFault",
            Self::InvalidFormat => "InvalidFormatFault",
            Self::InvalidValue => "InvalidParameterValueException",
            Self::InvalidCombination => "InvalidParameterCombinationException",
            Self::MissingParameter => "MissingRequiredParameterException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Serialization => "SerializationException",
            Self::AccessDenied => "AccessDeniedException",
            Self::ResourceAlreadyExists => "ResourceAlreadyExistsException",
            Self::MalformedQuery { .. } => "MalformedQueryException",
            Self::Throttled => "ThrottlingException",
            _ => self.code(service),
        }
    }

    /// The code in XML, and in the header for clients that know the codes of XML.
    pub(crate) fn code(self, service: Service) -> &'static str {
        if let Some(code) = self.signature(service) {
            return code;
        }
        match self {
            Self::InvalidValue => "InvalidParameterValue",
            Self::InvalidCombination => "InvalidParameterCombination",
            Self::MissingParameter => "MissingParameter",
            Self::InvalidNextToken => "InvalidNextToken",
            Self::Validation => "ValidationError",
            Self::Serialization => "MalformedInput",
            Self::UnknownOperation => "InvalidAction",
            Self::MissingToken => "MissingAuthenticationToken",
            Self::InvalidClient => "InvalidClientTokenId",
            Self::SignatureMismatch => "SignatureDoesNotMatch",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::Skewed => "RequestTimeTooSkewed",
            Self::Expired => "RequestExpired",
            Self::Throttled => "Throttling",
            Self::AccessDenied => "AccessDenied",
            Self::ResourceNotFound => "ResourceNotFound",
            Self::NoResource => "ResourceNotFoundException",
            Self::Internal => "InternalServiceError",
            Self::LimitExceeded => "LimitExceeded",
            Self::InvalidFormat => "InvalidFormat",
            Self::TooLarge => "RequestEntityTooLarge",
            Self::Timeout => "RequestTimeout",
            Self::NoFlowLog => "InvalidFlowLogId.NotFound",
            Self::DryRun => "DryRunOperation",
            Self::ResourceAlreadyExists => "ResourceAlreadyExists",
            Self::MalformedQuery { .. } => "MalformedQuery",
        }
    }

    /// The code of an error of signatures for a service that has names of its own for them.
    fn signature(self, service: Service) -> Option<&'static str> {
        Some(match (service, self) {
            (Service::Logs, Self::MissingToken) => "MissingAuthenticationTokenException",
            (Service::Logs, Self::InvalidClient) => "UnrecognizedClientException",
            (Service::Logs, Self::SignatureMismatch | Self::Skewed | Self::Expired) => {
                "InvalidSignatureException"
            }
            (Service::Logs, Self::IncompleteSignature) => "IncompleteSignatureException",
            (
                Service::Ec2,
                Self::MissingToken
                | Self::InvalidClient
                | Self::SignatureMismatch
                | Self::IncompleteSignature,
            ) => "AuthFailure",
            (Service::Ec2, Self::Skewed) => "RequestExpired",
            _ => return None,
        })
    }

    /// Whose fault it is: clients send a request again if it is not theirs.
    pub(crate) fn party(self) -> &'static str {
        if self == Self::Internal { "Receiver" } else { "Sender" }
    }

    pub(crate) fn status(self, service: Service) -> StatusCode {
        match self {
            Self::ResourceNotFound if service == Service::Logs => StatusCode::BAD_REQUEST,
            Self::UnknownOperation | Self::ResourceNotFound | Self::NoResource => {
                StatusCode::NOT_FOUND
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::MissingToken
            | Self::InvalidClient
            | Self::SignatureMismatch
            | Self::IncompleteSignature
            | Self::Skewed
            | Self::AccessDenied => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::DryRun => StatusCode::PRECONDITION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_errors_have_a_limit() {
        let fault = Fault::value(&"ü".repeat(1 << 20), "is nested too deeply");
        assert!(fault.message.starts_with("The parameter üü") && fault.message.ends_with("ü…"));
        assert!((1990..2010).contains(&fault.message.len()), "{}", fault.message.len());
        assert_eq!(Fault::validation("x".repeat(2000)).message.len(), 2000);
    }
}
