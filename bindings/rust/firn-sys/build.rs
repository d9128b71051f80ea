// SPDX-License-Identifier: Apache-2.0
//
// build.rs: where libfirn is, as pkg-config tells. Needs no other crate. PKG_CONFIG_PATH names the directory of firn.pc, if
// libfirn is installed in an unusual place.
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    let output = Command::new("pkg-config").args(["--libs", "--static", "firn"]).output();
    let flags = match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => panic!("pkg-config does not find libfirn: install it, or set PKG_CONFIG_PATH\n{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("pkg-config could not be run: {error}"),
    };
    for flag in flags.split_whitespace() {
        if let Some(directory) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={directory}");
        } else if flag == "-lfirn" {
            println!("cargo:rustc-link-lib=static=firn");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={library}");
        }
    }
    println!("cargo:rustc-link-lib=pthread");
}
