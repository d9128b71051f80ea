/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_file.h: the sealed block file: header | blocks | table of contents | footer
 * (docs/formats/block.md).
 *
 * Written once under a temporary name, synced, renamed into place, its directory synced; never
 * changed afterwards. Every block carries its lengths, codec and an XXH3-64 seeded with the file's
 * identity and the block's offset, so a block read from the wrong place or the wrong file is
 * caught.
 */
#ifndef FIRN_BLOCK_BLOCK_FILE_H
#define FIRN_BLOCK_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/step.h"
#include "codec/compress.h"
#include "os/os_seal.h"

/* The kind of a file; on disk. A reader refuses a file of another kind than it asked for. */
enum fi_block_file_kind {
    FI_BLOCK_FILE_ROW = 1,
    FI_BLOCK_FILE_COLUMN = 2,
    FI_BLOCK_FILE_VECTOR = 3,
    FI_BLOCK_FILE_PACK = 4,
    FI_BLOCK_FILE_STAT_CACHE = 5,
    FI_BLOCK_FILE_VALUES = 6
};

/* 128 random bits, made when the file is written: the file's identity wherever it is linked or
 * copied. */
struct fi_block_file_id {
    uint8_t bytes[16];
};

/* The largest raw and the largest encoded size of one block; what encryption adds to it at most. */
enum {
    FI_BLOCK_SIZE_MAX = 64 << 20,
    FI_BLOCK_SEAL_SIZE_MAX = 96,
    FI_BLOCK_KEY_CHECK_SIZE = 8, /* what tells the master key of a file from others */
    FI_BLOCK_STORED_SIZE_MAX = FI_BLOCK_SIZE_MAX + FI_BLOCK_SEAL_SIZE_MAX
};

/* The place of a block. raw_size is its decoded size. */
struct fi_block_ref {
    uint64_t offset; /* of the block's header in the file */
    uint32_t stored_size;
    uint32_t raw_size;
};

/* A named part of the file, recorded in the table of contents. Kinds are the owner's (a pack's
 * object table, …). */
struct fi_block_section {
    uint32_t kind;
    struct fi_block_ref ref;
};
enum { FI_BLOCK_SECTIONS_MAX = 1 << 16 };

/* On disk, in the table of contents: features of a kind of file that its first readers did not
 * have. Readers without a feature refuse the file as one of a newer firn. */
enum {
    FI_BLOCK_NEEDS_CELLS = 1 /* a pack: lists of cells (pack/pack_cells.h) */
};

/* ---- writing (block_writer.c) ---- */

struct fi_block_writer;
struct fi_block_publisher;

/* Creates <name> + ".tmp" in dir (borrowed until destroy), mode 0600, or takes over one that a
 * crash left there; FIRN_BUSY while another writer holds it. FIRN_EXISTS if `name` is taken now;
 * finish checks again. */
FIRN_MUST_CHECK int fi_block_writer_create(struct fi_os_dir *dir, const char *name,
                                           enum fi_block_file_kind kind,
                                           struct fi_block_writer **out, firn_error *err);
const struct fi_block_file_id *fi_block_writer_id(const struct fi_block_writer *writer);
/* As fi_block_reader_overhead, and fi_block_reader_stored_size_max. */
uint32_t fi_block_writer_overhead(const struct fi_block_writer *writer);
uint64_t fi_block_writer_stored_size_max(const struct fi_block_writer *writer,
                                         uint32_t encoded_size);

/* Writes one block whose bytes are already encoded with codec. Safe from several threads at once: a
 * place is reserved under a lock, and written outside it. After a failure in any thread all later
 * calls return FIRN_FAILED. */
FIRN_MUST_CHECK int fi_block_writer_add(struct fi_block_writer *writer, enum fi_codec codec,
                                        firn_slice stored, uint32_t raw_size,
                                        struct fi_block_ref *out, firn_error *err);
/* The same for a block whose size tells what it is: in an encrypted file its stored size is rounded
 * up, by 12 % at most. */
FIRN_MUST_CHECK int fi_block_writer_add_padded(struct fi_block_writer *writer, enum fi_codec codec,
                                               firn_slice stored, uint32_t raw_size,
                                               struct fi_block_ref *out, firn_error *err);
/* Names a block that was added, in the table of contents. One thread. */
FIRN_MUST_CHECK int fi_block_writer_add_section(struct fi_block_writer *writer, uint32_t kind,
                                                const struct fi_block_ref *ref, firn_error *err);
/* Sets which features a reader needs for this file, as recorded in the table of contents: bits of
 * FI_BLOCK_NEEDS_*. One thread. */
void fi_block_writer_set_needs(struct fi_block_writer *writer, uint32_t needs);
/* The file is one that no crash has to leave: nothing of it is synced, and what is removed soon is
 * never written to the disk. Requires: no block was added yet. */
void fi_block_writer_set_passing(struct fi_block_writer *writer);
/* Bytes of the file so far. Any thread. */
uint64_t fi_block_writer_size_bytes(struct fi_block_writer *writer);

/* Table of contents, footer, sync, rename (never over an existing file: FIRN_EXISTS), directory
 * sync. After success the file is durable under its name; after failure nothing is left under
 * either name. No thread may be adding. The writer can only be destroyed afterwards. out_size may
 * be NULL. */
FIRN_MUST_CHECK int fi_block_writer_finish(struct fi_block_writer *writer, uint64_t *out_size,
                                           firn_error *err);
/* Like fi_block_writer_finish, but sync and name are left to the publisher's next run, in the
 * same directory. NULL: as above. */
FIRN_MUST_CHECK int fi_block_writer_finish_later(struct fi_block_writer *writer,
                                                 struct fi_block_publisher *publisher,
                                                 uint64_t *out_size, firn_error *err);
/* Removes the temporary file unless finished. NULL is fine. */
void fi_block_writer_destroy(struct fi_block_writer *writer);

/* ---- reading (block_reader.c) ---- */

struct fi_block_reader;
struct fi_block_descriptors;

/* Checks header, footer and table of contents. FIRN_CORRUPT names file and offset; FIRN_NEWER the
 * version it saw. dir is not needed after this. */
FIRN_MUST_CHECK int fi_block_reader_open(struct fi_os_dir *dir, const char *name,
                                         enum fi_block_file_kind kind, struct fi_block_reader **out,
                                         firn_error *err);
/* The same within a budget of descriptors (block_descriptor.h), which is borrowed until close, as
 * dir and the name of the file are. NULL: as above. */
FIRN_MUST_CHECK int fi_block_reader_open_in(struct fi_block_descriptors *descriptors,
                                            struct fi_os_dir *dir, const char *name,
                                            enum fi_block_file_kind kind,
                                            struct fi_block_reader **out, firn_error *err);
/* The bytes of a sealed file that is not a file of this machine. read copies exactly `size` bytes
 * from offset on, which the file has; any thread that reads blocks calls it. */
struct fi_block_source {
    int (*read)(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err);
    void *ctx;
    uint64_t size_bytes;           /* of the file */
    const char *path;              /* for messages */
    const struct fi_os_seal *seal; /* that applies to it, or NULL (os/os_seal.h) */
};
/* As fi_block_reader_open for the bytes that a source gives, which is borrowed until close. The
 * header is not read: what it says stands in the footer, too, and the end of such a file is needed
 * anyway. */
FIRN_MUST_CHECK int fi_block_reader_open_source(const struct fi_block_source *source,
                                                enum fi_block_file_kind kind,
                                                struct fi_block_reader **out, firn_error *err);
void fi_block_reader_close(struct fi_block_reader *reader);
const struct fi_block_file_id *fi_block_reader_id(const struct fi_block_reader *reader);
const char *fi_block_reader_path(const struct fi_block_reader *reader);
/* Bits of FI_BLOCK_NEEDS_*. */
uint32_t fi_block_reader_needs(const struct fi_block_reader *reader);
uint64_t fi_block_reader_size_bytes(const struct fi_block_reader *reader);

size_t fi_block_reader_section_count(const struct fi_block_reader *reader);
const struct fi_block_section *fi_block_reader_section(const struct fi_block_reader *reader,
                                                       size_t i);

/* Where the body ends and the table of contents begins. Blocks are contiguous from
 * FI_BLOCK_BODY_START to here: each takes up fi_block_reader_span of its ref. */
uint64_t fi_block_reader_body_end(const struct fi_block_reader *reader);
uint64_t fi_block_reader_span(const struct fi_block_ref *ref);
/* By how many bytes a stored block that is not padded is longer than what it was encoded to: 0 in a
 * file in clear. */
uint32_t fi_block_reader_overhead(const struct fi_block_reader *reader);
/* The number of the master key of an encrypted file, and what tells that key from others of the
 * same number; as the file says, without any key. */
uint32_t fi_block_reader_master_key(const struct fi_block_reader *reader,
                                    uint8_t out_check[FI_BLOCK_KEY_CHECK_SIZE]);
/* Whether the header is sound and says what the footer does: for a reader of a source. */
FIRN_MUST_CHECK int fi_block_reader_check_header(struct fi_block_reader *reader, firn_error *err);
/* How long a block that was encoded to so many bytes may be when it is stored. */
uint64_t fi_block_reader_stored_size_max(const struct fi_block_reader *reader,
                                         uint32_t encoded_size);
enum { FI_BLOCK_BODY_START = 128 };
/* Whether a file with these first bytes begins as a sealed file does; the rest may be damaged. */
bool fi_block_format_is_header(const uint8_t bytes[FI_BLOCK_BODY_START]);

/* Reads, verifies and decodes one block; replaces the contents of out, which also holds the stored
 * bytes meanwhile. ref is not trusted: FIRN_CORRUPT if it does not name a block of this file. Any
 * thread, each with its own context and buf. */
FIRN_MUST_CHECK int fi_block_reader_read(struct fi_block_reader *reader,
                                         const struct fi_block_ref *ref,
                                         struct fi_compress *context, struct fi_buf *out,
                                         firn_error *err);
/* Like fi_block_reader_read without decoding: *out, the verified stored bytes, is borrowed from
 * buf. */
FIRN_MUST_CHECK int fi_block_reader_read_stored(struct fi_block_reader *reader,
                                                const struct fi_block_ref *ref, struct fi_buf *buf,
                                                enum fi_codec *out_codec, firn_slice *out,
                                                firn_error *err);
/* The same in two steps, to read adjacent blocks at once. The first reads bytes of the body without
 * verifying them; the second verifies and decodes one block: bytes are all the span of ref. *out is
 * borrowed from bytes if the block is not compressed, else from buffer, whose contents are
 * replaced. */
FIRN_MUST_CHECK int fi_block_reader_read_span(struct fi_block_reader *reader, uint64_t offset,
                                              size_t size, uint8_t *out, firn_error *err);
FIRN_MUST_CHECK int fi_block_reader_decode(struct fi_block_reader *reader,
                                           const struct fi_block_ref *ref, const uint8_t *bytes,
                                           struct fi_compress *context, struct fi_buf *buffer,
                                           firn_slice *out, firn_error *err);
/* Like fi_block_reader_read, with two buffers: the stored bytes are read into the first one, and
 * decrypted there. *out is borrowed from it if the block is not compressed, else from the second
 * one. */
FIRN_MUST_CHECK int fi_block_reader_read_in_place(struct fi_block_reader *reader,
                                                  const struct fi_block_ref *ref,
                                                  struct fi_compress *context,
                                                  struct fi_buf *stored, struct fi_buf *buffer,
                                                  firn_slice *out, firn_error *err);
/* Compares every MiB of the body with the table of contents, for a transfer or a scrub.
 * FIRN_CORRUPT names the first bad range. */
FIRN_MUST_CHECK int fi_block_reader_verify_body(struct fi_block_reader *reader, firn_error *err);
/* The same for one MiB, i < fi_block_reader_chunk_count. So a reader of all blocks in order can
 * verify each range while it is still in the page cache. buffer is working memory. */
uint64_t fi_block_reader_chunk_count(const struct fi_block_reader *reader);
FIRN_MUST_CHECK int fi_block_reader_verify_chunk(struct fi_block_reader *reader, uint64_t i,
                                                 struct fi_buf *buffer, firn_error *err);

/* Whether a file is encrypted with the key of new files of the directory, or in clear if those are.
 * Reads its header; a file that does not begin as a sealed one does counts as in clear. Damage is
 * FIRN_CORRUPT. block_seal.c. */
FIRN_MUST_CHECK int fi_block_seal_is_current(struct fi_os_dir *dir, const char *name, bool *out,
                                             firn_error *err);
/* The same of a file that lies elsewhere, by its first FI_BLOCK_SEAL_HEADER_SIZE bytes, or all it
 * has. seal: that of the directory of new files; path: for messages. */
enum { FI_BLOCK_SEAL_HEADER_SIZE = 128 };
FIRN_MUST_CHECK int fi_block_seal_header_is_current(const struct fi_os_seal *seal, firn_slice begin,
                                                    const char *path, bool *out, firn_error *err);

/* ---- salvage (block_salvage.c) ---- */

/* Walks the blocks of a file whose table of contents or footer may be lost, by their own prefixes,
 * and calls visit for each that verifies; resynchronizes after damage. Needs bounded memory (the
 * largest block) and time linear in the data of the file, holes not counted. A block that cannot be
 * read from the disk is skipped, and that error is returned at the end. A result of visit other
 * than FIRN_OK ends the walk and is returned. FIRN_CORRUPT only if neither header nor footer has
 * the file's identity, without which no block can be verified; FIRN_DENIED if the file says that it
 * is encrypted, and the directory has no keys. */
FIRN_MUST_CHECK int
fi_block_salvage(struct fi_os_dir *dir, const char *name, enum fi_block_file_kind kind,
                 int (*visit)(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec,
                              firn_slice stored, firn_error *err),
                 void *ctx, firn_error *err);

/* ---- verifying (block_verify.c) ---- */

struct fi_block_verify_host {
    void (*on_damage)(void *ctx, const firn_error *found); /* of one block, or one MiB */
    void *ctx;
    const struct fi_step *step; /* NULL: none. It is told bytes of the body */
    bool must_be_encrypted;     /* a file in clear is damage */
    bool edges_only;            /* header, footer and table of contents, not the body */
    /* NULL, or called when those three were verified; a result but FIRN_OK ends the work. */
    int (*judge)(void *ctx, const struct fi_block_reader *reader, firn_error *err);
};
struct fi_block_verify_counts {
    uint64_t blocks;
    uint64_t bytes; /* that were read and verified, or were found damaged */
};

/* Verifies a file as fi_block_reader_open does, then that blocks fill its body, their checksums,
 * and the BLAKE3 of each MiB. Nothing is decoded, so a directory without keys will do for an
 * encrypted file; what its sections say is not verified then. Damage to the body, and bytes of it
 * that the disk does not give, are reported to on_damage, and are no failure. FIRN_CORRUPT or
 * FIRN_IO, of which on_damage is not told: header, footer or table of contents are damaged or
 * cannot be read, and the body was not verified. FIRN_NEWER. *out counts even after a failure. */
FIRN_MUST_CHECK int fi_block_verify(struct fi_os_dir *dir, const char *name,
                                    enum fi_block_file_kind kind,
                                    const struct fi_block_verify_host *host,
                                    struct fi_block_verify_counts *out, firn_error *err);
/* The same for the bytes that a source gives, and for its header. Failures of the source count as
 * those of a disk: FIRN_CORRUPT and FIRN_IO are damage. */
FIRN_MUST_CHECK int fi_block_verify_source(const struct fi_block_source *source,
                                           enum fi_block_file_kind kind,
                                           const struct fi_block_verify_host *host,
                                           struct fi_block_verify_counts *out, firn_error *err);

/* ==== making many block files durable at once ====
 *
 * One thread. The directory is borrowed.
 */

/* Maximum number of finished files that wait; each keeps a file descriptor. */
enum { FI_BLOCK_PUBLISHER_FILES_MAX = 128 };

struct fi_block_publisher_file {
    struct fi_os_file *file;
    char *temp_name;
    char *name;
};

/* In the caller's memory. */
struct fi_block_publisher {
    struct fi_os_dir *dir;
    struct fi_block_publisher_file files[FI_BLOCK_PUBLISHER_FILES_MAX];
    size_t count;
    size_t renamed; /* number of files that have their names */
};

void fi_block_publisher_init(struct fi_block_publisher *publisher, struct fi_os_dir *dir);
/* Takes over *file, which is complete: it is not durable, and does not have `name`, before the next
 * run. Runs first if too many files wait. A failure leaves *file with the caller. */
FIRN_MUST_CHECK int fi_block_publisher_add(struct fi_block_publisher *publisher,
                                           const struct fi_block_publisher_file *file,
                                           firn_error *err);
/* Makes all waiting files durable under their names: their contents, then the names, then the
 * directory, once. After a failure none of them is left under either name. */
FIRN_MUST_CHECK int fi_block_publisher_run(struct fi_block_publisher *publisher, firn_error *err);
/* Removes the waiting files. */
void fi_block_publisher_deinit(struct fi_block_publisher *publisher);

#endif
