// SPDX-License-Identifier: Apache-2.0
//
// notes.rs: a keyspace, a transaction, a checkpoint and its undo.
fn main() -> firn::Result<()> {
    let path = std::env::args().nth(1).expect("usage: notes STORE");
    let store = firn::Store::open(path)?;
    {
        let notes = store.keyspace("notes")?;
        notes.put("list", "buy snow")?;
        store.checkpoint("monday")?;
        store.transaction(|transaction| {
            transaction.put(&notes, "list", "sell snow")?;
            transaction.put(&notes, "letter", "draft")
        })?;
        for entry in notes.prefix("l")? {
            let (key, value) = entry?;
            println!("{}: {}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value));
        }
        let list = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default()).unwrap_or_default();
        println!("on monday: {}", list(store.at("monday")?.get(&notes, "list")?));
        store.restore("monday")?;
        println!("restored: {}", list(notes.get("list")?));
        store.undo()?;
        println!("undone: {}", list(notes.get("list")?));
    }
    store.close()
}
