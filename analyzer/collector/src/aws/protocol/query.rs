//! Query: parameters of a form, `MetricData.member.1.Value=3`, and a reply in XML.

use std::collections::BTreeMap;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use time::OffsetDateTime;

use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};

/// A node of the tree that the names of parameters make.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

/// Reads a form. Returns the operation and its parameters.
pub(super) fn read(form: &[u8]) -> Result<(String, Document), Fault> {
    let (mut root, mut free) = (Node::default(), MAX_NODES);
    for (name, value) in form_urlencoded::parse(form) {
        root.insert(&name, value.into_owned(), &mut free)?;
    }
    let action = root.children.remove("Action").and_then(|node| node.text);
    let missing = || Fault::new(Kind::UnknownOperation, "The parameter Action is required.");
    let action = action.ok_or_else(missing)?;
    root.children.remove("Version");
    let members = root.children.into_iter().map(|(name, node)| (name, node.document()));
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

    fn document(mut self) -> Document {
        if self.children.len() == 1
            && let Some(list) = self.children.remove("member")
        {
            return Document::List(list.items());
        }
        if self.children.is_empty() {
            return Document::Text(self.text.unwrap_or_default());
        }
        let members = self.children.into_iter().map(|(name, node)| (name, node.document()));
        Document::Members(members.collect())
    }

    /// The items of a list in the order of their numbers.
    fn items(self) -> Vec<Document> {
        let number = |(name, node): (String, Node)| Some((name.parse::<u32>().ok()?, node));
        let mut items: Vec<_> = self.children.into_iter().filter_map(number).collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, node)| node.document()).collect()
    }
}

fn too_many() -> Fault {
    let text = format!("The names of the parameters have more than {MAX_NODES} different parts.");
    Fault::new(Kind::Serialization, text)
}

/// Writes the reply of an operation.
pub(super) fn write(operation: &str, document: &Document, request: &str) -> Vec<u8> {
    let mut xml = Xml(Writer::new(Vec::new()));
    xml.open_in(&format!("{operation}Response"), NAMESPACE);
    // An operation without a result has no element for it.
    if *document != Document::new() {
        xml.element(&format!("{operation}Result"), document);
    }
    let metadata = Document::new().with("RequestId", request);
    xml.element("ResponseMetadata", &metadata);
    xml.close(&format!("{operation}Response"));
    xml.0.into_inner()
}

/// Writes an error.
pub(super) fn fault(fault: &Fault, request: &str) -> Vec<u8> {
    let mut xml = Xml(Writer::new(Vec::new()));
    let error = Document::new()
        .with("Type", "Sender")
        .with("Code", fault.kind.code())
        .with("Message", fault.message.as_str());
    xml.open_in("ErrorResponse", NAMESPACE);
    xml.element("Error", &error);
    xml.element("RequestId", &request.into());
    xml.close("ErrorResponse");
    xml.0.into_inner()
}

/// A document of XML. Writing to a vector cannot fail.
struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn open_in(&mut self, name: &str, namespace: &str) {
        let start = BytesStart::new(name).with_attributes([("xmlns", namespace)]);
        let _ = self.0.write_event(Event::Start(start));
    }

    fn open(&mut self, name: &str) {
        let _ = self.0.write_event(Event::Start(BytesStart::new(name)));
    }

    fn close(&mut self, name: &str) {
        let _ = self.0.write_event(Event::End(BytesEnd::new(name)));
    }

    fn text(&mut self, text: &str) {
        // XML has no way to write control characters and these two.
        let can = |c: &char| !c.is_control() && !"\u{fffe}\u{ffff}".contains(*c);
        let text: String = text.chars().filter(|c| can(c) || "\t\n\r".contains(*c)).collect();
        let _ = self.0.write_event(Event::Text(BytesText::new(&text)));
    }

    fn element(&mut self, name: &str, document: &Document) {
        if *document == Document::Null {
            return;
        }
        self.open(name);
        match document {
            Document::Null => {}
            Document::Bool(value) => self.text(&value.to_string()),
            Document::Number(number) => self.text(&number.to_string()),
            Document::Time(time) => self.text(&iso(*time)),
            Document::Text(text) => self.text(text),
            Document::List(list) => list.iter().for_each(|item| self.element("member", item)),
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
        self.close(name);
    }
}

/// A time as `2026-11-28T12:10:00Z`, with milliseconds if it has some.
fn iso(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as i128;
    let time = OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let format = &time::format_description::well_known::Rfc3339;
    time.format(format).unwrap_or_default()
}

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
/// Parts of the name of a parameter.
const MAX_DEPTH: usize = 16;
/// Nodes of the tree of a request. Each can take a kilobyte for two bytes of the body.
const MAX_NODES: usize = 50_000;
