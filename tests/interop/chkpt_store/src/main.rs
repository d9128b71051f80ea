// SPDX-License-Identifier: Apache-2.0
//! chkpt-store DIRECTORY [MESSAGE]: saves a directory as chkpt does, and prints the snapshot's id. CHKPT_HOME says where
//! stores are.
use chkpt_core::ops::save::{save, SaveOptions};

fn main() {
    let mut words = std::env::args().skip(1);
    let directory = words.next().expect("DIRECTORY is missing");
    let options = SaveOptions {
        message: words.next(),
        ..Default::default()
    };
    match save(std::path::Path::new(&directory), options) {
        Ok(saved) => println!("{}", saved.snapshot_id),
        Err(error) => {
            eprintln!("chkpt-store: {error}");
            std::process::exit(1);
        }
    }
}
