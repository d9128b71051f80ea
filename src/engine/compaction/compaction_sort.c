/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_sort.c: sorts entries with a given amount of memory: an external merge sort
 * (Knuth, The Art of Computer Programming 3, 5.4).
 *
 * Entries are numbered as they come, and go to a memtable with these numbers as sequences, so the
 * last entry of a key comes first. A full memtable is written to a file, a run like any other,
 * without replaced entries. In the end the files and the last memtable are merged. So a load of
 * unsorted keys is written twice, whatever the tree; through log and memtables it would be written
 * once more for each level.
 *
 * Each file is a source of the merge, with a buffer and a descriptor. To keep them few, FAN_IN
 * files of one rank are merged to one of the next rank. So entries are written a third time only if
 * there are more than FAN_IN times the memory, and a fourth time only above FAN_IN squared times
 * the memory. Entries keep their numbers, so files may be merged in any groups.
 *
 * (I1) No two entries have the same number.
 *
 * Files are named like runs, and MANIFEST never names them: after a crash the next opening removes
 * them. Blocks have checksums, as in any run: entries come back as they were given, or there is an
 * error.
 *
 * Memory: the memtable, and for each file the read-ahead of a sequential cursor and its index in
 * the cache.
 */
#include "compaction/compaction.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "compaction/compaction_internal.h"

enum { FAN_IN = 32, RANK_MAX = 12, FILES_MAX = FAN_IN * RANK_MAX };

struct sorted_file {
    uint64_t number;
    unsigned rank;
    struct fi_run *run; /* NULL: not opened yet */
};

struct fi_compaction_sort {
    struct fi_lsm *lsm;
    size_t memory_bytes;
    struct fi_memtable *table;
    uint64_t taken; /* entries so far; also the number of the last one */
    struct sorted_file files[FILES_MAX];
    size_t file_count;
    int (*refuse)(void *ctx, firn_slice key,
                  firn_error *err); /* for a key that occurs twice; or NULL */
    void *refuse_ctx;
};

/* The tree's runs may be of any kind. */
static const struct fi_run_kind *
scratch_kind(const struct fi_compaction_sort *sort)
{
    return sort->lsm->options.kinds[0];
}

/* ---- merging ---- */

struct walk {
    const struct fi_compaction_sort *sort;
    struct fi_merge *merge;
    struct fi_buf key; /* of the entry before */
    bool has_key;
};

static int
open_file(struct fi_compaction_sort *sort, struct sorted_file *file, firn_error *err)
{
    DCHECK(file->run == NULL && file->number > 0);
    const struct fi_run_kind *kind = scratch_kind(sort);
    char name[FI_VERSION_FILE_NAME_SIZE];
    fi_version_file_name(file->number, kind, name);
    return kind->open(&sort->lsm->files.env, name, &file->run, err);
}

/* The files from `begin` on, and the memtable. */
static int
begin_walk(struct fi_compaction_sort *sort, size_t begin, struct walk *walk, firn_error *err)
{
    DCHECK(begin <= sort->file_count && walk->merge == NULL);
    static const struct fi_run_cursor_options options = {.is_sequential = true};
    struct fi_merge_source *source;
    FI_TRY_RETURN(fi_merge_create(&walk->merge, err));
    for (size_t i = begin; i < sort->file_count; i++) {
        struct sorted_file *file = &sort->files[i];
        FI_TRY_RETURN(open_file(sort, file, err));
        FI_TRY_RETURN(
            fi_merge_source_create_run(file->run, "a part of a load", &options, &source, err));
        FI_TRY_RETURN(fi_merge_add(walk->merge, source, err));
    }
    FI_TRY_RETURN(fi_merge_source_create_memtable(sort->table, UINT64_MAX, &source, err));
    FI_TRY_RETURN(fi_merge_add(walk->merge, source, err));
    return fi_merge_first(walk->merge, err);
}

static void
end_walk(struct walk *walk)
{
    fi_merge_destroy(walk->merge);
    fi_buf_deinit(&walk->key);
}

/* The first entry of the next key; NULL at the end. */
static int
next_key(struct walk *walk, const struct fi_entry **out, firn_error *err)
{
    const struct fi_entry *entry;
    bool is_given = walk->has_key; /* the merge's current entry */
    while ((entry = fi_merge_entry(walk->merge)) != NULL && walk->has_key &&
           fi_slice_equal(entry->key, fi_buf_slice(&walk->key))) {
        if (walk->sort->refuse != NULL && !is_given) {
            return walk->sort->refuse(walk->sort->refuse_ctx, entry->key, err);
        }
        is_given = false;
        int rc = fi_merge_next(walk->merge, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    *out = entry;
    walk->has_key = true;
    return entry == NULL || fi_buf_assign(&walk->key, entry->key) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a key of a load");
}

static int
give_all(struct fi_compaction_sort *sort, size_t begin,
         int (*give)(void *ctx, const struct fi_entry *entry, firn_error *err), void *ctx,
         firn_error *err)
{
    struct walk walk = {.sort = sort};
    const struct fi_entry *entry = NULL;
    int rc;
    FI_TRY(begin_walk(sort, begin, &walk, err));
    FI_TRY(next_key(&walk, &entry, err));
    while (entry != NULL) {
        FI_TRY(give(ctx, entry, err));
        FI_TRY(next_key(&walk, &entry, err));
    }
out:
    end_walk(&walk);
    return rc;
}

/* ---- files ---- */

static void
remove_file(struct fi_compaction_sort *sort, struct sorted_file *file)
{
    const struct fi_run_kind *kind = scratch_kind(sort);
    if (file->run != NULL) {
        kind->close(file->run);
    }
    fi_compaction_remove_file(sort->lsm, kind, file->number);
}

static void
remove_files(struct fi_compaction_sort *sort, size_t begin)
{
    while (sort->file_count > begin) {
        remove_file(sort, &sort->files[--sort->file_count]);
    }
}

static int
add_to_run(void *ctx, const struct fi_entry *entry, firn_error *err)
{
    return fi_compaction_writer_add(ctx, entry, entry, err);
}

/* Merges the files from `begin` on, and the memtable, into one file that replaces them. */
static int
write_file(struct fi_compaction_sort *sort, size_t begin, unsigned rank, firn_error *err)
{
    DCHECK(begin <= sort->file_count && rank < RANK_MAX);
    static const struct fi_run_builder_options options = {
        .codec = FI_CODEC_NONE, .is_scratch = true, .without_filter = true};
    struct fi_compaction_writer writer = {.builder = NULL};
    struct fi_run_summary summary = {0};
    int rc;
    FI_TRY(fi_compaction_writer_begin(&writer, sort->lsm, scratch_kind(sort), NULL, &options, err));
    FI_TRY(give_all(sort, begin, add_to_run, &writer, err));
    FI_TRY(fi_compaction_writer_end(&writer, NULL, true, &summary, err));
    remove_files(sort, begin);
    CHECK(sort->file_count < FILES_MAX);
    sort->files[sort->file_count++] = (struct sorted_file){.number = writer.number, .rank = rank};
out:
    fi_run_summary_deinit(&summary);
    fi_compaction_writer_abandon(&writer);
    return rc;
}

/* The first of the last FAN_IN files if all have that rank; else the end of the files. */
static size_t
full_rank(const struct fi_compaction_sort *sort, unsigned rank)
{
    size_t begin = sort->file_count;
    while (begin > 0 && sort->files[begin - 1].rank == rank) {
        begin--;
    }
    return sort->file_count - begin >= FAN_IN ? begin : sort->file_count;
}

static int
empty_table(struct fi_compaction_sort *sort, firn_error *err)
{
    fi_memtable_destroy(sort->table);
    sort->table = NULL;
    return fi_memtable_create(&sort->table, err);
}

/* Makes room in memory. */
static int
spill(struct fi_compaction_sort *sort, firn_error *err)
{
    FI_TRY_RETURN(write_file(sort, sort->file_count, 0, err));
    FI_TRY_RETURN(empty_table(sort, err));
    for (unsigned rank = 0; rank + 1 < RANK_MAX; rank++) {
        size_t begin = full_rank(sort, rank);
        if (begin == sort->file_count) {
            break;
        }
        FI_TRY_RETURN(write_file(sort, begin, rank + 1, err));
    }
    return FIRN_OK;
}

/* ---- all of it ---- */

int
fi_compaction_sort_create(struct fi_lsm *lsm, size_t memory_bytes, struct fi_compaction_sort **out,
                          firn_error *err)
{
    int rc = FIRN_OK;
    *out = NULL;
    struct fi_compaction_sort *sort = fi_alloc_zeroed(sizeof *sort);
    if (sort == NULL) {
        return fi_error_no_memory(err, "a load");
    }
    sort->lsm = lsm;
    sort->memory_bytes = memory_bytes;
    FI_TRY(fi_memtable_create(&sort->table, err));
    *out = sort;
    sort = NULL;
out:
    fi_compaction_sort_destroy(sort);
    return rc;
}

void
fi_compaction_sort_refuse_twice(struct fi_compaction_sort *sort,
                                int (*refuse)(void *ctx, firn_slice key, firn_error *err),
                                void *ctx)
{
    DCHECK(sort->refuse == NULL);
    sort->refuse = refuse;
    sort->refuse_ctx = ctx;
}

int
fi_compaction_sort_add(struct fi_compaction_sort *sort, const struct fi_entry *entry,
                       firn_error *err)
{
    struct fi_entry numbered = *entry;
    if (fi_memtable_entry_count(sort->table) > 0 &&
        fi_memtable_size_bytes(sort->table) >= sort->memory_bytes) {
        FI_TRY_RETURN(spill(sort, err));
    }
    DCHECK(sort->table != NULL && sort->taken < UINT64_MAX);
    numbered.sequence = ++sort->taken;
    int rc = fi_memtable_add(sort->table, &numbered, err);
    DCHECK(rc != FIRN_EXISTS); /* (I1) */
    return rc;
}

int
fi_compaction_sort_finish(struct fi_compaction_sort *sort,
                          int (*give)(void *ctx, const struct fi_entry *entry, firn_error *err),
                          void *ctx, firn_error *err)
{
    return give_all(sort, 0, give, ctx, err);
}

void
fi_compaction_sort_destroy(struct fi_compaction_sort *sort)
{
    if (sort != NULL) {
        remove_files(sort, 0);
        fi_memtable_destroy(sort->table);
        fi_free(sort);
    }
}
