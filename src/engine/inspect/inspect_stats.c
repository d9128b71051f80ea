/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect/inspect_stats.c: statistics of a store, as a structure and as JSON.
 *
 * The numbers are collected one after the other while work continues, so they agree only as far as
 * numbers of a running store can. Amplifications are computed in the JSON from the other numbers:
 * bytes written to log and runs for each committed byte; runs that a read may have to look at; and
 * bytes of runs and value files for each byte of the largest level and of live values, which is the
 * cost of overwritten data.
 *
 * The file system reports how much space files take, so the sum is what other programs see. Of the
 * files of the log, the part beyond the log's content is spare: a file for the next segment, and
 * what was allocated after the end of the newest one.
 */
#include "base/check.h"
#include "store/db_store_handle.h"

#include <inttypes.h>
#include <string.h>

#include "codec/utf8.h"
#include "inspect/inspect.h"
#include "os/os_names.h"

static uint64_t
read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static firn_store_level
level_of(const struct fi_lsm_level_stats *stats)
{
    return (firn_store_level){.files = stats->runs,
                              .bytes = stats->bytes,
                              .entries = stats->entries,
                              .tombstones = stats->tombstones};
}

static void
gather_trees(struct fi_lsm *lsm, firn_store_statistics *out)
{
    struct fi_lsm_stats stats;
    fi_lsm_stats(lsm, NULL, &stats);
    for (size_t i = 0; i < FI_VERSION_LEVELS; i++) {
        out->levels[i] = level_of(&stats.levels[i]);
        out->file_bytes += stats.levels[i].bytes;
    }
    out->history = level_of(&stats.levels[FI_VERSION_HISTORY]);
    out->file_bytes += stats.levels[FI_VERSION_HISTORY].bytes;
    out->value_files = stats.values.files;
    out->value_bytes = stats.values.bytes;
    out->value_live_bytes = stats.values.live_bytes;
    out->file_bytes += stats.values.bytes + stats.attachments.bytes;
    out->waiting_files = stats.waiting_files;
    out->flushes = stats.flushes;
    out->flush_bytes = stats.flush_bytes;
    out->compactions = stats.compactions;
    out->compaction_read_bytes = stats.compaction_read_bytes;
    out->compaction_write_bytes = stats.compaction_write_bytes;
    out->moves = stats.moves;
    out->versions_dropped = stats.versions_dropped;
    out->graphs_built = stats.graphs;
    out->graphs_merged = stats.graphs_merged;
    out->graphs_damaged = stats.graphs_damaged;
    out->memtable_bytes = stats.memtable_bytes;
    out->memtables = stats.memtables;
    out->memtables_waiting = stats.frozen_memtables;
}

static void
gather_cache(struct firn_db *db, firn_store_statistics *out)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(db->cache, &stats);
    out->cache_bytes = stats.used_bytes + stats.beyond_bytes;
    out->cache_hits = stats.hits;
    out->cache_misses = stats.misses;
    out->cache_evictions = stats.evictions;
}

static void
gather_jobs(struct firn_db *db, firn_store_statistics *out)
{
    struct fi_db_jobs *jobs = &db->jobs;
    fi_os_mutex_lock(&jobs->mutex);
    out->background_failures = jobs->failure_count;
    out->background_code = jobs->last_code;
    memcpy(out->background_error, jobs->last_text, sizeof out->background_error);
    fi_os_mutex_unlock(&jobs->mutex);
    out->is_full = atomic_load(&db->space.is_full);
}

static void
gather_counters(const struct firn_db *db, firn_store_statistics *out)
{
    const struct fi_db_counters *counters = &db->counters;
    out->commits = read_counter(&counters->commits);
    out->commit_bytes = read_counter(&counters->commit_bytes);
    out->log_written_bytes = read_counter(&counters->log_bytes);
    out->slowdowns = read_counter(&counters->slowdowns);
    out->slowdown_ns = read_counter(&counters->slowdown_ns);
    out->stalls = read_counter(&counters->stalls);
    out->stall_ns = read_counter(&counters->stall_ns);
    out->conflicts = read_counter(&counters->conflicts);
}

static void
gather_keyspaces(struct firn_db *db, const struct fi_db_image *image, firn_store_statistics *out)
{
    fi_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        const struct fi_db_tree *tree = fi_db_trees_at(image, i);
        bool is_there = tree->id != FI_DB_KEYSPACE_LIST && tree->id < image->next_id &&
                        !atomic_load_explicit(&tree->is_out, memory_order_relaxed);
        out->keyspaces += is_there ? 1 : 0;
    }
    fi_db_snapshot_list_lock(db);
    out->snapshots = fi_db_snapshot_list_count(db);
    fi_db_snapshot_list_unlock(db);
    fi_os_mutex_unlock(&db->state_mutex);
}

/* ---- the disk ---- */

/* The greatest depth of directories in a store, which a repaired one has. */
enum { DEPTH_MAX = 3 };

struct disk {
    struct fi_os_dir *dir; /* the listed one */
    uint64_t *into;        /* NULL: chosen by the name */
    firn_store_disk *out;
    uint64_t log_files;
    struct fi_buf folders; /* names, each with its NUL */
};

/* The counter for a name in the store's directory. */
static uint64_t *
place_of(struct disk *disk, const char *name)
{
    DCHECK(disk->into == NULL);
    if (fi_db_log_is_name(name)) {
        return &disk->log_files;
    }
    if (fi_lsm_is_name(name)) {
        return &disk->out->manifest_bytes;
    }
    return strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0 ? &disk->out->reserve_bytes
                                                        : &disk->out->other_bytes;
}

static int
add_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct disk *disk = ctx;
    struct fi_os_stat stat;
    DCHECK(disk->dir != NULL);
    if (fi_os_stat(disk->dir, entry->name, &stat, NULL) != FIRN_OK) {
        return FIRN_OK; /* it was removed meanwhile */
    }
    if (stat.kind == FI_OS_DIR) {
        return fi_buf_append(&disk->folders, entry->name, entry->name_size + 1);
    }
    uint64_t *into = disk->into == NULL                             ? place_of(disk, entry->name)
                     : disk->into != &disk->out->run_bytes          ? disk->into
                     : fi_os_names_end_with(entry->name, ".values") ? &disk->out->value_bytes
                                                                    : disk->into;
    *into += stat.allocated_bytes;
    return FIRN_OK;
}

static uint64_t *
folder_of(const struct disk *disk, const char *name)
{
    DCHECK(name[0] != 0);
    if (disk->into != NULL) {
        return disk->into;
    }
    return strcmp(name, FI_STOREFILE_PACKS_NAME) == 0 ? &disk->out->pack_bytes
           : fi_lsm_is_name(name)                     ? &disk->out->run_bytes
                                                      : &disk->out->other_bytes;
}

static int
add_folder(struct disk *disk, struct fi_os_dir *parent, const char *name, unsigned depth,
           firn_error *err)
{
    DCHECK(depth <= DEPTH_MAX);
    struct disk inner = {.out = disk->out, .into = disk->into};
    int rc = fi_os_dir_open_beneath(parent, name, &inner.dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_os_dir_list(inner.dir, add_file, &inner, err);
    const char *folder = NULL;
    while (rc == FIRN_OK && depth < DEPTH_MAX &&
           (folder = fi_os_names_next(&inner.folders, folder)) != NULL) {
        struct disk deeper = {.out = disk->out, .into = folder_of(&inner, folder)};
        rc = add_folder(&deeper, inner.dir, folder, depth + 1, err);
    }
    disk->log_files += inner.log_files;
    fi_buf_deinit(&inner.folders);
    fi_os_dir_close(inner.dir);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the names of files") : rc;
}

/* If the directory cannot be read now, its numbers are unknown; the others are still reported. */
static void
gather_disk(struct firn_db *db, firn_store_statistics *out)
{
    struct disk disk = {.out = &out->disk};
    if (add_folder(&disk, db->dir, "", 0, NULL) != FIRN_OK) {
        out->disk = (firn_store_disk){0};
        return;
    }
    out->disk.log_bytes = disk.log_files < out->log_bytes ? disk.log_files : out->log_bytes;
    DCHECK(disk.log_files >= out->disk.log_bytes);
    out->disk.log_spare_bytes = disk.log_files - out->disk.log_bytes;
}

int
fi_inspect_stats(struct firn_db *db, firn_store_statistics *out, firn_error *err)
{
    const char *missing;
    (void)err;
    *out = (firn_store_statistics){.size = sizeof *out};
    size_t slot = fi_epoch_enter(&db->epoch);
    const struct fi_db_image *image = fi_db_image(db);
    gather_trees(image->lsm, out);
    gather_keyspaces(db, image, out);
    out->log_bytes = db->log != NULL ? fi_log_size_bytes(db->log) : image->log_bytes;
    fi_os_mutex_lock(&db->state_mutex);
    out->checkpoint_memory_bytes = fi_history_memory_bytes(&image->history);
    fi_os_mutex_unlock(&db->state_mutex);
    out->missing_files = fi_lsm_missing_files(image->lsm, &missing);
    fi_epoch_leave(&db->epoch, slot);
    gather_cache(db, out);
    gather_jobs(db, out);
    gather_counters(db, out);
    out->memory_bytes = db->limits.memory;
    gather_disk(db, out);
    return FIRN_OK;
}

/* ---- JSON ---- */

/* Text as a JSON string; bytes that are not UTF-8 appear as '?'. */
static int
append_text(struct fi_buf *out, const char *text)
{
    bool is_utf8 = fi_utf8_is_valid(firn_str(text));
    int rc = fi_buf_append_u8(out, '"');
    for (const char *at = text; *at != '\0' && rc == FIRN_OK; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\') {
            rc = fi_buf_append_format(out, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            rc = fi_buf_append_format(out, "\\u%04x", byte);
        } else {
            rc = fi_buf_append_u8(out, byte >= 0x80 && !is_utf8 ? '?' : byte);
        }
    }
    return rc == FIRN_OK ? fi_buf_append_u8(out, '"') : rc;
}

static int
append_level(const firn_store_level *level, struct fi_buf *out)
{
    return fi_buf_append_format(out,
                                "{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"entries\":%" PRIu64
                                ",\"tombstones\":%" PRIu64 "}",
                                level->files, level->bytes, level->entries, level->tombstones);
}

static int
append_levels(const firn_store_statistics *stats, struct fi_buf *out)
{
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        FI_TRY_RETURN(fi_buf_append_str(out, i == 0 ? "{\"levels\":[" : ","));
        FI_TRY_RETURN(append_level(&stats->levels[i], out));
    }
    FI_TRY_RETURN(fi_buf_append_str(out, "],\"history\":"));
    return append_level(&stats->history, out);
}

/* A number of firn_store_statistics. */
struct number {
    char name[24];
    uint16_t offset;
};

#define NUMBER(member) #member, offsetof(firn_store_statistics, member)
#define DISK(member) "disk_" #member, offsetof(firn_store_statistics, disk.member)
static const struct number numbers[] = {
    {NUMBER(keyspaces)},
    {NUMBER(commits)},
    {NUMBER(commit_bytes)},
    {NUMBER(log_bytes)},
    {NUMBER(log_written_bytes)},
    {NUMBER(file_bytes)},
    {NUMBER(waiting_files)},
    {NUMBER(flushes)},
    {NUMBER(flush_bytes)},
    {NUMBER(compactions)},
    {NUMBER(compaction_read_bytes)},
    {NUMBER(compaction_write_bytes)},
    {NUMBER(moves)},
    {NUMBER(versions_dropped)},
    {NUMBER(memory_bytes)},
    {NUMBER(memtable_bytes)},
    {NUMBER(memtables)},
    {NUMBER(memtables_waiting)},
    {NUMBER(cache_bytes)},
    {NUMBER(cache_hits)},
    {NUMBER(cache_misses)},
    {NUMBER(cache_evictions)},
    {NUMBER(slowdowns)},
    {NUMBER(slowdown_ns)},
    {NUMBER(stalls)},
    {NUMBER(stall_ns)},
    {NUMBER(background_failures)},
    {NUMBER(snapshots)},
    {NUMBER(conflicts)},
    {NUMBER(value_files)},
    {NUMBER(value_bytes)},
    {NUMBER(value_live_bytes)},
    {NUMBER(missing_files)},
    {NUMBER(checkpoint_memory_bytes)},
    {NUMBER(graphs_built)},
    {NUMBER(graphs_merged)},
    {NUMBER(graphs_damaged)},
    {DISK(log_bytes)},
    {DISK(log_spare_bytes)},
    {DISK(reserve_bytes)},
    {DISK(run_bytes)},
    {DISK(value_bytes)},
    {DISK(pack_bytes)},
    {DISK(manifest_bytes)},
    {DISK(other_bytes)},
};

static int
append_numbers(const firn_store_statistics *stats, struct fi_buf *out)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && rc == FIRN_OK; i++) {
        uint64_t value;
        memcpy(&value, (const uint8_t *)stats + numbers[i].offset, sizeof value);
        rc = fi_buf_append_format(out, ",\"%s\":%" PRIu64, numbers[i].name, value);
    }
    return rc;
}

/* A quotient in hundredths; 0 if the divisor is 0. */
static uint64_t
hundredths(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (uint64_t)((double)a * 100.0 / (double)b + 0.5);
}

static int
append_quotient(struct fi_buf *out, const char *name, uint64_t a, uint64_t b)
{
    uint64_t value = hundredths(a, b);
    return fi_buf_append_format(out, ",\"%s\":%" PRIu64 ".%02" PRIu64, name, value / 100,
                                value % 100);
}

static int
append_amplifications(const firn_store_statistics *stats, struct fi_buf *out)
{
    uint64_t largest = 0;
    uint64_t sorted = stats->levels[0].files;
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        largest = stats->levels[i].bytes > largest ? stats->levels[i].bytes : largest;
        sorted += i > 0 && stats->levels[i].files > 0 ? 1 : 0;
    }
    int rc = append_quotient(out, "write_amplification",
                             stats->log_written_bytes + stats->flush_bytes +
                                 stats->compaction_write_bytes,
                             stats->commit_bytes);
    rc = rc == FIRN_OK ? append_quotient(out, "space_amplification", stats->file_bytes,
                                         largest + stats->value_live_bytes)
                       : rc;
    return rc == FIRN_OK ? fi_buf_append_format(out, ",\"read_amplification\":%" PRIu64, sorted)
                         : rc;
}

static int
append_state(const firn_store_statistics *stats, struct fi_buf *out)
{
    int rc;
    FI_TRY(fi_buf_append_format(
        out, ",\"is_full\":%s,\"background_error\":", stats->is_full ? "true" : "false"));
    if (stats->background_failures == 0) {
        return fi_buf_append_str(out, "null}");
    }
    rc = fi_buf_append_format(
        out, "{\"code\":\"%s\",\"message\":", firn_code_name(stats->background_code));
    rc = rc == FIRN_OK ? append_text(out, stats->background_error) : rc;
    rc = rc == FIRN_OK ? fi_buf_append_str(out, "}}") : rc;
out:
    return rc;
}

int
fi_inspect_stats_range(const struct firn_db_keyspace *keyspace, firn_slice lower,
                       const firn_slice *upper, firn_keyspace_size *out, firn_error *err)
{
    const struct fi_lsm_range bounds = {lower.data == NULL ? firn_str("") : lower, upper};
    struct fi_lsm_size found = {0};
    struct firn_snapshot *snapshot = NULL;
    struct fi_db_tree *tree;
    int rc;
    *out = (firn_keyspace_size){.size = sizeof *out};
    FI_TRY(fi_db_snapshot_open(keyspace->db, &snapshot, err));
    FI_TRY(fi_db_get_tree(keyspace, snapshot->node.image, &snapshot->node.snapshot, &tree, err));
    if (tree != NULL) {
        FI_TRY(fi_lsm_tree_size(tree->lsm_tree, &bounds, &found, err));
    }
    out->file_bytes = found.file_bytes;
    out->file_entries = found.file_entries;
    out->value_bytes = found.value_bytes;
    out->memory_bytes = found.memory_bytes;
    out->memory_entries = found.memory_entries;
out:
    fi_db_snapshot_close(snapshot);
    return rc;
}

int
fi_inspect_stats_visit_parts(const struct firn_db_keyspace *keyspace,
                             struct firn_snapshot *snapshot,
                             int (*visit)(void *ctx, const struct fi_lsm_part *part,
                                          firn_error *err),
                             void *ctx, firn_error *err)
{
    struct firn_snapshot *own = NULL;
    struct fi_db_tree *tree;
    int rc;
    if (snapshot != NULL && snapshot->db != keyspace->db) {
        return fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
    }
    if (snapshot == NULL) {
        FI_TRY(fi_db_snapshot_open(keyspace->db, &own, err));
        snapshot = own;
    }
    FI_TRY(fi_db_get_tree(keyspace, snapshot->node.image, &snapshot->node.snapshot, &tree, err));
    if (tree != NULL) {
        FI_TRY(fi_lsm_tree_visit_parts(tree->lsm_tree, &snapshot->node.snapshot, visit, ctx, err));
    }
out:
    fi_db_snapshot_close(own);
    return rc;
}

int
fi_inspect_stats_json(const firn_store_statistics *stats, struct fi_buf *out, firn_error *err)
{
    int rc = append_levels(stats, out);
    rc = rc == FIRN_OK ? append_numbers(stats, out) : rc;
    rc = rc == FIRN_OK ? append_amplifications(stats, out) : rc;
    rc = rc == FIRN_OK ? append_state(stats, out) : rc;
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "statistics");
}
