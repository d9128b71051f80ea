// SPDX-License-Identifier: Apache-2.0
//
// firn: a small safe layer over firn-sys, to start from: stores, keyspaces, transactions, cursors, checkpoints. What it does not
// have is in firn-sys and the headers.
//
// Lifetimes say what C's header says in words: keyspaces, cursors, snapshots and transactions borrow their store, so they are gone
// before it is closed.

use std::ffi::{CStr, CString};
use std::fmt;
use std::marker::PhantomData;
use std::mem::{size_of, MaybeUninit};
use std::os::raw::{c_char, c_int};
use std::path::Path;
use std::ptr;

use firn_sys as sys;

/// What went wrong: the code of the C API, its name, and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub code: i32,
    pub text: String,
}

impl Error {
    pub fn name(&self) -> &'static str {
        // Constant, and never NULL.
        unsafe { CStr::from_ptr(sys::firn_code_name(self.code)) }.to_str().unwrap_or("?")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.text, self.name())
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// Calls a function of C with room for its error.
fn call(function: impl FnOnce(*mut sys::firn_error) -> c_int) -> Result<()> {
    let mut error = MaybeUninit::<sys::firn_error>::zeroed();
    let code = function(error.as_mut_ptr());
    if code == sys::FIRN_OK {
        return Ok(());
    }
    // All of it was zeroed, which is a valid value; the text ends in NUL.
    let error = unsafe { error.assume_init() };
    let text = unsafe { CStr::from_ptr(error.text.as_ptr()) }.to_string_lossy().into_owned();
    Err(Error { code, text })
}

fn slice(bytes: &[u8]) -> sys::firn_slice {
    sys::firn_slice { data: bytes.as_ptr(), size: bytes.len() }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error { code: sys::FIRN_INVALID, text: "a name must not contain NUL".into() })
}

/// Copies a value that C has given, and releases it.
fn take_value(found: Result<()>, data: *mut u8, size: usize) -> Result<Option<Vec<u8>>> {
    match found {
        Ok(()) => {
            let value = unsafe { std::slice::from_raw_parts(data, size) }.to_vec();
            unsafe { sys::firn_release(data.cast()) };
            Ok(Some(value))
        }
        Err(error) if error.code == sys::FIRN_NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// A store. Any thread may use it.
pub struct Store {
    raw: *mut sys::firn_store,
}
// firn/store.h: a store, its keyspaces and snapshots may be used by several threads at once.
unsafe impl Send for Store {}
unsafe impl Sync for Store {}

impl Store {
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref().to_str().ok_or_else(|| Error { code: sys::FIRN_INVALID, text: "the path is not UTF-8".into() })?;
        let path = c_string(path)?;
        let mut raw = ptr::null_mut();
        call(|error| unsafe { sys::firn_store_open(path.as_ptr(), ptr::null(), &mut raw, error) })?;
        Ok(Store { raw })
    }

    /// A store in memory, gone when it is closed.
    pub fn open_memory() -> Result<Store> {
        let mut raw = ptr::null_mut();
        call(|error| unsafe { sys::firn_store_open_memory(u64::MAX, ptr::null(), &mut raw, error) })?;
        Ok(Store { raw })
    }

    /// Closes the store, and tells whether all of it is durable. Dropping it closes it, too, and tells nothing.
    pub fn close(self) -> Result<()> {
        let raw = self.raw;
        std::mem::forget(self);
        call(|error| unsafe { sys::firn_store_close(raw, error) })
    }

    pub fn keyspace(&self, name: &str) -> Result<Keyspace<'_>> {
        let name = c_string(name)?;
        let mut raw = ptr::null_mut();
        call(|error| unsafe { sys::firn_keyspace_open(self.raw, name.as_ptr(), ptr::null(), &mut raw, error) })?;
        Ok(Keyspace { raw, store: PhantomData })
    }

    /// Runs work in a transaction and commits; again after a conflict, up to 100 times. An error of work rolls back.
    pub fn transaction<T>(&self, mut work: impl FnMut(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut attempts = 0;
        loop {
            let mut raw = ptr::null_mut();
            call(|error| unsafe { sys::firn_txn_begin(self.raw, ptr::null(), &mut raw, error) })?;
            let transaction = Transaction { raw, store: PhantomData };
            let result = work(&transaction).and_then(|value| {
                call(|error| unsafe { sys::firn_txn_commit(raw, ptr::null(), error) })?;
                Ok(value)
            });
            attempts += 1;
            match result {
                Err(error) if error.code == sys::FIRN_CONFLICT && attempts < 100 => continue,
                result => return result,
            }
        }
    }

    /// Creates a checkpoint of the present state. Gives its number.
    pub fn checkpoint(&self, name: &str) -> Result<u64> {
        let name = c_string(name)?;
        let mut made = zeroed_checkpoint();
        call(|error| unsafe { sys::firn_store_checkpoint_create(self.raw, name.as_ptr(), ptr::null(), &mut made, error) })?;
        Ok(made.number)
    }

    /// Makes the store's data what a checkpoint has. undo() takes it back.
    pub fn restore(&self, reference: &str) -> Result<()> {
        let reference = c_string(reference)?;
        call(|error| unsafe { sys::firn_store_restore(self.raw, reference.as_ptr(), ptr::null_mut(), error) })
    }

    pub fn undo(&self) -> Result<()> {
        call(|error| unsafe { sys::firn_store_undo(self.raw, ptr::null_mut(), error) })
    }

    /// The store's data at a checkpoint.
    pub fn at(&self, reference: &str) -> Result<Snapshot<'_>> {
        let reference = c_string(reference)?;
        let options = sys::firn_snapshot_options { size: size_of::<sys::firn_snapshot_options>(), checkpoint: reference.as_ptr() };
        let mut raw = ptr::null_mut();
        call(|error| unsafe { sys::firn_snapshot_open(self.raw, &options, &mut raw, error) })?;
        Ok(Snapshot { raw, store: PhantomData })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = call(|error| unsafe { sys::firn_store_close(self.raw, error) });
    }
}

fn zeroed_checkpoint() -> sys::firn_store_checkpoint {
    sys::firn_store_checkpoint {
        size: size_of::<sys::firn_store_checkpoint>(),
        number: 0,
        id: [0 as c_char; sys::FIRN_CHECKPOINT_ID_SIZE],
        name: [0 as c_char; sys::FIRN_STORE_CHECKPOINT_NAME_SIZE],
        created_ns: 0,
        sequence: 0,
        is_safety: false,
        restored: [0 as c_char; sys::FIRN_CHECKPOINT_ID_SIZE],
    }
}

#[derive(Clone, Copy)]
pub struct Keyspace<'store> {
    raw: *mut sys::firn_keyspace,
    store: PhantomData<&'store Store>,
}
unsafe impl Send for Keyspace<'_> {}
unsafe impl Sync for Keyspace<'_> {}

impl<'store> Keyspace<'store> {
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        call(|error| unsafe { sys::firn_put(self.raw, slice(key.as_ref()), slice(value.as_ref()), ptr::null(), error) })
    }

    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        call(|error| unsafe { sys::firn_delete(self.raw, slice(key.as_ref()), ptr::null(), error) })
    }

    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let mut data = ptr::null_mut();
        let mut size = 0;
        let found = call(|error| unsafe { sys::firn_get(self.raw, slice(key.as_ref()), &mut data, &mut size, error) });
        take_value(found, data, size)
    }

    /// The entries whose keys begin with a prefix, in the order of the keys, as of now.
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Entries<'store>> {
        let none = sys::firn_slice { data: ptr::null(), size: 0 };
        let options = sys::firn_cursor_options {
            size: size_of::<sys::firn_cursor_options>(),
            lower: none,
            upper: none,
            prefix: slice(prefix.as_ref()),
            snapshot: ptr::null_mut(),
            keys_only: false,
        };
        let mut raw = ptr::null_mut();
        call(|error| unsafe { sys::firn_cursor_open(self.raw, &options, &mut raw, error) })?;
        Ok(Entries { raw, has_begun: false, is_done: false, store: PhantomData })
    }
}

/// Entries of a keyspace, as an iterator. An error ends it.
pub struct Entries<'store> {
    raw: *mut sys::firn_cursor,
    has_begun: bool,
    is_done: bool,
    store: PhantomData<&'store Store>,
}

impl Iterator for Entries<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let moved = call(|error| unsafe {
            if self.has_begun {
                sys::firn_cursor_next(self.raw, error)
            } else {
                sys::firn_cursor_first(self.raw, error)
            }
        });
        self.has_begun = true;
        if let Err(error) = moved {
            self.is_done = true;
            return Some(Err(error));
        }
        unsafe {
            if !sys::firn_cursor_valid(self.raw) {
                self.is_done = true;
                return None;
            }
            let key = sys::firn_cursor_key(self.raw);
            let value = sys::firn_cursor_value(self.raw);
            let copy = |bytes: sys::firn_slice| std::slice::from_raw_parts(bytes.data, bytes.size).to_vec();
            Some(Ok((copy(key), copy(value))))
        }
    }
}

impl Drop for Entries<'_> {
    fn drop(&mut self) {
        unsafe { sys::firn_cursor_close(self.raw) }
    }
}

pub struct Snapshot<'store> {
    raw: *mut sys::firn_snapshot,
    store: PhantomData<&'store Store>,
}

impl Snapshot<'_> {
    pub fn get(&self, keyspace: &Keyspace<'_>, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let mut data = ptr::null_mut();
        let mut size = 0;
        let found = call(|error| unsafe { sys::firn_snapshot_get(self.raw, keyspace.raw, slice(key.as_ref()), &mut data, &mut size, error) });
        take_value(found, data, size)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        unsafe { sys::firn_snapshot_close(self.raw) }
    }
}

/// A transaction of Store::transaction. One thread.
pub struct Transaction<'store> {
    raw: *mut sys::firn_txn,
    store: PhantomData<&'store Store>,
}

impl Transaction<'_> {
    pub fn get(&self, keyspace: &Keyspace<'_>, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let mut data = ptr::null_mut();
        let mut size = 0;
        let found = call(|error| unsafe { sys::firn_txn_get(self.raw, keyspace.raw, slice(key.as_ref()), &mut data, &mut size, error) });
        take_value(found, data, size)
    }

    pub fn put(&self, keyspace: &Keyspace<'_>, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        call(|error| unsafe { sys::firn_txn_put(self.raw, keyspace.raw, slice(key.as_ref()), slice(value.as_ref()), error) })
    }

    pub fn delete(&self, keyspace: &Keyspace<'_>, key: impl AsRef<[u8]>) -> Result<()> {
        call(|error| unsafe { sys::firn_txn_delete(self.raw, keyspace.raw, slice(key.as_ref()), error) })
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        unsafe { sys::firn_txn_close(self.raw) }
    }
}
