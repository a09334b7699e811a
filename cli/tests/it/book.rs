//! What the README and the book show is what there is: recipes are checked and converge on a
//! simulated machine, a second time without a change; files make up repositories without mistakes;
//! commands print what is shown below them. `toque_acceptance::book` has the marks. What needs a
//! machine of its own is marked `host` and executed by `it::book`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;

use tempfile::TempDir;
use toque_acceptance::book::{Block, blocks, matches, pages};
use toque_contract::report::{Outcome, Status};
use toque_core::name::RecipeName;
use toque_engine::{Options, Run};
use toque_machine::system::FakeSystem;
use toque_resources::simulated::{self, Package, debian};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn toque(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_toque")).current_dir(folder).args(args).output().unwrap()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn every_block_is_executed() {
    let book = root().join("docs/src");
    let mut all: Vec<(PathBuf, String)> = vec![(root().join("README.md"), "README.md".to_owned())];
    all.extend(pages(&book).into_iter().map(|page| {
        let name = page.strip_prefix(&book).unwrap().display().to_string();
        (page, name)
    }));
    assert!(all.len() > 20, "{all:?}");
    let mut wrong = Vec::new();
    for (page, name) in &all {
        let repository = tempfile::tempdir().unwrap();
        for block in blocks(page, name) {
            if let Err(error) = execute(&block, &repository) {
                wrong.push(format!("{}: {error}", block.place));
            }
        }
        if repository.path().join("cookbooks").exists() {
            let output = toque(repository.path(), &["check"]);
            let told = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() || told.contains("warning") {
                wrong.push(format!("{name}: its files have mistakes\n{told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn execute(block: &Block, page: &TempDir) -> Result<(), String> {
    if let Some(path) = block.mark("file") {
        // A file that is shown again is shown as it becomes.
        let path = page.path().join(path);
        write(&path, &block.text);
        if block.text.starts_with("#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        return Ok(());
    }
    if let Some(why) = block.mark("shown") {
        return if why.is_empty() {
            Err("`shown` says why nothing is executed".to_owned())
        } else {
            Ok(())
        };
    }
    match block.language.as_str() {
        "rhai" => recipe(block, page.path()),
        "console" if block.mark("host").is_some() => Ok(()),
        "console" => console(block, page.path()),
        "text" => Ok(()),
        language => Err(format!(
            "a block of `{language}` needs a mark that says which file it is, or why nothing is executed"
        )),
    }
}

/// A recipe by itself, as the only one of a cookbook, beside what else the page's repository has if
/// that has data bags.
fn recipe(block: &Block, page: &Path) -> Result<(), String> {
    let repository = tempfile::tempdir().unwrap();
    if page.join("data_bags").exists() {
        assert!(
            Command::new("cp")
                .arg("-rT")
                .args([page, repository.path()])
                .status()
                .unwrap()
                .success()
        );
    }
    let cookbook = repository.path().join("cookbooks/example");
    write(&cookbook.join("cookbook.toml"), "name = \"example\"\nversion = \"1.0.0\"\n");
    for file in block.mark("beside").into_iter().flat_map(str::split_whitespace) {
        write(&cookbook.join(file), "");
    }
    let before = block.mark("with").map_or(String::new(), |code| format!("{code}\n"));
    write(&cookbook.join("recipes/default.rhai"), &format!("{before}{}", block.text));
    let output = toque(repository.path(), &["check"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Some(message) = block.mark("refused") {
        let refused = !output.status.success() && told.contains(message);
        return if refused {
            Ok(())
        } else {
            Err(format!("it is not refused with `{message}`:\n{told}"))
        };
    }
    if !output.status.success() || told.contains("warning") {
        return Err(format!("it has mistakes:\n{told}"));
    }
    match block.mark("only checked") {
        Some("") => Err("`only checked` says why it does not converge".to_owned()),
        Some(_) => Ok(()),
        None => converges(repository.path()),
    }
}

/// Twice, the second time without a change but by what cannot know whether it has something to do.
fn converges(repository: &Path) -> Result<(), String> {
    let machine = machine();
    let run = || {
        let run_list =
            vec![RecipeName { cookbook: "example".to_owned(), recipe: "default".to_owned() }];
        let run_list = run_list.into_iter().map(Into::into).collect();
        let secret_files = vec![repository.join("secret")];
        let options = Options {
            repository: Some(repository.to_owned()),
            run_list,
            secret_files,
            ..Options::default()
        };
        let report =
            Run::on(Rc::<FakeSystem>::clone(&machine), Rc::new(toque_resources::standard()))
                .options(options.clone())
                .converge()
                .map_err(|refused| refused.diagnostics.to_string())?;
        let errors = report.resources.iter().filter_map(|record| record.error.as_ref());
        let told = errors
            .map(|error| format!("{error}\n{}", error.notes.join("\n")))
            .collect::<Vec<_>>()
            .join("\n");
        if report.outcome == Outcome::Success {
            Ok(report)
        } else {
            Err(format!("it does not converge:\n{told}"))
        }
    };
    run()?;
    let always = ["execute", "block", "facts", "notify_group"];
    let again: Vec<String> = run()?
        .resources
        .iter()
        .filter(|record| {
            record.status == Status::Changed && !always.contains(&&*record.resource.kind)
        })
        .map(|record| record.resource.to_string())
        .collect();
    if again.is_empty() { Ok(()) } else { Err(format!("a second run changes {again:?}")) }
}

/// A Debian machine in memory with what the examples install.
fn machine() -> Rc<FakeSystem> {
    let service = |name: &str| Package::new(name, "1.0").service(name);
    let packages =
        ["git", "curl", "openssl", "nginx-doc", "php8.2"].map(|name| Package::new(name, "1.0"));
    let machine = debian(
        packages.into_iter().chain([
            service("nginx")
                .file("/etc/nginx/nginx.conf", "# main\n")
                .file("/etc/nginx/conf.d/default.conf", "# default\n"),
            service("apache2"),
            service("chrony").file("/etc/chrony/chrony.conf", "pool example.com\n"),
        ]),
    );
    simulated::update_lists(&machine);
    for (path, content) in [
        ("/etc/hostname", "debian\n"),
        ("/proc/sys/kernel/hostname", "debian\n"),
        ("/etc/app.conf", "port = 80\n"),
    ] {
        machine.put_file(path, content);
    }
    for path in ["/srv", "/opt", "/usr/local/bin"] {
        machine.put_dir(path, 0o755);
    }
    Rc::new(machine)
}

/// Commands in the page's repository.
fn console(block: &Block, repository: &Path) -> Result<(), String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_toque")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    for (command, shown) in block.commands() {
        // These would change the machine that the tests run on.
        if ["converge", "apply "].iter().any(|word| command.contains(word))
            && !command.contains("--plan")
        {
            return Err(format!("`{command}` needs a machine of its own: mark the block `host`"));
        }
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(repository)
            .env("PATH", &path)
            .env("XDG_STATE_HOME", repository.join("state"))
            .output()
            .unwrap();
        let actual = String::from_utf8_lossy(&output.stdout);
        if output.status.success() == block.mark("refused").is_some() {
            return Err(format!("`{command}` ended with {}:\n{actual}", output.status));
        }
        if !shown.is_empty() && !matches(&shown, &actual) {
            return Err(format!("`{command}` prints\n{actual}and not\n{shown}"));
        }
    }
    Ok(())
}

#[test]
fn every_page_is_in_the_summary() {
    let book = root().join("docs/src");
    let summary = std::fs::read_to_string(book.join("SUMMARY.md")).unwrap();
    for page in pages(&book) {
        let name = page.strip_prefix(&book).unwrap().display().to_string();
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("({name})")),
            "docs/src/SUMMARY.md does not name {name}"
        );
    }
}

/// Every relative link of a page leads to a file, and to a heading where it names one.
#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in pages(&root().join("docs/src"))
        .into_iter()
        .chain(["README.md", "CONTRIBUTING.md"].map(|name| root().join(name)))
    {
        let text = std::fs::read_to_string(&page).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in
            targets.filter(|target| !target.contains("://") && !target.contains([' ', '\n']))
        {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file =
                if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = std::fs::read_to_string(&file).is_ok_and(|text| {
                let anchors = text.lines().filter(|line| line.starts_with('#')).map(anchor);
                heading.is_empty() || anchors.into_iter().any(|anchor| anchor == heading)
            });
            if !(there || file.is_dir() && heading.is_empty()) {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The anchor that mdBook and GitHub give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn the_recipe_of_the_readme_is_the_examples() {
    let recipe = std::fs::read_to_string(
        root().join("examples/webserver/cookbooks/webserver/recipes/default.rhai"),
    )
    .unwrap();
    let readme = blocks(&root().join("README.md"), "README.md");
    assert!(readme.iter().any(|block| block.language == "rhai" && block.text == recipe));
}

#[test]
fn the_examples_have_no_mistakes() {
    for example in ["webserver", "shop"] {
        let output = toque(&root().join("examples").join(example), &["check", "--trust-repo"]);
        // Nor anything to warn of.
        assert_eq!(String::from_utf8_lossy(&output.stderr), "no mistakes found\n", "{example}");
    }
    let output =
        toque(&root().join("examples/webserver"), &["graph", "--format", "dot", "--trust-repo"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("service[apache2]"));
}

#[test]
fn every_command_is_there_and_has_an_example() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `toque ")).collect();
    assert!(rows.len() >= 9);
    let commands = rows
        .iter()
        .map(|row| row.trim_start_matches("| `toque ").split([' ', '`']).next().unwrap());
    for command in commands.chain([
        "cookbook new",
        "cookbook add",
        "cookbook remove",
        "cookbook show",
        "cookbook verify",
        "data-bag show",
        "data-bag encrypt",
        "data-bag decrypt",
        "data-bag edit",
        "data-bag rotate",
        "stack import",
        "stack add",
        "stack add instance",
        "stack add layer",
        "stack add app",
        "runs list",
        "runs show",
        "runs owed",
        "resource list",
        "resource show",
    ]) {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let output = toque(&root(), &args);
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && help.contains("Example:"),
            "toque {command} --help:\n{help}"
        );
    }
}
