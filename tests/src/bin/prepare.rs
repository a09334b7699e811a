//! Makes what the acceptance tests need on this machine, and clears away what killed ones left.

use toque_acceptance::{Image, sweep};

fn main() {
    sweep();
    for image in Image::ALL {
        image.prepare();
    }
}
