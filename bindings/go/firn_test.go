// SPDX-License-Identifier: Apache-2.0

package firn

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

func open(t *testing.T) (*Store, *Keyspace) {
	t.Helper()
	store, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	keyspace, err := store.Keyspace("s")
	if err != nil {
		t.Fatal(err)
	}
	return store, keyspace
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, value []byte, err error, expected string) {
	t.Helper()
	if err != nil || string(value) != expected {
		t.Fatalf("%q, %v instead of %q", value, err, expected)
	}
}

func TestValues(t *testing.T) {
	store, s := open(t)
	large := bytes.Repeat([]byte("x"), 1<<20)
	must(t, s.Put([]byte("key"), []byte{0, 255}))
	must(t, s.Put(nil, nil))
	must(t, s.Put([]byte("large"), large))
	value, err := s.Get([]byte("key"))
	want(t, value, err, "\x00\xff")
	value, err = s.Get(nil)
	want(t, value, err, "")
	value, err = s.Get([]byte("large"))
	want(t, value, err, string(large))
	must(t, s.Delete([]byte("key")))
	if _, err := s.Get([]byte("key")); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := Open("/dev/null/store"); err == nil {
		t.Fatal("opened")
	}
	if _, err := store.At("none"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

func TestEachIsInOrderAndEnds(t *testing.T) {
	store, s := open(t)
	for i := 0; i < 300; i++ {
		must(t, s.Put([]byte(fmt.Sprintf("k%03d", i)), []byte(strconv.Itoa(i))))
	}
	next := 100
	must(t, s.Each([]byte("k1"), func(key, value []byte) bool {
		if string(key) != fmt.Sprintf("k%03d", next) || string(value) != strconv.Itoa(next) {
			t.Fatalf("%s, %s", key, value)
		}
		if next == 120 {
			must(t, s.Delete(key))
			if err := store.Close(); !errors.Is(err, ErrMisuse) {
				t.Fatal(err)
			}
		}
		next++
		return next < 150
	}))
	if next != 150 {
		t.Fatal(next)
	}
}

func TestTransactions(t *testing.T) {
	store, s := open(t)
	must(t, s.Put([]byte("n"), []byte("0")))
	var group sync.WaitGroup
	for g := 0; g < 4; g++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 25; i++ {
				err := store.Transaction(func(txn *Txn) error {
					value, err := txn.Get(s, []byte("n"))
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(string(value))
					return txn.Put(s, []byte("n"), []byte(strconv.Itoa(n+1)))
				})
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	value, err := s.Get([]byte("n"))
	want(t, value, err, "100")
	mine := errors.New("mine")
	var kept *Txn
	err = store.Transaction(func(txn *Txn) error {
		kept = txn
		must(t, txn.Delete(s, []byte("n")))
		return mine
	})
	if err != mine {
		t.Fatal(err)
	}
	if err := kept.Put(s, []byte("n"), nil); !errors.Is(err, ErrMisuse) {
		t.Fatal(err)
	}
	value, err = s.Get([]byte("n"))
	want(t, value, err, "100")
}

func TestCheckpoints(t *testing.T) {
	store, s := open(t)
	must(t, s.Put([]byte("k"), []byte("1")))
	number, err := store.Checkpoint("c")
	if number != 1 || err != nil {
		t.Fatal(number, err)
	}
	must(t, s.Put([]byte("k"), []byte("2")))
	snapshot, err := store.At("c")
	must(t, err)
	value, err := snapshot.Get(s, []byte("k"))
	want(t, value, err, "1")
	if err := store.Close(); !errors.Is(err, ErrMisuse) { // the snapshot is open
		t.Fatal(err)
	}
	snapshot.Close()
	snapshot.Close()
	if _, err := snapshot.Get(s, []byte("k")); !errors.Is(err, ErrMisuse) {
		t.Fatal(err)
	}
	must(t, store.Restore("c"))
	value, err = s.Get([]byte("k"))
	want(t, value, err, "1")
	must(t, store.Undo())
	value, err = s.Get([]byte("k"))
	want(t, value, err, "2")
}

func TestClosedStoresAreRefused(t *testing.T) {
	store, err := Open(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	s, err := store.Keyspace("s")
	must(t, err)
	must(t, store.Close())
	must(t, store.Close())
	if err := s.Put([]byte("k"), nil); !errors.Is(err, ErrMisuse) {
		t.Fatal(err)
	}
	if err := store.Transaction(func(*Txn) error { return nil }); !errors.Is(err, ErrMisuse) {
		t.Fatal(err)
	}
}
