// SPDX-License-Identifier: Apache-2.0
//
// build.rs: makes a shared library with the C interface, like Debian's, of the RocksDB that the crate librocksdb-sys has
// compiled, and puts it and its headers into FIRN_BENCH_PEER.
use std::env;
use std::path::Path;
use std::process::Command;

const LIBRARY: &str = "librocksdb-current.so";

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn run(command: &mut Command) {
    let status = command
        .status()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(status.success(), "{command:?}: {status}");
}

fn main() {
    let target = variable("FIRN_BENCH_PEER");
    let sources = variable("DEP_ROCKSDB_CARGO_MANIFEST_DIR");
    let archive = Path::new(&variable("DEP_ROCKSDB_OUT_DIR")).join("librocksdb.a");
    println!("cargo:rerun-if-env-changed=FIRN_BENCH_PEER");
    run(Command::new("c++")
        .args([
            "-shared",
            "-pthread",
            "-Wl,-soname",
            &format!("-Wl,{LIBRARY}"),
            "-o",
        ])
        .arg(Path::new(&target).join(LIBRARY))
        .arg("-Wl,--whole-archive")
        .arg(archive)
        .arg("-Wl,--no-whole-archive"));
    run(Command::new("cp")
        .arg("-r")
        .arg(Path::new(&sources).join("rocksdb/include"))
        .arg(&target));
}
