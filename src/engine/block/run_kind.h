/* SPDX-License-Identifier: Apache-2.0
 *
 * block/run_kind.h: what the LSM tree asks of a kind of run.
 *
 * A run is a sealed block file that holds versions of keys in the order of base/entry.h, and range
 * deletes beside them. Rows and columns keep them differently; the tree knows them by this table
 * alone. Each kind embeds the structs below first in its own.
 *
 * Threads: a run is shared by any number of threads; a cursor and a builder belong to one at a
 * time.
 */
#ifndef FIRN_BLOCK_RUN_KIND_H
#define FIRN_BLOCK_RUN_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/entry.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/step.h"
#include "base/view.h"
#include "block/block_cache.h"
#include "block/block_file.h"
#include "codec/compress.h"
#include "os/os.h"

/* ==== the origin of a run ====
 *
 * What a run records about its origin, so that a repair can do without MANIFEST (mend/mend_gather.c).
 *
 *   0         4      5       6      8
 *   +---------+------+-------+------+------+---------+------+------+--------+------+
 *   | version | kind | flags | 0    | tree | flushed | work | part | inputs | gone |
 *   | 1       |      | 1:last|      |      |         |      |      |        |      |
 *   +---------+------+-------+------+------+---------+------+------+--------+------+
 *
 * Little-endian; from byte 8 on varints. `inputs` and `gone` are each a count and as many numbers,
 * ascending: the first one as it is, of each other one how far it is above the one before.
 */

enum { FIRN_RUN_ORIGIN_VERSION = 1 };

enum firn_run_origin_kind {
    FIRN_RUN_ORIGIN_FLUSH = 1,
    FIRN_RUN_ORIGIN_COMPACTION = 2,
    FIRN_RUN_ORIGIN_LOAD = 3,
    FIRN_RUN_ORIGIN_SCRATCH = 4 /* a load's sorting: it belongs to no tree, and the rest is 0 */
};

/* Numbers in each of the two lists, at most. */
enum { FIRN_RUN_ORIGIN_NUMBERS_MAX = 1 << 16 };

/* Numbers are those of files: "<number>.row". */
struct firn_run_origin {
    enum firn_run_origin_kind kind;
    uint32_t tree;
    /* Versions of the tree up to here are in runs: when this one, if it is a flush's, and all of its
     * work are named, else before that. */
    uint64_t flushed;
    uint64_t work; /* number of the first run of the same flush, compaction or load, from 1 */
    uint32_t part; /* which of its runs it is, in the order in which they were finished, from 0 */
    bool is_last;  /* none was finished after it */
    const uint64_t *inputs; /* runs that a compaction replaces */
    size_t input_count;
    const uint64_t *gone; /* runs that had been replaced before, and were still there */
    size_t gone_count;
};

/* Replaces the contents of out. Both lists ascend. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_run_origin_encode(const struct firn_run_origin *origin,
                                           struct firn_buf *out);
/* The lists lie in *numbers, whose contents they replace. FIRN_CORRUPT, or FIRN_NEWER for another
 * version's. */
FIRN_MUST_CHECK int firn_run_origin_decode(firn_slice bytes, struct firn_buf *numbers,
                                           struct firn_run_origin *out, firn_error *err);

struct firn_run_kind;
struct firn_run;
struct firn_column_layout; /* column/column.h */
struct firn_os_jobs;       /* threads/os_thread.h */

/* A sealed file that belongs to one run: it was made with the run, comes and goes with it, and is
 * copied, checked and counted with it. MANIFEST names it beside the run.
 *
 * What an attachment says can be found out from the run itself, more slowly. So a repair takes away
 * an attachment that is damaged, and keeps the run: readers must be able to do without attachments.
 * For that reason, and because many runs share one, files of large values (block/value_file.h) are
 * none: they hold what is nowhere else. Filters are too small to be worth a file; they lie in the
 * runs. */
struct firn_run_attachment {
    uint64_t number; /* of its file, "<number>.<name of the kind>"; no other file has it */
    uint8_t kind;    /* enum firn_block_file_kind: one of attachment_kinds of the run's kind */
    uint64_t file_bytes;
    uint64_t
        identity; /* the first eight bytes of its file's: so another file under its name is noticed */
};
/* Of one run, at most. */
enum { FIRN_RUN_ATTACHMENTS_MAX = 64 };
/* Room for the name of a file in the directory of runs. */
enum { FIRN_RUN_FILE_NAME_SIZE = 64 };

/* How a builder gets a number and a name for a file that it attaches to its run. */
struct firn_run_attacher {
    void *ctx;
    uint64_t (*take)(void *ctx, const struct firn_run_kind *kind,
                     char out_name[FIRN_RUN_FILE_NAME_SIZE]);
};

/* How a run comes to the files that its large values lie in (block/value_file.h). Any thread. */
struct firn_run_values {
    void *ctx;
    /* The file with that number, to be read until unpin; FIRN_CORRUPT where the run may not refer to
     * it, or it cannot be opened. */
    int (*pin)(void *ctx, uint64_t number, struct firn_run **out, void **out_pin, firn_error *err);
    void (*unpin)(void *pin);
};

struct firn_cell; /* tuple/tuple.h */

/* Where a builder of columns leaves large values of rows (compaction_values.c). */
struct firn_run_placer {
    void *ctx;
    size_t size_min; /* smaller values are not asked for; references always are */
    /* Of a value of bytes, or of a cell that refers to one, which values leads to: leaves in *cell what the
     * column is to have. Borrowed until the next call. */
    int (*place)(void *ctx, const struct firn_run_values *values, struct firn_cell *cell,
                 firn_error *err);
};

/* Borrowed by runs, cursors and builders. */
struct firn_run_env {
    struct firn_os_dir *dir;
    struct firn_block_cache *cache;
    const struct firn_run_values *values; /* NULL: there are none */
    /* For open: what the builder's summary of that run said, the first time; else 0. */
    uint64_t cache_file;
};

/* What a run holds, as its builder counted it. In MANIFEST and in the run itself, so that each can
 * be held against the other. All keys k of entries and ranges have lower <= k < upper: upper is the
 * largest key with a zero byte after it, or the upper bound of a range. */
struct firn_run_summary {
    struct firn_buf lower;
    struct firn_buf upper;
    uint64_t file_bytes;
    uint64_t entry_count;     /* all kinds but ranges */
    uint64_t tombstone_count; /* of these, FIRN_ENTRY_DELETE */
    bool has_heads;           /* some are neither that nor FIRN_ENTRY_PUT; not in MANIFEST */
    bool has_references;      /* to value files; has_heads counts them too; not in MANIFEST */
    uint64_t identity; /* of a value file or an attachment: the beginning of its file's; else 0 */
    bool is_bare;      /* a value file that may be longer than content_bytes say */
    uint64_t range_count;
    uint64_t content_bytes; /* of keys and values */
    uint64_t cache_file;    /* from a builder: blocks are in the cache by this number, which is the
                               caller's to open the run with, or to drop; 0: none. Nowhere else */
    /* From a builder: of struct firn_run_attachment, by ascending number; the files are as durable as
     * the run's. Nowhere else. */
    struct firn_buf attachments;
    uint64_t sequence_min; /* of entries and ranges; 0 and 0 in an empty run, which is never kept */
    uint64_t sequence_max;
};
static inline void
firn_run_summary_deinit(struct firn_run_summary *summary)
{
    firn_buf_deinit(&summary->lower);
    firn_buf_deinit(&summary->upper);
    firn_buf_deinit(&summary->attachments);
}

struct firn_run {
    const struct firn_run_kind *kind;
};

struct firn_run_cursor {
    const struct firn_run_kind *kind;
    /* Borrowed until the cursor moves or is destroyed; only while is_valid. */
    struct firn_entry entry;
    bool is_valid;
};

struct firn_run_builder {
    const struct firn_run_kind *kind;
};

/* Steps of cursor_prepare. */
enum { FIRN_RUN_CURSOR_STEPS = 4 };
/* Steps of get_prefetch. */
enum { FIRN_RUN_GET_STEPS = 4 };

/* Which columns of a run a reader needs, if its kind has columns, by numbers that mean something to
 * that kind alone. */
struct firn_run_projection {
    const uint32_t *columns; /* ascending */
    size_t count;
};

/* A stretch of entries that begins where a cursor stands. Each is a put, the only version of its key in
 * the run, with its value in the run itself. */
struct firn_run_batch {
    struct firn_run_cursor *cursor;
    uint64_t count;         /* 0: there is none, and the rest means nothing */
    uint64_t content_bytes; /* of keys and values, about */
    uint64_t sequence_min;
    uint64_t sequence_max;
    firn_slice last_key; /* borrowed until the cursor moves */
};
/* Entries in one, at most. */
enum { FIRN_RUN_BATCH_MAX = 1024 };

/* Rows that are new to a tree of columns, column by column. Columns have the values of all rows, and are of the
 * kinds that the layout says; those of the layout that are not there get their initial value. All rows
 * are puts with one sequence; the keys ascend, and are what the key's columns make (tuple/tuple.h). All is
 * borrowed. */
struct firn_run_column {
    uint32_t id;
    const void *numbers;   /* 8 bytes each, of F32 4; of bytes their sizes, 4 each. Of a null: 0 */
    const uint8_t *bytes;  /* of all values, one after the other */
    const uint64_t *valid; /* a bit for each that is not null; NULL: none is */
};
struct firn_run_columns {
    const struct firn_run_column *columns; /* by ascending id */
    size_t column_count;
    size_t rows;
    const uint8_t *keys; /* one after the other */
    const uint32_t *key_sizes;
    uint64_t sequence;
};
/* No value of such a row has more bytes. */
enum { FIRN_RUN_COLUMNS_VALUE_MAX = 1 << 20 };

struct firn_run_cursor_options {
    bool is_sequential; /* a merge or a scan: read ahead, and leave no trace in the cache */
    /* Versions that this view does not see may be left out by first and next, where that saves
     * reading; NULL: none. Borrowed as long as the cursor. */
    const struct firn_view *only;
    /* Values that lie in value files are shown as references (firn_entry.values), not read. */
    bool keeps_references;
    /* Entries need no more in their values than these; NULL: all. A kind without columns does not look
     * at it. Borrowed as long as the cursor. */
    const struct firn_run_projection *projection;
    /* Of a sequential one: counts the blocks that it finds in the cache and that another reader has used
     * before; NULL: they are not counted. Borrowed as long as the cursor. */
    uint64_t *found;
};

struct firn_run_builder_options {
    enum firn_codec codec;
    int codec_level;     /* zstd's; ignored by the others */
    bool is_scratch;     /* it belongs to no tree: nothing is attached */
    bool without_filter; /* no Bloom filter: for the last level, where nearly every get ends */
    /* What the cursors of the run's sources count up. While it is not 0, a block is handed to the
     * cache, and it becomes 1 at most: so these are never more blocks than were found, and those
     * which lie where they lay. NULL: no source is a run. Borrowed as long as the builder. */
    uint64_t *found;
    /* What makes the file durable, later; NULL: finish does. */
    struct firn_block_publisher *publisher;
    const struct firn_run_attacher *attacher; /* NULL: nothing may be attached. Borrowed likewise */
    /* Of a run of columns: those that it has. Borrowed until create returns. NULL for other kinds. */
    const struct firn_column_layout *layout;
    /* Of a run of columns; NULL: values and references are stored as they come. Borrowed as long as the builder. */
    const struct firn_run_placer *placer;
    uint32_t group_rows; /* of a row group of such a run, at most; 0: as many as it may have */
    /* Threads that such a run may be encoded on, beside the caller's: so many jobs at a time; the file has the
     * same bytes. NULL and 0: none. Borrowed as long as the builder, which alone submits and waits. */
    struct firn_os_jobs *helpers;
    unsigned helper_count;
};

/* How a damaged run is written again. */
struct firn_run_mend {
    struct firn_run_env env; /* of the new file */
    const char *name;
    enum firn_codec codec;
    void (*on_damage)(void *ctx, const char *text); /* gets each loss, with the file */
    void *ctx;
    bool is_whole; /* set by the call: nothing is lost */
};

/* Where a key would lie in a run: so many bytes of the file, and about so many entries, come before the
 * block that would hold it. */
struct firn_run_place {
    uint64_t offset;
    uint64_t entries;
};

/* Found by get. */
struct firn_run_hit {
    enum firn_entry_kind kind; /* PUT or DELETE */
    uint64_t sequence;
};

/* A value in a block of the cache, which stays there until the pin is given back. */
struct firn_run_pinned {
    struct firn_block_pin pin; /* data NULL: there is none */
    firn_slice value;
};

struct firn_run_kind {
    const char *name; /* for messages and names of files: "row" */
    enum firn_block_file_kind file_kind;
    /* What may be attached to its runs: tables with nothing but open, close, summary (file_bytes,
     * identity) and check; NULL ends the list. NULL: nothing may. */
    const struct firn_run_kind *const *attachment_kinds;
    bool has_layout; /* builders need a layout: runs have the columns of their tree */

    /* FIRN_CORRUPT names file and offset. The dir of env is not needed after this. */
    int (*open)(const struct firn_run_env *env, const char *name, struct firn_run **out,
                firn_error *err);
    void (*close)(struct firn_run *run);
    /* Owned by the run. */
    const struct firn_run_summary *(*summary)(const struct firn_run *run);
    /* The run's range deletes, in memory as long as the run is open. */
    const struct firn_range_set *(*ranges)(const struct firn_run *run);
    /* Where the run comes from, read from the file; its lists lie in *numbers. FIRN_NOT_FOUND,
     * without a text, where it does not say so. NULL: none does. */
    int (*origin)(struct firn_run *run, struct firn_buf *numbers, struct firn_run_origin *out,
                  firn_error *err);
    /* The newest version of key that view sees, tombstones included: FIRN_OK with *out and, for
     * a PUT, the value in place of value's contents (value may be NULL: not wanted);
     * FIRN_NOT_FOUND if there is none. Range deletes are not looked at. Never FIRN_NOT_FOUND
     * where damage hides what may be there. */
    int (*get)(struct firn_run *run, firn_slice key, const struct firn_view *view,
               struct firn_run_hit *out, struct firn_buf *value, firn_error *err);
    /* The same, but a value needs no more than these columns (NULL: all). NULL: get is called. */
    int (*get_columns)(struct firn_run *run, firn_slice key, const struct firn_view *view,
                       const struct firn_run_projection *columns, struct firn_run_hit *out,
                       struct firn_buf *value, firn_error *err);
    /* The same as get, but the value of a PUT that lies in a block of the cache is pinned and not copied:
     * *pinned, which was empty, has it then. The caller unpins it. NULL: values are always copied. */
    int (*get_pinned)(struct firn_run *run, firn_slice key, const struct firn_view *view,
                      struct firn_run_hit *out, struct firn_run_pinned *pinned,
                      struct firn_buf *value, firn_error *err);
    /* Begins to bring near the processor what a get of key will look at first (step 0), and what it
     * will look at then (up to FIRN_RUN_GET_STEPS - 1); called for all runs and keys that may be
     * asked, before the first of them is. A step looks at what the one before has asked for, and
     * waits for nothing else. Changes nothing. NULL: nothing can be done. */
    void (*get_prefetch)(const struct firn_run *run, firn_slice key, unsigned step);
    int (*place)(struct firn_run *run, firn_slice key, struct firn_run_place *out, firn_error *err);
    /* Reads every block and verifies order, counts and summary; calls on_damage (never NULL) for
     * each bad place with a text that names file, offset and the range of keys lost, and goes on
     * after it. FIRN_CORRUPT if there was any. step (may be NULL) gets the bytes that were read,
     * those of values in other files included, and of the run at its end. */
    int (*check)(struct firn_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
                 const struct firn_step *step, firn_error *err);

    /* Writes a run with all that can be read of this one, without attachments. FIRN_CORRUPT where nothing
     * can; err is not NULL. NULL: damaged runs of this kind are given up as a whole. */
    int (*mend)(struct firn_run *run, struct firn_run_mend *how, struct firn_run_summary *out,
                firn_error *err);

    /* A cursor over all versions; the run must outlive it. It starts nowhere. */
    int (*cursor_create)(struct firn_run *run, const struct firn_run_cursor_options *options,
                         struct firn_run_cursor **out, firn_error *err);
    void (*cursor_destroy)(struct firn_run_cursor *cursor);
    /* Before a seek to that place: steps 0 to FIRN_RUN_CURSOR_STEPS - 1, in order, each for all
     * cursors that are going to be placed, then the seeks. Each step begins to bring near the
     * processor what the next one looks at, and waits for nothing else. The cursor is not valid
     * then; key must not be its own, and stays as it is until the seek. Other moves than this seek
     * are as if nothing had been prepared, but seeks elsewhere are not allowed. NULL: nothing can
     * be done. */
    void (*cursor_prepare)(struct firn_run_cursor *cursor, firn_slice key, uint64_t sequence,
                           unsigned step);
    /* As in memtable.h: to the first entry at or after (key, sequence) in the order of entries, or
     * the last one before. After an error the cursor is not valid; a seek may be tried again. */
    int (*cursor_seek)(struct firn_run_cursor *cursor, firn_slice key, uint64_t sequence,
                       firn_error *err);
    int (*cursor_seek_before)(struct firn_run_cursor *cursor, firn_slice key, uint64_t sequence,
                              firn_error *err);
    int (*cursor_first)(struct firn_run_cursor *cursor, firn_error *err);
    int (*cursor_last)(struct firn_run_cursor *cursor, firn_error *err);
    /* Only while valid. */
    int (*cursor_next)(struct firn_run_cursor *cursor, firn_error *err);
    int (*cursor_prev)(struct firn_run_cursor *cursor, firn_error *err);
    /* Only while valid: the longest stretch from here on that is cheaply known, of at most max entries,
     * with all keys before *limit (NULL: none), and the key after the stretch another than its last.
     * The cursor does not move. NULL, as in all kinds of rows: there are never any. */
    int (*cursor_batch)(struct firn_run_cursor *cursor, const firn_slice *limit, uint64_t max,
                        struct firn_run_batch *out, firn_error *err);

    /* Writes the file `name` in the dir of env. */
    int (*builder_create)(const struct firn_run_env *env, const char *name,
                          const struct firn_run_builder_options *options,
                          struct firn_run_builder **out, firn_error *err);
    /* Entries in order, none twice; key and value are copied. One with `values` has a reference. */
    int (*builder_add)(struct firn_run_builder *builder, const struct firn_entry *entry,
                       firn_error *err);
    /* Adds the entries of a batch, whose cursor is of the same kind and comes to stand after them: so
     * that they need not be taken apart and put together again. They come out as by builder_add. NULL,
     * as in all kinds of rows: entries are added one by one. */
    int (*builder_add_from)(struct firn_run_builder *builder, const struct firn_run_batch *batch,
                            firn_error *err);
    /* Adds rows, which come out as by builder_add. NULL, as in all kinds of rows: entries are added one by
     * one. */
    int (*builder_add_columns)(struct firn_run_builder *builder,
                               const struct firn_run_columns *columns, firn_error *err);
    /* Ranges in any order. */
    int (*builder_add_range)(struct firn_run_builder *builder, const struct firn_range *range,
                             firn_error *err);
    /* What the run will say of where it comes from; copied. NULL: it cannot say that. */
    int (*builder_set_origin)(struct firn_run_builder *builder,
                              const struct firn_run_origin *origin, firn_error *err);
    /* What the file would have if it were finished now, roughly. */
    uint64_t (*builder_size_bytes)(const struct firn_run_builder *builder);
    /* Durable under its name when this returns, unless that was left to a publisher; only destroy is left. The builder must have got
     * something. *out is the caller's to deinit, and so are the files that it names as attachments; after a
     * failure there are none. */
    int (*builder_finish)(struct firn_run_builder *builder, struct firn_run_summary *out,
                          firn_error *err);
    /* Removes the unfinished file. NULL is fine. */
    void (*builder_destroy)(struct firn_run_builder *builder);
};

/* The kind with that number in a list that NULL ends; NULL: none has it. */
static inline const struct firn_run_kind *
firn_run_kind_find(const struct firn_run_kind *const *kinds, unsigned file_kind)
{
    while (*kinds != NULL && (unsigned)(*kinds)->file_kind != file_kind) {
        kinds++;
    }
    return *kinds;
}

/* The i-th kind of all files that a list of kinds has: of runs, and of what is attached to them. NULL:
 * there are no more. */
static inline const struct firn_run_kind *
firn_run_kind_at(const struct firn_run_kind *const *kinds, size_t i)
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
