// SPDX-License-Identifier: Apache-2.0
//
// Writes stores and tables with the published crates, for firn to import. What a reader must find is printed: lines of a key, a tab
// and a value, as hexadecimal digits, in the order of keys.
//
//   store PATH crash|close|flush [SIZE]   a database of alopex-embedded at PATH: transactions that add, replace and delete keys, with
//                                         flushes in between if asked for. "crash" and "flush" end the process without closing it; SIZE is
//                                         that of the largest value
//   hold PATH                             the same, closed; then opens it again and waits for the end of standard input
//   table PATH none|lz4|zstd              a table of the LSM tree, with several versions of keys
//   alxs PATH                             a sorted table of the memory store
//   memory PATH                           a memory store with its log PATH, which is not closed
//   log PATH SIZE SEGMENTS                a log of segments of this size; nothing is printed for entries that it has no room for
//   small DIRECTORY                       files for tests/formats/alopex
use alopex_core::lsm::sstable::{CompressionType, SSTableConfig, SSTableEntry, SSTableWriter};
use alopex_core::lsm::wal::{SyncMode, WalBatchOp, WalConfig, WalEntry, WalOpType, WalWriter};
use alopex_core::storage::sstable::SstableWriter;
use alopex_core::{KVStore, KVTransaction, MemoryKV};
use alopex_embedded::{Database, TxnMode};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::Path;

type Outcome = Result<(), Box<dyn Error>>;
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print(model: &Model) {
    for (key, value) in model {
        println!("{}\t{}", hex(key), hex(value));
    }
}

// One transaction: a value for each key, or none to delete the key.
fn commit(database: &Database, model: &mut Model, changes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Outcome {
    let mut transaction = database.begin(TxnMode::ReadWrite)?;
    for (key, value) in changes {
        match value {
            Some(value) => {
                transaction.put(&key, &value)?;
                model.insert(key, value);
            }
            None => {
                transaction.delete(&key)?;
                model.remove(&key);
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn fill(database: &Database, model: &mut Model, flushes: bool, size: usize) -> Outcome {
    let key = |i: u32| format!("key {i:05}").into_bytes();
    let flush = |database: &Database| -> Outcome {
        if flushes {
            database.flush()?;
        }
        Ok(())
    };
    commit(database, model, (0..2000).map(|i| (key(i), Some(format!("first {i}").into_bytes()))).collect())?;
    commit(database, model, vec![(b"nothing".to_vec(), Some(vec![]))])?;
    commit(database, model, vec![(vec![0], Some(vec![0, 255])), (vec![0, 0], Some(b"nul".to_vec())), (vec![255; 300], Some(vec![7]))])?;
    flush(database)?;
    commit(database, model, (0..500).map(|i| (key(i * 3), Some(format!("second {i}").into_bytes()))).collect())?;
    commit(database, model, (0..300).map(|i| (key(i * 5), None)).collect())?;
    flush(database)?;
    commit(database, model, (0..100).map(|i| (key(i * 10), Some(format!("third {i}").into_bytes()))).collect())?;
    commit(database, model, vec![(b"large".to_vec(), Some((0..size).map(|i| (i / 7) as u8).collect()))])?;
    commit(database, model, vec![(b"gone".to_vec(), Some(b"x".to_vec()))])?;
    commit(database, model, vec![(b"gone".to_vec(), None), (b"last".to_vec(), Some(b"of all".to_vec()))])?;
    let mut transaction = database.begin(TxnMode::ReadOnly)?;
    for (key, value) in model.iter() {
        if transaction.get(key)?.as_ref() != Some(value) {
            return Err(format!("the crate itself does not find {}", hex(key)).into());
        }
    }
    Ok(())
}

fn store(path: &str, end: &str, size: usize) -> Outcome {
    let mut model = Model::new();
    let database = Database::open(Path::new(path))?;
    fill(&database, &mut model, end == "flush", size)?;
    print(&model);
    if end != "close" {
        std::process::exit(0); // nothing is dropped
    }
    Ok(())
}

fn hold(path: &str) -> Outcome {
    store(path, "close", 10)?;
    let _database = Database::open(Path::new(path))?;
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn table(path: &str, compression: &str) -> Outcome {
    let compression = match compression {
        "lz4" => CompressionType::Lz4,
        "zstd" => CompressionType::Zstd { level: 3 },
        _ => CompressionType::None,
    };
    let config = SSTableConfig { compression, ..SSTableConfig::default() };
    let mut writer = SSTableWriter::create(Path::new(path), config)?;
    let mut model = Model::new();
    for i in 0..3000u32 {
        let key = format!("key {i:05}").into_bytes();
        let versions = i % 3 + 1;
        for version in (0..versions).rev() {
            let is_deleted = i % 7 == 0 && version + 1 == versions;
            let value = format!("value {i} of version {version}").into_bytes();
            if version + 1 == versions && !is_deleted {
                model.insert(key.clone(), value.clone());
            }
            writer.append(SSTableEntry {
                key: key.clone(),
                value: if is_deleted { None } else { Some(value) },
                timestamp: u64::from(i / 2 + version),
                sequence: u64::from(i),
            })?;
        }
    }
    writer.finish()?;
    print(&model);
    Ok(())
}

fn alxs(path: &str) -> Outcome {
    let mut writer = SstableWriter::create(Path::new(path))?;
    let mut model = Model::new();
    for i in 0..3000u32 {
        let (key, value) = (format!("key {i:05}").into_bytes(), format!("value {i}").into_bytes());
        writer.append(&key, &value)?;
        model.insert(key, value);
    }
    writer.finish()?;
    print(&model);
    Ok(())
}

// The same changes as a transaction each, one half of them before the store writes its table.
fn memory(path: &str, count: u32) -> Outcome {
    let store = MemoryKV::open(Path::new(path))?;
    let mut model = Model::new();
    for i in 0..count {
        let mut transaction = store.begin(TxnMode::ReadWrite)?;
        for (key, is_put) in [(i, true), (i / 2, i % 3 != 0), (i / 3, i % 5 != 0)] {
            let (key, value) = (format!("key {key:05}").into_bytes(), format!("value {i}").into_bytes());
            if is_put {
                transaction.put(key.clone(), value.clone())?;
                model.insert(key, value);
            } else {
                transaction.delete(key.clone())?;
                model.remove(&key);
            }
        }
        transaction.commit_self()?;
        if i == count / 2 {
            store.flush()?;
        }
    }
    print(&model);
    Ok(())
}

fn log(path: &str, segment_size: usize, max_segments: usize) -> Outcome {
    let config = WalConfig { segment_size, max_segments, sync_mode: SyncMode::NoSync };
    let mut writer = WalWriter::create(Path::new(path), config, 1, 1)?;
    let mut model = Model::new();
    for i in 1..1000u64 {
        let (key, value) = (format!("key {}", i % 50).into_bytes(), format!("value {i}").into_bytes());
        let put = |key: &Vec<u8>, value: &Vec<u8>| WalBatchOp { op_type: WalOpType::Put, key: key.clone(), value: Some(value.clone()) };
        let entry = match i % 3 {
            0 => WalEntry::put(i, key.clone(), value.clone()),
            1 => WalEntry::batch(i, vec![put(&b"count".to_vec(), &value), put(&key, &value)]),
            _ => WalEntry::delete(i, key.clone()),
        };
        if writer.append(&entry).is_err() {
            break;
        }
        if i % 3 == 1 {
            model.insert(b"count".to_vec(), value.clone());
        }
        match i % 3 {
            2 => model.remove(&key),
            _ => model.insert(key, value),
        };
    }
    print(&model);
    Ok(())
}

fn small(directory: &str) -> Outcome {
    let place = Path::new(directory);
    for (name, compression) in
        [("small.sst", CompressionType::None), ("lz4.sst", CompressionType::Lz4), ("zstd.sst", CompressionType::Zstd { level: 3 })]
    {
        let config = SSTableConfig { block_size: 80, compression, ..SSTableConfig::default() };
        let mut writer = SSTableWriter::create(&place.join(name), config)?;
        for (key, value, timestamp) in
            [("ada", Some("1815"), 3), ("alan", Some("1912"), 2), ("grace", None, 4), ("grace", Some("19061906190619061906"), 1)]
        {
            writer.append(SSTableEntry {
                key: key.as_bytes().to_vec(),
                value: value.map(|value: &str| value.as_bytes().to_vec()),
                timestamp,
                sequence: 0,
            })?;
        }
        writer.finish()?;
    }
    // A ring of 372 bytes: the second log has used its beginning again.
    for name in ["small.wal", "wrapped.wal"] {
        let config = WalConfig { segment_size: 152, max_segments: 3, sync_mode: SyncMode::NoSync };
        let mut writer = WalWriter::create(&place.join(name), config, 1, 1)?;
        let entry = |i: u64| WalEntry::put(i, format!("key {}", i % 3).into_bytes(), format!("value {i}").repeat(4).into_bytes());
        for i in 1..8 {
            writer.append(&entry(i))?;
        }
        if name == "wrapped.wal" {
            let size = entry(1).encode()?.len() as u64;
            writer.advance_start(3 * size)?;
            writer.append(&WalEntry::delete(8, b"key 1".to_vec()))?;
            writer.append(&entry(9))?;
        }
    }
    memory(place.join("memory.log").to_str().ok_or("a path")?, 4)?;
    let database = Database::open(&place.join("small.alopex"))?;
    let mut model = Model::new();
    commit(&database, &mut model, vec![(b"ada".to_vec(), Some(b"1815".to_vec())), (b"alan".to_vec(), Some(b"1911".to_vec()))])?;
    database.flush()?;
    commit(&database, &mut model, vec![(b"alan".to_vec(), Some(b"1912".to_vec())), (b"ada".to_vec(), None), (b"".to_vec(), Some(vec![48]))])?;
    Ok(())
}

fn run(words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["store", path, end] => store(path, end, 100_000),
        ["store", path, end, size] => store(path, end, size.parse()?),
        ["hold", path] => hold(path),
        ["table", path, compression] => table(path, compression),
        ["alxs", path] => alxs(path),
        ["memory", path] => memory(path, 500),
        ["log", path, size, segments] => log(path, size.parse()?, segments.parse()?),
        ["small", directory] => small(directory),
        _ => Err("see the head of this program for its commands".into()),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&words) {
        eprintln!("alopex-store: {error}");
        std::process::exit(1);
    }
}
