// SPDX-License-Identifier: Apache-2.0
//
// lib.rs: fjall through the C interface that ../../peer_fjall.h declares and ../../engine_fjall.c describes.
//
// A failure is told to the callback of bench_fjall_on_failure, which does not return, so no function returns an error.
// What get and the cursor give is kept by the worker until its next call.
use std::ffi::{c_char, c_void, CStr, CString};
use std::fmt::Display;
use std::sync::OnceLock;

use fjall::{
    Database, Iter, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable,
    UserKey, UserValue,
};

/// struct kv_bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    data: *const c_void,
    size: usize,
}

/// struct kv_pair.
#[repr(C)]
pub struct Pair {
    key: Bytes,
    value: Bytes,
}

/// struct kv_store.
pub struct Store {
    database: Database,
    keyspace: Keyspace,
    synced: bool,
}

/// struct kv_worker.
pub struct Worker<'a> {
    store: &'a Store,
    value: Option<UserValue>,
    cursor: Option<Iter>,
    pair: Option<(UserKey, UserValue)>,
}

type Fail = extern "C" fn(*const c_char);
static FAIL: OnceLock<Fail> = OnceLock::new();

fn fail(error: impl Display) -> ! {
    if let (Some(told), Ok(text)) = (FAIL.get(), CString::new(error.to_string())) {
        told(text.as_ptr());
    }
    std::process::abort()
}

fn ok<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fail(error))
}

impl Bytes {
    unsafe fn slice(&self) -> &[u8] {
        if self.size == 0 {
            return &[];
        }
        std::slice::from_raw_parts(self.data.cast(), self.size)
    }

    fn of(slice: &[u8]) -> Bytes {
        Bytes {
            data: slice.as_ptr().cast(),
            size: slice.len(),
        }
    }
}

impl Store {
    fn written(&self) {
        if self.synced {
            ok(self.database.persist(PersistMode::SyncData));
        }
    }
}

impl Worker<'_> {
    fn next(&mut self, out: &mut Pair) -> bool {
        let Some(guard) = self.cursor.as_mut().and_then(Iterator::next) else {
            return false;
        };
        let (key, value) = self.pair.insert(ok(guard.into_inner()));
        *out = Pair {
            key: Bytes::of(key),
            value: Bytes::of(value),
        };
        true
    }
}

#[no_mangle]
pub extern "C" fn bench_fjall_on_failure(told: Fail) {
    FAIL.get_or_init(|| told);
}

#[no_mangle]
pub extern "C" fn bench_fjall_version() -> *const c_char {
    concat!("fjall ", env!("CARGO_PKG_VERSION"), "\0")
        .as_ptr()
        .cast()
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_open(
    directory: *const c_char,
    memory: u64,
    synced: bool,
) -> *mut Store {
    let buffer = memory / 16;
    let directory = ok(CStr::from_ptr(directory).to_str());
    let database = ok(Database::builder(directory)
        .cache_size(memory - 2 * buffer)
        .open());
    let options = || KeyspaceCreateOptions::default().max_memtable_size(buffer);
    let keyspace = ok(database.keyspace("usual", options));
    Box::into_raw(Box::new(Store {
        database,
        keyspace,
        synced,
    }))
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_close(store: *mut Store) {
    drop(Box::from_raw(store));
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_worker_create<'a>(store: *mut Store) -> *mut Worker<'a> {
    Box::into_raw(Box::new(Worker {
        store: &*store,
        value: None,
        cursor: None,
        pair: None,
    }))
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_worker_destroy(worker: *mut Worker) {
    drop(Box::from_raw(worker));
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_put(worker: &mut Worker, key: Bytes, value: Bytes) {
    ok(worker.store.keyspace.insert(key.slice(), value.slice()));
    worker.store.written();
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_put_batch(
    worker: &mut Worker,
    pairs: *const Pair,
    count: usize,
) {
    let store = worker.store;
    let mode = if store.synced {
        PersistMode::SyncData
    } else {
        PersistMode::Buffer
    };
    let mut batch =
        OwnedWriteBatch::with_capacity(store.database.clone(), count).durability(Some(mode));
    for pair in std::slice::from_raw_parts(pairs, count) {
        batch.insert(&store.keyspace, pair.key.slice(), pair.value.slice());
    }
    ok(batch.commit());
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_remove(worker: &mut Worker, key: Bytes) {
    ok(worker.store.keyspace.remove(key.slice()));
    worker.store.written();
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_get(
    worker: &mut Worker,
    key: Bytes,
    value: &mut Bytes,
) -> bool {
    worker.value = ok(worker.store.keyspace.get(key.slice()));
    if let Some(found) = &worker.value {
        *value = Bytes::of(found);
    }
    worker.value.is_some()
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_cursor_seek(
    worker: &mut Worker,
    key: Bytes,
    out: &mut Pair,
) -> bool {
    let store = worker.store;
    // The range of a keyspace itself would also give what is put later.
    worker.cursor = Some(
        store
            .database
            .snapshot()
            .range(&store.keyspace, key.slice()..),
    );
    worker.next(out)
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_cursor_next(worker: &mut Worker, out: &mut Pair) -> bool {
    worker.next(out)
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_cursor_end(worker: &mut Worker) {
    worker.pair = None;
    worker.cursor = None;
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_sync(store: &Store) {
    ok(store.database.persist(PersistMode::SyncData));
}

#[no_mangle]
pub unsafe extern "C" fn bench_fjall_flush(store: &Store) {
    ok(store.keyspace.rotate_memtable_and_wait());
}
