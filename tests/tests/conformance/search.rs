//! Searches of data bags and nodes: `search.json`. What is compared is not what chef-zero answered
//! but what its queries mean (`judged`).

use std::path::Path;
use std::rc::Rc;

use serde_json::Value;
use tempfile::TempDir;
use toque_data::search::{Query, Search};
use toque_engine::{Encrypted, Options, Run};
use toque_machine::facts::shipped::Shipped;
use toque_machine::system::FakeSystem;

use crate::conformance::recipe::write;
use crate::conformance::{compare, differences};

const RECORDED: &str = include_str!("../../conformance/search.json");

#[test]
fn searches() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let repository = repository(&recorded["corpus"]);
    compare(RECORDED, differences::SEARCH, |case| {
        let found = found(
            repository.path(),
            case["index"].as_str().unwrap(),
            case["query"].as_str().unwrap(),
        );
        match (found, &case["judged"]) {
            (Ok(found), judged) if judged == &Value::from(found.clone()) => Ok(()),
            (Err(_), judged) if judged.get("error").is_some() => Ok(()),
            (found, judged) => Err(format!("{} finds {found:?}, expected {judged}", case["query"])),
        }
    });
}

/// The ids of what a query finds, without the node that searches.
fn found(repository: &Path, index: &str, query: &str) -> Result<Vec<String>, String> {
    let query = Query::parse(query).map_err(|wrong| wrong.to_string())?;
    let wanted = Search { query, ..Search::default() };
    let options = Options {
        repository: Some(repository.to_owned()),
        node_name: "searcher".to_owned(),
        elsewhere: Some(Shipped { facts: serde_json::Map::new(), programs: Vec::new() }),
        ..Options::default()
    };
    let system = Rc::new(FakeSystem::new());
    let registry = Rc::new(toque_resources::standard());
    let found = Run::on(system, registry)
        .options(options.clone())
        .search(index, &wanted, Encrypted::Hidden)
        .map_err(|refused| refused.diagnostics.to_string())?;
    Ok(found.into_iter().map(|found| found.id).filter(|id| id != "searcher").collect())
}

fn repository(corpus: &Value) -> TempDir {
    let repository = tempfile::tempdir().unwrap();
    for (index, name) in [("app", "id"), ("user", "id"), ("node", "name")] {
        let folder =
            if index == "node" { "nodes".to_owned() } else { format!("data_bags/{index}") };
        for document in corpus[index].as_array().unwrap() {
            let name = document[name].as_str().unwrap();
            write(&repository.path().join(format!("{folder}/{name}.json")), &document.to_string());
        }
    }
    repository
}
