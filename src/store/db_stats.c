/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_stats.c: what a store can tell about itself, as a structure and as JSON.
 *
 * The numbers are gathered one after the other while work goes on, so they fit together as well as
 * numbers of a running store can. Amplifications are computed in the JSON from the numbers beside
 * them: bytes written to log and runs for each byte committed; runs that a reading may have to
 * look at; bytes of runs and value files for each byte of the level that holds most and of live
 * values, which is what overwritten data costs.
 */
#include "store/db_internal.h"

#include <inttypes.h>
#include <string.h>

#include "codec/utf8.h"

static uint64_t
read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static firn_store_level
level_of(const struct firn_lsm_level_stats *stats)
{
    return (firn_store_level){.files = stats->runs,
                              .bytes = stats->bytes,
                              .entries = stats->entries,
                              .tombstones = stats->tombstones};
}

static void
gather_trees(struct firn_lsm *lsm, firn_store_statistics *out)
{
    struct firn_lsm_stats stats;
    firn_lsm_stats(lsm, NULL, &stats);
    for (size_t i = 0; i < FIRN_LSM_LEVELS; i++) {
        out->levels[i] = level_of(&stats.levels[i]);
        out->file_bytes += stats.levels[i].bytes;
    }
    out->history = level_of(&stats.levels[FIRN_LSM_HISTORY]);
    out->file_bytes += stats.levels[FIRN_LSM_HISTORY].bytes;
    out->value_files = stats.values.files;
    out->value_bytes = stats.values.bytes;
    out->value_live_bytes = stats.values.live_bytes;
    out->file_bytes += stats.values.bytes;
    out->waiting_files = stats.waiting_files;
    out->flushes = stats.flushes;
    out->flush_bytes = stats.flush_bytes;
    out->compactions = stats.compactions;
    out->compaction_read_bytes = stats.compaction_read_bytes;
    out->compaction_write_bytes = stats.compaction_write_bytes;
    out->moves = stats.moves;
    out->versions_dropped = stats.versions_dropped;
    out->memtable_bytes = stats.memtable_bytes;
    out->memtables = stats.memtables;
    out->memtables_waiting = stats.frozen_memtables;
}

static void
gather_cache(struct firn_db *db, firn_store_statistics *out)
{
    struct firn_block_cache_stats stats;
    firn_block_cache_stats(db->cache, &stats);
    out->cache_bytes = stats.used_bytes + stats.beyond_bytes;
    out->cache_hits = stats.hits;
    out->cache_misses = stats.misses;
    out->cache_evictions = stats.evictions;
}

static void
gather_jobs(struct firn_db *db, firn_store_statistics *out)
{
    struct firn_db_jobs *jobs = &db->jobs;
    firn_os_mutex_lock(&jobs->mutex);
    out->background_failures = jobs->failure_count;
    out->background_code = jobs->last_code;
    memcpy(out->background_error, jobs->last_text, sizeof out->background_error);
    firn_os_mutex_unlock(&jobs->mutex);
    out->is_full = atomic_load(&db->space.is_full);
}

static void
gather_counters(const struct firn_db *db, firn_store_statistics *out)
{
    const struct firn_db_counters *counters = &db->counters;
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
gather_keyspaces(struct firn_db *db, const struct firn_db_image *image, firn_store_statistics *out)
{
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_image_tree_count(image); i++) {
        const struct firn_db_tree *tree = firn_db_image_tree(image, i);
        bool is_there = tree->id != FIRN_DB_KEYSPACE_LIST && tree->id < image->next_id &&
                        !atomic_load_explicit(&tree->is_out, memory_order_relaxed);
        out->keyspaces += is_there ? 1 : 0;
    }
    out->views = db->view_count;
    firn_os_mutex_unlock(&db->state_mutex);
}

int
firn_db_stats(struct firn_db *db, firn_store_statistics *out, firn_error *err)
{
    (void)err;
    *out = (firn_store_statistics){.size = sizeof *out};
    size_t slot = firn_epoch_enter(&db->epoch);
    const struct firn_db_image *image = firn_db_image(db);
    gather_trees(image->lsm, out);
    gather_keyspaces(db, image, out);
    out->log_bytes = db->log != NULL ? firn_log_size_bytes(db->log) : image->log_bytes;
    firn_epoch_leave(&db->epoch, slot);
    gather_cache(db, out);
    gather_jobs(db, out);
    gather_counters(db, out);
    out->memory_bytes = db->limits.memory;
    return FIRN_OK;
}

/* ---- JSON ---- */

/* Text as a JSON string; what is not UTF-8 in it shows as '?'. */
static int
append_text(struct firn_buf *out, const char *text)
{
    bool is_utf8 = firn_utf8_is_valid(firn_str(text));
    int rc = firn_buf_append_u8(out, '"');
    for (const char *at = text; *at != '\0' && rc == FIRN_OK; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\') {
            rc = firn_buf_append_format(out, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            rc = firn_buf_append_format(out, "\\u%04x", byte);
        } else {
            rc = firn_buf_append_u8(out, byte >= 0x80 && !is_utf8 ? '?' : byte);
        }
    }
    return rc == FIRN_OK ? firn_buf_append_u8(out, '"') : rc;
}

static int
append_level(const firn_store_level *level, struct firn_buf *out)
{
    return firn_buf_append_format(out,
                                  "{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
                                  ",\"entries\":%" PRIu64 ",\"tombstones\":%" PRIu64 "}",
                                  level->files, level->bytes, level->entries, level->tombstones);
}

static int
append_levels(const firn_store_statistics *stats, struct firn_buf *out)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        FIRN_TRY(firn_buf_append_str(out, i == 0 ? "{\"levels\":[" : ","));
        FIRN_TRY(append_level(&stats->levels[i], out));
    }
    FIRN_TRY(firn_buf_append_str(out, "],\"history\":"));
    rc = append_level(&stats->history, out);
out:
    return rc;
}

struct number {
    const char *name;
    uint64_t value;
};

static int
append_numbers(const firn_store_statistics *stats, struct firn_buf *out)
{
    const struct number numbers[] = {
        {"keyspaces", stats->keyspaces},
        {"commits", stats->commits},
        {"commit_bytes", stats->commit_bytes},
        {"log_bytes", stats->log_bytes},
        {"log_written_bytes", stats->log_written_bytes},
        {"file_bytes", stats->file_bytes},
        {"waiting_files", stats->waiting_files},
        {"flushes", stats->flushes},
        {"flush_bytes", stats->flush_bytes},
        {"compactions", stats->compactions},
        {"compaction_read_bytes", stats->compaction_read_bytes},
        {"compaction_write_bytes", stats->compaction_write_bytes},
        {"moves", stats->moves},
        {"versions_dropped", stats->versions_dropped},
        {"memory_bytes", stats->memory_bytes},
        {"memtable_bytes", stats->memtable_bytes},
        {"memtables", stats->memtables},
        {"memtables_waiting", stats->memtables_waiting},
        {"cache_bytes", stats->cache_bytes},
        {"cache_hits", stats->cache_hits},
        {"cache_misses", stats->cache_misses},
        {"cache_evictions", stats->cache_evictions},
        {"slowdowns", stats->slowdowns},
        {"slowdown_ns", stats->slowdown_ns},
        {"stalls", stats->stalls},
        {"stall_ns", stats->stall_ns},
        {"background_failures", stats->background_failures},
        {"views", stats->views},
        {"conflicts", stats->conflicts},
        {"value_files", stats->value_files},
        {"value_bytes", stats->value_bytes},
        {"value_live_bytes", stats->value_live_bytes},
    };
    int rc = FIRN_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && rc == FIRN_OK; i++) {
        rc = firn_buf_append_format(out, ",\"%s\":%" PRIu64, numbers[i].name, numbers[i].value);
    }
    return rc;
}

/* A quotient in hundredths; 0 where there is nothing to divide by. */
static uint64_t
hundredths(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (uint64_t)((double)a * 100.0 / (double)b + 0.5);
}

static int
append_quotient(struct firn_buf *out, const char *name, uint64_t a, uint64_t b)
{
    uint64_t value = hundredths(a, b);
    return firn_buf_append_format(out, ",\"%s\":%" PRIu64 ".%02" PRIu64, name, value / 100,
                                  value % 100);
}

static int
append_amplifications(const firn_store_statistics *stats, struct firn_buf *out)
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
    return rc == FIRN_OK ? firn_buf_append_format(out, ",\"read_amplification\":%" PRIu64, sorted)
                         : rc;
}

static int
append_state(const firn_store_statistics *stats, struct firn_buf *out)
{
    int rc = firn_buf_append_format(
        out, ",\"is_full\":%s,\"background_error\":", stats->is_full ? "true" : "false");
    if (rc != FIRN_OK) {
        return rc;
    }
    if (stats->background_failures == 0) {
        return firn_buf_append_str(out, "null}");
    }
    rc = firn_buf_append_format(
        out, "{\"code\":\"%s\",\"message\":", firn_code_name(stats->background_code));
    rc = rc == FIRN_OK ? append_text(out, stats->background_error) : rc;
    return rc == FIRN_OK ? firn_buf_append_str(out, "}}") : rc;
}

int
firn_db_stats_json(const firn_store_statistics *stats, struct firn_buf *out, firn_error *err)
{
    int rc = append_levels(stats, out);
    rc = rc == FIRN_OK ? append_numbers(stats, out) : rc;
    rc = rc == FIRN_OK ? append_amplifications(stats, out) : rc;
    rc = rc == FIRN_OK ? append_state(stats, out) : rc;
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "statistics");
}
