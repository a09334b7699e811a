//! A large cookbook: many recipes, and custom resources in some of them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How many recipes there are.
pub(crate) const RECIPES: u32 = 500;
/// How often a custom resource is used.
pub(crate) const USES: u32 = 200;

/// What a site is made of, one part by what the machine tells.
const SITE: &str = r#"
property("domain", #{ type: "string", name: true, pattern: "^[a-z0-9.-]+$" });
property("port", #{ type: "int", default: 80 });
property("out", #{ type: "string", required: true });
property("aliases", #{ type: ["array", "string"], default: [] });
current(|| if file_exists(`${this.out}/${this.domain}.port`) {
    #{ port: parse_json(read_file(`${this.out}/${this.domain}.port`)) }
});
action("create", || {
    file(`${this.out}/${this.domain}.conf`, #{ content: `listen ${this.port}\nname ${this.domain}\n`, mode: "0644" })
        .notifies("run", "notify_group[reload]");
    file(`${this.out}/${this.domain}.html`, #{ content: `<h1>${this.domain}</h1>\n`, mode: "0644" });
    converge_if_changed("port", || {
        file(`${this.out}/${this.domain}.port`, #{ content: `${this.port}`, mode: "0644" });
    });
});
action("delete", || {
    file(`${this.out}/${this.domain}.conf`, #{ action: "delete" });
});
"#;

/// Writes the cookbook `bench`: `default` includes every other recipe.
pub(crate) fn write(repository: &Path, out: &Path) {
    let cookbook = repository.join("cookbooks/bench");
    let folder = |name: &str| {
        let folder = cookbook.join(name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        folder
    };
    let (recipes, resources, attributes) =
        (folder("recipes"), folder("resources"), folder("attributes"));
    let put = |path: &Path, text: &str| fs::write(path, text).expect("the file can be written");
    put(&resources.join("site.rhai"), SITE);
    put(
        &attributes.join("default.rhai"),
        &format!(
            "default(\"bench.out\", {:?});\ndefault(\"bench.port\", 8080);\n",
            out.display().to_string()
        ),
    );
    let mut all = "notify_group(\"reload\");\n".to_owned();
    for number in 1..RECIPES {
        let _ = writeln!(all, "include_recipe(\"::part{number}\");");
        put(&recipes.join(format!("part{number}.rhai")), &part(number));
    }
    put(&recipes.join("default.rhai"), &all);
}

/// One recipe: two files by attributes, and in some a site.
fn part(number: u32) -> String {
    let mut text = format!(
        r#"let out = node.bench.out;
let port = node.bench.port + {number};
for name in ["one", "two"] {{
    file(`${{out}}/part{number}-${{name}}`, #{{
        content: `part {number} of ${{node.name}}, ${{name}}, ${{port}}\n`,
        mode: "0644",
    }}).notifies("run", "notify_group[reload]");
}}
"#
    );
    if number <= USES {
        let _ = writeln!(
            text,
            "bench_site(\"site{number}.example.com\", #{{ port: port, out: out, aliases: \"www{number}.example.com\" }});"
        );
    }
    text
}
