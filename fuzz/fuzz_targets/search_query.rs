//! Queries and orders: what is read is shown in a way that is read as the same, and every document
//! can be asked.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Map, Value, json};
use toque_data::search::{Order, Query, Search};
use toque_fuzz::sound;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let order = Order::parse(text).unwrap_or_else(|mistake| {
        sound(&mistake);
        Order::default()
    });
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(mistake) => {
            sound(&mistake);
            return Corpus::Keep;
        }
    };
    let shown = query.to_string();
    // What is shown may be longer than what can be read.
    match Query::parse(&shown) {
        Ok(again) => assert_eq!(again, query, "{text:?} is shown as {shown:?}"),
        Err(mistake) => assert!(shown.len() > 65_536, "{text:?} is shown as {shown:?}: {mistake}"),
    }
    let documents = documents();
    let documents: Vec<(&str, &Map<String, Value>)> = documents
        .iter()
        .filter_map(|document| Some((document["id"].as_str()?, document.as_object()?)))
        .collect();
    let not = Query::Not(Box::new(query.clone()));
    let count = |query: Query| {
        Search { query, order: order.clone(), ..Search::default() }.of(&documents).len()
    };
    assert_eq!(
        count(query) + count(not),
        documents.len(),
        "{text:?} and its opposite divide the documents"
    );
    Corpus::Keep
});

fn documents() -> [Value; 4] {
    [
        json!({ "id": "shop", "type": "rails", "port": 80, "ratio": -0.5, "deploy": true, "tags": ["public", "two words"] }),
        json!({ "id": "blog", "owner": { "team": "core", "contact": { "email": "a@b.c" } }, "list": [{ "k": 1 }, [{ "k": null }]] }),
        json!({ "id": "odd", "a_b": { "c.d": { "": "x" } }, "": { "_": [] }, "name": "", "big": 123_456_789_012_345_678_u64 }),
        json!({ "id": "sealed", "key": { "encrypted_data": "x", "iv": "y", "cipher": "z", "version": 1 }, "city": "東京" }),
    ]
}
