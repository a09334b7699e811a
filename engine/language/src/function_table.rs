//! The words of the language beside the kinds: each function, method and property with its
//! signatures and what it does. Completion, hints, the reference and the definitions for editors
//! are made from this table; a test holds it against what is registered.
//!
//! A new word is one row: register it, add the row to its group, and the tests say whether the two
//! agree.

use crate::signature::Signature;
use Group::{
    Attributes, CustomResources, Data, Flow, Formats, Log, Machine, Node, Platforms, Resources,
};

/// A word of the language.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    pub group: Group,
    /// As definition files have them: `include_recipe(name: String) -> bool`. A method takes what
    /// it is called on first; a property begins with `get `. `?` is any type.
    pub signatures: &'static [&'static str],
    /// A sentence or more; the first says what it does.
    pub doc: &'static str,
    /// A recipe that uses it.
    pub example: &'static str,
}

/// What a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Attributes,
    Node,
    Flow,
    Data,
    Resources,
    CustomResources,
    Platforms,
    Machine,
    Formats,
    Log,
}

impl Group {
    /// Every group, in the order of the reference.
    pub const ALL: [Self; 10] = [
        Attributes,
        Node,
        Flow,
        Data,
        Resources,
        CustomResources,
        Platforms,
        Machine,
        Formats,
        Log,
    ];

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Attributes => "Setting attributes",
            Node => "Reading `node`",
            Flow => "Flow",
            Data => "Data bags",
            Resources => "Resources and notifications",
            CustomResources => "Custom resources",
            Platforms => "Platforms",
            Machine => "Looking at the machine",
            Formats => "Text and formats",
            Log => "Log",
        }
    }
}

impl Function {
    /// Whether it is called by itself, rather than on something.
    #[must_use]
    pub fn is_function(&self) -> bool {
        !self.signatures.iter().any(|text| Signature::of(text).receiver().is_some())
    }
}

/// Whether a script may not define a function of this name, because the language has it.
#[must_use]
pub fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|word| word.name == name && word.is_function())
}

/// The words that are called by themselves.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(|word| word.is_function())
}

/// The properties that every kind has, with their types and what they say.
pub const COMMON: [(&str, &str, &str); 9] = [
    (
        "action",
        "string or array",
        "what to do: one action or several, in order; every kind has `nothing`",
    ),
    (
        "only_if",
        "guard or array",
        "act only when every guard holds: a shell command, a closure, or a map with `command`",
    ),
    ("not_if", "guard or array", "act only when no guard holds"),
    ("ignore_failure", "true, false or \"quiet\"", "go on when an action fails"),
    ("retries", "int", "how often an action that failed is tried again"),
    ("retry_delay", "seconds", "how long to wait between tries, 2 unless told"),
    ("sensitive", "bool", "never show content, diffs or commands of this resource"),
    ("umask", "mode", "the mask for modes of new files and for commands"),
    ("provider", "string", "use this provider, whatever the platform prefers"),
];

/// Functions of Rhai that recipes do not have, and why.
pub const REFUSED: [(&str, &str); 4] = [
    ("sleep", "a recipe does not wait: `retries` and `retry_delay` of a resource do"),
    ("timestamp", "a recipe gives the same result at any time of day"),
    ("eval", "what a recipe does stands in files that can be checked"),
    ("curry", "a closure keeps the values that it uses: write one that calls the other"),
];

/// Every word, by group.
pub const FUNCTIONS: &[Function] = &[
    level(
        "default",
        &["default(path: ?, value: ?)"],
        "Sets an attribute at the level `default`.",
        "default(\"nginx.port\", 80);",
    ),
    level(
        "force_default",
        &["force_default(path: ?, value: ?)"],
        "Sets an attribute at the level `force_default`, which wins over every other default.",
        "force_default(\"nginx.port\", 80);",
    ),
    level(
        "normal",
        &["normal(path: ?, value: ?)"],
        "Sets an attribute at the level `normal`.",
        "normal(\"nginx.port\", 8080);",
    ),
    level(
        "override",
        &["override(path: ?, value: ?)"],
        "Sets an attribute at the level `override`.",
        "override(\"nginx.port\", 8080);",
    ),
    level(
        "force_override",
        &["force_override(path: ?, value: ?)"],
        "Sets an attribute at the level `force_override`, which only facts win over.",
        "force_override([\"sites\", \"example.com\", \"port\"], 8443);",
    ),
    Function {
        name: "get",
        group: Node,
        signatures: &[
            "get(node: Node, path: ?) -> ?",
            "get(node: Node, path: ?, otherwise: ?) -> ?",
        ],
        doc: "What is at a path, or `()`, or what is given for that case. A path is text with dots, or an array of keys.",
        example: "log_info(`listens on ${node.get(\"nginx.port\", 80)}`);",
    },
    Function {
        name: "has",
        group: Node,
        signatures: &["has(node: Node, path: ?) -> bool"],
        doc: "Whether something is at a path.",
        example: "if node.has(\"nginx.tls\") { package(\"openssl\"); }",
    },
    Function {
        name: "contains",
        group: Node,
        signatures: &["contains(node: Node, key: String) -> bool"],
        doc: "Whether a map has a key; also written `key in map`.",
        example: "if \"fqdn\" in node { log_info(node.fqdn); }",
    },
    Function {
        name: "keys",
        group: Node,
        signatures: &["keys(node: Node) -> Array"],
        doc: "The keys of a map.",
        example: "for name in node.network.interfaces.keys() { log_info(name); }",
    },
    Function {
        name: "values",
        group: Node,
        signatures: &["values(node: Node) -> Array"],
        doc: "The values of a map.",
        example: "for interface in node.network.interfaces.values() { log_info(interface.mtu.to_string()); }",
    },
    Function {
        name: "len",
        group: Node,
        signatures: &["len(node: Node) -> int"],
        doc: "How many keys a map has.",
        example: "log_info(`${node.network.interfaces.len()} interfaces`);",
    },
    Function {
        name: "key",
        group: Node,
        signatures: &["get key(entry: Entry) -> String"],
        doc: "The key of what a loop of one variable finds in a map; `for (key, value) in …` names both.",
        example: "let ports = #{ web: 80 };\nfor entry in ports { log_info(entry.key); }",
    },
    Function {
        name: "value",
        group: Node,
        signatures: &["get value(entry: Entry) -> ?"],
        doc: "The value of what a loop of one variable finds in a map.",
        example: "let ports = #{ web: 80 };\nfor entry in ports { log_info(`${entry.value}`); }",
    },
    Function {
        name: "include_recipe",
        group: Flow,
        signatures: &["include_recipe(name: String) -> bool"],
        doc: "Runs another recipe here, once per run, and says whether it ran now. `\"::tls\"` is a recipe of the same cookbook; one of \
              another cookbook needs that cookbook among the dependencies.",
        example: "",
    },
    Function {
        name: "data_bag",
        group: Data,
        signatures: &["data_bag(bag: String) -> Array"],
        doc: "The ids of the items of a data bag, sorted.",
        example: "for id in data_bag(\"users\") { log_info(id); }",
    },
    Function {
        name: "data_bag_item",
        group: Data,
        signatures: &[
            "data_bag_item(bag: String, id: String) -> Node",
            "data_bag_item(bag: String, id: String, options: Map) -> Node",
        ],
        doc: "An item of a data bag, which reads like `node`. What is encrypted in it is decrypted, and hidden by its value in all that \
              the run writes from then on. Options: `secret_file`, where the secret of this item is; `version: 0` for an item whose \
              values are all encrypted in Chef's oldest format, which looks like any other text. In a check, what is encrypted reads \
              as `[sensitive]`.",
        example: "let db = data_bag_item(\"databases\", \"shop\");\nfile(\"/etc/shop/password\", #{ content: db.password, mode: \"0600\" });",
    },
    Function {
        name: "search",
        group: Data,
        signatures: &[
            "search(index: String) -> Array",
            "search(index: String, query: String) -> Array",
            "search(index: String, query: String, options: Map) -> Array",
        ],
        doc: "What is found in an index, all of it without a query. An index is a data bag, or `node`, `role` or `environment`; the \
              language of queries has a chapter of its own. What is found reads like `node`, and this node is `node` itself. Options: \
              `sort` (`\"priority DESC, id\"`; by id unless told), `start` and `rows` (all rows unless told), `filter_result` (a map of \
              names and paths: what is found is a map of these, with `()` where nothing is).",
        example: "for user in search(\"users\", \"groups:admin AND NOT locked:true\") { log_info(user.id); }",
    },
    Function {
        name: "nonsensitive",
        group: Data,
        signatures: &["nonsensitive(value: ?) -> ?"],
        doc: "Gives the value back and shows it from then on, although it was decrypted: for a user's name or a port in an item that is \
              encrypted as a whole.",
        example: "let db = data_bag_item(\"databases\", \"shop\");\nexecute(`createuser ${nonsensitive(db.username)}`);",
    },
    Function {
        name: "is_first_online",
        group: Data,
        signatures: &["is_first_online(layer: String) -> bool"],
        doc: "Whether this instance comes first in the stack document of those that are online in a layer: for what only one of them \
              should do, such as a migration. In a run that is for no event of a stack, it is an error to ask.",
        example: "if is_first_online(\"web\") {\n    execute(\"/srv/shop/bin/migrate\", #{ creates: \"/var/lib/shop/migrated\" });\n}",
    },
    Function {
        name: "notifies",
        group: Resources,
        signatures: &[
            "notifies(resource: Resource, action: String, target: ?) -> Resource",
            "notifies(resource: Resource, action: String, target: ?, timing: String) -> Resource",
        ],
        doc: "When this resource changes, the target takes the action: at the end of the run (`\"delayed\"`), at once \
              (`\"immediately\"`), or ahead of the change (`\"before\"`). A target is a handle or `\"kind[name]\"`, and may be declared later.",
        example: "file(\"/etc/app.conf\").notifies(\"restart\", \"service[app]\");\nservice(\"app\");",
    },
    Function {
        name: "subscribes",
        group: Resources,
        signatures: &[
            "subscribes(resource: Resource, action: String, target: ?) -> Resource",
            "subscribes(resource: Resource, action: String, target: ?, timing: String) -> Resource",
        ],
        doc: "This resource takes the action when the target changes: `notifies` seen from the other end.",
        example: "file(\"/etc/app.conf\");\nservice(\"app\").subscribes(\"restart\", \"file[/etc/app.conf]\");",
    },
    Function {
        name: "set",
        group: Resources,
        signatures: &["set(resource: Resource, properties: Map) -> Resource"],
        doc: "Changes properties of a declared resource, while recipes compile; those that are not named stay.",
        example: "let page = file(\"/srv/page\", #{ mode: \"0644\" });\npage.set(#{ owner: \"root\" });",
    },
    Function {
        name: "remove",
        group: Resources,
        signatures: &["remove(resource: Resource)"],
        doc: "Takes a declared resource back, with its notifications.",
        example: "let page = file(\"/srv/page\");\npage.remove();",
    },
    Function {
        name: "changed",
        group: Resources,
        signatures: &["get changed(resource: Resource) -> bool"],
        doc: "Whether the resource has changed in this run: for closures, which run while the machine converges.",
        example: "let page = file(\"/srv/page\");\nlog(\"there is a new page\", #{ only_if: || page.changed });",
    },
    Function {
        name: "name",
        group: Resources,
        signatures: &["get name(resource: Resource) -> String"],
        doc: "The resource's name, without its kind.",
        example: "let page = file(\"/srv/page\");\nlog_info(page.name);",
    },
    Function {
        name: "resource",
        group: Resources,
        signatures: &["resource(name: String) -> Resource"],
        doc: "The handle of a resource that was declared before, by `\"kind[name]\"`.",
        example: "file(\"/srv/page\");\nresource(\"file[/srv/page]\").set(#{ mode: \"0600\" });",
    },
    Function {
        name: "has_resource",
        group: Resources,
        signatures: &["has_resource(name: String) -> bool"],
        doc: "Whether a resource was declared before, by `\"kind[name]\"`.",
        example: "if !has_resource(\"package[git]\") { package(\"git\"); }",
    },
    Function {
        name: "property",
        group: CustomResources,
        signatures: &["property(name: String)", "property(name: String, options: Map)"],
        doc: "In `resources/`: says that the resource has a property. Options: `type` (`\"string\"`, `\"int\"`, `\"float\"`, `\"bool\"`, \
              `\"array\"`, `\"map\"`, `\"mode\"`, `\"any\"`, or an array of those), `default` (a value or a closure), `required` (true, or \
              the actions that need it), `name` (takes the resource's name), `one_of`, `pattern`, `validate`, `coerce`, `sensitive`, `doc`.",
        example: "",
    },
    Function {
        name: "action",
        group: CustomResources,
        signatures: &[
            "action(name: String, body: FnPtr)",
            "action(name: String, doc: String, body: FnPtr)",
        ],
        doc: "In `resources/`: says what an action does. The first one is the default. In the closure, `this` is the resource.",
        example: "",
    },
    Function {
        name: "current",
        group: CustomResources,
        signatures: &["current(body: FnPtr)"],
        doc: "In `resources/`: a closure that tells the state that the machine is in, as a map of properties, or `()` where there is \
              nothing. It runs in a plan too, so it must only look.",
        example: "",
    },
    Function {
        name: "converge_if_changed",
        group: CustomResources,
        signatures: &[
            "converge_if_changed(body: FnPtr)",
            "converge_if_changed(properties: ?, body: FnPtr)",
        ],
        doc: "In an action: what is inside converges when what `current` tells differs from the properties: from the one that is \
              named, from an array of them, or from all that `current` tells of.",
        example: "",
    },
    Function {
        name: "run_action",
        group: CustomResources,
        signatures: &["run_action(name: String)"],
        doc: "In an action: does what another action of the same resource does.",
        example: "",
    },
    Function {
        name: "platform",
        group: Platforms,
        signatures: &[
            "platform(a: String) -> bool",
            "platform(a: String, b: String) -> bool",
            "platform(a: String, b: String, c: String) -> bool",
            "platform(a: String, b: String, c: String, d: String) -> bool",
        ],
        doc: "Whether this machine runs one of these platforms: `node.platform` is one of them.",
        example: "if platform(\"debian\", \"ubuntu\") { apt_update(\"daily\"); }",
    },
    Function {
        name: "platform_family",
        group: Platforms,
        signatures: &[
            "platform_family(a: String) -> bool",
            "platform_family(a: String, b: String) -> bool",
            "platform_family(a: String, b: String, c: String) -> bool",
            "platform_family(a: String, b: String, c: String, d: String) -> bool",
        ],
        doc: "Whether this machine's platform is of one of these families: `debian`, `rhel`, `fedora`, `amazon`, `suse`, ….",
        example: "if platform_family(\"debian\") { apt_update(\"daily\"); }",
    },
    Function {
        name: "value_for_platform",
        group: Platforms,
        signatures: &["value_for_platform(values: Map) -> ?"],
        doc: "Picks by platform, where the value of a platform may be a map by version: the exact version, else the one constraint \
              that accepts it, else `default`. No match and no `default` is an error.",
        example: "let php = value_for_platform(#{ debian: #{ \">= 12\": \"php8.2\", default: \"php7.4\" }, default: \"php\" });\npackage(php);",
    },
    Function {
        name: "value_for_platform_family",
        group: Platforms,
        signatures: &["value_for_platform_family(values: Map) -> ?"],
        doc: "Picks by platform family. No match and no `default` is an error.",
        example: "package(value_for_platform_family(#{ debian: \"apache2\", rhel: \"httpd\", fedora: \"httpd\" }));",
    },
    Function {
        name: "file_exists",
        group: Machine,
        signatures: &["file_exists(path: String) -> bool"],
        doc: "Whether something is at an absolute path. `check` takes nothing to be there.",
        example: "if file_exists(\"/etc/redhat-release\") { log_info(\"of the Red Hat family\"); }",
    },
    Function {
        name: "read_file",
        group: Machine,
        signatures: &["read_file(path: String) -> String"],
        doc: "The text of a file of this machine. `check` takes it to be empty.",
        example: "file(\"/etc/motd\", #{ content: || read_file(\"/etc/hostname\") });",
    },
    Function {
        name: "shell_out",
        group: Machine,
        signatures: &["shell_out(command: ?) -> Map", "shell_out(command: ?, options: Map) -> Map"],
        doc: "Runs a command and gives `#{ stdout, stderr, status }`. The command is a shell line, or an array of a program and its \
              arguments. Options: `user`, `group`, `cwd`, `environment`, `timeout` (seconds), `input`, `returns` (statuses that are \
              no error, `[0]` unless told), `sensitive`. It runs in a plan too, so it must only look. `check` runs nothing and takes \
              the status to be 0.",
        example: "let found = shell_out([\"getent\", \"passwd\", \"app\"], #{ returns: [0, 2] });\nif found.status == 2 { user(\"app\"); }",
    },
    Function {
        name: "to_json",
        group: Formats,
        signatures: &["to_json(value: ?) -> String"],
        doc: "Writes a value as JSON.",
        example: "file(\"/etc/app.json\", #{ content: to_json(#{ port: 80 }) });",
    },
    Function {
        name: "to_yaml",
        group: Formats,
        signatures: &["to_yaml(value: ?) -> String"],
        doc: "Writes a value as YAML.",
        example: "file(\"/etc/app.yaml\", #{ content: to_yaml(#{ port: 80 }) });",
    },
    Function {
        name: "to_toml",
        group: Formats,
        signatures: &["to_toml(value: ?) -> String"],
        doc: "Writes a map as TOML.",
        example: "file(\"/etc/app.toml\", #{ content: to_toml(#{ port: 80 }) });",
    },
    Function {
        name: "parse_json",
        group: Formats,
        signatures: &["parse_json(text: String) -> ?"],
        doc: "Reads JSON.",
        example: "let settings = parse_json(`{ \"port\": 80 }`);\nlog_info(`${settings.port}`);",
    },
    Function {
        name: "parse_yaml",
        group: Formats,
        signatures: &["parse_yaml(text: String) -> ?"],
        doc: "Reads YAML.",
        example: "let settings = parse_yaml(\"port: 80\");\nlog_info(`${settings.port}`);",
    },
    Function {
        name: "parse_toml",
        group: Formats,
        signatures: &["parse_toml(text: String) -> ?"],
        doc: "Reads TOML.",
        example: "let settings = parse_toml(\"port = 80\");\nlog_info(`${settings.port}`);",
    },
    Function {
        name: "shell_quote",
        group: Formats,
        signatures: &["shell_quote(text: String) -> String"],
        doc: "Quotes a word for a shell line.",
        example: "let path = \"/srv/new\";\nexecute(`touch ${shell_quote(path)}`, #{ creates: path });",
    },
    Function {
        name: "sha256",
        group: Formats,
        signatures: &["sha256(text: String) -> String"],
        doc: "The SHA-256 of a text, in hexadecimal.",
        example: "log_info(sha256(\"text\"));",
    },
    Function {
        name: "base64",
        group: Formats,
        signatures: &["base64(text: String) -> String"],
        doc: "A text in base64.",
        example: "log_info(base64(\"text\"));",
    },
    Function {
        name: "trim",
        group: Formats,
        signatures: &["trim(text: String) -> String"],
        doc: "Takes white space off both ends of a variable's text, and gives the text. (Rhai's own gives nothing.)",
        example: "let name = read_file(\"/etc/hostname\");\nlog_info(name.trim());",
    },
    Function {
        name: "pad",
        group: Formats,
        signatures: &["pad(text: String, length: int, padding: String)"],
        doc: "Lengthens a variable's text to so many characters, by adding another over and over.",
        example: "let name = \"web\";\nname.pad(8, \".\");\nlog_info(name);",
    },
    log(
        "log_debug",
        &["log_debug(message: ?)"],
        "Writes a line that is shown with `--verbose`.",
        "log_debug(\"found nothing\");",
    ),
    log(
        "log_info",
        &["log_info(message: ?)"],
        "Writes a line into the run's output.",
        "log_info(\"found something\");",
    ),
    log(
        "log_warn",
        &["log_warn(message: ?)"],
        "Warns in the run's output, also with `--quiet`.",
        "log_warn(\"almost full\");",
    ),
];

const fn level(
    name: &'static str,
    signatures: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
) -> Function {
    Function { name, group: Attributes, signatures, doc, example }
}

const fn log(
    name: &'static str,
    signatures: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
) -> Function {
    Function { name, group: Log, signatures, doc, example }
}

#[cfg(test)]
mod tests;
