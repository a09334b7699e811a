//! The languages that programs can be written or run in here. Only those that are there are told.

pub(super) mod version;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{facts, os_release, program, text, told, told_together};
use crate::command::Output;
use crate::system::Query;

/// What Ohai asks of Ruby, without the library of gems, which takes long to load: the file of its
/// defaults is enough.
const RUBY: &str = r##"require "rubygems/defaults"
begin; require "rubygems/defaults/operating_system"; rescue LoadError; end
c = RbConfig::CONFIG
puts "platform=#{RUBY_PLATFORM}", "version=#{RUBY_VERSION}", "release_date=#{RUBY_RELEASE_DATE}"
%w[target target_cpu target_vendor target_os host host_cpu host_os host_vendor].each { |name| puts "#{name}=#{c[name]}" }
puts "bin_dir=#{c["bindir"]}", "ruby_bin=#{File.join(c["bindir"], c["ruby_install_name"])}"
puts "gem_bin=#{File.join(c["bindir"], c["ruby_install_name"].sub("ruby", "gem"))}"
puts "gems_dir=#{Gem.default_dir}""##;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let [gcc, perl, python, ruby, nodejs, go, rust, php, lua] = told_together(
        query,
        [
            &["gcc", "-v"],
            &["perl", "-V:version", "-V:archname"],
            &["python", "-E", "-S", "-c", "import sys; print(sys.version)"],
            &["ruby", "--disable-gems", "-rrbconfig", "-e", RUBY],
            &["node", "-v"],
            &["go", "version"],
            &["rustc", "--version"],
            &["php", "-v"],
            &["lua", "-v"],
        ],
    );
    let of = |output: Option<Output>, read: fn(&str) -> Map<String, Value>| {
        output
            .map(|output| read(&output.stdout()))
            .filter(|about| !about.is_empty())
            .map(Value::Object)
    };
    let c = facts([
        (
            "gcc",
            gcc.map(|output| version::gcc(&output.stderr()))
                .filter(|gcc| !gcc.is_empty())
                .map(Value::Object),
        ),
        ("glibc", glibc(query)),
    ]);
    // Old versions tell themselves on the other stream.
    let lua =
        lua.map(|output| if output.stdout.is_empty() { output.stderr() } else { output.stdout() });
    let lua = lua.map(|text| version::lua(&text)).filter(|lua| !lua.is_empty());
    let languages = facts([
        ("c", (!c.is_empty()).then(|| c.into())),
        ("perl", of(perl, version::perl)),
        ("python", of(python, version::python)),
        ("ruby", of(ruby, version::ruby)),
        ("nodejs", of(nodejs, version::nodejs)),
        ("go", of(go, version::go)),
        ("rust", of(rust, version::rust)),
        ("php", of(php, version::php)),
        ("lua", lua.map(Value::Object)),
        ("java", java(query)),
    ]);
    facts([("languages", Some(languages.into()))])
}

/// The C library tells its version when it is run.
fn glibc(query: &dyn Query) -> Option<Value> {
    let mut there = ["/lib/libc.so.6", "/lib64/libc.so.6"]
        .into_iter()
        .rev()
        .filter(|path| query.stat(Path::new(path)).is_ok());
    there.find_map(|path| version::glibc(&told(query, [path])?)).map(Value::Object)
}

/// Starting Java takes longer than all other facts together. Debian's and Ubuntu's have a file that
/// tells the same.
fn java(query: &dyn Query) -> Option<Value> {
    let java = resolved(query, program(query, "java")?);
    let home = java.parent()?.parent()?;
    let release = os_release::parse(&text(query, home.join("release")));
    let sharing = query.stat(&home.join("lib/server/classes.jsa")).is_ok();
    if let Some(about) = version::java_release(&release, sharing) {
        return Some(about);
    }
    let output =
        query.probe(&super::asked(["java", "-mx64m", "-version"])).ok().filter(Output::success)?;
    Some(version::java(&output.stderr())).filter(|about| !about.is_empty()).map(Value::Object)
}

/// What a path leads to, over as many links as a program has in practice.
fn resolved(query: &dyn Query, mut path: PathBuf) -> PathBuf {
    for _ in 0..16 {
        let Ok(to) = query.read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(to);
    }
    path
}

/// A map of the one fact that most languages tell.
fn only_version(version: Option<&str>) -> Map<String, Value> {
    facts([("version", version.map(|version| json!(version)))])
}

#[cfg(test)]
mod tests;
