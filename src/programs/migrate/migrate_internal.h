/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_internal.h: what the files of this room share. Only files of this folder include
 * it.
 */
#ifndef FIRN_MIGRATE_MIGRATE_INTERNAL_H
#define FIRN_MIGRATE_MIGRATE_INTERNAL_H

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

#include "firn/firn.h"
#include "migrate/migrate.h"

/* Fills *err. Returns the code. */
int fi_migrate_fail(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies a file. FIRN_NOT_FOUND if there is none; FIRN_CORRUPT if it is not a regular file. */
FIRN_MUST_CHECK int fi_migrate_files_copy(const char *from, const char *to, firn_error *err);

/* Whether there are only files and directories in a directory: a library would wait for a fifo for
 * ever. FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_migrate_files_check(const char *path, firn_error *err);

/* ---- what is loaded: migrate_sink.c ---- */

struct fi_migrate_sink;

FIRN_MUST_CHECK int fi_migrate_sink_create(firn_store *store, struct fi_migrate_sink **out,
                                           firn_error *err);
/* Begins a keyspace or a table, which must not exist yet: FIRN_EXISTS. is_sorted: the keys
 * ascend. */
FIRN_MUST_CHECK int fi_migrate_sink_keyspace(struct fi_migrate_sink *sink, const char *name,
                                             bool is_sorted, firn_error *err);
FIRN_MUST_CHECK int fi_migrate_sink_table(struct fi_migrate_sink *sink, const char *name,
                                          const firn_table_def *def, firn_error *err);
/* Adds to it. */
FIRN_MUST_CHECK int fi_migrate_sink_entry(struct fi_migrate_sink *sink, firn_slice key,
                                          firn_slice value, firn_error *err);
FIRN_MUST_CHECK int fi_migrate_sink_row(struct fi_migrate_sink *sink, const firn_value *values,
                                        size_t count, firn_error *err);
/* Commits it, and counts what is in the store: FIRN_CORRUPT unless that is what was added and, if
 * has_count, `count`. */
FIRN_MUST_CHECK int fi_migrate_sink_end(struct fi_migrate_sink *sink, bool has_count,
                                        uint64_t count, firn_error *err);
/* Shows what was loaded, as lines and as members. */
void fi_migrate_sink_show(const struct fi_migrate_sink *sink, const struct fi_cli *cli);
/* Drops all that was begun. FIRN_OK if it is gone. */
FIRN_MUST_CHECK int fi_migrate_sink_undo(struct fi_migrate_sink *sink, firn_error *err);
/* NULL is allowed. */
void fi_migrate_sink_destroy(struct fi_migrate_sink *sink);

/* ---- what a process sends: migrate_frames.c ---- */

enum fi_migrate_kind {
    FI_MIGRATE_OPENED = 1,
    FI_MIGRATE_KEYSPACE,
    FI_MIGRATE_ENTRY,
    FI_MIGRATE_END,
    FI_MIGRATE_DONE,
    FI_MIGRATE_ERROR
};

enum { FI_MIGRATE_NAME_SIZE_MAX = 64 << 10 };

/* A header as it is sent; the two texts follow. */
struct fi_migrate_header {
    uint32_t kind;
    uint32_t flag;   /* KEYSPACE: is sorted. END: has a count. ERROR: the code, negated */
    uint64_t first;  /* the size of a name, key or text; END: the count */
    uint64_t second; /* ENTRY: the size of the value */
};

/* A frame as it is received; texts are borrowed until the next. */
struct fi_migrate_frame {
    enum fi_migrate_kind kind; /* not ERROR */
    bool is_set;               /* KEYSPACE: the keys ascend. END: there is a count */
    const char *name;          /* KEYSPACE */
    firn_slice key;            /* ENTRY */
    firn_slice value;
    uint64_t count; /* END */
};

struct fi_migrate_frames {
    /* Reads at least one byte and at most size. The end is an error. */
    int (*read)(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err);
    void *ctx;
    enum fi_migrate_kind before; /* the kind of the last frame; 0: none */
    uint8_t *buffer;
    size_t at;
    size_t filled;
    uint8_t *body;
    size_t body_capacity;
};
FIRN_MUST_CHECK int fi_migrate_frames_init(struct fi_migrate_frames *frames,
                                           int (*read)(void *ctx, uint8_t *data, size_t size,
                                                       size_t *out_size, firn_error *err),
                                           void *ctx, firn_error *err);
/* The next frame. FIRN_CORRUPT if it is malformed or may not come here, FIRN_LIMIT for an entry
 * that no store takes, and for ERROR its code. After a failure, and after DONE, there is no
 * next. */
FIRN_MUST_CHECK int fi_migrate_frames_next(struct fi_migrate_frames *frames,
                                           struct fi_migrate_frame *out, firn_error *err);
/* Fine on a zeroed one. */
void fi_migrate_frames_deinit(struct fi_migrate_frames *frames);

/* ---- a process that reads: migrate_child.c ---- */

/* What the process writes to. Its functions do not return if that is not possible. */
struct fi_migrate_pipe;
void fi_migrate_child_put_opened(struct fi_migrate_pipe *pipe);
void fi_migrate_child_put_keyspace(struct fi_migrate_pipe *pipe, const char *name, bool is_sorted);
void fi_migrate_child_put_entry(struct fi_migrate_pipe *pipe, firn_slice key, firn_slice value);
void fi_migrate_child_put_end(struct fi_migrate_pipe *pipe, bool has_count, uint64_t count);

/* Reads a database in the process: calls opened once, then for each keyspace keyspace, entries,
 * end. place: a private directory, which is removed later. */
typedef int fi_migrate_reader(struct fi_migrate_pipe *pipe, const char *path, const char *place,
                              firn_error *err);
fi_migrate_reader fi_migrate_sorted_rocksdb;
fi_migrate_reader fi_migrate_sorted_leveldb;
fi_migrate_reader fi_migrate_lmdb_read;

struct fi_migrate_child {
    pid_t pid; /* -1: none */
    int fd;
    char place[PATH_MAX]; /* "": none */
    struct fi_migrate_frames frames;
};
/* Starts it, and waits until the database is open. *child is to be ended in any case. */
FIRN_MUST_CHECK int fi_migrate_child_start(struct fi_migrate_child *child,
                                           fi_migrate_reader *reader, const char *path,
                                           firn_error *err);
/* Loads all that the process reads. */
FIRN_MUST_CHECK int fi_migrate_child_read(struct fi_migrate_child *child,
                                          struct fi_migrate_sink *sink, firn_error *err);
/* Ends the process, and removes its directory. Fine on one that was not started. */
void fi_migrate_child_end(struct fi_migrate_child *child);

/* ---- libraries: migrate_library.c ---- */

struct fi_migrate_library {
    const char *product; /* "LMDB" */
    const char *package; /* Debian's */
    const char *soname;  /* "liblmdb.so.0", or up to ".so." where the version follows */
    unsigned major_max;  /* versions to try: 0: soname is whole */
    unsigned minor_max;
    const char *const *symbols; /* end with NULL */
};
/* Loads a library, and finds its functions, in their order. FIRN_UNSUPPORTED where that is not
 * possible. */
FIRN_MUST_CHECK int fi_migrate_library_load(const struct fi_migrate_library *library,
                                            void (**out)(void), firn_error *err);

/* ---- SQLite: migrate_sqlite.c ---- */

struct fi_migrate_sqlite;
/* FIRN_CORRUPT if the file is not a database of SQLite. *out is to be closed in any case. */
FIRN_MUST_CHECK int fi_migrate_sqlite_open(const char *path, struct fi_migrate_sqlite **out,
                                           firn_error *err);
/* Loads all tables. Reports and counts those that are left out. */
FIRN_MUST_CHECK int fi_migrate_sqlite_read(struct fi_migrate_sqlite *sqlite,
                                           struct fi_migrate_sink *sink, bool is_strict,
                                           uint64_t *out_left_out, firn_error *err);
/* NULL is allowed. */
void fi_migrate_sqlite_close(struct fi_migrate_sqlite *sqlite);

/* ---- Alopex: what its readers share ---- */

enum {
    FI_MIGRATE_ALOPEX_PART_MAX =
        FIRN_KEY_SIZE_MAX + FIRN_VALUE_SIZE_MAX + 4096 /* what is in memory at once */
};

/* Bytes of a file, or a part of it. */
struct fi_migrate_span {
    /* Reads exactly so many bytes. False if that is not possible. */
    bool (*read)(void *ctx, uint64_t offset, uint8_t *data, size_t size);
    void *ctx;
    uint64_t begin;
    uint64_t size;
};
/* offset is within the span. False also for what is not inside. */
bool fi_migrate_span_read(const struct fi_migrate_span *span, uint64_t offset, void *data,
                          size_t size);
/* The same through a buffer, for small reads of what lies close together. A zeroed one, with its
 * span, is empty. */
enum { FI_MIGRATE_NEAR_SIZE = 32 << 10 };
struct fi_migrate_near {
    const struct fi_migrate_span *span;
    uint64_t at; /* of the span */
    size_t size;
    uint8_t bytes[FI_MIGRATE_NEAR_SIZE];
};
bool fi_migrate_span_near(struct fi_migrate_near *near, uint64_t offset, void *data, size_t size);
/* The CRC-32 of the first `size` bytes. */
bool fi_migrate_span_crc(const struct fi_migrate_span *span, uint64_t size, uint32_t *out);
/* Continues the CRC-32 of IEEE 802.3; 0 to begin with. */
uint32_t fi_migrate_span_crc_of(uint32_t crc, const uint8_t *data, size_t size);
uint32_t fi_migrate_span_u32(const uint8_t *data);
uint64_t fi_migrate_span_u64(const uint8_t *data);

/* A buffer that grows; a zeroed one is empty. */
struct fi_migrate_room {
    uint8_t *data;
    size_t capacity;
};
/* Makes room for `size` bytes; what was in it is lost. */
FIRN_MUST_CHECK int fi_migrate_span_room_reserve(struct fi_migrate_room *room, size_t size,
                                                 firn_error *err);
void fi_migrate_span_room_deinit(struct fi_migrate_room *room);

/* A value that a key had, or that it was deleted. Borrowed. */
struct fi_migrate_version {
    firn_slice key;
    firn_slice value;
    bool is_deleted;
    uint64_t timestamp;
    uint64_t sequence; /* among equal timestamps */
};

/* Who gets what a reader finds. */
struct fi_migrate_taker {
    int (*version)(void *ctx, const struct fi_migrate_version *version, firn_error *err);
    void (*damage)(void *ctx, const char *text);
    void *ctx;
};
/* Tells of what cannot be read at an offset of the span. */
void fi_migrate_span_report(const struct fi_migrate_span *span, uint64_t offset,
                            const struct fi_migrate_taker *taker, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* These read all that is intact, and tell of the rest. They fail if memory is out, or with what the
 * taker returns. */

/* A table of the LSM tree. *out_end (may be NULL): the end of its blocks. */
FIRN_MUST_CHECK int fi_migrate_table_read(const struct fi_migrate_span *span,
                                          const struct fi_migrate_taker *taker, uint64_t *out_end,
                                          firn_error *err);
/* A write-ahead log; what it has up to the number `floor` is in tables. */
FIRN_MUST_CHECK int fi_migrate_wal_read(const struct fi_migrate_span *span, uint64_t floor,
                                        const struct fi_migrate_taker *taker, firn_error *err);
/* The log of a memory store, which has no mark: whether it begins like one. */
bool fi_migrate_journal_is_one(const struct fi_migrate_span *span);
FIRN_MUST_CHECK int fi_migrate_journal_read(const struct fi_migrate_span *span,
                                            const struct fi_migrate_taker *taker, firn_error *err);
/* A container. *out_tables: how many tables it has. FIRN_UNSUPPORTED for another version. */
FIRN_MUST_CHECK int fi_migrate_container_read(const struct fi_migrate_span *span,
                                              const struct fi_migrate_taker *taker,
                                              uint64_t *out_tables, firn_error *err);
/* The records of an ALXS table. limit: of the bytes that have records; checksum: NULL for a damaged
 * table, which is read as far as its sizes lead. */
FIRN_MUST_CHECK int fi_migrate_alxs_read(const struct fi_migrate_span *span, uint64_t limit,
                                         const uint32_t *checksum,
                                         const struct fi_migrate_taker *taker, firn_error *err);

/* ---- versions in any order, of which the newest counts: migrate_versions.c ---- */

struct fi_migrate_versions;
FIRN_MUST_CHECK int fi_migrate_versions_create(struct fi_migrate_versions **out, firn_error *err);
/* FIRN_LIMIT for a key or a value that is too large: then the version is not kept. */
FIRN_MUST_CHECK int fi_migrate_versions_put(struct fi_migrate_versions *versions,
                                            const struct fi_migrate_version *version,
                                            firn_error *err);
/* After all were put, and before the first is taken. */
FIRN_MUST_CHECK int fi_migrate_versions_sort(struct fi_migrate_versions *versions, firn_error *err);
/* The next key that is not deleted, with its newest value; borrowed until the next call. */
FIRN_MUST_CHECK int fi_migrate_versions_next(struct fi_migrate_versions *versions,
                                             firn_slice *out_key, firn_slice *out_value,
                                             bool *out_is_end, firn_error *err);
/* NULL is allowed. */
void fi_migrate_versions_destroy(struct fi_migrate_versions *versions);

#endif
