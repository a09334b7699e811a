//! Moments to kill toque at.

use std::env;
use std::time::SystemTime;

/// The tests that kill, which share the kills.
const TESTS: usize = 4;

/// Returns how many kills a test makes: few, or its share of `TOQUE_TEST_KILLS`.
pub(super) fn most_kills() -> usize {
    let all = env::var("TOQUE_TEST_KILLS").ok();
    all.map_or(25, |all| all.parse::<usize>().expect("kills are counted").div_ceil(TESTS))
}

/// Returns true where few kills are enough.
pub(super) fn is_short() -> bool {
    env::var_os("TOQUE_TEST_KILLS").is_none()
}

/// Returns `TOQUE_SEED`, else a seed that is another each time.
pub(super) fn seed() -> u64 {
    let now = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(1, |since| since.subsec_nanos().into())
    };
    let seed = env::var("TOQUE_SEED");
    let seed = seed.map_or_else(|_| now(), |seed| seed.parse().expect("a seed is a number"));
    println!("seed {seed}: TOQUE_SEED={seed} draws the same moments again");
    seed
}

/// Draws numbers from 0 to 1, the same for the same seed.
pub(super) struct Chance(pub u64);

impl Chance {
    pub(super) fn draw(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        f64::from(u32::try_from(bits >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}
