//! The HTTP client: requests to other systems, from threads of their own.

use core::time::Duration;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Makes clients, which accept the same certificates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    /// Those of a file; Mozilla's without one.
    authorities: Option<Arc<Vec<Certificate<'static>>>>,
}

impl Client {
    /// Clients that accept the certificates of the authorities in a PEM file, or of Mozilla's.
    pub(crate) fn new(authorities: Option<&Path>) -> Result<Self, String> {
        let Some(path) = authorities else { return Ok(Self::default()) };
        let named = |error: String| format!("certificates in {}: {error}", path.display());
        let text = fs::read(path).map_err(|error| named(error.to_string()))?;
        let mut found = Vec::new();
        for item in parse_pem(&text) {
            if let PemItem::Certificate(one) = item.map_err(|error| named(error.to_string()))? {
                found.push(one);
            }
        }
        if found.is_empty() {
            return Err(named("there are none".to_owned()));
        }
        Ok(Self { authorities: Some(Arc::new(found)) })
    }

    /// A client whose requests take at most `limit`. The status of a reply is no error, and a redirection
    /// is not followed: a header with a secret is for one host. Proxies of the environment are not used.
    pub(crate) fn agent(&self, limit: Duration) -> Agent {
        let mut tls = TlsConfig::builder();
        if let Some(authorities) = &self.authorities {
            tls = tls.root_certs(RootCerts::Specific(authorities.clone()));
        }
        if let Some(provider) = provider() {
            tls = tls.unversioned_rustls_crypto_provider(provider);
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("flowmote-analyzer/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT.min(limit)))
            .timeout_global(Some(limit))
            .tls_config(tls.build());
        config.build().new_agent()
    }
}

/// Checks that requests to a URL with this scheme are possible on this machine.
pub(crate) fn check_scheme(scheme: &str) -> Result<(), String> {
    match scheme {
        "http" => Ok(()),
        "https" if provider().is_some() => Ok(()),
        "https" => Err("https needs a processor with AES instructions, AVX2 and ADX".to_owned()),
        _ => Err("expected http:// or https://".to_owned()),
    }
}

/// Cryptography without a C compiler, so that static programs are built for other machines. It panics on
/// processors that lack its instructions.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn provider() -> Option<Arc<rustls::crypto::CryptoProvider>> {
    #[cfg(target_arch = "x86_64")]
    let complete = is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("adx")
        && is_x86_feature_detected!("avx")
        && is_x86_feature_detected!("avx2");
    #[cfg(target_arch = "aarch64")]
    let complete = std::arch::is_aarch64_feature_detected!("neon")
        && std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull")
        && std::arch::is_aarch64_feature_detected!("sha2");
    complete.then(|| Arc::new(rustls_graviola::default_provider()))
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn provider() -> Option<Arc<rustls::crypto::CryptoProvider>> {
    None
}

/// Time for a connection.
const CONNECT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_without_certificates_is_an_error() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = Client::new(Some(&file)).expect_err("no certificates");
        assert!(error.ends_with("Cargo.toml: there are none"), "{error}");
    }

    #[test]
    fn schemes_are_http_and_https() {
        assert!(check_scheme("http").is_ok() && check_scheme("ftp").is_err());
    }
}
