//! Where Toque differs from Chef on purpose: the reason, and the cases that show it.

pub const NOTIFICATIONS: &[(&str, &[&str])] = &[
    (
        "what a change owes later is delivered, also when an immediate notification of the same change failed: the change was made, \
         and the next run would not see it",
        &["n057", "n058", "n196", "n362"],
    ),
    ("`retries` and `ignore_failure` work together", &["n073", "n074", "n260", "n289"]),
    ("a name that is declared twice, differently, cannot be a target: nobody can tell which is meant", &["n082", "n083"]),
    ("targets and actions are checked before anything is touched", &["n096", "n097", "n099", "n100", "n101"]),
    (
        "notifications that go round in a circle are refused, also those that a guard or an unchanged file would have ended",
        &["n105", "n109", "n112", "n114"],
    ),
    ("custom resources are not part of the language yet", &["n145", "n147", "n149", "n154", "n155", "n156", "n160", "n165"]),
];

pub const GUARDS: &[(&str, &[&str])] = &[];

pub const SPECIFICITY: &[(&str, &[&str])] = &[];

pub const FILE_SEMANTICS: &[(&str, &[&str])] = &[];
