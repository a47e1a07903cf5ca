//! Parameters that are all known and valid: a misspelt one is an error, and changes no result silently.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::http::reply::Failure;

/// The parameters of a query.
pub(super) struct Strict<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Strict<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let parsed = Query::try_from_uri(&parts.uri);
        parsed.map(|Query(value)| Self(value)).map_err(|error| Failure::bad(error.body_text()))
    }
}

/// A number that is neither infinite nor NaN.
pub(super) fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number: f64 = Deserialize::deserialize(deserializer)?;
    match number.is_finite() {
        true => Ok(Some(number)),
        false => Err(D::Error::custom("expected a finite number")),
    }
}
