// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::{AtomicU32, Ordering};

use firn::{Result, Store};

fn number(value: Option<Vec<u8>>) -> u64 {
    value.map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap())
}

#[test]
fn values_come_back_and_missing_ones_are_none() -> Result<()> {
    let store = Store::open_memory()?;
    let space = store.keyspace("s")?;
    space.put("key", [0, 1, 255])?;
    space.put("", "")?;
    assert_eq!(space.get("key")?, Some(vec![0, 1, 255]));
    assert_eq!(space.get("")?, Some(vec![]));
    space.delete("key")?;
    assert_eq!(space.get("key")?, None);
    assert_eq!(store.keyspace("a\0b").err().unwrap().name(), "FIRN_INVALID");
    assert_eq!(store.restore("none").err().unwrap().name(), "FIRN_NOT_FOUND");
    Ok(())
}

#[test]
fn transactions_repeat_after_conflicts_and_roll_back_after_errors() -> Result<()> {
    let store = Store::open_memory()?;
    let space = store.keyspace("s")?;
    let calls = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    store
                        .transaction(|transaction| {
                            calls.fetch_add(1, Ordering::Relaxed);
                            let n = number(transaction.get(&space, "n")?);
                            transaction.put(&space, "n", (n + 1).to_string())
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(number(space.get("n")?), 200);
    assert!(calls.load(Ordering::Relaxed) >= 200);
    let refused: Result<()> = store.transaction(|transaction| {
        transaction.delete(&space, "n")?;
        store.restore("none")
    });
    assert!(refused.is_err());
    assert_eq!(number(space.get("n")?), 200);
    Ok(())
}

#[test]
fn iterators_are_in_order_and_keep_their_state() -> Result<()> {
    let store = Store::open_memory()?;
    let space = store.keyspace("s")?;
    for i in 0..1000 {
        space.put(format!("k{i:04}"), i.to_string())?;
    }
    let entries = space.prefix("k00")?;
    space.delete("k0001")?;
    let keys: Vec<String> = entries.map(|entry| entry.map(|(key, _)| String::from_utf8(key).unwrap())).collect::<Result<_>>()?;
    assert_eq!(keys, (0..100).map(|i| format!("k{i:04}")).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_restore_is_undone() -> Result<()> {
    let store = Store::open_memory()?;
    let space = store.keyspace("s")?;
    space.put("k", "1")?;
    assert_eq!(store.checkpoint("c")?, 1);
    space.put("k", "2")?;
    assert_eq!(number(store.at("c")?.get(&space, "k")?), 1);
    store.restore("c")?;
    assert_eq!(number(space.get("k")?), 1);
    store.undo()?;
    assert_eq!(number(space.get("k")?), 2);
    Ok(())
}
