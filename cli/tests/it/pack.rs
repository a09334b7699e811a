//! `toque cookbook vendor`, `package` and `index`, and what is made of what they make.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

struct Told {
    out: String,
    err: String,
    code: Option<i32>,
}

impl Told {
    fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }

    /// Refused, with this in its message.
    fn refused(&self, said: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(2), ""), "{}", self.err);
        assert!(self.err.contains(said), "{said}\n{}", self.err);
    }
}

fn toque(folder: &Path, args: &[&str]) -> Told {
    run(Command::new(env!("CARGO_BIN_EXE_toque")).current_dir(folder).args(args))
}

fn run(command: &mut Command) -> Told {
    let output = command.env("http_proxy", "").output().unwrap();
    Told {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// A web server of the files in a folder.
fn serve(folder: &Path) -> String {
    let folder = folder.to_owned();
    toque_acceptance::serve(|_| {
        move |path: &str| fs::read(folder.join(path.trim_start_matches('/'))).ok()
    })
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn cookbook(folder: &Path, version: &str, dependencies: &str, recipe: &str) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let text =
        format!("name = \"{name}\"\nversion = \"{version}\"\n[dependencies]\n{dependencies}");
    write(&folder.join("cookbook.toml"), &text);
    write(&folder.join("recipes/default.rhai"), recipe);
}

/// A repository whose `web` needs `nginx` from a folder beside. It writes what a data bag has.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        cookbook(
            &bench.path("repository/cookbooks/web"),
            "1.0.0",
            "nginx = \"~> 2.0\"\n",
            "include_recipe(\"nginx\");",
        );
        write(&bench.path("repository/cookbooks/web/spec/web.rb"), "");
        write(
            &bench.path("repository/data_bags/site/main.json"),
            "{ \"id\": \"main\", \"title\": \"hello\" }",
        );
        write(&bench.path("repository/.toqueignore"), "spec/\n");
        let out = bench.path("out").display().to_string();
        let nginx = format!(
            "file(\"{out}\", #{{ content: data_bag_item(\"site\", \"main\").title + \"\\n\" }});"
        );
        cookbook(&bench.path("shared/nginx"), "2.1.0", "", &nginx);
        write(&bench.path("repository/Cookfile.toml"), "[[source]]\npath = \"../shared\"\n");
        bench.settings("repository");
        bench
    }

    /// With state and cache of its own.
    fn settings(&self, folder: &str) {
        write(
            &self.path(folder).join("toque.toml"),
            "cache_dir = \"../cache\"\nstate_dir = \"../state\"\n",
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn toque(&self, args: &[&str]) -> Told {
        toque(&self.path("repository"), args)
    }

    /// Packs the repository, and says its checksum.
    fn package(&self, file: &str) -> String {
        let told = self.toque(&["cookbook", "package", file]).well();
        let (sha256, named) = told.out.trim_end().split_once("  ").unwrap();
        assert_eq!(named, file);
        assert!(told.err.contains("2 cookbooks with 5 files, packed "), "{}", told.err);
        sha256.to_owned()
    }

    /// Converges from elsewhere with what `--repo` names.
    fn converge(&self, repo: &str) {
        let _ = fs::remove_file(self.path("out"));
        let state = self.path("state").display().to_string();
        toque(self.folder.path(), &["converge", "--repo", repo, "--state-dir", &state, "web"])
            .well();
        assert_eq!(fs::read_to_string(self.path("out")).unwrap(), "hello\n");
    }
}

#[test]
fn a_package_is_a_repository() {
    let bench = Bench::new();
    bench.toque(&["cookbook", "package", "../site.tar.zst"]).refused("there is no `Cookfile.lock`");
    assert!(!bench.path("site.tar.zst").exists());
    bench.toque(&["cookbook", "install"]).well();
    let sha256 = bench.package("../site.tar.zst");
    let summed = Command::new("sha256sum").arg(bench.path("site.tar.zst")).output().unwrap().stdout;
    assert_eq!(String::from_utf8(summed).unwrap()[..64], sha256);

    bench.converge("site.tar.zst");
    bench.converge(&format!("{}/site.tar.zst#sha256={sha256}", serve(bench.folder.path())));
    bench.package("../site.tar.gz");
    bench.converge("site.tar.gz");

    let unpacked = tempfile::tempdir().unwrap();
    let tar = Command::new("tar")
        .arg("-xf")
        .arg(bench.path("site.tar.gz"))
        .arg("-C")
        .arg(unpacked.path())
        .status();
    assert!(tar.unwrap().success());
    let find = Command::new("find")
        .args([".", "-type", "f"])
        .current_dir(unpacked.path())
        .output()
        .unwrap();
    let mut files: Vec<String> =
        String::from_utf8(find.stdout).unwrap().lines().map(str::to_owned).collect();
    files.sort();
    assert_eq!(
        files,
        [
            "./cookbooks/nginx/cookbook.toml",
            "./cookbooks/nginx/recipes/default.rhai",
            "./cookbooks/web/cookbook.toml",
            "./cookbooks/web/recipes/default.rhai",
            "./data_bags/site/main.json",
        ]
    );
    toque(unpacked.path(), &["check"]).well();
}

#[test]
fn the_same_bytes_in_another_folder() {
    let bench = Bench::new();
    bench.toque(&["cookbook", "install"]).well();
    let first = bench.package("../one.tar.zst");
    // As another user has it, with another umask and other times.
    let copy = bench.path("other/place");
    fs::create_dir_all(&copy).unwrap();
    let script = format!(
        "umask 077; (cd '{0}' && tar -cf - repository shared) | (cd '{1}' && tar -xmf - --no-same-permissions) && cd '{1}/repository' && \
         exec '{2}' cookbook package ../two.tar.zst",
        bench.folder.path().display(),
        copy.display(),
        env!("CARGO_BIN_EXE_toque")
    );
    let told = run(Command::new("sh").args(["-c", &script])).well();
    assert_eq!(told.out, format!("{first}  ../two.tar.zst\n"));
    assert_eq!(
        fs::read(bench.path("one.tar.zst")).unwrap(),
        fs::read(copy.join("two.tar.zst")).unwrap()
    );
}

#[test]
fn without_a_cookfile() {
    let bench = Bench::new();
    fs::remove_file(bench.path("repository/Cookfile.toml")).unwrap();
    fs::rename(bench.path("shared/nginx"), bench.path("repository/cookbooks/nginx")).unwrap();
    bench.package("../site.tar.zst");
    bench.converge("site.tar.zst");
    let told = bench.toque(&["cookbook", "package", "..", "nginx"]).well();
    assert!(told.out.ends_with("  ../nginx-2.1.0.tar.zst\n"), "{}", told.out);
    bench.toque(&["cookbook", "package", "..", "ngin"]).refused("did you mean `nginx`?");
    bench
        .toque(&["cookbook", "package", "..", "../web"])
        .refused("`../web` is no name of a cookbook");
    bench.toque(&["cookbook", "package", ".."]).refused("a whole repository has no name");
    bench.toque(&["cookbook", "package", "../site.zip"]).refused("`.tar.zst` or `.tar.gz`");
    bench.toque(&["cookbook", "package", "data_bags/site.tar.zst"]).refused("which is packed");
    bench.toque(&["cookbook", "vendor", "../vendor"]).refused("there is no `Cookfile.toml` here");
    toque(bench.folder.path(), &["cookbook", "package", "site.tar.zst"])
        .refused("there is no repository here");
    write(&bench.path("repository/.toqueignore"), "spec/\n[\n");
    bench.toque(&["cookbook", "package", "../site.tar.zst"]).refused(".toqueignore:2:1");
}

#[test]
fn from_packages_to_a_registry() {
    let bench = Bench::new();
    bench.toque(&["cookbook", "install"]).well();
    let registry = bench.path("registry");
    fs::create_dir(&registry).unwrap();
    toque(&registry, &["cookbook", "index", "."]).refused("there are no archives of cookbooks");
    bench.toque(&["cookbook", "package", "../registry", "web"]).well();
    let told = bench.toque(&["cookbook", "package", "../registry/nginx.tar.gz", "nginx"]).well();
    assert!(told.err.starts_with("1 cookbook with 2 files, packed "), "{}", told.err);
    let told = toque(&registry, &["cookbook", "index", "."]).well();
    assert_eq!(told.out, "nginx 2.1.0 nginx.tar.gz\nweb 1.0.0 web-1.0.0.tar.zst\n");
    assert_eq!(told.err, "2 versions are there; `universe` was written\n");
    let told = toque(&registry, &["cookbook", "index", "."]).well();
    assert_eq!(told.err, "2 versions are there; `universe` is as it was\n");

    // A version that is published stays; what does not belong there is told, and what is served
    // stays.
    write(&bench.path("repository/cookbooks/web/recipes/more.rhai"), "");
    bench
        .toque(&["cookbook", "package", "../registry", "web"])
        .refused("is there already, with other content");
    fs::remove_file(bench.path("repository/cookbooks/web/recipes/more.rhai")).unwrap();
    bench.package("../registry/site.tar.zst");
    toque(&registry, &["cookbook", "index", "."]).refused("`site.tar.zst`: it has 2 cookbooks");
    fs::remove_file(registry.join("site.tar.zst")).unwrap();

    let url = serve(&registry);
    write(
        &bench.path("user/Cookfile.toml"),
        &format!("[[source]]\nurl = \"{url}\"\n[cookbooks]\nweb = \"~> 1.0\"\n"),
    );
    write(
        &bench.path("user/data_bags/site/main.json"),
        "{ \"id\": \"main\", \"title\": \"hello\" }",
    );
    bench.settings("user");
    let user = bench.path("user");
    assert_eq!(
        toque(&user, &["cookbook", "install"]).well().out,
        "nginx 2.1.0 new\nweb 1.0.0 new\n"
    );
    bench.converge("user");

    // Vendored, it needs no registry any more.
    assert_eq!(
        toque(&user, &["cookbook", "vendor", "vendor/cookbooks"]).well().out,
        "nginx 2.1.0\nweb 1.0.0\n"
    );
    write(
        &user.join("Cookfile.toml"),
        "[[source]]\npath = \"vendor/cookbooks\"\n[cookbooks]\nweb = \"~> 1.0\"\n",
    );
    fs::remove_dir_all(bench.path("cache")).unwrap();
    toque(&user, &["cookbook", "install", "--offline"]).well();
    bench.converge("user");
    toque(&user, &["cookbook", "vendor", "vendor/cookbooks"]).well();
    // Or it is the repository's `cookbooks/`.
    fs::rename(user.join("vendor/cookbooks"), user.join("cookbooks")).unwrap();
    fs::remove_file(user.join("Cookfile.toml")).unwrap();
    bench.converge("user");
}

#[test]
fn what_was_vendored_and_changed_is_kept() {
    let bench = Bench::new();
    bench.toque(&["cookbook", "install"]).well();
    assert_eq!(
        bench.toque(&["cookbook", "vendor", "../vendor"]).well().out,
        "nginx 2.1.0\nweb 1.0.0\n"
    );
    bench.toque(&["cookbook", "vendor", "../vendor"]).well();
    assert!(!bench.path("vendor/web/spec").exists());
    write(&bench.path("vendor/web/recipes/mine.rhai"), "");
    bench
        .toque(&["cookbook", "vendor", "../vendor"])
        .refused("its `web` was changed since it was put there");
    assert!(bench.path("vendor/web/recipes/mine.rhai").exists());
}

#[test]
fn groups_and_pins() {
    let bench = Bench::new();
    cookbook(&bench.path("shared/probe"), "0.3.0", "", "");
    cookbook(&bench.path("tool"), "0.1.0", "", "");
    let cookfile = "[[source]]\npath = \"../shared\"\n[cookbooks]\ntool = { path = \"../tool\" }\n[groups.test.cookbooks]\nprobe = \"~> 0.3\"\n";
    write(&bench.path("repository/Cookfile.toml"), cookfile);
    // What lies somewhere needs no lockfile.
    let told = bench.toque(&["cookbook", "package", "..", "tool"]).well();
    assert!(told.out.ends_with("  ../tool-0.1.0.tar.zst\n"), "{}", told.out);
    bench.toque(&["cookbook", "package", "..", "web"]).well();
    bench.toque(&["cookbook", "package", "..", "probe"]).refused("there is no `Cookfile.lock`");
    bench.toque(&["cookbook", "install"]).well();
    bench.toque(&["cookbook", "package", "..", "probe"]).well();
    let all = "nginx 2.1.0\nprobe 0.3.0\ntool 0.1.0\nweb 1.0.0\n";
    assert_eq!(bench.toque(&["cookbook", "vendor", "../vendor"]).well().out, all);
    let told = bench.toque(&["cookbook", "vendor", "../vendor", "--without", "test"]).well();
    assert_eq!(told.out, all.replace("probe 0.3.0\n", ""));
    assert!(!bench.path("vendor/probe").exists());
    let told = bench.toque(&["cookbook", "package", "../site.tar.zst"]).well();
    assert!(told.err.contains("4 cookbooks with "), "{}", told.err);
    let told = bench.toque(&["cookbook", "package", "../site.tar.zst", "--without", "test"]).well();
    assert!(told.err.contains("3 cookbooks with "), "{}", told.err);
    bench.converge("site.tar.zst");
}

/// A cookbook of a registry is packed without the registry when it was fetched before.
#[test]
fn what_is_missing_is_fetched() {
    let bench = Bench::new();
    fs::create_dir(bench.path("registry")).unwrap();
    let nginx = bench.path("shared/nginx");
    fs::create_dir_all(bench.path("maker/cookbooks")).unwrap();
    fs::rename(nginx, bench.path("maker/cookbooks/nginx")).unwrap();
    toque(&bench.path("maker"), &["cookbook", "package", "../registry", "nginx"]).well();
    toque(&bench.path("maker"), &["cookbook", "index", "../registry"]).well();
    write(
        &bench.path("repository/Cookfile.toml"),
        &format!("[[source]]\nurl = \"{}\"\n", serve(&bench.path("registry"))),
    );
    bench.toque(&["cookbook", "install"]).well();
    let sha256 = bench.package("../site.tar.zst");
    fs::remove_dir_all(bench.path("cache")).unwrap();
    bench
        .toque(&["cookbook", "package", "../site.tar.zst", "--offline"])
        .refused("`--offline` forbids it");
    assert_eq!(bench.package("../site.tar.zst"), sha256);
    fs::remove_file(bench.path("registry/universe")).unwrap();
    assert_eq!(bench.package("../site.tar.zst"), sha256);
    // The same package of it again, of what was fetched.
    let before = fs::read(bench.path("registry/nginx-2.1.0.tar.zst")).unwrap();
    bench.toque(&["cookbook", "package", "../nginx.tar.zst", "nginx"]).well();
    assert_eq!(fs::read(bench.path("nginx.tar.zst")).unwrap(), before);
    bench
        .toque(&["cookbook", "package", "../nginx.tar.zst", "ngnix"])
        .refused("did you mean `nginx`?");
    bench.converge("site.tar.zst");
}
