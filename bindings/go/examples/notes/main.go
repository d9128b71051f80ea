// SPDX-License-Identifier: Apache-2.0

// Notes: a keyspace, a transaction, a checkpoint and its undo.
package main

import (
	"fmt"
	"log"
	"os"

	"firn"
)

func run(path string) error {
	store, err := firn.Open(path)
	if err != nil {
		return err
	}
	defer store.Close()
	notes, err := store.Keyspace("notes")
	if err != nil {
		return err
	}
	if err := notes.Put([]byte("list"), []byte("buy snow")); err != nil {
		return err
	}
	if _, err := store.Checkpoint("monday"); err != nil {
		return err
	}
	err = store.Transaction(func(txn *firn.Txn) error {
		if err := txn.Put(notes, []byte("list"), []byte("sell snow")); err != nil {
			return err
		}
		return txn.Put(notes, []byte("letter"), []byte("draft"))
	})
	if err != nil {
		return err
	}
	err = notes.Each([]byte("l"), func(key, value []byte) bool {
		fmt.Printf("%s: %s\n", key, value)
		return true
	})
	if err != nil {
		return err
	}
	if err := store.Restore("monday"); err != nil {
		return err
	}
	list, err := notes.Get([]byte("list"))
	if err != nil {
		return err
	}
	fmt.Printf("restored: %s\n", list)
	return store.Undo()
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: notes STORE")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
