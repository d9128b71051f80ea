// SPDX-License-Identifier: Apache-2.0
//
// Drives the sorted tables of alopex-core from a command line, one use of its public interface a command. Rows are
// binary: the size of the key and the size of the value, four bytes each with the lowest first; key; value.
//
//   write TABLE ROWS       makes a table of the rows; prints "<number of records> <checksum>"
//   describe TABLE         opens a table, which verifies it; prints the same
//   rows TABLE             the records in order, as rows on standard output: each key of the reader's index, and the
//                          value that the reader finds for it
//   get TABLE KEY          writes the value to standard output; the key is hexadecimal digits
use alopex_core::storage::sstable::{SstableReader, SstableWriter};
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;

type Outcome = Result<(), Box<dyn Error>>;

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Result<&'a [u8], Box<dyn Error>> {
    if rest.len() < size {
        return Err("the rows end too early".into());
    }
    let (taken, left) = rest.split_at(size);
    *rest = left;
    Ok(taken)
}

fn write(table: &str, rows: &str) -> Outcome {
    let bytes = std::fs::read(rows)?;
    let mut rest = bytes.as_slice();
    let mut writer = SstableWriter::create(Path::new(table))?;
    while !rest.is_empty() {
        let key_size = u32::from_le_bytes(take(&mut rest, 4)?.try_into()?) as usize;
        let value_size = u32::from_le_bytes(take(&mut rest, 4)?.try_into()?) as usize;
        let key = take(&mut rest, key_size)?;
        writer.append(key, take(&mut rest, value_size)?)?;
    }
    let footer = writer.finish()?;
    println!("{} {:08x}", footer.entry_count, footer.checksum);
    Ok(())
}

fn describe(table: &str) -> Outcome {
    let reader = SstableReader::open(Path::new(table))?;
    println!("{} {:08x}", reader.entry_count(), reader.checksum());
    Ok(())
}

fn rows(table: &str) -> Outcome {
    let mut reader = SstableReader::open(Path::new(table))?;
    let mut out = BufWriter::new(std::io::stdout());
    let keys: Vec<_> = reader.index().iter().map(|entry| entry.key.clone()).collect();
    for key in keys {
        let value = reader.get(&key)?.ok_or("a key of the index is not found")?;
        out.write_all(&(key.len() as u32).to_le_bytes())?;
        out.write_all(&(value.len() as u32).to_le_bytes())?;
        out.write_all(&key)?;
        out.write_all(&value)?;
    }
    out.flush()?;
    Ok(())
}

fn get(table: &str, digits: &str) -> Outcome {
    let mut key = Vec::new();
    for i in (0..digits.len()).step_by(2) {
        key.push(u8::from_str_radix(digits.get(i..i + 2).ok_or("half a byte")?, 16)?);
    }
    let value = SstableReader::open(Path::new(table))?.get(&key)?.ok_or("no such key")?;
    std::io::stdout().write_all(&value)?;
    Ok(())
}

fn run(words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["write", table, from] => write(table, from),
        ["describe", table] => describe(table),
        ["rows", table] => rows(table),
        ["get", table, key] => get(table, key),
        _ => Err("see the head of this program for its commands".into()),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&words) {
        eprintln!("alopex-driver: {error}");
        std::process::exit(1);
    }
}
