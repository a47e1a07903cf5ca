//! Names of containers from Docker, by its socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use httparse::{EMPTY_HEADER, Response, Status};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The API of a Docker daemon.
#[derive(Debug)]
pub(super) struct Docker {
    socket: PathBuf,
}

/// A container as `GET /containers/json` lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "Id")]
    pub(super) id: String,
    #[serde(rename = "Names", default)]
    names: Vec<String>,
}

/// What `GET /containers/ID/json` has about a container, as far as it is read.
#[derive(Debug, Deserialize)]
struct Inspected {
    #[serde(rename = "Config")]
    config: InspectedConfig,
}

#[derive(Debug, Deserialize)]
struct InspectedConfig {
    #[serde(rename = "Hostname")]
    hostname: String,
}

impl Listed {
    /// Its own name. Links give it further ones, of the form `/OTHER/ALIAS`.
    pub(super) fn name(&self) -> Option<&str> {
        let mut names = self.names.iter().map(|name| name.strip_prefix('/').unwrap_or(name));
        names.find(|name| !name.is_empty() && !name.contains('/'))
    }
}

impl Docker {
    /// The daemon with the usual socket below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self { socket: root.join("var/run/docker.sock") }
    }

    /// The running containers.
    ///
    /// # Errors
    /// NotFound: there is no daemon. PermissionDenied: the user is not in the group of the socket.
    /// InvalidData: a reply that is not understood or longer than [`MAX_REPLY`].
    pub(super) fn containers(&self) -> io::Result<Vec<Listed>> {
        // Without a version: daemons refuse versions that are too old for them.
        self.get("/containers/json")
    }

    /// The host name inside of a container.
    ///
    /// # Errors
    /// Those of [`containers`](Self::containers).
    pub(super) fn hostname(&self, id: &str) -> io::Result<String> {
        let inspected: Inspected = self.get(&format!("/containers/{id}/json"))?;
        Ok(inspected.config.hostname)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> io::Result<T> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // A reply to a request of version 1.0 is not chunked and ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n")?;
        let reply = read_all(&mut stream)?;
        serde_json::from_slice(body(&reply)?).map_err(|_| invalid("not the expected JSON"))
    }
}

/// Reads until the end, within a time and a size.
fn read_all(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let (mut reply, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut part)?;
        let read = part.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok(reply);
        }
        reply.extend_from_slice(read);
        if reply.len() > MAX_REPLY {
            return Err(invalid("the reply is too long"));
        }
        if Instant::now() > until {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// The body of a reply with status 200.
fn body(reply: &[u8]) -> io::Result<&[u8]> {
    let mut headers = [EMPTY_HEADER; 32];
    let mut response = Response::new(&mut headers);
    match response.parse(reply) {
        Ok(Status::Complete(length)) if response.code == Some(200) => {
            Ok(reply.get(length..).unwrap_or_default())
        }
        Ok(Status::Complete(_)) => {
            Err(invalid(&format!("status {}", response.code.unwrap_or_default())))
        }
        _ => Err(invalid("the reply is not HTTP")),
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Docker lists a thousand containers within a second.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes. A container with many labels and ports has 4000.
const MAX_REPLY: usize = 8 << 20;

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::cgroups::testing::Tree;
    use std::os::unix::net::UnixListener;
    use std::thread::{self, JoinHandle};

    /// Replies to one request after the other, and returns the requested paths.
    pub(in super::super) fn serve(tree: &Tree, replies: Vec<String>) -> JoinHandle<Vec<String>> {
        let path = tree.path().join("var/run/docker.sock");
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(path).unwrap();
        thread::spawn(move || replies.iter().map(|reply| answer(&listener, reply)).collect())
    }

    fn answer(listener: &UnixListener, reply: &str) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        // A client that has enough closes the connection.
        let _ = stream.write_all(reply.as_bytes());
        String::from_utf8(request).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    pub(in super::super) fn reply(body: &str) -> String {
        format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{reply, serve};
    use super::*;
    use crate::cgroups::testing::Tree;

    fn error_of(text: String) -> String {
        let tree = Tree::new();
        let server = serve(&tree, vec![text]);
        let error = Docker::new(tree.path()).containers().unwrap_err();
        server.join().unwrap();
        error.to_string()
    }

    #[test]
    fn containers_have_the_name_that_is_their_own() {
        let tree = Tree::new();
        let list = r#"[{"Id": "1", "Names": ["/web/db", "/db"], "Labels": {"a": "b"}},
                       {"Id": "2", "Names": []}, {"Id": "3"}]"#;
        let inspected = r#"{"Id": "1", "Config": {"Hostname": "h1", "Env": []}}"#;
        let server = serve(&tree, vec![reply(list), reply(inspected)]);
        let docker = Docker::new(tree.path());
        let containers = docker.containers().unwrap();
        let names: Vec<_> = containers.iter().map(|one| (one.id.as_str(), one.name())).collect();
        assert_eq!(names, [("1", Some("db")), ("2", None), ("3", None)]);
        assert_eq!(docker.hostname("1").unwrap(), "h1");
        assert_eq!(server.join().unwrap(), ["/containers/json", "/containers/1/json"]);
    }

    #[test]
    fn hostile_replies_are_errors() {
        assert_eq!(error_of("HTTP/1.1 500 Oops\r\n\r\n{}".into()), "status 500");
        assert_eq!(error_of("220 smtp\r\n".into()), "the reply is not HTTP");
        assert_eq!(error_of("HTTP/1.0 200 OK\r\nHalf: ".into()), "the reply is not HTTP");
        assert_eq!(error_of(reply("[{]")), "not the expected JSON");
        assert_eq!(error_of(reply(&"[".repeat(100_000))), "not the expected JSON");
        assert_eq!(error_of(reply(&" ".repeat(MAX_REPLY))), "the reply is too long");
        let gone = Docker::new(Path::new("/nonexistent")).containers().unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
