// SPDX-License-Identifier: Apache-2.0
//
// firn-sys: declarations of libfirn's C API for key-value stores, transactions and checkpoints, written by hand. The headers
// (firn/store.h, cursor.h, txn.h, checkpoint.h) say what each function does, who owns what and which threads may call.
// tests/layout.rs compiles the headers and compares sizes, offsets and constants with what is here.
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_int, c_uint, c_void};

pub const FIRN_OK: c_int = 0;
pub const FIRN_BUSY: c_int = -1;
pub const FIRN_CONFLICT: c_int = -2;
pub const FIRN_INVALID: c_int = -4;
pub const FIRN_NOT_FOUND: c_int = -5;
pub const FIRN_EXISTS: c_int = -6;
pub const FIRN_LIMIT: c_int = -7;
pub const FIRN_MISUSE: c_int = -8;
pub const FIRN_CORRUPT: c_int = -15;

pub const FIRN_ERROR_TEXT_SIZE: usize = 1016;
pub const FIRN_CHECKPOINT_ID_SIZE: usize = 33;
pub const FIRN_STORE_CHECKPOINT_NAME_SIZE: usize = 256;

pub const FIRN_DURABILITY_DEFAULT: c_int = 0;
pub const FIRN_DURABILITY_FULL: c_int = 1;
pub const FIRN_DURABILITY_OS: c_int = 2;

pub const FIRN_ISOLATION_DEFAULT: c_int = 0;
pub const FIRN_ISOLATION_SERIALIZABLE: c_int = 2;

macro_rules! opaque {
    ($($name:ident),*) => {
        $(#[repr(C)]
        pub struct $name {
            _private: [u8; 0],
            _pinned: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
        })*
    };
}
opaque!(firn_store, firn_keyspace, firn_snapshot, firn_cursor, firn_txn, firn_batch);

#[repr(C)]
pub struct firn_error {
    pub code: c_int,
    pub os_errno: c_int,
    pub text: [c_char; FIRN_ERROR_TEXT_SIZE],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct firn_slice {
    pub data: *const u8,
    pub size: usize,
}

#[repr(C)]
pub struct firn_store_options {
    pub size: usize,
    pub create_if_missing: bool,
    pub fail_if_exists: bool,
    pub read_only: bool,
    pub durability: c_int,
    pub lock_timeout_ms: i64,
    pub memory_bytes: u64,
    pub threads: c_uint,
    pub compression: c_int,
    pub read_pending: bool,
    pub cipher: c_int,
    /// A firn_keys_source of firn/encryption.h, or null: the environment alone opens an encrypted store.
    pub key_source: *const c_void,
}

#[repr(C)]
pub struct firn_keyspace_options {
    pub size: usize,
    pub create_if_missing: bool,
    pub fail_if_exists: bool,
}

#[repr(C)]
pub struct firn_write_options {
    pub size: usize,
    pub durability: c_int,
    pub ttl_ms: u64,
}

#[repr(C)]
pub struct firn_snapshot_options {
    pub size: usize,
    pub checkpoint: *const c_char,
}

#[repr(C)]
pub struct firn_cursor_options {
    pub size: usize,
    pub lower: firn_slice,
    pub upper: firn_slice,
    pub prefix: firn_slice,
    pub snapshot: *mut firn_snapshot,
    pub keys_only: bool,
}

#[repr(C)]
pub struct firn_txn_options {
    pub size: usize,
    pub isolation: c_int,
    pub read_only: bool,
}

#[repr(C)]
pub struct firn_store_checkpoint {
    pub size: usize,
    pub number: u64,
    pub id: [c_char; FIRN_CHECKPOINT_ID_SIZE],
    pub name: [c_char; FIRN_STORE_CHECKPOINT_NAME_SIZE],
    pub created_ns: i64,
    pub sequence: u64,
    pub is_safety: bool,
    pub restored: [c_char; FIRN_CHECKPOINT_ID_SIZE],
}

#[repr(C)]
pub struct firn_store_restore_result {
    pub size: usize,
    pub restored: firn_store_checkpoint,
    pub safety: firn_store_checkpoint,
}

extern "C" {
    pub fn firn_version() -> *const c_char;
    pub fn firn_code_name(code: c_int) -> *const c_char;
    pub fn firn_release(memory: *mut c_void);

    pub fn firn_store_open(path: *const c_char, options: *const firn_store_options, out: *mut *mut firn_store, err: *mut firn_error) -> c_int;
    pub fn firn_store_open_memory(limit_bytes: u64, options: *const firn_store_options, out: *mut *mut firn_store, err: *mut firn_error) -> c_int;
    pub fn firn_store_close(store: *mut firn_store, err: *mut firn_error) -> c_int;
    pub fn firn_store_sync(store: *mut firn_store, err: *mut firn_error) -> c_int;
    pub fn firn_keyspace_open(store: *mut firn_store, name: *const c_char, options: *const firn_keyspace_options, out: *mut *mut firn_keyspace, err: *mut firn_error) -> c_int;

    pub fn firn_put(keyspace: *mut firn_keyspace, key: firn_slice, value: firn_slice, options: *const firn_write_options, err: *mut firn_error) -> c_int;
    pub fn firn_delete(keyspace: *mut firn_keyspace, key: firn_slice, options: *const firn_write_options, err: *mut firn_error) -> c_int;
    pub fn firn_get(keyspace: *mut firn_keyspace, key: firn_slice, out: *mut *mut u8, out_size: *mut usize, err: *mut firn_error) -> c_int;

    pub fn firn_snapshot_open(store: *mut firn_store, options: *const firn_snapshot_options, out: *mut *mut firn_snapshot, err: *mut firn_error) -> c_int;
    pub fn firn_snapshot_close(snapshot: *mut firn_snapshot);
    pub fn firn_snapshot_get(snapshot: *mut firn_snapshot, keyspace: *mut firn_keyspace, key: firn_slice, out: *mut *mut u8, out_size: *mut usize, err: *mut firn_error) -> c_int;

    pub fn firn_batch_create(out: *mut *mut firn_batch, err: *mut firn_error) -> c_int;
    pub fn firn_batch_destroy(batch: *mut firn_batch);
    pub fn firn_batch_put(batch: *mut firn_batch, keyspace: *mut firn_keyspace, key: firn_slice, value: firn_slice, err: *mut firn_error) -> c_int;
    pub fn firn_batch_delete(batch: *mut firn_batch, keyspace: *mut firn_keyspace, key: firn_slice, err: *mut firn_error) -> c_int;
    pub fn firn_store_write(store: *mut firn_store, batch: *const firn_batch, options: *const firn_write_options, err: *mut firn_error) -> c_int;

    pub fn firn_cursor_open(keyspace: *mut firn_keyspace, options: *const firn_cursor_options, out: *mut *mut firn_cursor, err: *mut firn_error) -> c_int;
    pub fn firn_cursor_close(cursor: *mut firn_cursor);
    pub fn firn_cursor_first(cursor: *mut firn_cursor, err: *mut firn_error) -> c_int;
    pub fn firn_cursor_next(cursor: *mut firn_cursor, err: *mut firn_error) -> c_int;
    pub fn firn_cursor_valid(cursor: *const firn_cursor) -> bool;
    pub fn firn_cursor_key(cursor: *const firn_cursor) -> firn_slice;
    pub fn firn_cursor_value(cursor: *const firn_cursor) -> firn_slice;

    pub fn firn_txn_begin(store: *mut firn_store, options: *const firn_txn_options, out: *mut *mut firn_txn, err: *mut firn_error) -> c_int;
    pub fn firn_txn_commit(txn: *mut firn_txn, options: *const firn_write_options, err: *mut firn_error) -> c_int;
    pub fn firn_txn_close(txn: *mut firn_txn);
    pub fn firn_txn_get(txn: *mut firn_txn, keyspace: *mut firn_keyspace, key: firn_slice, out: *mut *mut u8, out_size: *mut usize, err: *mut firn_error) -> c_int;
    pub fn firn_txn_put(txn: *mut firn_txn, keyspace: *mut firn_keyspace, key: firn_slice, value: firn_slice, err: *mut firn_error) -> c_int;
    pub fn firn_txn_delete(txn: *mut firn_txn, keyspace: *mut firn_keyspace, key: firn_slice, err: *mut firn_error) -> c_int;

    pub fn firn_store_checkpoint_create(store: *mut firn_store, name: *const c_char, options: *const c_void, out: *mut firn_store_checkpoint, err: *mut firn_error) -> c_int;
    pub fn firn_store_restore(store: *mut firn_store, reference: *const c_char, out: *mut firn_store_restore_result, err: *mut firn_error) -> c_int;
    pub fn firn_store_undo(store: *mut firn_store, out: *mut firn_store_restore_result, err: *mut firn_error) -> c_int;
}
