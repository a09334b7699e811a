//! Items of run lists, names of recipes and resources, versions and constraints: what is shown of
//! them is read as the same.
#![no_main]

use std::fmt::{Debug, Display};

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_core::name::{RecipeName, ResourceId};
use toque_core::version::{Constraint, Version};
use toque_data::run_list::Item;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    same(text, |text| Item::parse(text).ok());
    same(text, |text| RecipeName::parse(text, None).ok());
    same(text, |text| RecipeName::parse(text, Some("own")).ok());
    same(text, ResourceId::parse);
    same(text, |text| text.parse::<Version>().ok());
    same(text, |text| text.parse::<Constraint>().ok());
    if let (Ok(constraint), Some((_, version))) =
        (text.parse::<Constraint>(), text.rsplit_once(['=', '>', '<', '~']))
    {
        let version: Version = version.parse().unwrap_or_default();
        let _ = constraint.accepts(&version);
    }
    Corpus::Keep
});

/// What is read is shown in a way that is read as the same.
fn same<T: Display + Debug + PartialEq>(text: &str, read: impl Fn(&str) -> Option<T>) {
    if let Some(once) = read(text) {
        let shown = once.to_string();
        let again = read(&shown);
        assert_eq!(again.as_ref(), Some(&once), "{text:?} is shown as {shown:?}");
    }
}
