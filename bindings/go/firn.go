// SPDX-License-Identifier: Apache-2.0

// Package firn is a small layer over libfirn, to start from: key-value stores with transactions, cursors and checkpoints. pkg-config
// tells where libfirn is; PKG_CONFIG_PATH names the directory of firn.pc, if it is in an unusual place.
//
// Stores and keyspaces may be used by several goroutines at once; a transaction and a cursor by one at a time. Keys and values that
// come back are copies.
package firn

/*
#cgo pkg-config: firn
#cgo CFLAGS: -fstack-protector-strong -fstack-clash-protection
#cgo LDFLAGS: -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
#include <stdlib.h>
#include <firn/firn.h>

// cgo may pass pointers to Go's memory as arguments, but not within structures: these make the slices.
static int go_put(firn_keyspace *keyspace, const void *key, size_t key_size, const void *value, size_t value_size, firn_error *err)
{
    return firn_put(keyspace, firn_bytes(key, key_size), firn_bytes(value, value_size), NULL, err);
}
static int go_delete(firn_keyspace *keyspace, const void *key, size_t size, firn_error *err)
{
    return firn_delete(keyspace, firn_bytes(key, size), NULL, err);
}
static int go_get(firn_keyspace *keyspace, firn_snapshot *snapshot, firn_txn *txn, const void *key, size_t size, uint8_t **out, size_t *out_size, firn_error *err)
{
    firn_slice bytes = firn_bytes(key, size);
    if (txn != NULL) {
        return firn_txn_get(txn, keyspace, bytes, out, out_size, err);
    }
    if (snapshot != NULL) {
        return firn_snapshot_get(snapshot, keyspace, bytes, out, out_size, err);
    }
    return firn_get(keyspace, bytes, out, out_size, err);
}
static int go_txn_put(firn_txn *txn, firn_keyspace *keyspace, const void *key, size_t key_size, const void *value, size_t value_size, firn_error *err)
{
    return firn_txn_put(txn, keyspace, firn_bytes(key, key_size), firn_bytes(value, value_size), err);
}
static int go_txn_delete(firn_txn *txn, firn_keyspace *keyspace, const void *key, size_t size, firn_error *err)
{
    return firn_txn_delete(txn, keyspace, firn_bytes(key, size), err);
}
static int go_cursor_open(firn_keyspace *keyspace, const void *prefix, size_t size, firn_cursor **out, firn_error *err)
{
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.prefix = firn_bytes(prefix, size);
    return firn_cursor_open(keyspace, &options, out, err);
}
static int go_snapshot_open(firn_store *store, const char *checkpoint, firn_snapshot **out, firn_error *err)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = checkpoint;
    return firn_snapshot_open(store, &options, out, err);
}
static int go_checkpoint(firn_store *store, const char *name, uint64_t *out_number, firn_error *err)
{
    firn_store_checkpoint checkpoint = FIRN_STORE_CHECKPOINT_INIT;
    int code = firn_store_checkpoint_create(store, name, NULL, &checkpoint, err);
    *out_number = checkpoint.number;
    return code;
}
*/
import "C"

import (
	"errors"
	"math/rand"
	"sync"
	"time"
	"unsafe"
)

// Error is what libfirn reports: the code, its name, and a text.
type Error struct {
	Code int
	Name string
	Text string
}

func (e *Error) Error() string { return e.Text + " (" + e.Name + ")" }

// Errors to compare with errors.Is.
var (
	ErrNotFound = &Error{Code: C.FIRN_NOT_FOUND, Name: "FIRN_NOT_FOUND", Text: "not found"}
	ErrConflict = &Error{Code: C.FIRN_CONFLICT, Name: "FIRN_CONFLICT", Text: "conflict with a concurrent change"}
	ErrBusy     = &Error{Code: C.FIRN_BUSY, Name: "FIRN_BUSY", Text: "locked by another process or thread"}
	ErrMisuse   = &Error{Code: C.FIRN_MISUSE, Name: "FIRN_MISUSE", Text: "the handle is closed"}
)

// Is makes errors with the same code equal for errors.Is.
func (e *Error) Is(other error) bool {
	o, ok := other.(*Error)
	return ok && o.Code == e.Code
}

func failed(code C.int, err *C.firn_error) error {
	if code == C.FIRN_OK {
		return nil
	}
	return &Error{Code: int(code), Name: C.GoString(C.firn_code_name(code)), Text: C.GoString(&err.text[0])}
}

// Where bytes begin; never nil, so that an empty key is a key.
var none byte

func start(bytes []byte) unsafe.Pointer {
	if len(bytes) == 0 {
		return unsafe.Pointer(&none)
	}
	return unsafe.Pointer(&bytes[0])
}

// Store is an open store. What is opened from it must be closed before.
type Store struct {
	mutex sync.RWMutex // held for writing by Close, so that no call uses what it closes
	raw   *C.firn_store
}

// Open opens the store in a directory, and creates a missing one.
func Open(path string) (*Store, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var raw *C.firn_store
	var err C.firn_error
	if code := C.firn_store_open(name, nil, &raw, &err); code != C.FIRN_OK {
		return nil, failed(code, &err)
	}
	return &Store{raw: raw}, nil
}

// Close makes everything durable and closes the store. It fails with ErrMisuse while cursors, snapshots or transactions are open.
func (s *Store) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.raw == nil {
		return nil
	}
	var err C.firn_error
	code := C.firn_store_close(s.raw, &err)
	if code != C.FIRN_MISUSE {
		s.raw = nil
	}
	return failed(code, &err)
}

// use calls work while the store is open.
func (s *Store) use(work func() error) error {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if s.raw == nil {
		return ErrMisuse
	}
	return work()
}

// Keyspace is an ordered map from bytes to bytes.
type Keyspace struct {
	store *Store
	raw   *C.firn_keyspace
}

// Keyspace opens a keyspace, and creates a missing one.
func (s *Store) Keyspace(name string) (*Keyspace, error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	keyspace := &Keyspace{store: s}
	return keyspace, s.use(func() error {
		var err C.firn_error
		return failed(C.firn_keyspace_open(s.raw, text, nil, &keyspace.raw, &err), &err)
	})
}

// Put stores a value under a key.
func (k *Keyspace) Put(key, value []byte) error {
	return k.store.use(func() error {
		var err C.firn_error
		return failed(C.go_put(k.raw, start(key), C.size_t(len(key)), start(value), C.size_t(len(value)), &err), &err)
	})
}

// Delete removes a key; a missing one is no error.
func (k *Keyspace) Delete(key []byte) error {
	return k.store.use(func() error {
		var err C.firn_error
		return failed(C.go_delete(k.raw, start(key), C.size_t(len(key)), &err), &err)
	})
}

// Get gives a copy of a value; ErrNotFound if there is none.
func (k *Keyspace) Get(key []byte) ([]byte, error) { return get(k, nil, nil, key) }

func get(k *Keyspace, snapshot *C.firn_snapshot, txn *C.firn_txn, key []byte) (value []byte, err error) {
	err = k.store.use(func() error {
		var data *C.uint8_t
		var size C.size_t
		var err C.firn_error
		if code := C.go_get(k.raw, snapshot, txn, start(key), C.size_t(len(key)), &data, &size, &err); code != C.FIRN_OK {
			return failed(code, &err)
		}
		value = make([]byte, int(size))
		copy(value, unsafe.Slice((*byte)(unsafe.Pointer(data)), int(size)))
		C.firn_release(unsafe.Pointer(data))
		return nil
	})
	return value, err
}

// Each calls visit for the entries whose keys begin with a prefix, in the order of the keys, until it returns false. It shows the
// state of the moment when it is called. visit may use the store; Close fails with ErrMisuse meanwhile.
func (k *Keyspace) Each(prefix []byte, visit func(key, value []byte) bool) error {
	var cursor *C.firn_cursor
	var err C.firn_error
	opened := k.store.use(func() error {
		return failed(C.go_cursor_open(k.raw, start(prefix), C.size_t(len(prefix)), &cursor, &err), &err)
	})
	if opened != nil {
		return opened
	}
	defer C.firn_cursor_close(cursor) // the store cannot be closed before
	code := C.firn_cursor_first(cursor, &err)
	for ; code == C.FIRN_OK && bool(C.firn_cursor_valid(cursor)); code = C.firn_cursor_next(cursor, &err) {
		if !visit(copied(C.firn_cursor_key(cursor)), copied(C.firn_cursor_value(cursor))) {
			return nil
		}
	}
	return failed(code, &err)
}

func copied(from C.firn_slice) []byte {
	bytes := make([]byte, int(from.size))
	copy(bytes, unsafe.Slice((*byte)(unsafe.Pointer(from.data)), int(from.size)))
	return bytes
}

// Txn is a transaction: it reads one state and its own writes.
type Txn struct {
	raw *C.firn_txn // nil after its end
}

// Get is like Keyspace.Get, in the transaction.
func (t *Txn) Get(k *Keyspace, key []byte) ([]byte, error) {
	if t.raw == nil {
		return nil, ErrMisuse
	}
	return get(k, nil, t.raw, key)
}

// Put is like Keyspace.Put, in the transaction.
func (t *Txn) Put(k *Keyspace, key, value []byte) error {
	if t.raw == nil {
		return ErrMisuse
	}
	var err C.firn_error
	return failed(C.go_txn_put(t.raw, k.raw, start(key), C.size_t(len(key)), start(value), C.size_t(len(value)), &err), &err)
}

// Delete is like Keyspace.Delete, in the transaction.
func (t *Txn) Delete(k *Keyspace, key []byte) error {
	if t.raw == nil {
		return ErrMisuse
	}
	var err C.firn_error
	return failed(C.go_txn_delete(t.raw, k.raw, start(key), C.size_t(len(key)), &err), &err)
}

// Transaction calls work in a transaction and commits. After a conflict all of it is done again, up to 100 times, so work must have
// no effects besides. An error or a panic of work rolls back.
func (s *Store) Transaction(work func(t *Txn) error) error {
	for attempt := 1; ; attempt++ {
		err := s.try(work)
		if !errors.Is(err, ErrConflict) || attempt == 100 {
			return err
		}
		time.Sleep(time.Duration(rand.Int63n(int64(attempt) * int64(100*time.Microsecond))))
	}
}

func (s *Store) try(work func(t *Txn) error) error {
	t := &Txn{}
	var raw *C.firn_txn
	err := s.use(func() error {
		var err C.firn_error
		return failed(C.firn_txn_begin(s.raw, nil, &raw, &err), &err)
	})
	if err != nil {
		return err
	}
	t.raw = raw
	defer func() {
		t.raw = nil
		C.firn_txn_close(raw)
	}()
	if err := work(t); err != nil {
		return err
	}
	return s.use(func() error {
		var err C.firn_error
		return failed(C.firn_txn_commit(raw, nil, &err), &err)
	})
}

// Checkpoint creates a checkpoint of the present state, and gives its number.
func (s *Store) Checkpoint(name string) (number uint64, err error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	err = s.use(func() error {
		var made C.uint64_t
		var err C.firn_error
		code := C.go_checkpoint(s.raw, text, &made, &err)
		number = uint64(made)
		return failed(code, &err)
	})
	return number, err
}

// Restore makes the store's data what a checkpoint has. Undo takes it back.
func (s *Store) Restore(reference string) error {
	text := C.CString(reference)
	defer C.free(unsafe.Pointer(text))
	return s.use(func() error {
		var err C.firn_error
		return failed(C.firn_store_restore(s.raw, text, nil, &err), &err)
	})
}

// Undo takes back the last restore.
func (s *Store) Undo() error {
	return s.use(func() error {
		var err C.firn_error
		return failed(C.firn_store_undo(s.raw, nil, &err), &err)
	})
}

// Snapshot is the store's data at one moment.
type Snapshot struct {
	raw *C.firn_snapshot
}

// At opens the store's data at a checkpoint. Close it before the store.
func (s *Store) At(reference string) (*Snapshot, error) {
	text := C.CString(reference)
	defer C.free(unsafe.Pointer(text))
	snapshot := &Snapshot{}
	return snapshot, s.use(func() error {
		var err C.firn_error
		return failed(C.go_snapshot_open(s.raw, text, &snapshot.raw, &err), &err)
	})
}

// Get is like Keyspace.Get, from the snapshot.
func (s *Snapshot) Get(k *Keyspace, key []byte) ([]byte, error) {
	if s.raw == nil {
		return nil, ErrMisuse
	}
	return get(k, s.raw, nil, key)
}

// Close releases the snapshot. A second close does nothing.
func (s *Snapshot) Close() {
	C.firn_snapshot_close(s.raw)
	s.raw = nil
}
