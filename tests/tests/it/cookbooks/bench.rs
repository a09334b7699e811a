//! A host with servers of cookbooks, and a repository that takes cookbooks from them.

use std::fs;
use std::path::{Path, PathBuf};

use toque_acceptance::{Host, Image, Output};
use toque_cookbooks::directory_checksum;

use crate::it::servers::{GIT, PASSWORD, certificate, git_daemon, nginx};
use crate::it::toque::host;

/// Where the repository is.
pub(super) const REPOSITORY: &str = "/srv/repo";
/// Where toque keeps what it fetches.
pub(super) const CACHE: &str = "/var/cache/toque";

/// Shell functions that write cookbooks and bring them to the servers.
const SHELL: &str = r#"
# cookbook FOLDER VERSION [NEEDED CONSTRAINT]...
cookbook() {
    folder=$1 version=$2 name=${1##*/}; shift 2
    mkdir -p $folder/recipes
    printf 'name = "%s"\nversion = "%s"\n[dependencies]\n' $name $version > $folder/cookbook.toml
    while [ $# -gt 0 ]; do printf '%s = "%s"\n' $1 "$2" >> $folder/cookbook.toml; shift 2; done
    printf 'file("/srv/out/%s", #{ content: "%s\\n" });\n' $name $version > $folder/recipes/default.rhai
}
# publish NAME VERSION [NEEDED CONSTRAINT]...: in the registry
publish() {
    rm -rf /srv/publishing; cookbook /srv/publishing/cookbooks/"$@"; pack $name
}
# pack NAME: what is being published
pack() {
    mkdir -p /srv/www/registry; toque cookbook --repo /srv/publishing package /srv/www/registry $1 > /dev/null
    toque cookbook index /srv/www/registry > /dev/null
}
# commit NAME MESSAGE: all that is in /srv/work/NAME
commit() {
    test -d /srv/work/$1/.git || git init -q -b trunk /srv/work/$1
    git -C /srv/work/$1 add -A; git -C /srv/work/$1 commit -q -m "$2"
}
# push NAME: to /srv/git, all of it and nothing else
push() {
    test -d /srv/git/$1.git || git init -q --bare -b trunk /srv/git/$1.git
    git -C /srv/work/$1 push -q --mirror /srv/git/$1.git
}
"#;

/// The host with all of it.
pub(super) struct Bench {
    pub host: Host,
}

impl Bench {
    /// A host with nginx, `git daemon` and an empty repository, and these packages.
    pub(super) fn with(packages: &str) -> Self {
        let host = host(Image::Debian12);
        host.sh(&format!(
            "apt-get -q -y install nginx fcgiwrap apache2-utils git openssl procps zstd {packages}
            git config --system user.name Ann; git config --system user.email ann@example.com
            mkdir -p /srv/git /srv/work /srv/www /srv/out /srv/shared {REPOSITORY}"
        ));
        certificate(&host, &["cookbooks.test", "git.test", "files.test"]);
        let bench = Self { host };
        bench.serve("");
        git_daemon(&bench.host);
        bench
    }

    /// Starts nginx anew, with more in the server of the registry.
    pub(super) fn serve(&self, more: &str) {
        let private = GIT.replace("^/git", "^/private/git");
        let open = format!("root /srv/www; {GIT} {more}");
        nginx(
            &self.host,
            &format!(
                "ssl_certificate /etc/nginx/tls.pem; ssl_certificate_key /etc/nginx/tls.key;
                server {{ listen 80 default_server; listen 443 ssl default_server; {open} {} }}\n",
                private.replacen('{', &format!("{{ {PASSWORD}"), 1)
            ),
        );
    }

    /// Runs a script that may use the functions.
    #[track_caller]
    pub(super) fn sh(&self, script: &str) -> String {
        self.host.sh(&format!("{SHELL}\n{script}"))
    }

    pub(super) fn cookfile(&self, text: &str) {
        self.host.write(format!("{REPOSITORY}/Cookfile.toml"), text);
    }

    /// Runs a command of `toque cookbook` on the repository.
    #[track_caller]
    pub(super) fn cookbook(&self, words: &[&str]) -> Output {
        self.host.run([&["toque", "cookbook", "--repo", REPOSITORY], words].concat())
    }

    /// The same, which must succeed.
    #[track_caller]
    pub(super) fn well(&self, words: &[&str]) -> Output {
        let output = self.cookbook(words);
        assert!(output.success(), "{words:?}: {output}");
        output
    }

    /// The same, which must be refused with one error and no output; it is what is told.
    #[track_caller]
    pub(super) fn refused(&self, words: &[&str]) -> String {
        let output = self.cookbook(words);
        let errors = output.stderr.lines().filter(|line| line.starts_with("error")).count();
        assert_eq!(
            (output.code(), output.stdout.as_str(), errors),
            (Some(2), "", 1),
            "{words:?}: {output}"
        );
        output.stderr
    }

    pub(super) fn lockfile(&self) -> String {
        self.host.read(format!("{REPOSITORY}/Cookfile.lock"))
    }

    /// The cookbooks that are kept, as `CHECKSUM/NAME`. Panics unless each is what its checksum
    /// says, and nothing else is there.
    #[track_caller]
    pub(super) fn kept(&self) -> Vec<String> {
        kept(&self.host.root().join(CACHE.trim_start_matches('/')))
    }
}

/// The same for a cache that this machine sees.
#[track_caller]
pub(super) fn kept(cache: &Path) -> Vec<String> {
    assert_eq!(list(&cache.join("making")), Vec::<PathBuf>::new(), "nothing is left behind");
    whole(cache)
}

/// The same, when something may be in the making.
#[track_caller]
pub(super) fn whole(cache: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for folder in list(&cache.join("cookbooks")) {
        let sha256 = name(&folder);
        let inside = list(&folder);
        assert_eq!(inside.len(), 1, "{sha256}: {inside:?}");
        assert_eq!(directory_checksum::sha256(&inside[0]).unwrap(), sha256, "{inside:?} is whole");
        all.push(format!("{sha256}/{}", name(&inside[0])));
    }
    all.sort();
    all
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}
