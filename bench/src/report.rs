//! The table.

use crate::measure::Usage;
use crate::run::Taken;

pub(crate) fn heading() {
    println!(
        "{:26}{:>10}{:>10}{:>10}{:>10}{:>9}  │{:>10}{:>10}{:>10}  │{:>8}{:>8}",
        "",
        "wall ms",
        "CPU ms",
        "compile",
        "converge",
        "peak MB",
        "floor wall",
        "floor CPU",
        "peak MB",
        "× wall",
        "× CPU"
    );
}

pub(crate) fn row(what: &str, toque: &Taken, floor: Option<&Usage>) {
    let ms = |seconds: f64| format!("{:.1}", seconds * 1e3);
    let mb = |bytes: u64| format!("{:.1}", megabytes(bytes));
    print!(
        "{what:26}{:>10}{:>10}{:>10}{:>10}{:>9}  │",
        ms(toque.wall),
        ms(toque.cpu),
        ms(toque.compile),
        ms(toque.converge),
        mb(toque.peak)
    );
    match floor {
        Some(floor) => println!(
            "{:>10}{:>10}{:>10}  │{:>8.2}{:>8.2}",
            ms(floor.wall),
            ms(floor.cpu),
            mb(floor.peak),
            toque.wall / floor.wall,
            toque.cpu / floor.cpu
        ),
        None => println!("{:>10}{:>10}{:>10}  │{:>8}{:>8}", "", "", "", "", ""),
    }
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// `10,000`
pub(crate) fn thousands(number: u32) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1_000, number % 1_000)
    }
}
