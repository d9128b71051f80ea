// SPDX-License-Identifier: Apache-2.0
//
// Drives the pack store of chkpt-core from a command line, one call of its public interface a command:
//
//   write FOLDER FILE...         adds each file; prints "<hash>\t<file>" for each, then the pack's name
//   write-frames FOLDER FILE...  the same with frames that are compressed beforehand, as the crate's own save does it
//   repack DAT FOLDER            adds the frames of a .dat in its order, as they are; prints the pack's name
//   read FOLDER NAME HASH        writes the object to standard output
//   read-set FOLDER HASH         the same, whatever pack has it
//   list FOLDER                  the names of the packs, sorted
use chkpt_core::store::blob::{hash_content, hash_content_bytes};
use chkpt_core::store::pack::{list_packs, PackReader, PackSet, PackWriter};
use std::error::Error;
use std::io::Write;
use std::path::Path;

type Outcome = Result<(), Box<dyn Error>>;

fn write(folder: &str, files: &[String]) -> Outcome {
    let mut writer = PackWriter::new(Path::new(folder))?;
    for file in files {
        let hash = writer.add(&std::fs::read(file)?)?;
        println!("{hash}\t{file}");
    }
    println!("{}", writer.finish()?);
    Ok(())
}

fn write_frames(folder: &str, files: &[String]) -> Outcome {
    let mut writer = PackWriter::new(Path::new(folder))?;
    let mut compressor = zstd::bulk::Compressor::new(1)?;
    for file in files {
        let content = std::fs::read(file)?;
        let frame = compressor.compress(&content)?;
        writer.add_pre_compressed_bytes(hash_content_bytes(&content), frame)?;
        println!("{}\t{file}", hash_content(&content));
    }
    println!("{}", writer.finish()?);
    Ok(())
}

fn repack(dat: &str, folder: &str) -> Outcome {
    let bytes = std::fs::read(dat)?;
    let mut writer = PackWriter::new(Path::new(folder))?;
    let mut at = 12;
    while at < bytes.len() {
        let hash: [u8; 32] = bytes[at..at + 32].try_into()?;
        let size = u64::from_le_bytes(bytes[at + 32..at + 40].try_into()?) as usize;
        writer.add_pre_compressed_bytes(hash, bytes[at + 40..at + 40 + size].to_vec())?;
        at += 40 + size;
    }
    println!("{}", writer.finish()?);
    Ok(())
}

fn run(words: &[String]) -> Outcome {
    let mut out = std::io::stdout();
    match words {
        [command, folder, files @ ..] if command == "write" => write(folder, files)?,
        [command, folder, files @ ..] if command == "write-frames" => write_frames(folder, files)?,
        [command, dat, folder] if command == "repack" => repack(dat, folder)?,
        [command, folder, name, hash] if command == "read" => {
            out.write_all(&PackReader::open(Path::new(folder), name)?.read(hash)?)?
        }
        [command, folder, hash] if command == "read-set" => {
            out.write_all(&PackSet::open_all(Path::new(folder))?.read(hash)?)?
        }
        [command, folder] if command == "list" => {
            let mut names = list_packs(Path::new(folder))?;
            names.sort();
            for name in names {
                println!("{name}");
            }
        }
        _ => return Err("see the head of this program for its commands".into()),
    }
    Ok(())
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&words) {
        eprintln!("chkpt-driver: {error}");
        std::process::exit(1);
    }
}
