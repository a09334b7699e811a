//! Memory that large files take. Each case is a run of its own; a file that is not sparse is made
//! of bytes that do not compress.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::measure::{self, Usage};
use crate::report::megabytes;

const GIGABYTE: u64 = 1_000_000_000;

/// Prints a table, and returns the bytes that the most expensive case takes above a small file.
pub(crate) fn show(binary: &Path, folder: &Path) -> u64 {
    let folder = folder.join("memory");
    fs::create_dir_all(folder.join("many")).expect("the folder can be made");
    let at = |name: &str| folder.join(name).display().to_string();
    println!("\nMemory of large files:");
    let apply = |what: &str, recipe: &str| {
        let words = ["apply", "-e", recipe, "--state-dir", &at("state")];
        let usage = measure::run(&[&[binary.to_str().unwrap_or_default()], &words[..]].concat());
        row(what, &usage);
        usage.peak
    };

    let small =
        apply("a small file", &format!("file(\"{}\", #{{ content: \"x\" }});", at("small")));
    random(Path::new(&at("source")), 2 * GIGABYTE);
    let copied =
        format!("remote_file(\"{}\", #{{ source: \"file://{}\" }});", at("copy"), at("source"));
    let mut peaks = vec![
        apply("2 GB, created", &copied),
        apply("2 GB, up to date", &copied),
        apply("2 GB, replaced", &format!("file(\"{}\", #{{ content: \"x\" }});", at("copy"))),
    ];
    let sparse = File::create(at("sparse")).expect("the file can be made");
    sparse.set_len(1 << 40).expect("the file system has sparse files");
    peaks.push(apply(
        "1 TB, sparse, replaced",
        &format!("file(\"{}\", #{{ content: \"x\" }});", at("sparse")),
    ));
    let url = serve(&folder.join("source"), GIGABYTE + GIGABYTE / 2);
    peaks.push(apply(
        "1.5 GB, downloaded",
        &format!("remote_file(\"{}\", #{{ source: \"{url}\" }});", at("copy")),
    ));
    let many = format!(
        "let s = \"x\"; for i in 0..23 {{ s += s; }}\n\
         for i in 0..200 {{ file(`{}/${{i}}`, #{{ content: s }}); }}",
        at("many")
    );
    peaks.push(apply("200 of 8 MiB, created", &many));
    peaks.push(apply("200 of 8 MiB, up to date", &many));
    fs::remove_dir_all(&folder).expect("the folder can be removed");
    peaks.into_iter().max().unwrap_or_default().saturating_sub(small)
}

fn row(what: &str, usage: &Usage) {
    println!("  {what:26}{:>8.1} MB{:>8.1} s", megabytes(usage.peak), usage.wall);
}

fn random(path: &Path, size: u64) {
    let source = File::open("/dev/urandom").expect("there is /dev/urandom");
    let mut file = File::create(path).expect("the file can be made");
    io::copy(&mut source.take(size), &mut file).expect("the file can be written");
}

/// Serves the beginning of a file to the first who asks.
fn serve(path: &Path, size: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    let file = File::open(path).expect("the file can be read");
    std::thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut request = [0; 4096];
        let _ = stream.read(&mut request)?;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")?;
        io::copy(&mut file.take(size), &mut stream)?;
        Ok(())
    });
    format!("http://{address}/file")
}
