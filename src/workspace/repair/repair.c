/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair.c: a sound store out of a damaged one.
 *
 * The damaged store is locked and read; nothing in it is changed. A new one is built beside it:
 *   data      as much of the store's own data as can be kept (rescue/rescue.c)
 *   packs     those that are whole, and what can be read of others (repair_packs.c)
 *   records   the checkpoints, from catalog, log, runs and packs (repair_records.c)
 *   trees     of each checkpoint, without what is lost (repair_trees.c)
 *   catalog   all of it written (repair_catalog.c), and no pin without its checkpoint
 *             (repair_pins.c)
 * Then the new store is closed, opened again and checked to the last byte. Only if nothing is found
 * do the two change places (repair_place.c).
 *
 * (I1) A store in which a check finds nothing is left alone, but for settings that cannot be read:
 *      they are mended where they are (place_config.c). Those of a damaged store are mended in the new
 *      one.
 * (I2) Whatever fails or is cut off before the exchange leaves the damaged store as it was. (Not
 *      checked: it is compared by tests.)
 * (I3) A dry run does all of it but the exchange, so that what it tells is what a repair would do.
 * (I4) What a newer firn wrote is no damage: wherever FIRN_NEWER is met, the repair ends with it, and
 *      nothing was changed. Formats tell their version under a checksum, so no damage
 *      looks like that. (Not checked: FIRN_NEWER is no finding, firn_rescue_is_finding.)
 */
#include "base/check.h"
#include "repair/repair_internal.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "handle/ws.h"
#include "place/place.h"

enum {
    STORE_MEMORY_BYTES = 32 << 20,
    SCRATCH_FRAMES = 4,
    ATTEMPTS = 2,
    TICK_INTERVAL_NS = 200 * 1000 * 1000
};

/* What is wrong was seen in the new store's copies: people know the store by its own name. */
static void
name_the_store(const struct firn_repair_place *place, const char *text,
               char out[FIRN_ERROR_TEXT_SIZE])
{
    DCHECK(place->new_name[0] != '\0');
    size_t name_size = strlen(place->name);
    size_t used = 0;
    while (*text != '\0' && used < FIRN_ERROR_TEXT_SIZE - 1) {
        bool is_named = strncmp(text, place->new_name, strlen(place->new_name)) == 0;
        size_t size = is_named ? name_size : 1;
        size = size < FIRN_ERROR_TEXT_SIZE - 1 - used ? size : FIRN_ERROR_TEXT_SIZE - 1 - used;
        memcpy(out + used, text, size);
        used += size;
        text += is_named ? strlen(place->new_name) : 1;
    }
    out[used] = '\0';
}

/* The attempts to read a store meet the same again. */
static bool
was_told(struct firn_repair *repair, const char *text)
{
    DCHECK(strlen(text) < sizeof repair->told);
    bool was = strcmp(repair->told, text) == 0;
    memcpy(repair->told, text, strlen(text) + 1);
    return was;
}

void
firn_repair_tell(struct firn_repair *repair, firn_slice path, const char *text)
{
    const firn_callbacks *callbacks = &repair->options->callbacks;
    char named[FIRN_ERROR_TEXT_SIZE];
    if (callbacks->on_notice == NULL || text[0] == '\0' || repair->is_thorough) {
        return;
    }
    name_the_store(&repair->place, text, named);
    if (path.size > 0 || !was_told(repair, named)) {
        firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .path = path, .text = named};
        callbacks->on_notice(callbacks->ctx, &notice);
    }
}

int
firn_repair_progress(struct firn_repair *repair, const char *phase, uint64_t done, firn_error *err)
{
    const firn_callbacks *callbacks = &repair->options->callbacks;
    const firn_progress progress = {.phase = phase, .files_done = done};
    if (callbacks->on_progress == NULL ||
        callbacks->on_progress(callbacks->ctx, &progress) == FIRN_OK) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_CANCELLED, "cancelled");
}

static int
tick(void *ctx, firn_error *err)
{
    struct firn_repair *repair = ctx;
    int64_t now = firn_os_monotonic_ns(repair->ws->os);
    if (now < repair->tick_due_ns) {
        return FIRN_OK;
    }
    repair->tick_due_ns = now + TICK_INTERVAL_NS;
    return firn_repair_progress(repair, "read", 0, err);
}

static void
on_store_damage(void *ctx, const char *text)
{
    firn_repair_tell(ctx, firn_bytes(NULL, 0), text);
}

/* ---- the store in a directory ---- */

static int
open_store(struct firn_ws_opened *opened, struct firn_os_dir *dir, bool read_only,
           bool with_objects, firn_error *err)
{
    DCHECK(opened->db == NULL);
    const struct firn_db_options options = {.read_only = read_only,
                                            .memory_bytes = STORE_MEMORY_BYTES};
    int rc = firn_db_open(dir, &options, &opened->db, err);
    if (rc == FIRN_OK && with_objects) {
        rc = firn_objects_open(opened->db, &opened->objects, err);
    }
    return rc == FIRN_OK ? firn_catalog_open(opened->db, &opened->catalog, err) : rc;
}

static int
close_store(struct firn_ws_opened *opened, firn_error *err)
{
    firn_catalog_close(opened->catalog);
    firn_objects_close(opened->objects);
    int rc = firn_db_close(opened->db, err);
    *opened = (struct firn_ws_opened){0};
    return rc;
}

/* Whether a check finds nothing. */
static int
check(struct firn_repair *repair, struct firn_os_dir *dir, bool *out_is_clean, firn_error *err)
{
    const firn_workspace_check_options options = {
        .size = sizeof options,
        .read_data = true,
        .callbacks = {.on_progress = repair->options->callbacks.on_progress,
                      .ctx = repair->options->callbacks.ctx}};
    firn_workspace_check_result result;
    struct firn_ws_opened opened = {0};
    firn_error found;
    int rc = open_store(&opened, dir, true, true, &found);
    if (rc == FIRN_OK) {
        rc = firn_repair_check_opened(repair->ws, &opened, &options, &result, &found);
    }
    int close_rc = close_store(&opened, rc == FIRN_OK ? &found : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    *out_is_clean = rc == FIRN_OK;
    if (rc != FIRN_OK && !firn_rescue_is_finding(rc)) {
        if (err != NULL) {
            *err = found;
        }
        return rc;
    }
    return FIRN_OK;
}

/* ---- building ---- */

static int
fill(struct firn_repair *repair, const struct firn_rescue_options *options, firn_error *err)
{
    int rc;
    FIRN_TRY(open_store(&repair->opened, repair->place.to, false, false, err));
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &repair->scratch, err));
    firn_packfile_scratch_set_tick(repair->scratch, tick, repair);
    FIRN_TRY(firn_repair_packs(repair, err));
    if (!repair->is_current && repair->data.state == FIRN_RESCUE_KEPT) {
        /* It opened, and has forgotten packs. */
        repair->data.state = FIRN_RESCUE_SHORTENED;
        on_store_damage(repair, "the log was cut short: commits at its end are missing");
    }
    if (!repair->is_current && repair->data.state != FIRN_RESCUE_LOST) {
        FIRN_TRY(firn_rescue_doubt(repair->place.from, options, &repair->data, err));
    }
    FIRN_TRY(firn_repair_records_collect(repair, err));
    FIRN_TRY(firn_repair_catalog_assign(repair, err));
    FIRN_TRY(firn_repair_trees(repair, err));
    FIRN_TRY(firn_repair_catalog_write(repair, err));
    FIRN_TRY(firn_repair_pins(repair, err));
out:
    firn_packfile_scratch_destroy(repair->scratch);
    repair->scratch = NULL;
    int close_rc = close_store(&repair->opened, rc == FIRN_OK ? err : NULL);
    return rc != FIRN_OK ? rc : close_rc;
}

static void
forget(struct firn_repair *repair)
{
    firn_repair_records_release(repair);
    repair->keyspace = 0;
    *repair->result = (firn_repair_result){0};
}

static int
build(struct firn_repair *repair, firn_error *err)
{
    const struct firn_rescue_options options = {.on_damage = on_store_damage, .ctx = repair};
    int rc;
    forget(repair);
    DCHECK(repair->opened.db == NULL && repair->scratch == NULL);
    FIRN_TRY(firn_repair_place_begin(repair, err));
    FIRN_TRY(firn_rescue(repair->place.from, repair->place.to, &options, &repair->data, err));
    repair->is_current = repair->data.state == FIRN_RESCUE_KEPT;
    FIRN_TRY(fill(repair, &options, err));
out:
    return rc;
}

/* A second attempt looks at everything that the first one took for granted. */
static int
build_clean(struct firn_repair *repair, firn_error *err)
{
    bool is_clean = false;
    int rc = FIRN_OK;
    for (unsigned i = 0; rc == FIRN_OK && !is_clean && i < ATTEMPTS; i++) {
        size_t refused;
        repair->is_thorough = i > 0;
        do { /* each time with fewer objects */
            refused = repair->refused.count;
            rc = build(repair, err);
        } while (rc == FIRN_OK && repair->refused.count > refused);
        rc = rc == FIRN_OK ? check(repair, repair->place.to, &is_clean, err) : rc;
    }
    if (rc == FIRN_OK && !is_clean) {
        rc = firn_error_set(err, FIRN_FAILED,
                            "what was made of '%.900s' is not sound either: nothing was changed",
                            repair->ws->place.store_path);
    }
    return rc;
}

/* ---- telling ---- */

static void
count_record(struct firn_repair *repair, const struct firn_repair_record *record)
{
    firn_repair_result *result = repair->result;
    result->intact += record->state == FIRN_REPAIR_INTACT;
    result->partly += record->state == FIRN_REPAIR_PARTLY;
    result->lost += record->state == FIRN_REPAIR_LOST;
    result->found += record->state != FIRN_REPAIR_LOST && !record->is_listed;
    result->lost_paths += record->state == FIRN_REPAIR_PARTLY ? record->lost_paths : 0;
}

static int
tell_record(struct firn_repair *repair, const struct firn_repair_record *record, firn_error *err)
{
    firn_slice path = record->record.workspace_path;
    firn_checkpoint checkpoint;
    firn_catalog_record_to_checkpoint(&record->record, &checkpoint);
    char *root = firn_strndup((const char *)path.data, path.size);
    if (root == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    const firn_repair_checkpoint told = {.root = root,
                                         .checkpoint = &checkpoint,
                                         .state = record->state,
                                         .lost_paths = record->lost_paths,
                                         .was_found = !record->is_listed};
    repair->options->on_checkpoint(repair->options->callbacks.ctx, &told);
    firn_free(root);
    return FIRN_OK;
}

static int
tell(struct firn_repair *repair, firn_error *err)
{
    repair->result->data = repair->data.state == FIRN_RESCUE_KEPT   ? FIRN_REPAIR_DATA_KEPT
                           : repair->data.state == FIRN_RESCUE_LOST ? FIRN_REPAIR_DATA_LOST
                                                                    : FIRN_REPAIR_DATA_SHORTENED;
    for (size_t i = 0; i < firn_repair_record_count(repair); i++) {
        const struct firn_repair_record *record = firn_repair_record_at(repair, i);
        count_record(repair, record);
        int rc =
            repair->options->on_checkpoint == NULL ? FIRN_OK : tell_record(repair, record, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(repair->result->intact + repair->result->partly + repair->result->lost ==
           firn_repair_record_count(repair));
    return FIRN_OK;
}

/* ---- all of it ---- */

static uint64_t
refused_hash(const void *record)
{
    return firn_load_le64(record);
}

static bool
refused_equal(const void *record, const void *key)
{
    return memcmp(record, key, sizeof(firn_hash)) == 0;
}

static int
exchange(struct firn_repair *repair, firn_error *err)
{
    struct firn_ws *ws = repair->ws;
    char *path;
    CHECK(!repair->options->dry_run && repair->place.to != NULL); /* (I3) */
    CHECK(repair->opened.db == NULL);
    int rc = firn_repair_place_exchange(repair, &path, err);
    if (rc == FIRN_OK) {
        firn_buf_clear(&ws->result);
        rc = firn_buf_append_str(&ws->result, path) == FIRN_OK && firn_buf_text(&ws->result) != NULL
                 ? FIRN_OK
                 : firn_error_no_memory(err, "a path");
        repair->result->damaged_path = rc == FIRN_OK ? (const char *)ws->result.data : NULL;
    }
    firn_free(path);
    return rc;
}

int
firn_repair(struct firn_ws *ws, const firn_repair_options *options, firn_repair_result *out,
            firn_error *err)
{
    struct firn_repair repair = {.ws = ws, .options = options, .result = out};
    bool is_clean;
    bool ignored;
    int rc;
    *out = (firn_repair_result){0};
    firn_hash_map_init(&repair.refused, sizeof(firn_hash), refused_hash, refused_equal);
    FIRN_TRY(firn_repair_place_open(&repair, err));
    FIRN_TRY(firn_place_config_check(repair.place.from, &options->callbacks, &ignored, err));
    FIRN_TRY(check(&repair, repair.place.from, &is_clean, err));
    if (is_clean) { /* (I1) */
        DCHECK(repair.place.to == NULL);
        out->was_intact = true;
        rc = options->dry_run ? FIRN_OK : firn_place_config_mend(repair.place.from, err);
        goto out;
    }
    FIRN_TRY(build_clean(&repair, err));
    FIRN_TRY(tell(&repair, err));
    if (!options->dry_run) {
        FIRN_TRY(exchange(&repair, err));
    }
out:
    firn_repair_records_release(&repair);
    firn_repair_place_close(&repair);
    firn_hash_map_deinit(&repair.refused);
    return rc;
}
