//! The example does what it says, in memory and for real.

#[test]
fn both_machines_are_greeted_once() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_embed")).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("plan:   3 would change").count(), 2, "{told}");
    assert_eq!(told.matches("first:  0 would change, 3 changed").count(), 2, "{told}");
    assert_eq!(
        told.matches("second: 0 would change, 0 changed, 2 up to date").count(),
        2,
        "{told}"
    );
}
