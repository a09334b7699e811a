//! The signature of a word, as definition files for editors write it: `notifies(resource: Resource,
//! action: String) -> Resource`.

/// A signature taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<'a> {
    pub name: &'a str,
    /// Read like a field: `handle.changed`.
    pub property: bool,
    /// Names and types.
    pub parameters: Vec<(&'a str, &'a str)>,
    pub returns: Option<&'a str>,
}

impl<'a> Signature<'a> {
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let (property, text) = text.strip_prefix("get ").map_or((false, text), |rest| (true, rest));
        let (call, returns) =
            text.split_once(" -> ").map_or((text, None), |(call, returns)| (call, Some(returns)));
        let (name, parameters) = call.split_once('(').unwrap_or((call, ""));
        let parameters = parameters
            .trim_end_matches(')')
            .split(", ")
            .filter_map(|parameter| parameter.split_once(": "))
            .collect();
        Self { name, property, parameters, returns }
    }

    /// What a method or property is called on: `node`, `resource` or `entry`.
    #[must_use]
    pub fn receiver(&self) -> Option<&'a str> {
        self.parameters
            .first()
            .map(|(name, _)| *name)
            .filter(|name| ["node", "resource", "entry"].contains(name))
    }
}
