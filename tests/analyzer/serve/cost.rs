//! The cost of the same visibility on AWS, by prices of the user.

use serde_json::json;
use tempfile::NamedTempFile;

use crate::client::{Server, serve};

/// A file of prices.
fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn prices_of_a_file_replace_those_of_the_program() {
    let price = json!({
        "item": "metric", "region": "moon", "source": "our contract", "date": "2026-06-30",
        "free": 2, "tiers": [{"upTo": 5, "price": 3}, {"price": 1}],
    });
    let prices = file(&json!({"currency": "EUR", "prices": [price]}).to_string());
    let server = Server::start(&["--prices", prices.path().to_str().unwrap()]);
    let cost = server.json("/api/v1/cost?region=moon&instances=3&detailed=4");
    // Of 12 metrics two are free, five cost 3, and five cost 1.
    assert_eq!(cost["lines"][0]["quantity"], 12.0);
    assert_eq!(
        (&cost["low"], &cost["high"], &cost["currency"]),
        (&json!(20.0), &json!(20.0), &json!("EUR"))
    );
    assert_eq!(cost["regions"], json!(["moon"]));
    assert!(cost["unpriced"].as_array().unwrap().contains(&json!("liveTail")), "{cost}");
    server.get("/api/v1/cost").fails(400);
}

#[test]
fn error_in_prices_has_file_field_and_line() {
    let prices = file("{\"currency\": \"USD\",\n\"prices\": [\n{\"item\": \"metrics\"}]}");
    let path = prices.path().to_str().unwrap();
    let output = serve(&["--http", "127.0.0.1:0", "--prices", path]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains(&format!("{path}: prices[0].item: unknown variant `metrics`")), "{text}");
    assert!(text.contains("at line 3"), "{text}");
}
