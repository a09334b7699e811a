//! Where Toque differs from Chef on purpose: the reason, and the cases that show it.

pub(super) const NOTIFICATIONS: &[(&str, &[&str])] = &[
    (
        "what a change owes later is delivered, also when an immediate notification of the same change failed: the change was made, \
         and the next run would not see it",
        &["n057", "n058", "n196", "n362"],
    ),
    (
        "what did not come to act, because what was to happen before it failed, is in the report",
        &["n059", "n322"],
    ),
    ("`retries` and `ignore_failure` work together", &["n073", "n074", "n260", "n289"]),
    (
        "a name that is declared twice, differently, cannot be a target: nobody can tell which is meant",
        &["n082", "n083"],
    ),
    (
        "targets and actions are checked before anything is touched",
        &["n096", "n097", "n099", "n100", "n101"],
    ),
    (
        "notifications that go round in a circle are refused, also those that a guard or an unchanged file would have ended",
        &["n105", "n109", "n112", "n114"],
    ),
    ("delayed means the end of the run, wherever it was declared", &["n147", "n155"]),
    (
        "inside a custom resource, names of the recipes may be subscribed to before they are declared",
        &["n154"],
    ),
];

/// Arrays are never merged: the cases are compared with what Chef would do without that.
pub(super) const ATTRIBUTES: &[(&str, &[&str])] = &[
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
            "a017", "a034", "a180", "a201", "a220", "a238", "a249", "a287", "a291", "a310", "a312",
            "a326", "a337", "a339", "a341", "a351", "a363", "a371", "a378", "a389", "a397", "a399",
            "a403", "a410", "a414", "a419", "a447", "a452", "a455",
        ],
    ),
    (
        "each level is laid over all before it, so that the highest that has a value wins: a value that is no map takes away what all \
         lower levels have there, also where a later level of its family has a map again",
        &["a205", "a231", "a362", "a379", "a405", "a464"],
    ),
];

pub(super) const GUARDS: &[(&str, &[&str])] = &[
    (
        "a guard without a command can only be a slip: it is refused before anything is touched",
        &["g019"],
    ),
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
pub(super) const SEARCH: &[(&str, &[&str])] = &[];

pub(super) const SPECIFICITY: &[(&str, &[&str])] =
    &[("a folder may be named after the platform's family", &["l053"])];

pub(super) const FILE_SEMANTICS: &[(&str, &[&str])] = &[
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
    (
        "a template that prints an absent value is refused before anything is touched, whatever the action",
        &["f202", "f208"],
    ),
    ("a command always runs in the run's clean environment", &["f261"]),
    ("a command that runs as a user runs with that user's groups", &["f264", "f286"]),
    ("a mask may be a number as a mode may", &["f269"]),
];

pub(super) const ENCRYPTED_ITEMS: &[(&str, &[&str])] = &[
    (
        "values are encrypted one by one, and what has not the form of an encrypted value is plain; version 0 has no form, and is read \
         only where an item is said to be of it",
        &["e125", "e209"],
    ),
    ("an authentication tag has 16 bytes: one that was cut off is easier to forge", &["e201"]),
];

/// What Berkshelf takes is compared, and what Chef takes where Berkshelf was not asked.
pub(super) const VERSIONS: &[(&str, &[&str])] = &[
    (
        "one way to write each thing: the sign is `~>`",
        &[
            "v92", "v1699", "v1700", "v1701", "v1702", "v1707", "v1708", "v1712", "v1714", "v1716",
            "v1717", "v1719", "v1720", "v1722", "v1725", "v1726", "v1728", "v1731", "v1732",
            "v1734", "v1735", "v1736", "v1737", "v1738", "v1742", "v1743", "v1746", "v1748",
            "v1750", "v1751", "v1756", "v1757", "v1759", "v1760", "v1763", "v1764", "v1768",
            "v1769", "v1771", "v1772", "v1774", "v1776", "v1777", "v1780", "v1781", "v1783",
            "v1784", "v1787", "v1788", "v1789", "v1790",
        ],
    ),
    (
        "a version does not end with a dot",
        &[
            "v49", "v179", "v225", "v317", "v363", "v409", "v685", "v731", "v777", "v915", "v961",
            "v1053", "v1145", "v1191", "v1329", "v1375", "v1835", "v1927", "v2249", "v2295",
            "v2387", "v2571", "v2663", "v2709", "v2755", "v2893", "v2939", "v4209", "v4372",
            "v4402", "v4409",
        ],
    ),
    (
        "a constraint says something: `>= 0.0.0` takes whatever there is",
        &[
            "v108", "v1929", "v1933", "v1935", "v1936", "v1937", "v1939", "v1942", "v1945",
            "v1947", "v1950", "v1951", "v1953", "v1959", "v1960", "v1962", "v1963", "v1965",
            "v1966", "v1967", "v1969", "v1972",
        ],
    ),
    (
        "space around a version or a constraint means nothing",
        &[
            "v55", "v56", "v131", "v2758", "v2759", "v2762", "v2763", "v2764", "v2766", "v2769",
            "v2771", "v2775", "v2776", "v2780", "v2781", "v2783", "v2786", "v2790", "v2791",
            "v2793", "v2794", "v2795", "v2797", "v2802",
        ],
    ),
    (
        "`~> 1.2.3-alpha` takes the version that the pre-release leads to, and those after it",
        &["v2215", "v2216", "v2234", "v2235", "v2238", "v2250", "v2543"],
    ),
    (
        "a pre-release is one of a whole version: `1.2.0-alpha`, in a constraint too",
        &[
            "v2254", "v2255", "v2256", "v2257", "v2259", "v2262", "v2267", "v2269", "v2270",
            "v2274", "v2277", "v2278", "v2281", "v2283", "v2288", "v2289", "v2290", "v2291",
            "v2292", "v2293", "v2968", "v3002", "v3063", "v3067", "v3147", "v3165", "v3172",
            "v3241", "v3242", "v3277", "v3333", "v3393", "v3480", "v3510", "v3526", "v3547",
            "v3578", "v3710", "v3744", "v3782", "v3820", "v3851", "v3905", "v3906", "v4007",
            "v4032", "v4038", "v4040",
        ],
    ),
    (
        "pre-releases are ordered as semver.org says: what is shorter comes first, and numbers before words",
        &["v4445"],
    ),
    (
        "cookbooks have the versions that registries have: one number is enough, and pre-releases may be named",
        &["v4502", "v4507", "v4509"],
    ),
];

/// Nothing: any valid solution counts, and a solution that Berkshelf missed is one.
pub(super) const RESOLVE: &[(&str, &[&str])] = &[];
