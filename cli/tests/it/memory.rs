//! Files that are larger than the memory that a run may have. The limit is on what a process
//! writes to, which its program and its files are not: what a run of small things takes, and 64 MiB.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

/// KiB: 32 MiB are the stack of scripts, and some 8 MiB are what a run of small things takes.
const LIMIT: u64 = (32 + 8 + 64) * 1024;
const LARGE: u64 = 120_000_000;

fn apply(folder: &Path, arguments: &[&str], recipe: &str) -> Output {
    let limited = format!("ulimit -d {LIMIT}; exec \"$0\" apply \"$@\"");
    Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_toque")])
        .args(arguments)
        .args(["-e", recipe, "--state-dir"])
        .arg(folder.join("state"))
        .env_remove("http_proxy")
        .output()
        .unwrap()
}

fn succeeds(folder: &Path, recipe: &str) -> String {
    let output = apply(folder, &[], recipe);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Serves zeros, once.
fn serve(size: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let _ = stream.read(&mut [0; 4096])?;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")?;
        io::copy(&mut io::repeat(0).take(size), &mut stream)?;
        Ok(())
    });
    format!("http://{address}/file")
}

#[test]
fn a_large_file_is_copied_compared_and_replaced() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    File::create(at("source")).unwrap().set_len(LARGE).unwrap();
    let copy = format!(
        "remote_file(\"{}\", #{{ source: \"file://{}\" }});",
        at("copy").display(),
        at("source").display()
    );
    assert!(succeeds(folder.path(), &copy).contains("1 changed"));
    assert_eq!(fs::metadata(at("copy")).unwrap().len(), LARGE);
    assert!(succeeds(folder.path(), &copy).contains("1 up to date"));
    let small = format!("file(\"{}\", #{{ content: \"x\" }});", at("copy").display());
    assert!(succeeds(folder.path(), &small).contains("larger than 1 MiB"));
    assert_eq!(fs::read(at("copy")).unwrap(), b"x");
}

#[test]
fn a_file_larger_than_any_disk_is_replaced() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = folder.path().join("sparse");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let recipe = format!("file(\"{}\", #{{ content: \"x\" }});", path.display());
    let plan = apply(folder.path(), &["--plan"], &recipe);
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
    let told = succeeds(folder.path(), &recipe);
    assert!(told.contains("larger than 1 MiB"), "{told}");
    assert_eq!(fs::read(&path).unwrap(), b"x");
    assert!(fs::metadata(&path).unwrap().blocks() < 1000);
}

#[test]
fn a_large_download_is_kept_on_the_disk() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = folder.path().join("file");
    let url = serve(LARGE);
    let recipe = format!("remote_file(\"{}\", #{{ source: \"{url}\" }});", path.display());
    succeeds(folder.path(), &recipe);
    assert_eq!(fs::metadata(&path).unwrap().len(), LARGE);
}

#[test]
fn large_texts_of_a_recipe_do_not_add_up() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::create_dir(folder.path().join("many")).unwrap();
    let recipe = format!(
        "let s = \"x\"; for i in 0..23 {{ s += s; }}\n\
         for i in 0..24 {{ file(`{}/${{i}}`, #{{ content: s }}); }}",
        folder.path().join("many").display()
    );
    assert!(succeeds(folder.path(), &recipe).contains("24 changed"));
    assert!(succeeds(folder.path(), &recipe).contains("24 up to date"));
}
