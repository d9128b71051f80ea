// SPDX-License-Identifier: Apache-2.0
//
// layout.rs: the declarations here are those of the headers. A C program that includes them prints sizes, offsets and
// constants, and assigns each function to a pointer of the type that is declared here, in C's words.
use std::mem::{offset_of, size_of};
use std::process::Command;

use firn_sys::*;

macro_rules! expected {
    ($($structure:ident { $($member:ident),* })*; $($constant:ident),*) => {{
        let mut c = String::new();
        let mut values: Vec<i64> = Vec::new();
        $(
            c += &format!("    P(sizeof({}));\n", stringify!($structure));
            values.push(size_of::<$structure>() as i64);
            $(
                c += &format!("    P(offsetof({}, {}));\n", stringify!($structure), stringify!($member));
                values.push(offset_of!($structure, $member) as i64);
            )*
        )*
        $(
            c += &format!("    P({});\n", stringify!($constant));
            values.push($constant as i64);
        )*
        (c, values)
    }};
}

#[test]
fn structures_and_constants_are_those_of_the_headers() {
    let (lines, values) = expected!(
        firn_error { code, os_errno, text }
        firn_slice { data, size }
        firn_store_options { size, create_if_missing, fail_if_exists, read_only, durability, lock_timeout_ms, memory_bytes, threads, compression, read_pending, cipher, key_source }
        firn_keyspace_options { size, create_if_missing, fail_if_exists }
        firn_write_options { size, durability, ttl_ms }
        firn_snapshot_options { size, checkpoint }
        firn_cursor_options { size, lower, upper, prefix, snapshot, keys_only }
        firn_txn_options { size, isolation, read_only }
        firn_store_checkpoint { size, number, id, name, created_ns, sequence, is_safety, restored }
        firn_store_restore_result { size, restored, safety };
        FIRN_OK, FIRN_BUSY, FIRN_CONFLICT, FIRN_INVALID, FIRN_NOT_FOUND, FIRN_EXISTS, FIRN_LIMIT, FIRN_MISUSE, FIRN_CORRUPT, FIRN_ERROR_TEXT_SIZE,
        FIRN_CHECKPOINT_ID_SIZE, FIRN_STORE_CHECKPOINT_NAME_SIZE, FIRN_DURABILITY_DEFAULT, FIRN_DURABILITY_FULL, FIRN_DURABILITY_OS, FIRN_ISOLATION_DEFAULT,
        FIRN_ISOLATION_SERIALIZABLE
    );
    let output = run_c(&lines, "");
    let found: Vec<i64> = output.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(found, values, "in the order of\n{lines}");
    assert!(values.len() > 60);
}

// Each line of the extern block as a C declaration: the compiler refuses one that differs from the header's.
#[test]
fn functions_are_those_of_the_headers() {
    let source = include_str!("../src/lib.rs");
    let block = source.split("extern \"C\" {").nth(1).unwrap();
    let mut declarations = String::new();
    let mut count = 0;
    for line in block.lines() {
        let Some(rest) = line.trim().strip_prefix("pub fn ") else { continue };
        let (name, rest) = rest.split_once('(').unwrap();
        let (parameters, result) = rest.rsplit_once(')').unwrap();
        let result = result.trim_end_matches(';').trim();
        let result = result.strip_prefix("->").map_or("void".to_string(), |rust| c_type(rust.trim(), name));
        let parameters: Vec<String> = parameters.split(", ").filter(|one| !one.is_empty()).map(|one| c_type(one.split_once(": ").unwrap().1, name)).collect();
        let parameters = if parameters.is_empty() { "void".to_string() } else { parameters.join(", ") };
        declarations += &format!("{result} {name}({parameters});\n");
        count += 1;
    }
    assert!(count > 30);
    run_c("", &declarations);
}

fn c_type(rust: &str, function: &str) -> String {
    if let Some(rest) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(rest, function));
    }
    if let Some(rest) = rust.strip_prefix("*const ") {
        // The options of a function whose structure is not declared here are passed as NULL.
        if rest == "c_void" && function == "firn_store_checkpoint_create" {
            return "const firn_store_checkpoint_options *".to_string();
        }
        return format!("const {} *", c_type(rest, function));
    }
    match rust {
        "c_int" => "int",
        "c_char" => "char",
        "c_void" => "void",
        "u8" => "uint8_t",
        "u64" => "uint64_t",
        "i64" => "int64_t",
        "usize" => "size_t",
        other => other,
    }
    .to_string()
}

fn run_c(lines: &str, declarations: &str) -> String {
    let directory = std::env::temp_dir().join(format!("firn-sys-{}-{}", std::process::id(), declarations.len()));
    std::fs::create_dir_all(&directory).unwrap();
    let source = directory.join("layout.c");
    let program = directory.join("layout");
    let text = format!(
        "#include <stddef.h>\n#include <stdio.h>\n#include <firn/firn.h>\n#define P(x) printf(\"%lld\\n\", (long long)(x))\n{declarations}\nint main(void)\n{{\n{lines}    return 0;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let flags = Command::new("pkg-config").args(["--cflags", "firn"]).output().unwrap();
    let flags = String::from_utf8(flags.stdout).unwrap();
    let compiled = Command::new("cc").args(["-std=c11", "-Wall", "-Werror"]).args(flags.split_whitespace()).arg(&source).arg("-o").arg(&program).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let output = Command::new(&program).output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    String::from_utf8(output.stdout).unwrap()
}
