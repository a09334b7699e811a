//! What registries are asked in which shape, and what is shown to whom.

use std::fs;

use crate::bench::{Bench, Server, cookbook, machine, packed, versions};
use serde_json::json;
use toque_cookbooks::cache::Cache;
use toque_cookbooks::fetch::FetchContext;
use toque_cookbooks::fetch::credentials::{Credential, is_for};
use toque_cookbooks::install::InstallOptions;
use toque_cookbooks::repository::{Repository, Update};

const REGISTRY: &str = "[[source]]\nurl = \"URL\"\n[cookbooks]\n";

/// As Supermarket itself has it: no URL of the archive, but one of what is known of the version,
/// which names a file that lies elsewhere.
#[test]
fn a_registry_that_tells_of_each_version_apart() {
    let bench = Bench::new(&format!("{REGISTRY}web = \">= 1.0\"\n"));
    let (files, number) = (Server::elsewhere(), "1.2.0");
    cookbook(&bench.path("packing/web-1.2.0"), "web", number, &[]);
    files.put("/web.tar.gz", packed(&bench.path("packing")));
    let universe = |location: &str| {
        let entry =
            json!({ "location_type": "opscode", "location_path": location, "dependencies": {} });
        bench
            .server
            .put("/universe", serde_json::to_vec(&json!({ "web": { number: entry } })).unwrap());
    };
    let file = |url: &str| {
        let told = json!({ "license": "MIT", "version": number, "cookbook": "web", "file": url, "dependencies": {} });
        bench
            .server
            .put("/api/v1/cookbooks/web/versions/1_2_0", serde_json::to_vec(&told).unwrap());
    };
    let download = "/api/v1/cookbooks/web/versions/1.2.0/download";
    bench.server.move_to(download, &format!("{}/web.tar.gz", files.url));
    let whole = format!("{}/api/v1", bench.server.url);
    for (location, url) in [
        (whole.as_str(), format!("{}{download}", bench.server.url)),
        (&format!("{whole}/"), format!("{}{download}", bench.server.url)),
        ("/api/v1", download.to_owned()),
    ] {
        universe(location);
        file(&url);
        let _ = (
            fs::remove_dir_all(bench.path("store")),
            fs::remove_file(bench.path("repository/Cookfile.lock")),
        );
        let installed = bench.install();
        assert_eq!(versions(&installed.after), ["web 1.2.0"]);
        let asked = ["/universe", "/api/v1/cookbooks/web/versions/1_2_0", download];
        assert_eq!(
            (bench.server.asked(), files.asked()),
            (asked.map(str::to_owned).into(), vec!["/web.tar.gz".to_owned()])
        );
        // What is locked is what came, so that it need not be asked for again.
        assert!(installed.after.cookbooks["web"].sha256.is_some());
        bench.run(&Update::Nothing, true, true).unwrap();
    }
    // Each of the three may be missing, or no answer.
    let again = || {
        fs::remove_dir_all(bench.path("store")).unwrap();
        bench.refused()
    };
    files.put("/web.tar.gz", b"<html>".to_vec());
    assert!(again().message.starts_with("cannot unpack the archive of `web` 1.2.0 from `http"));
    files.remove("/web.tar.gz");
    assert!(again().message.ends_with("/download` answered 404"), "{}", again().message);
    bench.server.put("/api/v1/cookbooks/web/versions/1_2_0", b"<html>".to_vec());
    assert!(
        again()
            .message
            .ends_with("/versions/1_2_0` did not answer with what it knows of a version")
    );
    bench.server.remove("/api/v1/cookbooks/web/versions/1_2_0");
    assert!(again().message.ends_with("/versions/1_2_0` answered 404"));
}

#[test]
fn no_other_host_is_shown_a_token() {
    let bench = Bench::new(
        "[[source]]\nurl = \"URL/secret\"\n[cookbooks]\nnamed = \">= 1.0\"\nmoved = \">= 1.0\"\n",
    );
    let files = Server::elsewhere();
    let entry = |name: &str, url: String| {
        cookbook(&bench.path(&format!("packing {name}/{name}")), name, "1.0.0", &[]);
        files.put(&format!("/{name}.tar.gz"), packed(&bench.path(&format!("packing {name}"))));
        json!({ "1.0.0": { "download_url": url } })
    };
    let named = entry("named", format!("{}/named.tar.gz", files.url));
    let moved = entry("moved", "/moved".to_owned());
    bench.server.move_to("/secret/moved", &format!("{}/moved.tar.gz", files.url));
    bench.server.put(
        "/secret/universe",
        serde_json::to_vec(&json!({ "named": named, "moved": moved })).unwrap(),
    );
    // As the settings have it: by the beginning of the URL.
    let credential = |url: &str| {
        let token = is_for(&bench.server.url, url).then(|| "sesame".to_owned());
        Ok(Credential { token, ..Credential::default() })
    };
    let (repository, store) = (bench.path("repository"), Cache::open(bench.path("store")).unwrap());
    let machine = FetchContext { credential: &credential, ..machine(&repository, &store) };
    let how = InstallOptions { update: Update::Nothing, locked: false, without: Vec::new() };
    let installed =
        Repository::read(&repository).unwrap().unwrap().install(&machine, &how).unwrap();
    assert_eq!(versions(&installed.after), ["moved 1.0.0", "named 1.0.0"]);
    let sorted = |mut shown: Vec<(String, Option<String>)>| {
        shown.sort();
        shown
    };
    let word = Some("Bearer sesame".to_owned());
    let of_registry =
        ["/secret/moved", "/secret/universe"].map(|path| (path.to_owned(), word.clone()));
    assert_eq!(sorted(bench.server.shown()), of_registry);
    assert_eq!(
        sorted(files.shown()),
        ["/moved.tar.gz", "/named.tar.gz"].map(|path| (path.to_owned(), None))
    );

    // The same for an archive that a Cookfile names.
    let told =
        format!("[cookbooks]\nmoved = {{ archive = \"{}/secret/moved\" }}\n", bench.server.url);
    bench.cookfile(&told);
    let installed =
        Repository::read(&repository).unwrap().unwrap().install(&machine, &how).unwrap();
    assert_eq!(versions(&installed.after), ["moved 1.0.0"]);
    assert_eq!(bench.server.shown(), [("/secret/moved".to_owned(), word)]);
    assert_eq!(files.shown(), [("/moved.tar.gz".to_owned(), None)]);
}
