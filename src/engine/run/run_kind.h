/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_kind.h: the interface between the LSM tree and a kind of run.
 *
 * A run is a sealed block file with versions of keys in the order of base/entry.h, and range
 * deletes. Rows and columns store them differently; the tree uses only this table of functions.
 * Each kind embeds the structs below as the first member of its own.
 *
 * Threads: a run is shared by any number of threads; a cursor and a builder belong to one at a
 * time.
 */
#ifndef FIRN_RUN_RUN_KIND_H
#define FIRN_RUN_RUN_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/entry.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/snapshot.h"
#include "base/step.h"
#include "block/block_cache.h"
#include "block/block_file.h"
#include "codec/compress.h"
#include "os/os.h"

/* What a run records about its origin, so that a repair can work without MANIFEST
 * (rescue/rescue_find.c).
 *
 *   0         4      5       6      8
 *   +---------+------+-------+------+------+---------+------+------+--------+------+
 *   | version | kind | flags | 0    | tree | flushed | work | part | inputs | gone |
 *   | 1       |      | 1:last|      |      |         |      |      |        |      |
 *   +---------+------+-------+------+------+---------+------+------+--------+------+
 *
 * Little-endian; varints from byte 8 on. `inputs` and `gone` are each a count and that many
 * ascending numbers: the first one as it is, each other one as its difference from the previous
 * one.
 */
enum { FI_RUN_ORIGIN_VERSION = 1 };

enum fi_run_origin_kind {
    FI_RUN_ORIGIN_FLUSH = 1,
    FI_RUN_ORIGIN_COMPACTION = 2,
    FI_RUN_ORIGIN_LOAD = 3,
    FI_RUN_ORIGIN_SCRATCH = 4 /* a load's sorting: it belongs to no tree, and the rest is 0 */
};

/* Maximum length of each of the two lists. */
enum { FI_RUN_ORIGIN_NUMBERS_MAX = 1 << 16 };

/* Numbers are those of files: "<number>.row". */
struct fi_run_origin {
    enum fi_run_origin_kind kind;
    uint32_t tree;
    /* Versions of the tree up to here are in runs: for a flush's run, once MANIFEST names all runs
     * of its work; for any other, already before. */
    uint64_t flushed;
    uint64_t work; /* number of the first run of the same flush, compaction or load; from 1 */
    uint32_t part; /* its index among those runs, in the order in which they were finished */
    bool is_last;  /* no other run of that work was finished after it */
    const uint64_t *inputs; /* runs that a compaction replaces */
    size_t input_count;
    const uint64_t *gone; /* runs that had been replaced earlier, and still existed */
    size_t gone_count;
};

/* Replaces the contents of out. Requires: both lists ascend. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_run_origin_encode(const struct fi_run_origin *origin, struct fi_buf *out);
/* The lists are in *numbers, whose contents are replaced. FIRN_CORRUPT, or FIRN_NEWER for another
 * version. */
FIRN_MUST_CHECK int fi_run_origin_decode(firn_slice bytes, struct fi_buf *numbers,
                                         struct fi_run_origin *out, firn_error *err);

struct fi_run_kind;
struct fi_run;
struct fi_column_layout; /* column/column.h */
struct fi_os_jobs;       /* threads/os_thread.h */

/* A sealed file that belongs to one run: it is made and deleted with the run, and is copied,
 * checked and counted with it. MANIFEST names it together with the run.
 *
 * The content of an attachment can also be derived from the run itself, more slowly. So a repair
 * removes a damaged attachment and keeps the run: readers must work without attachments. Files
 * of large values (run/run_value_file.h) are not attachments, because they contain what is nowhere
 * else and because many runs share one. Filters are too small to be worth a file; they are in
 * the runs. */
struct fi_run_attachment {
    uint64_t number; /* of its file, "<number>.<name of the kind>"; no other file has it */
    uint8_t kind;    /* enum fi_block_file_kind: one of attachment_kinds of the run's kind */
    uint64_t file_bytes;
    /* first eight bytes of its file's identity, so that another file under its name is noticed */
    uint64_t identity;
};
/* Maximum for one run. */
enum { FI_RUN_ATTACHMENTS_MAX = 64 };
/* Room for the name of a file in the directory of runs. */
enum { FI_VERSION_FILE_NAME_SIZE = 64 };

/* How a builder gets the number and the name of a file that it attaches to its run. */
struct fi_run_attacher {
    void *ctx;
    uint64_t (*take)(void *ctx, const struct fi_run_kind *kind,
                     char out_name[FI_VERSION_FILE_NAME_SIZE]);
};

/* How a run finds the files of its large values (run/run_value_file.h). Any thread. */
struct fi_run_values {
    void *ctx;
    /* The file with that number, readable until unpin; FIRN_CORRUPT if the run may not refer to it,
     * or it cannot be opened. */
    int (*pin)(void *ctx, uint64_t number, struct fi_run **out, void **out_pin, firn_error *err);
    void (*unpin)(void *pin);
};

struct fi_cell; /* tuple/tuple.h */

/* How a builder of columns stores large values of rows elsewhere (compaction_values.c). */
struct fi_run_placer {
    void *ctx;
    size_t size_min; /* smaller values are not asked for; references always are */
    /* Given a value of bytes, or a cell that refers to one (found by values): sets *cell to what
     * the column must store. Borrowed until the next call. */
    int (*place)(void *ctx, const struct fi_run_values *values, struct fi_cell *cell,
                 firn_error *err);
};

/* Borrowed by runs, cursors and builders. */
struct fi_run_env {
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct fi_block_descriptors *descriptors; /* for open; NULL: files stay open */
    const struct fi_run_values *values;       /* NULL: there are none */
    /* For open: cache_file from the builder's summary of that run, the first time; else 0. */
    uint64_t cache_file;
};

/* What a run contains, as counted by its builder. It is recorded in MANIFEST and in the run itself,
 * so that the two can be compared. All keys k of entries and ranges have lower <= k < upper: upper
 * is the largest key with a zero byte after it, or the upper bound of a range. */
struct fi_run_summary {
    struct fi_buf lower;
    struct fi_buf upper;
    uint64_t file_bytes;
    uint64_t entry_count;     /* all kinds but ranges */
    uint64_t tombstone_count; /* of these, FI_ENTRY_DELETE */
    bool has_heads;           /* some are neither that nor FI_ENTRY_PUT; not in MANIFEST */
    bool has_references;      /* to value files; has_heads counts them too; not in MANIFEST */
    uint64_t identity; /* beginning of the file's identity, for a value file, an attachment, or an
                          encrypted run; else 0. Not stored in the file */
    bool is_bare;      /* a value file that may be longer than content_bytes say */
    uint64_t range_count;
    uint64_t content_bytes; /* of keys and values */
    uint64_t cache_file;    /* from a builder: the number of its blocks in the cache, with which the
                               caller opens the run, or which it drops; 0: none. Not stored */
    /* From a builder: struct fi_run_attachment, by ascending number; the files are as durable as
     * the run's. Not stored. */
    struct fi_buf attachments;
    uint64_t sequence_min; /* of entries and ranges; 0 and 0 in an empty run, which is never kept */
    uint64_t sequence_max;
};
static inline void
fi_run_summary_deinit(struct fi_run_summary *summary)
{
    fi_buf_deinit(&summary->lower);
    fi_buf_deinit(&summary->upper);
    fi_buf_deinit(&summary->attachments);
}

struct fi_run {
    const struct fi_run_kind *kind;
};

struct fi_run_cursor {
    const struct fi_run_kind *kind;
    /* Borrowed until the cursor moves or is destroyed; only while is_valid. */
    struct fi_entry entry;
    bool is_valid;
};

struct fi_run_builder {
    const struct fi_run_kind *kind;
};

/* Steps of cursor_prepare. */
enum { FI_RUN_CURSOR_STEPS = 4 };
/* Steps of get_prefetch. */
enum { FI_RUN_GET_STEPS = 4 };

/* The columns of a run that a reader needs, if its kind has columns. Only that kind can interpret
 * the numbers. */
struct fi_run_projection {
    const uint32_t *columns; /* ascending */
    size_t count;
    /* For gets: an index names the row, so the last run to be searched has it, and need not check
     * its filter. */
    bool expects_row;
};

/* A sequence of entries that begins at a cursor's position. Each is a put, the only version of its
 * key in the run, and has its value in the run itself. */
struct fi_run_batch {
    struct fi_run_cursor *cursor;
    uint64_t count;         /* 0: there is none, and the other fields are undefined */
    uint64_t content_bytes; /* of keys and values, about */
    uint64_t sequence_min;
    uint64_t sequence_max;
    firn_slice last_key; /* borrowed until the cursor moves */
};
/* Maximum number of entries. */
enum { FI_RUN_BATCH_MAX = 1024 };

/* New rows for a tree of columns, column by column. Each column has the values of all rows, and the
 * type that the layout says; columns of the layout that are missing get their initial value. All
 * rows are puts with one sequence; the keys ascend, and are encoded from the key's columns
 * (tuple/tuple.h). Everything is borrowed. */
struct fi_run_column {
    uint32_t id;
    const void *numbers;   /* 8 bytes each, F32 4; for bytes their sizes, 4 each. For a null: 0 */
    const uint8_t *bytes;  /* of all values, one after the other */
    const uint64_t *valid; /* a bit for each that is not null; NULL: none is */
};
struct fi_run_columns {
    const struct fi_run_column *columns; /* by ascending id */
    size_t column_count;
    size_t rows;
    const uint8_t *keys; /* one after the other */
    const uint32_t *key_sizes;
    uint64_t sequence;
};
/* Maximum size of a value of such a row. */
enum { FI_RUN_COLUMNS_VALUE_MAX = 1 << 20 };

struct fi_run_cursor_options {
    bool is_sequential; /* a merge or a scan: read ahead, and leave no trace in the cache */
    /* Versions that this snapshot does not see may be skipped by first and next, if that saves
     * reading; NULL: none. Borrowed as long as the cursor. */
    const struct fi_snapshot *only;
    /* Values in value files are shown as references (fi_entry.values), not read. */
    bool keeps_references;
    /* The columns that are needed in the values of entries; NULL: all. Ignored by kinds without
     * columns. Borrowed as long as the cursor. */
    const struct fi_run_projection *projection;
    /* For a sequential cursor: counts the blocks found in the cache that another reader has used
     * before; NULL: no count. Borrowed as long as the cursor. */
    uint64_t *found;
};

struct fi_run_builder_options {
    enum fi_codec codec;
    int codec_level;     /* zstd's; ignored by the others */
    bool is_scratch;     /* it belongs to no tree: nothing is attached */
    bool without_filter; /* no Bloom filter: for the last level, where nearly every get ends */
    /* Counted up by the cursors of the run's sources. If it is not 0 when a block is written, the
     * block is handed to the cache, and the count drops to 1, or from 1 to 0. So no more blocks are
     * handed over than were found, and they have the same keys. NULL: no source is a run. Borrowed
     * as long as the builder. */
    uint64_t *found;
    /* Makes the file durable, later; NULL: finish does. */
    struct fi_block_publisher *publisher;
    const struct fi_run_attacher *attacher; /* NULL: nothing may be attached. Borrowed likewise */
    /* Of a run of columns: those that it has. Borrowed until create returns. NULL for other
     * kinds. */
    const struct fi_column_layout *layout;
    /* For a run of columns; NULL: values and references are stored as they are. Borrowed as long as
     * the builder. */
    const struct fi_run_placer *placer;
    uint32_t group_rows; /* maximum for a row group of such a run; 0: no limit but the format's */
    /* Threads that help the caller's to encode such a run, and how many jobs run at a time; the
     * file has the same bytes. NULL and 0: none. Borrowed as long as the builder. Nothing else may
     * submit to it or wait on it. */
    struct fi_os_jobs *helpers;
    unsigned helper_count;
};

/* How a damaged run is rewritten. */
struct fi_run_mend {
    struct fi_run_env env; /* of the new file */
    const char *name;
    enum fi_codec codec;
    void (*on_damage)(void *ctx, const char *text); /* gets each loss, with the file */
    void *ctx;
    bool is_whole; /* set by the call: nothing is lost */
};

/* The position of a key in a run: bytes of the file, and approximate number of entries, before the
 * block that would contain the key. */
struct fi_run_place {
    uint64_t offset;
    uint64_t entries;
};

/* Keys from lower to before upper. */
struct fi_run_bounds {
    firn_slice lower;
    const firn_slice *upper; /* NULL: there is none */
};

/* What entries of a run take up. */
struct fi_run_weight {
    uint64_t entries;
    uint64_t value_bytes; /* in value files */
};

/* The result of get. */
struct fi_run_hit {
    enum fi_entry_kind kind; /* PUT or DELETE */
    uint64_t sequence;
};

/* A value in a block of the cache. The block stays in the cache until it is unpinned. */
struct fi_run_pinned {
    struct fi_block_pin pin; /* data NULL: there is none */
    firn_slice value;
};

struct fi_run_kind {
    const char *name; /* for messages and names of files: "row" */
    enum fi_block_file_kind file_kind;
    /* Kinds of files that may be attached to its runs: tables with only open, close, summary
     * (file_bytes, identity) and check; NULL ends the list. NULL: none. */
    const struct fi_run_kind *const *attachment_kinds;
    bool has_layout; /* builders need a layout: runs have their tree's columns */

    /* FIRN_CORRUPT names file and offset. env's dir is not needed after this. */
    int (*open)(const struct fi_run_env *env, const char *name, struct fi_run **out,
                firn_error *err);
    void (*close)(struct fi_run *run);
    /* Owned by the run. */
    const struct fi_run_summary *(*summary)(const struct fi_run *run);
    /* The run's range deletes, in memory as long as the run is open. */
    const struct fi_range_set *(*ranges)(const struct fi_run *run);
    /* Reads the run's origin from the file; its lists are in *numbers. FIRN_NOT_FOUND, without a
     * text, if the file has none. NULL: runs of this kind have none. */
    int (*origin)(struct fi_run *run, struct fi_buf *numbers, struct fi_run_origin *out,
                  firn_error *err);
    /* The newest version of key that snapshot sees, tombstones included: FIRN_OK with *out and, for
     * a PUT, the value in place of value's contents (value may be NULL: not wanted); FIRN_NOT_FOUND
     * if there is none. Range deletes are ignored. Never FIRN_NOT_FOUND if damage may hide such a
     * version. */
    int (*get)(struct fi_run *run, firn_slice key, const struct fi_snapshot *snapshot,
               struct fi_run_hit *out, struct fi_buf *value, firn_error *err);
    /* Like get, but only these columns of the value are needed (NULL: all). NULL: get is called. */
    int (*get_columns)(struct fi_run *run, firn_slice key, const struct fi_snapshot *snapshot,
                       const struct fi_run_projection *columns, struct fi_run_hit *out,
                       struct fi_buf *value, firn_error *err);
    /* Like get, but the value of a PUT in a block of the cache is pinned instead of copied: it is
     * then in *pinned, which must be empty before. The caller unpins it. NULL: values are always
     * copied. */
    int (*get_pinned)(struct fi_run *run, firn_slice key, const struct fi_snapshot *snapshot,
                      struct fi_run_hit *out, struct fi_run_pinned *pinned, struct fi_buf *value,
                      firn_error *err);
    /* Starts to prefetch into the processor's cache what a get of key reads first (step 0), and
     * what it reads next (up to FI_RUN_GET_STEPS - 1). Called for all runs and keys that may be
     * searched, before the first search. A step reads what the previous one has prefetched, and
     * waits for nothing else. Changes nothing. NULL: not supported. */
    void (*get_prefetch)(const struct fi_run *run, firn_slice key, unsigned step);
    int (*place)(struct fi_run *run, firn_slice key, struct fi_run_place *out, firn_error *err);
    /* Of a run with references to value files: given the weight of all its entries, sets *inout to
     * about that of those within bounds. Reads a bounded number of blocks. NULL: not supported. */
    int (*weigh)(struct fi_run *run, const struct fi_run_bounds *bounds,
                 struct fi_run_weight *inout, firn_error *err);
    /* Reads every block and verifies order, counts and summary. Calls on_damage (never NULL) for
     * each bad place, with a text that names file, offset and the range of lost keys, and continues
     * after it. FIRN_CORRUPT if there was any. step (may be NULL) receives the number of bytes that
     * were read, including those of values in other files, and counts the run at the end. */
    int (*check)(struct fi_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
                 const struct fi_step *step, firn_error *err);

    /* Writes a run with everything that is readable in this one, without attachments. FIRN_CORRUPT
     * if nothing is; err is not NULL. NULL: damaged runs of this kind are given up as a whole. */
    int (*mend)(struct fi_run *run, struct fi_run_mend *how, struct fi_run_summary *out,
                firn_error *err);

    /* A cursor over all versions, not positioned yet; the run must outlive it. */
    int (*cursor_create)(struct fi_run *run, const struct fi_run_cursor_options *options,
                         struct fi_run_cursor **out, firn_error *err);
    void (*cursor_destroy)(struct fi_run_cursor *cursor);
    /* Prepares a seek to this place: steps 0 to FI_RUN_CURSOR_STEPS - 1, in order, each for all
     * cursors that will seek, then the seeks. Each step starts to prefetch into the processor's
     * cache what the next one reads, and waits for nothing else. The cursor is not valid until the
     * seek; key must not be its own, and must not change before. Moves other than a seek discard
     * what was prepared; a seek to another place is not allowed. NULL: not supported. */
    void (*cursor_prepare)(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence,
                           unsigned step);
    /* As in memtable.h: to the first entry at or after (key, sequence) in the order of entries, or
     * the last one before it. After an error the cursor is not valid; a seek may be tried again. */
    int (*cursor_seek)(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence,
                       firn_error *err);
    int (*cursor_seek_before)(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence,
                              firn_error *err);
    int (*cursor_first)(struct fi_run_cursor *cursor, firn_error *err);
    int (*cursor_last)(struct fi_run_cursor *cursor, firn_error *err);
    /* Only while valid. */
    int (*cursor_next)(struct fi_run_cursor *cursor, firn_error *err);
    int (*cursor_prev)(struct fi_run_cursor *cursor, firn_error *err);
    /* Only while valid: the longest sequence of entries from here on that can be found cheaply. It
     * has at most max entries, all keys before *limit (NULL: none), and the next key after it
     * differs from its last one. The cursor does not move. NULL, for rows: there is never any. */
    int (*cursor_batch)(struct fi_run_cursor *cursor, const firn_slice *limit, uint64_t max,
                        struct fi_run_batch *out, firn_error *err);

    /* Writes the file `name` in the dir of env. */
    int (*builder_create)(const struct fi_run_env *env, const char *name,
                          const struct fi_run_builder_options *options, struct fi_run_builder **out,
                          firn_error *err);
    /* Entries in order, without duplicates; key and value are copied. One with `values` has a
     * reference. */
    int (*builder_add)(struct fi_run_builder *builder, const struct fi_entry *entry,
                       firn_error *err);
    /* Adds the entries of a batch without decoding and encoding each; its cursor must be of the
     * same kind, and is moved to the entry after them. The result is as by builder_add. NULL, for
     * rows: entries are added one by one. */
    int (*builder_add_from)(struct fi_run_builder *builder, const struct fi_run_batch *batch,
                            firn_error *err);
    /* Adds rows; the result is as by builder_add. NULL, for rows: entries are added one by one. */
    int (*builder_add_columns)(struct fi_run_builder *builder, const struct fi_run_columns *columns,
                               firn_error *err);
    /* Ranges in any order. */
    int (*builder_add_range)(struct fi_run_builder *builder, const struct fi_range *range,
                             firn_error *err);
    /* Sets the origin that the run will record; copied. NULL: the kind has none. */
    int (*builder_set_origin)(struct fi_run_builder *builder, const struct fi_run_origin *origin,
                              firn_error *err);
    /* The approximate size of the file if it were finished now. */
    uint64_t (*builder_size_bytes)(const struct fi_run_builder *builder);
    /* The file is durable under its name when this returns, unless that is left to a publisher.
     * Requires: something was added. Only destroy may follow. The caller owns *out and the files
     * that it names as attachments; after a failure there are none. */
    int (*builder_finish)(struct fi_run_builder *builder, struct fi_run_summary *out,
                          firn_error *err);
    /* Removes the unfinished file. NULL is allowed. */
    void (*builder_destroy)(struct fi_run_builder *builder);
};

/* The kind with that number in a list ended by NULL; NULL if there is none. */
static inline const struct fi_run_kind *
fi_run_kind_find(const struct fi_run_kind *const *kinds, unsigned file_kind)
{
    while (*kinds != NULL && (unsigned)(*kinds)->file_kind != file_kind) {
        kinds++;
    }
    return *kinds;
}

/* The i-th kind of file in a list of kinds: of runs, and of their attachments. NULL if there are no
 * more. */
static inline const struct fi_run_kind *
fi_run_kind_at(const struct fi_run_kind *const *kinds, size_t i)
{
    for (; *kinds != NULL; kinds++) {
        if (i-- == 0) {
            return *kinds;
        }
        for (size_t j = 0;
             (*kinds)->attachment_kinds != NULL && (*kinds)->attachment_kinds[j] != NULL; j++) {
            if (i-- == 0) {
                return (*kinds)->attachment_kinds[j];
            }
        }
    }
    return NULL;
}

#endif
