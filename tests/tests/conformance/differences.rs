//! Where Toque differs from Chef on purpose: the reason, and the cases that show it.

pub const NOTIFICATIONS: &[(&str, &[&str])] = &[
    (
        "what a change owes later is delivered, also when an immediate notification of the same change failed: the change was made, \
         and the next run would not see it",
        &["n057", "n058", "n196", "n362"],
    ),
    ("what did not come to act, because what was to happen before it failed, is in the report", &["n059", "n322"]),
    ("`retries` and `ignore_failure` work together", &["n073", "n074", "n260", "n289"]),
    ("a name that is declared twice, differently, cannot be a target: nobody can tell which is meant", &["n082", "n083"]),
    ("targets and actions are checked before anything is touched", &["n096", "n097", "n099", "n100", "n101"]),
    (
        "notifications that go round in a circle are refused, also those that a guard or an unchanged file would have ended",
        &["n105", "n109", "n112", "n114"],
    ),
    ("delayed means the end of the run, wherever it was declared", &["n147", "n155"]),
    ("inside a custom resource, names of the recipes may be subscribed to before they are declared", &["n154"]),
];

/// Arrays are never merged: the cases are compared with what Chef would do without that.
pub const ATTRIBUTES: &[(&str, &[&str])] = &[
    (
        "maps merge, also at their own level: what an attribute file says is not lost when a recipe adds to it",
        &["a043", "a050", "a182", "a184", "a280", "a299", "a322", "a353", "a366", "a450"],
    ),
    (
        "what is said of this run and this node lies over what cookbooks say",
        &["a009", "a025", "a188", "a295", "a344", "a413", "a436"],
    ),
    (
        "facts come from the machine: recipes cannot set them",
        &[
            "a017", "a034", "a180", "a201", "a220", "a238", "a249", "a287", "a291", "a310", "a312", "a326", "a337", "a339", "a341",
            "a351", "a363", "a371", "a378", "a389", "a397", "a399", "a403", "a410", "a414", "a419", "a447", "a452", "a455",
        ],
    ),
    (
        "each level is laid over all before it, so that the highest that has a value wins: a value that is no map takes away what all \
         lower levels have there, also where a later level of its family has a map again",
        &["a205", "a231", "a362", "a379", "a405", "a464"],
    ),
];

pub const GUARDS: &[(&str, &[&str])] = &[
    ("a guard without a command can only be a slip: it is refused before anything is touched", &["g019"]),
    (
        "a guard that cannot be asked, because its folder or user is missing, has said neither yes nor no: its resource fails",
        &["g053", "g102", "g103", "g104", "g119", "g120", "g121"],
    ),
    ("one way to write each thing: the guard's property is `environment`", &["g056"]),
    ("a command that runs as a user runs with that user's groups", &["g057", "g059", "g101"]),
    ("a guard inherits nothing from its resource", &["g071", "g075", "g076", "g077"]),
    (
        "a guard is a shell command, a closure or a map: no property makes it code for another interpreter",
        &["g088", "g089", "g090"],
    ),
];

/// Nothing: what a query means is what a reader of Lucene's syntax expects.
pub const SEARCH: &[(&str, &[&str])] = &[];

pub const SPECIFICITY: &[(&str, &[&str])] = &[("a folder may be named after the platform's family", &["l053"])];

pub const FILE_SEMANTICS: &[(&str, &[&str])] = &[
    (
        "what can be told without the machine is refused before anything is touched",
        &["f055", "f103", "f205", "f219", "f244", "f287"],
    ),
    ("a decimal number is no mode", &["f063"]),
    ("one way to write each thing: a mode is \"0644\" or 0o644", &["f076"]),
    ("one way to write each thing: the property is `owner`", &["f089"]),
    ("a plan runs no `verify`: only guards may run in one", &["f095", "f096", "f214"]),
    ("a link that leads nowhere is deleted and purged as any other", &["f112", "f226"]),
    ("no copy is kept of what is not replaced", &["f113"]),
    ("`link` does not replace a file without `force: true`", &["f181", "f185"]),
    ("a link that is as declared is left alone", &["f186"]),
    ("a template that prints an absent value is refused before anything is touched, whatever the action", &["f202", "f208"]),
    ("a command always runs in the run's clean environment", &["f261"]),
    ("a command that runs as a user runs with that user's groups", &["f264", "f286"]),
    ("a mask may be a number as a mode may", &["f269"]),
];

pub const ENCRYPTED_ITEMS: &[(&str, &[&str])] = &[
    (
        "values are encrypted one by one, and what has not the form of an encrypted value is plain; version 0 has no form, and is read \
         only where an item is said to be of it",
        &["e125", "e209"],
    ),
    ("an authentication tag has 16 bytes: one that was cut off is easier to forge", &["e201"]),
];
