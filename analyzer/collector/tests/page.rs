//! The page of `serve`: its files, and the resources that its scripts use.

mod process;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use nix::sys::signal::Signal;
use process::Listening;

struct Serving {
    process: Listening,
    address: String,
}

impl Serving {
    fn start() -> Self {
        let options = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--for", "60"];
        let mut process = Listening::start(&options);
        let line = process.stderr_line();
        let address = line.trim().strip_prefix("serving http://").expect(&line);
        let address = address.trim_end_matches('/').to_owned();
        Self { process, address }
    }

    fn stop(self) {
        self.process.signal(Signal::SIGTERM);
        assert_eq!(self.process.end().code, Some(0));
    }

    /// Head and body of the reply.
    fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").expect(&reply);
        (head.to_ascii_lowercase(), body.to_owned())
    }

    /// All files: the page, and what it and its scripts name.
    fn files(&self) -> Vec<(String, String, String)> {
        let (mut wanted, mut files) = (vec!["/".to_owned()], Vec::new());
        let mut known = BTreeSet::new();
        while let Some(path) = wanted.pop() {
            if !known.insert(path.clone()) {
                continue;
            }
            let (head, body) = self.get(&path);
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
            let parts = body.split(['\'', '"']);
            wanted.extend(parts.filter_map(|part| {
                let name = part.strip_prefix("./").or_else(|| part.strip_prefix("/page/"))?;
                Some(format!("/page/{name}"))
            }));
            files.push((path, head, body));
        }
        files
    }
}

/// The literals of a script that are paths of the server, with `x` for each value in them.
fn paths(script: &str) -> Vec<String> {
    let literals = script.split(['\'', '`']);
    let paths = literals.filter(|text| {
        text.starts_with('/') && text.len() > 2 && !text.contains(char::is_whitespace)
    });
    paths.map(plain).collect()
}

fn plain(literal: &str) -> String {
    let mut parts = literal.split("${");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| all + "x" + part.split_once('}').unwrap().1)
}

#[test]
fn files_of_the_page_have_their_types_and_load_nothing_from_elsewhere() {
    let serving = Serving::start();
    let files = serving.files();
    assert!(files.len() > 10, "{}", files.len());
    for (path, head, body) in &files {
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript",
            Some((_, "css")) => "text/css",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/html",
        };
        assert!(head.contains(&format!("content-type: {kind}; charset=utf-8")), "{path}: {head}");
        assert!(head.contains("content-security-policy: default-src 'self'"), "{path}: {head}");
        // The namespace of SVG is a name, not an address that is loaded.
        let elsewhere = body.replace("http://www.w3.org/2000/svg", "").contains("://");
        assert!(!elsewhere && !body.contains("innerHTML"), "{path}");
    }
    serving.stop();
}

#[test]
fn resources_that_the_scripts_use_exist() {
    let serving = Serving::start();
    let files = serving.files();
    let scripts = files.iter().filter(|(path, ..)| path.ends_with(".js"));
    let used: BTreeSet<String> = scripts.flat_map(|(.., body)| paths(body)).collect();
    for known in ["/analyzer/json", "/api/v1/flows?", "/api/v1/agents?", "/api/v1/ports?limit=1000"]
    {
        assert!(used.contains(known), "{known}: {used:?}");
    }
    for path in used {
        let (head, body) = serving.get(&path);
        assert!(head.starts_with("http/1.1 200"), "{path}: {head} {body}");
    }
    serving.stop();
}
