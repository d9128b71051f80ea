// SPDX-License-Identifier: Apache-2.0
//
// Nothing: the crate exists for its dependency, whose build script compiles RocksDB, and for build.rs.
