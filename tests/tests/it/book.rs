//! The commands of the book that need a machine: each page's on one of its own, in the page's
//! repository, in the page's order.

use std::path::Path;

use toque_acceptance::Image;
use toque_acceptance::book::{blocks, matches, pages};

use crate::it::toque::host;

#[test]
fn what_the_book_shows_happens() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    let mut wrong = Vec::new();
    let mut machines = 0;
    for page in pages(&book) {
        let name = page.strip_prefix(&book).expect("a page of the book").display().to_string();
        let blocks = blocks(&page, &name);
        if !blocks.iter().any(|block| block.mark("host").is_some()) {
            continue;
        }
        machines += 1;
        let host = host(Image::Debian12);
        host.sh("mkdir -p /srv/site");
        for block in &blocks {
            if let Some(path) = block.mark("file") {
                host.write(format!("/srv/site/{path}"), block.text.as_str());
            } else if block.mark("host").is_some() {
                for (command, shown) in block.commands() {
                    let output =
                        host.run(["sh", "-c", &format!("exec 2>&1\ncd /srv/site\n{command}")]);
                    let well = output.success() == block.mark("refused").is_none();
                    if !well || !shown.is_empty() && !matches(&shown, &output.stdout) {
                        wrong.push(format!(
                            "{}: `{command}` ended with {:?} and printed\n{}",
                            block.place,
                            output.code(),
                            output.stdout
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(machines > 0, "no page runs anything");
}
