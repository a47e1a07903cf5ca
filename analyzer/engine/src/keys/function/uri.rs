//! `uri:`: the parts of a URI (RFC 3986).

/// A part of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keys) enum UriPart {
    Normalized,
    Scheme,
    Authority,
    User,
    Host,
    Port,
    Path,
    File,
    Extension,
    Query,
    Fragment,
}

impl UriPart {
    pub(super) const NAMES: [(&'static str, Self); 11] = [
        ("normalized", Self::Normalized),
        ("scheme", Self::Scheme),
        ("authority", Self::Authority),
        ("user", Self::User),
        ("host", Self::Host),
        ("port", Self::Port),
        ("path", Self::Path),
        ("file", Self::File),
        ("extension", Self::Extension),
        ("query", Self::Query),
        ("fragment", Self::Fragment),
    ];

    /// The part of `text`; `None` if it has no such part.
    pub(super) fn of(self, text: &str) -> Option<String> {
        let uri = Uri::split(text);
        let part = match self {
            Self::Normalized => return Some(uri.normalized()),
            Self::Scheme => return uri.scheme.map(str::to_ascii_lowercase),
            Self::Host => return uri.host().map(str::to_ascii_lowercase),
            Self::Authority => uri.authority,
            Self::User => uri.authority?.rsplit_once('@').map(|(user, _)| user),
            Self::Port => uri.port(),
            Self::Path => Some(uri.path),
            Self::File => uri.file(),
            Self::Extension => uri.file()?.rsplit_once('.').map(|(_, extension)| extension),
            Self::Query => uri.query,
            Self::Fragment => uri.fragment,
        };
        part.filter(|part| !part.is_empty()).map(str::to_owned)
    }
}

/// A URI in parts (RFC 3986, appendix B).
struct Uri<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Uri<'a> {
    fn split(text: &'a str) -> Self {
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Self { scheme, authority, path, query, fragment }
    }

    fn host_and_port(&self) -> Option<&'a str> {
        let authority = self.authority?;
        Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
    }

    fn host(&self) -> Option<&'a str> {
        let host = self.host_and_port()?;
        let end =
            if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':') };
        host.get(..end.unwrap_or(host.len())).filter(|host| !host.is_empty())
    }

    fn port(&self) -> Option<&'a str> {
        self.host_and_port()?.strip_prefix(self.host()?)?.strip_prefix(':')
    }

    fn file(&self) -> Option<&'a str> {
        self.path.rsplit('/').next()
    }

    /// Scheme and host in lower case, without query and fragment, without an empty path.
    fn normalized(&self) -> String {
        let mut text = String::new();
        if let Some(scheme) = self.scheme {
            text.push_str(&scheme.to_ascii_lowercase());
            text.push(':');
        }
        if let Some(authority) = self.authority {
            text.push_str("//");
            text.push_str(&authority.to_ascii_lowercase());
        }
        text.push_str(if self.path.is_empty() { "/" } else { self.path });
        text
    }
}

/// Splits off what follows the first `mark`.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}
