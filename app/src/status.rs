//! The outcome of an operation.

/// The outcome of an operation, as `app_operation` (0:2202) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It succeeded.
    Success,
    /// It failed for another reason than those below.
    Other,
    /// It took too long.
    Timeout,
    /// The application failed.
    InternalError,
    /// The request was not valid.
    BadRequest,
    /// The client may not do this.
    Forbidden,
    /// The request was too large.
    TooLarge,
    /// The application does not have this operation.
    NotImplemented,
    /// The subject of the operation does not exist.
    NotFound,
    /// The application cannot serve now.
    Unavailable,
    /// The client is unknown.
    Unauthorized,
}

impl Status {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::Other,
        Self::Timeout,
        Self::InternalError,
        Self::BadRequest,
        Self::Forbidden,
        Self::TooLarge,
        Self::NotImplemented,
        Self::NotFound,
        Self::Unavailable,
        Self::Unauthorized,
    ];

    /// The outcome that a status code of HTTP stands for. Codes without a status of their own: 4xx
    /// is [`BadRequest`](Self::BadRequest), 5xx [`InternalError`](Self::InternalError), all others
    /// below 400 [`Success`](Self::Success).
    #[must_use]
    pub const fn from_http(code: u16) -> Self {
        match code {
            ..400 => Self::Success,
            401 | 407 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            408 | 504 => Self::Timeout,
            413 | 414 | 431 => Self::TooLarge,
            429 | 503 => Self::Unavailable,
            405 | 501 => Self::NotImplemented,
            400..500 => Self::BadRequest,
            500..600 => Self::InternalError,
            600.. => Self::Other,
        }
    }

    /// Its number in the sFlow structures.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// Its counter in a `counter_sample`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Other => "other",
            Self::Timeout => "timeout",
            Self::InternalError => "internal_error",
            Self::BadRequest => "bad_request",
            Self::Forbidden => "forbidden",
            Self::TooLarge => "too_large",
            Self::NotImplemented => "not_implemented",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Unauthorized => "unauthorized",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_structure() {
        for (number, status) in (0..).zip(Status::ALL) {
            assert_eq!(status.number(), number, "{status:?}");
        }
    }

    #[test]
    fn each_code_of_http_has_a_status() {
        for (code, status) in [
            (200, Status::Success),
            (304, Status::Success),
            (400, Status::BadRequest),
            (401, Status::Unauthorized),
            (403, Status::Forbidden),
            (404, Status::NotFound),
            (405, Status::NotImplemented),
            (413, Status::TooLarge),
            (418, Status::BadRequest),
            (500, Status::InternalError),
            (503, Status::Unavailable),
            (504, Status::Timeout),
            (599, Status::InternalError),
            (999, Status::Other),
        ] {
            assert_eq!(Status::from_http(code), status, "{code}");
        }
    }
}
