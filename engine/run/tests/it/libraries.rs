//! Libraries: imported by recipes, and called by templates by name alone.

use std::rc::Rc;

use toque_contract::report::Report;
use toque_core::diagnostic::Diagnostic;
use toque_data::run_list::Item;
use toque_engine::{Options, Refused, Run};
use toque_machine::system::FakeSystem;

/// Converges `recipe[web]` of a repository with these files below `cookbooks/`.
fn run(files: &[(&str, &str)]) -> (Rc<FakeSystem>, Result<Report, Refused>) {
    let repository = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = repository.path().join("cookbooks").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for entry in std::fs::read_dir(repository.path().join("cookbooks")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if !folder.join("cookbook.toml").exists() {
            std::fs::write(
                folder.join("cookbook.toml"),
                format!("name = \"{name}\"\nversion = \"1.0\"\n"),
            )
            .unwrap();
        }
    }
    let system = FakeSystem::new();
    system.put_dir("/out", 0o755);
    let system = Rc::new(system);
    let run_list = vec![Item::parse("web").unwrap()];
    let options =
        Options { repository: Some(repository.path().to_owned()), run_list, ..Options::default() };
    let report = Run::on(Rc::<FakeSystem>::clone(&system), Rc::new(toque_resources::standard()))
        .options(options.clone())
        .converge();
    (system, report)
}

/// What `recipes/default.rhai` renders from a template, with these libraries.
fn rendered(
    recipe: &str,
    template: &str,
    libraries: &[(&str, &str)],
) -> Result<String, Vec<Diagnostic>> {
    let mut files = vec![("web/recipes/default.rhai", recipe), ("web/templates/x.hbs", template)];
    files.extend(libraries);
    let (system, report) = run(&files);
    let report = report.map_err(|refused| refused.diagnostics.0)?;
    let failed: Vec<Diagnostic> = report
        .resources
        .iter()
        .filter_map(|record| record.error.as_ref())
        .map(|error| Diagnostic::error(error.message.clone()))
        .collect();
    if failed.is_empty() { Ok(system.text("/out/x")) } else { Err(failed) }
}

const LIBRARY: (&str, &str) = (
    "web/libraries/names.rhai",
    r#"
        fn full(name) { `${name}.${node.domain_of}` }
        fn full(name, domain) { `${name}.${domain}` }
        fn is_tls(site) { site.port == 443 }
        fn ports(sites) { sites.map(|site| site.port) }
        fn site(name, port) { #{ name: name, port: port } }
        fn domain() { node.domain_of }
        fn kind(value) { type_of(value) }
        fn nothing() {}
        fn plus(a, b) { hidden(a, b) }
        fn later() { || 1 }
        private fn hidden(a, b) { a + b }
    "#,
);

#[test]
fn templates_call_functions_by_name() {
    let recipe = r#"
        default("domain_of", "example.com");
        template("/out/x", #{ source: "x.hbs", variables: #{
            name: "www", sites: [#{ name: "a", port: 80 }, #{ name: "b", port: 443 }], empty: (),
        } });
    "#;
    for (template, expected) in [
        ("{{full name}}", "www.example.com"),
        ("{{full name \"example.org\"}}", "www.example.org"),
        (
            "{{#each sites}}{{name}}{{#if (is_tls this)}} tls{{else}} plain{{/if}};{{/each}}",
            "a plain;b tls;",
        ),
        ("{{#each (ports sites)}}{{this}} {{/each}}", "80 443 "),
        ("{{join (ports sites) \"+\"}}", "80+443"),
        ("{{#with (site \"c\" 8080)}}{{name}}:{{port}}{{/with}}", "c:8080"),
        ("{{upper (full (full name \"x\"))}}", "WWW.X.EXAMPLE.COM"),
        ("{{domain}} {{#if (domain)}}yes{{/if}}", "example.com yes"),
        (
            "{{kind sites}} {{kind sites.[0]}} {{kind name}} {{kind 1}} {{kind true}} {{kind empty}}",
            "array map string i64 bool ()",
        ),
        ("{{plus 1 2}}", "3"),
        ("{{#unless (nothing)}}none{{/unless}}{{default (nothing) 5}}", "none5"),
    ] {
        let told = rendered(recipe, template, &[LIBRARY]);
        assert_eq!(
            told.unwrap_or_else(|wrong| panic!("{template}: {wrong:?}")),
            expected,
            "{template}"
        );
    }
    for (template, told) in [
        ("{{full nam}}", "`nam` is not set"),
        ("{{full}}", "`full` is not set"),
        ("{{full 1 2 3}}", "`full` takes 1 or 2 arguments, and is given 3"),
        ("{{ful name}}", "there is no helper `ful`"),
        ("{{#if (is_tlz name)}}x{{/if}}", "there is no helper `is_tlz`"),
        ("{{hidden 1 2}}", "there is no helper `hidden`"),
        ("{{print name}}", "there is no helper `print`"),
        ("{{full name=1}}", "takes no arguments by name"),
        ("{{#full name}}x{{/full}}", "there is no block `{{#full}}`"),
        ("{{site \"a\" 1}}", "what the helper gives cannot be printed: it is a map"),
        ("{{nothing}}", "`nothing` is not set"),
        ("{{plus (nothing) 1}}", "`+` does not work on nothing and an integer"),
        ("{{later}}", "`later` gives no usable value: a closure is no value here"),
        ("{{default sites 1}}", "it is an array"),
        ("{{> (lookup this \"name\")}}", "there is no partial `www`"),
    ] {
        let wrong = rendered(recipe, template, &[LIBRARY]).expect_err(template);
        assert_eq!(wrong.len(), 1, "{template}: {wrong:?}");
        assert!(wrong[0].message.contains(told), "{template}: {wrong:?}");
        assert!(wrong[0].span.is_some(), "{template}: {wrong:?}");
    }
}

/// A function that fails in a partial is told with every place that led to it.
#[test]
fn errors_of_functions_name_every_place() {
    let files = [
        ("web/recipes/default.rhai", "template(\"/out/x\", #{ source: \"x.hbs\" });"),
        ("web/templates/x.hbs", "one\n  {{> inner}}\n"),
        ("web/templates/inner.hbs", "{{#if true}}\n{{check 5}}{{/if}}"),
        ("web/libraries/a.rhai", "import \"base::b\" as b;\nfn check(x) { b::fail(x) }"),
        ("base/libraries/b.rhai", "fn fail(x) {\n  throw `no ${x}`;\n}"),
        (
            "web/cookbook.toml",
            "name = \"web\"\nversion = \"1.0\"\n[dependencies]\nbase = \">= 0\"\n",
        ),
    ];
    let (_, report) = run(&files);
    let refused = report.unwrap_err().diagnostics.0;
    assert_eq!(refused[0].message, "no 5");
    let frames = refused[0].frames.iter().map(|(span, what)| format!("{span} {what}"));
    let places: Vec<String> =
        [refused[0].span.as_ref().unwrap().to_string()].into_iter().chain(frames).collect();
    let expected = [
        "cookbooks/base/libraries/b.rhai:2:3",
        "cookbooks/web/libraries/a.rhai:2:18 in the call of `fail`",
        "cookbooks/web/templates/inner.hbs:2:1 called by the template here",
        "cookbooks/web/templates/x.hbs:2:3 included here",
        "cookbooks/web/recipes/default.rhai:1:1 for `template[/out/x]`",
    ];
    assert_eq!(places, expected);
}

#[test]
fn cookbooks_do_not_share_partials_or_functions() {
    let files = [
        (
            "web/cookbook.toml",
            "name = \"web\"\nversion = \"1.0\"\n[dependencies]\nbase = \">= 0\"\n",
        ),
        (
            "web/recipes/default.rhai",
            "template(\"/out/a\", #{ source: \"x.hbs\" }); template(\"/out/b\", #{ source: \"x.hbs\", cookbook: \"base\" });\n\
             template(\"/out/c\", #{ source: \"x.hbs\" });",
        ),
        ("web/templates/x.hbs", "{{> part}} {{me}}"),
        ("web/templates/part.hbs", "of web"),
        ("web/libraries/a.rhai", "fn me() { \"web\" }"),
        ("base/templates/x.hbs", "{{> part}} {{me}}"),
        ("base/templates/part.hbs", "of base"),
        ("base/libraries/a.rhai", "fn me() { \"base\" }"),
    ];
    let (system, report) = run(&files);
    report.unwrap();
    assert_eq!(system.text("/out/a"), "of web web");
    assert_eq!(system.text("/out/b"), "of base base");
    assert_eq!(system.text("/out/c"), "of web web");
}

#[test]
fn indentation_of_partials_covers_what_is_printed() {
    let files = [
        (
            "web/recipes/default.rhai",
            "template(\"/out/x\", #{ source: \"x.hbs\", variables: #{ a: \"1\\n2\" } });",
        ),
        ("web/templates/x.hbs", "list:\n  {{> part}}\nend\n"),
        ("web/templates/part.hbs", "{{a}}\nb\n"),
    ];
    let (system, report) = run(&files);
    report.unwrap();
    assert_eq!(system.text("/out/x"), "list:\n  1\n  2\n  b\nend\n");
}

/// A library that no template names is not even read.
#[test]
fn libraries_are_read_when_they_are_named() {
    let broken = ("web/libraries/broken.rhai", "fn (");
    let recipe = "template(\"/out/x\", #{ source: \"x.hbs\", variables: #{ a: [1] } });";
    assert_eq!(rendered(recipe, "{{join a}}{{#if a}} x{{/if}}", &[broken]).unwrap(), "1 x");
    let wrong = rendered(recipe, "{{full a}}", &[broken]).unwrap_err();
    assert!(wrong[0].message.starts_with("syntax error"), "{wrong:?}");
}

/// A recipe runs once, so a circle of includes ends by itself.
#[test]
fn recipes_that_include_each_other_run_once() {
    let files = [
        (
            "web/recipes/default.rhai",
            "include_recipe(\"web::b\"); include_recipe(\"web\"); file(\"/out/a\", #{ content: \"\" });",
        ),
        (
            "web/recipes/b.rhai",
            "include_recipe(\"web\"); include_recipe(\"::b\"); file(\"/out/b\", #{ content: \"\" });",
        ),
    ];
    let (_, report) = run(&files);
    let order: Vec<String> =
        report.unwrap().resources.iter().map(|record| record.resource.to_string()).collect();
    assert_eq!(order, ["file[/out/b]", "file[/out/a]"]);
}

/// What a closure does wrong while resources converge is told with its own place, and the
/// library's.
#[test]
fn errors_of_closures_stand_in_the_closure() {
    let library = ("web/libraries/a.rhai", "fn fail(x) {\n    throw \"no \" + x;\n}");
    let import = "import \"web::a\" as a;\n";
    for (resource, message, places) in [
        (
            "file(\"/out/x\", #{\n    content: || a::fail(\"content\"),\n});",
            "no content",
            vec!["libraries/a.rhai:2:5", "recipes/default.rhai:3:20"],
        ),
        (
            "file(\"/out/x\", #{\n    only_if: || a::fail(\"guard\"),\n});",
            "no guard",
            vec!["libraries/a.rhai:2:5", "recipes/default.rhai:3:20"],
        ),
        (
            "block(\"x\", #{\n    run: || a::fail(\"block\"),\n});",
            "no block",
            vec!["libraries/a.rhai:2:5", "recipes/default.rhai:3:16"],
        ),
        (
            "file(\"/out/x\", #{\n    content: || node.no,\n});",
            "`node.no` is not set",
            vec!["recipes/default.rhai:3:22"],
        ),
        (
            "file(\"/out/x\", #{\n    content: || 5,\n});",
            "`content`: expected a string, found 5",
            vec!["recipes/default.rhai:3:5"],
        ),
        (
            "file(\"/out/x\", #{\n    content: || (),\n});",
            "`content` is nothing",
            vec!["recipes/default.rhai:3:5"],
        ),
        (
            "execute(\"true\", #{\n    environment: #{ A: || \"a\", B: || 5 },\n});",
            "`environment.B`: expected a string, found 5",
            vec!["recipes/default.rhai:3:32"],
        ),
    ] {
        let recipe = format!("{import}{resource}");
        let (_, report) = run(&[("web/recipes/default.rhai", &recipe), library]);
        let report = report.unwrap_or_else(|refused| panic!("{resource}: {}", refused.diagnostics));
        let error =
            report.resources[0].error.as_ref().unwrap_or_else(|| panic!("{resource} did not fail"));
        assert!(error.message.contains(message), "{resource}: {error:?}");
        let told = format!("{error:?}");
        for place in places {
            assert!(told.contains(place), "{resource}: {place} is not in {told}");
        }
    }
}
