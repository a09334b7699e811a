//! Hostname themes: how an instance is called when nobody says.

mod words;

/// How host names are made up. The names are those of OpsWorks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// The layer's short name with a number: `web1`.
    LayerDependent,
    /// Words of a list, each once: its name, and the words, apart by spaces.
    Words(&'static str, &'static str),
}

impl Theme {
    /// Every theme; the first is the usual one.
    pub(crate) const ALL: [Self; 12] = [
        Self::LayerDependent,
        Self::Words("Baked_Goods", words::BAKED_GOODS),
        Self::Words("Clouds", words::CLOUDS),
        Self::Words("Europe_Cities", words::EUROPE_CITIES),
        Self::Words("Fruits", words::FRUITS),
        Self::Words("Greek_Deities_and_Titans", words::GREEK_DEITIES_AND_TITANS),
        Self::Words("Legendary_creatures_from_Japan", words::LEGENDARY_CREATURES_FROM_JAPAN),
        Self::Words("Planets_and_Moons", words::PLANETS_AND_MOONS),
        Self::Words("Roman_Deities", words::ROMAN_DEITIES),
        Self::Words("Scottish_Islands", words::SCOTTISH_ISLANDS),
        Self::Words("US_Cities", words::US_CITIES),
        Self::Words("Wild_Cats", words::WILD_CATS),
    ];

    /// Its name in a stack document.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LayerDependent => "Layer_Dependent",
            Self::Words(name, _) => name,
        }
    }

    /// The theme of that name.
    #[must_use]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The first name that is free, for an instance of the layer with this short name. Where all
    /// words of a list are in use, they get numbers: `apple2`.
    #[must_use]
    pub(crate) fn suggest(self, layer: &str, taken: &[&str]) -> String {
        let free = |name: &String| !taken.contains(&name.as_str());
        // There are more numbers than names in use, so that one of them is always free.
        let numbers = 1..=taken.len() + 1;
        let stem = stem(layer);
        let suggested = match self {
            Self::LayerDependent => numbers.map(|number| format!("{stem}{number}")).find(free),
            Self::Words(_, words) => {
                let with = |number: usize| {
                    words.split_whitespace().map(move |word| numbered(word, number))
                };
                numbers.flat_map(with).find(free)
            }
        };
        suggested.unwrap_or(stem)
    }
}

fn numbered(word: &str, number: usize) -> String {
    if number == 1 { word.to_owned() } else { format!("{word}{number}") }
}

/// A short name as the beginning of a host name, in which `_` and `.` cannot stand.
fn stem(layer: &str) -> String {
    let plain: String = layer
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "host".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::stack::validate::is_hostname;

    #[test]
    fn the_first_free_name_is_suggested() {
        let fruits = Theme::named("Fruits").unwrap();
        let all: Vec<&str> = words::FRUITS.split_whitespace().collect();
        let (first, second) = (all[0], all[1]);
        let used_up: Vec<String> =
            all.iter().map(|word| (*word).to_owned()).chain([format!("{first}2")]).collect();
        let used_up: Vec<&str> = used_up.iter().map(String::as_str).collect();
        for (theme, layer, taken, expected) in [
            (Theme::LayerDependent, "web", &[][..], "web1".to_owned()),
            (Theme::LayerDependent, "web", &["web1", "web3", "db1"], "web2".to_owned()),
            (Theme::LayerDependent, "web", &["web1", "web2"], "web3".to_owned()),
            (Theme::LayerDependent, "rails_app.v2", &[], "rails-app-v21".to_owned()),
            (Theme::LayerDependent, "_", &[], "host1".to_owned()),
            (fruits, "web", &[], first.to_owned()),
            (fruits, "web", &[first], second.to_owned()),
            (fruits, "web", &used_up, format!("{second}2")),
        ] {
            assert_eq!(theme.suggest(layer, taken), expected, "{theme:?}");
        }
    }

    #[test]
    fn every_word_is_a_host_name() {
        for theme in Theme::ALL {
            assert_eq!(Theme::named(theme.name()), Some(theme));
            let Theme::Words(name, words) = theme else { continue };
            let words: Vec<&str> = words.split_whitespace().collect();
            assert!(words.len() >= 24, "{name} has {} words", words.len());
            assert_eq!(
                words.iter().collect::<HashSet<_>>().len(),
                words.len(),
                "{name} has a word twice"
            );
            let wrong: Vec<&&str> = words
                .iter()
                .filter(|word| !is_hostname(word) || word.ends_with(char::is_numeric))
                .collect();
            assert!(wrong.is_empty(), "{name}: {wrong:?}");
        }
        assert_eq!(Theme::named("fruits"), None);
    }
}
