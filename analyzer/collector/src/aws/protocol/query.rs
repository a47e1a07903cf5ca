//! Query: parameters of a form, `MetricData.member.1.Value=3`, and a reply in XML. Amazon EC2 has one of its
//! own: lists have no `member`, and a reply no element for its result.

use std::collections::BTreeMap;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use time::OffsetDateTime;

use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::service::Service;

/// A node of the tree that the names of parameters make.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

/// The version of the service that a form is for.
pub(super) fn version(form: &[u8]) -> Option<String> {
    let mut parameters = form_urlencoded::parse(form);
    parameters.find(|(name, _)| name == "Version").map(|(_, version)| version.into_owned())
}

/// Reads a form for a service. Returns the operation and its parameters.
pub(super) fn read(service: Service, form: &[u8]) -> Result<(String, Document), Fault> {
    let (mut root, mut free) = (Node::default(), MAX_NODES);
    for (name, value) in form_urlencoded::parse(form) {
        root.insert(&name, value.into_owned(), &mut free)?;
    }
    let action = root.children.remove("Action").and_then(|node| node.text);
    let missing = || Fault::new(Kind::UnknownOperation, "The parameter Action is required.");
    let action = action.ok_or_else(missing)?;
    root.children.remove("Version");
    let plain = service.has_plain_lists();
    let members = root.children.into_iter().map(|(name, node)| (name, node.document(plain)));
    Ok((action, Document::Members(members.collect())))
}

impl Node {
    /// Sets the text of a parameter, with at most `free` new nodes.
    fn insert(&mut self, name: &str, value: String, free: &mut usize) -> Result<(), Fault> {
        let mut node = self;
        for (depth, part) in name.split('.').enumerate() {
            if depth >= MAX_DEPTH {
                return Err(Fault::value(name, "is nested too deeply"));
            }
            if !node.children.contains_key(part) {
                *free = free.checked_sub(1).ok_or_else(too_many)?;
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.text = Some(value);
        Ok(())
    }

    /// The value. If `plain`, members whose names are numbers are the items of a list.
    fn document(mut self, plain: bool) -> Document {
        if self.children.len() == 1
            && !plain
            && let Some(list) = self.children.remove("member")
        {
            return Document::List(list.items(plain));
        }
        let is_number = |name: &String| name.parse::<u32>().is_ok();
        if plain && !self.children.is_empty() && self.children.keys().all(is_number) {
            return Document::List(self.items(plain));
        }
        if self.children.is_empty() {
            return Document::Text(self.text.unwrap_or_default());
        }
        let members = self.children.into_iter().map(|(name, node)| (name, node.document(plain)));
        Document::Members(members.collect())
    }

    /// The items of a list in the order of their numbers.
    fn items(self, plain: bool) -> Vec<Document> {
        let number = |(name, node): (String, Node)| Some((name.parse::<u32>().ok()?, node));
        let mut items: Vec<_> = self.children.into_iter().filter_map(number).collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, node)| node.document(plain)).collect()
    }
}

fn too_many() -> Fault {
    let text = format!("The names of the parameters have more than {MAX_NODES} different parts.");
    Fault::new(Kind::Serialization, text)
}

/// Writes the reply of an operation.
pub(super) fn write(
    service: Service,
    operation: &str,
    document: &Document,
    request: &str,
) -> Vec<u8> {
    let mut xml = Xml::new(service);
    xml.open_in(&format!("{operation}Response"), service.namespace());
    if service.has_plain_lists() {
        xml.element("requestId", &request.into());
        xml.content(document);
    } else {
        // An operation without a result has no element for it.
        if *document != Document::new() {
            xml.element(&format!("{operation}Result"), document);
        }
        xml.element("ResponseMetadata", &Document::new().with("RequestId", request));
    }
    xml.close(&format!("{operation}Response"));
    xml.writer.into_inner()
}

/// Writes an error.
pub(super) fn fault(service: Service, fault: &Fault, request: &str) -> Vec<u8> {
    let mut xml = Xml::new(service);
    let error = Document::new();
    if service.has_plain_lists() {
        let error =
            error.with("Code", fault.kind.code(service)).with("Message", fault.message.as_str());
        xml.open("Response");
        xml.element("Errors", &Document::new().with("Error", error));
        xml.element("RequestID", &request.into());
        xml.close("Response");
    } else {
        let error = error.with("Type", fault.kind.party()).with("Code", fault.kind.code(service));
        xml.open_in("ErrorResponse", service.namespace());
        xml.element("Error", &error.with("Message", fault.message.as_str()));
        xml.element("RequestId", &request.into());
        xml.close("ErrorResponse");
    }
    xml.writer.into_inner()
}

/// A document of XML. Writing to a vector cannot fail.
struct Xml {
    writer: Writer<Vec<u8>>,
    /// The name of the items of lists.
    item: &'static str,
}

impl Xml {
    fn new(service: Service) -> Self {
        let item = if service.has_plain_lists() { "item" } else { "member" };
        Self { writer: Writer::new(Vec::new()), item }
    }

    fn open_in(&mut self, name: &str, namespace: &str) {
        let start = BytesStart::new(name).with_attributes([("xmlns", namespace)]);
        let _ = self.writer.write_event(Event::Start(start));
    }

    fn open(&mut self, name: &str) {
        let _ = self.writer.write_event(Event::Start(BytesStart::new(name)));
    }

    fn close(&mut self, name: &str) {
        let _ = self.writer.write_event(Event::End(BytesEnd::new(name)));
    }

    fn text(&mut self, text: &str) {
        // XML has no way to write control characters and these two.
        let can = |c: &char| !c.is_control() && !"\u{fffe}\u{ffff}".contains(*c);
        let text: String = text.chars().filter(|c| can(c) || "\t\n\r".contains(*c)).collect();
        let _ = self.writer.write_event(Event::Text(BytesText::new(&text)));
    }

    fn element(&mut self, name: &str, document: &Document) {
        if *document == Document::Null {
            return;
        }
        self.open(name);
        self.content(document);
        self.close(name);
    }

    fn content(&mut self, document: &Document) {
        match document {
            Document::Null => {}
            Document::Bool(value) => self.text(&value.to_string()),
            Document::Number(number) => self.text(&number.to_string()),
            Document::Integer(number) => self.text(&number.to_string()),
            Document::Time(time) => self.text(&iso(*time)),
            Document::Text(text) => self.text(text),
            Document::List(list) => list.iter().for_each(|item| self.element(self.item, item)),
            Document::Rows(rows) => self.content(&rows.plain()),
            Document::Members(members) => {
                members.iter().for_each(|(name, value)| self.element(name, value));
            }
            Document::Map(members) => {
                for (key, value) in members {
                    self.open("entry");
                    self.element("key", &key.as_str().into());
                    self.element("value", value);
                    self.close("entry");
                }
            }
        }
    }
}

/// A time as `2026-11-28T12:10:00Z`, with milliseconds if it has some.
pub(in crate::aws) fn iso(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as i128;
    let time = OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let format = &time::format_description::well_known::Rfc3339;
    time.format(format).unwrap_or_default()
}

/// Parts of the name of a parameter.
const MAX_DEPTH: usize = 16;
/// Nodes of the tree of a request. Each can take a kilobyte for two bytes of the body.
const MAX_NODES: usize = 50_000;
