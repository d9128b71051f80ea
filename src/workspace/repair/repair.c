/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair.c: builds a sound store from a damaged one.
 *
 * The damaged store is locked and only read. A new one is built beside it:
 *   data      as much of the store's own data as can be kept (rescue/rescue.c)
 *   packs     the intact ones, and what can be read of others (repair_packs.c)
 *   records   the checkpoints, from catalog, log, runs and packs (repair_records.c)
 *   trees     of each checkpoint, without what is lost (repair_trees.c)
 *   catalog   all of it written (repair_catalog.c), and no pin without its checkpoint
 *             (repair_pins.c)
 * Then the new store is closed, opened again and checked to the last byte. Only if the check finds
 * nothing do the two change places (repair_place.c).
 *
 * (I1) A store in which a check finds nothing is left alone, except for settings that cannot be
 *      read: they are repaired in place (place_config.c). Those of a damaged store are repaired in
 *      the new one.
 * (I2) A failure or a crash before the exchange leaves the damaged store as it was. (Not checked
 *      here: tests compare it.)
 * (I3) A dry run does everything except the exchange, so it reports what a repair would do.
 * (I4) What a newer firn wrote is not damage: at any FIRN_NEWER the repair ends with that code, and
 *      nothing was changed. Formats have their version under a checksum, so no damage
 *      looks like that. (Not checked: fi_rescue_is_finding does not accept FIRN_NEWER.)
 * (I5) The new store of an encrypted one has its keys, before anything is built (repair_place.c).
 *      Without a key, or without FIRN.keys, nothing is built. (Not checked: it is the order of the
 *      calls.)
 */
#include "repair/repair_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "objects/objects.h"
#include "place/place.h"
#include "rows/rows.h"
#include "trust/trust.h"
#include "verify/verify.h"

enum { STORE_MEMORY_BYTES = 32 << 20, SCRATCH_FRAMES = 4, ATTEMPTS = 2 };

/* ---- the store in a directory ---- */

static int
open_store(const struct fi_repair *repair, struct fi_ws_opened *opened, struct fi_os_dir *dir,
           bool with_objects, firn_error *err)
{
    DCHECK(opened->db == NULL);
    const struct fi_db_options options = {.read_only = with_objects,
                                          .memory_bytes = STORE_MEMORY_BYTES,
                                          .unlock = &repair->ws->unlock};
    int rc = fi_db_open(dir, &options, &opened->db, err);
    if (rc == FIRN_OK && with_objects) {
        rc = fi_objects_open(opened->db, &opened->objects, err);
        if (rc == FIRN_OK && !repair->is_known) {
            fi_objects_budget_begin(opened->objects);
        }
    }
    return rc == FIRN_OK ? fi_catalog_open(opened->db, &opened->catalog, err) : rc;
}

static int
close_store(struct fi_ws_opened *opened, firn_error *err)
{
    fi_catalog_close(opened->catalog);
    fi_objects_close(opened->objects);
    int rc = fi_db_close(opened->db, err);
    *opened = (struct fi_ws_opened){0};
    return rc;
}

/* Whether a check finds nothing. */
static int
repair_check(struct fi_repair *repair, struct fi_os_dir *dir, bool *out_is_clean, firn_error *err)
{
    const firn_workspace_check_options options = {
        .size = sizeof options,
        .read_data = true,
        .callbacks = {.on_progress = repair->options->callbacks.on_progress,
                      .ctx = repair->options->callbacks.ctx}};
    firn_workspace_check_result result;
    struct fi_ws_opened opened = {0};
    firn_error found;
    int rc = open_store(repair, &opened, dir, true, &found);
    if (rc == FIRN_OK) {
        rc = fi_verify_opened(repair->ws, &opened, &options, &result, &found);
    }
    int close_rc = close_store(&opened, rc == FIRN_OK ? &found : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    return fi_rescue_sift(rc, &found, out_is_clean, err);
}

/* ---- building ---- */

static int
repair_fill(struct fi_repair *repair, const struct fi_rescue_options *options, firn_error *err)
{
    int rc;
    FI_TRY(open_store(repair, &repair->opened, repair->place.to, false, err));
    fi_repair_report_losses(repair);
    FI_TRY(fi_pack_scratch_create(SCRATCH_FRAMES, &repair->scratch, err));
    fi_pack_scratch_set_tick(repair->scratch, fi_repair_report_tick, repair);
    FI_TRY(fi_repair_packs(repair, err));
    if (!repair->is_current && repair->data.state == FI_RESCUE_KEPT) {
        /* It opened, and has forgotten packs. */
        repair->data.state = FI_RESCUE_SHORTENED;
        fi_repair_report_damage(repair, "the log was cut short: commits at its end are missing");
    }
    if (!repair->is_current && repair->data.state != FI_RESCUE_LOST) {
        FI_TRY(fi_rescue_doubt(repair->place.from, options, &repair->data, err));
    }
    if (repair->data.state == FI_RESCUE_SHORTENED) {
        FI_TRY(fi_rows_mend(repair->opened.db, fi_repair_report_damage, repair, err));
    }
    FI_TRY(fi_repair_records_collect(repair, err));
    FI_TRY(fi_repair_catalog_assign(repair, err));
    FI_TRY(fi_repair_trees(repair, err));
    FI_TRY(fi_repair_catalog_write(repair, err));
    FI_TRY(fi_repair_pins_sweep(repair, err));
out:
    fi_pack_scratch_destroy(repair->scratch);
    repair->scratch = NULL;
    int close_rc = close_store(&repair->opened, rc == FIRN_OK ? err : NULL);
    return rc != FIRN_OK ? rc : close_rc;
}

static void
clear_result(struct fi_repair *repair)
{
    fi_repair_records_release(repair);
    fi_buf_clear(&repair->losses);
    repair->keyspace = 0;
    *repair->result = (firn_workspace_repair_result)FIRN_WORKSPACE_REPAIR_RESULT_INIT;
}

static int
repair_build(struct fi_repair *repair, firn_error *err)
{
    const struct fi_rescue_options options = {
        .on_damage = fi_repair_report_damage_of_run, .ctx = repair, .unlock = &repair->ws->unlock};
    clear_result(repair);
    DCHECK(repair->opened.db == NULL && repair->scratch == NULL);
    FI_TRY_RETURN(fi_repair_place_begin(repair, err));
    FI_TRY_RETURN(fi_rescue(repair->place.from, repair->place.to, &options, &repair->data, err));
    repair->is_current = repair->data.state == FI_RESCUE_KEPT;
    return repair_fill(repair, &options, err);
}

struct refusing {
    struct fi_os_dir *dir;
    firn_error *err;
};

/* Whether a file in the damaged store, by its path in there, may have a part of its history. */
static bool
has_history(const char *path)
{
    static const char runs[] = "runs/";
    static const char packs[] = FI_STOREFILE_PACKS_NAME "/";
    bool is_inside = strchr(path, '/') != NULL;
    return is_inside ? strncmp(path, runs, sizeof runs - 1) == 0 ||
                           strncmp(path, packs, sizeof packs - 1) == 0
                     : fi_rescue_is_own_name(path) && strcmp(path, FI_STOREFILE_LOCK_NAME) != 0 &&
                           strcmp(path, FI_STOREFILE_RESERVE_NAME) != 0;
}

static int
refuse_foreign(void *ctx, const char *path, bool is_replaced)
{
    const struct refusing *refusing = ctx;
    (void)is_replaced;
    if (!has_history(path)) {
        return FIRN_OK;
    }
    return fi_error_set(refusing->err, FIRN_UNTRUSTED,
                        "'%.600s/%.200s' is there, but firn did not make it here: nothing is "
                        "repaired, as it may have what is missing; firn trust accepts the files "
                        "that are there, otherwise move it away",
                        fi_os_dir_path(refusing->dir), path);
}

/* A second attempt checks everything that the first one assumed. */
static int
build_clean(struct fi_repair *repair, firn_error *err)
{
    bool is_clean = false;
    int rc = FIRN_OK;
    for (unsigned i = 0; rc == FIRN_OK && !is_clean && i < ATTEMPTS; i++) {
        size_t refused;
        repair->is_thorough = i > 0;
        do { /* each time with fewer objects */
            refused = repair->refused.count;
            rc = repair_build(repair, err);
        } while (rc == FIRN_OK && repair->refused.count > refused);
        rc = rc == FIRN_OK ? repair_check(repair, repair->place.to, &is_clean, err) : rc;
    }
    if (rc == FIRN_OK && !is_clean) {
        rc = fi_error_set(err, FIRN_FAILED,
                          "the new store made from '%.900s' is damaged too: nothing was changed",
                          repair->ws->place.store_path);
    }
    return rc;
}

/* ---- telling ---- */

static void
count_record(struct fi_repair *repair, const struct fi_repair_record *record)
{
    firn_workspace_repair_result *result = repair->result;
    result->intact += record->state == FIRN_REPAIR_STATE_INTACT;
    result->partly += record->state == FIRN_REPAIR_STATE_PARTLY;
    result->lost += record->state == FIRN_REPAIR_STATE_LOST;
    result->found += record->state != FIRN_REPAIR_STATE_LOST && !record->is_listed;
    result->lost_paths += record->state == FIRN_REPAIR_STATE_PARTLY ? record->lost_paths : 0;
}

static int
report_record(struct fi_repair *repair, const struct fi_repair_record *record, firn_error *err)
{
    firn_slice path = record->record.workspace_path;
    firn_workspace_checkpoint checkpoint;
    fi_catalog_record_to_checkpoint(&record->record, &checkpoint);
    char *root = fi_strndup((const char *)path.data, path.size);
    if (root == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    const firn_workspace_repair_checkpoint told = {.root = root,
                                                   .checkpoint = &checkpoint,
                                                   .state = record->state,
                                                   .lost_paths = record->lost_paths,
                                                   .was_found = !record->is_listed};
    repair->options->on_checkpoint(repair->options->callbacks.ctx, &told);
    fi_free(root);
    return FIRN_OK;
}

static int
repair_report(struct fi_repair *repair, firn_error *err)
{
    repair->result->data = repair->data.state == FI_RESCUE_KEPT   ? FIRN_REPAIR_DATA_KEPT
                           : repair->data.state == FI_RESCUE_LOST ? FIRN_REPAIR_DATA_LOST
                                                                  : FIRN_REPAIR_DATA_SHORTENED;
    for (size_t i = 0; i < fi_repair_record_count(repair); i++) {
        const struct fi_repair_record *record = fi_repair_record_at(repair, i);
        count_record(repair, record);
        int rc =
            repair->options->on_checkpoint == NULL ? FIRN_OK : report_record(repair, record, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    DCHECK(repair->result->intact + repair->result->partly + repair->result->lost ==
           fi_repair_record_count(repair));
    return FIRN_OK;
}

/* ---- all of it ---- */

static int
exchange(struct fi_repair *repair, firn_error *err)
{
    struct firn_ws *ws = repair->ws;
    char *path;
    CHECK(!repair->options->dry_run && repair->place.to != NULL); /* (I3) */
    CHECK(repair->opened.db == NULL);
    int rc = fi_ws_given_expect(ws, err);
    if (rc == FIRN_OK) {
        rc = fi_repair_place_exchange(repair, &path, err);
    }
    if (rc == FIRN_OK) {
        fi_ws_given_own(ws, path);
        repair->result->damaged_path = path;
    }
    return rc;
}

int
fi_repair(struct firn_ws *ws, const firn_workspace_repair_options *options,
          firn_workspace_repair_result *out, firn_error *err)
{
    struct fi_repair repair = {.ws = ws, .options = options, .result = out};
    bool is_clean;
    bool ignored;
    int rc;
    *out = (firn_workspace_repair_result)FIRN_WORKSPACE_REPAIR_RESULT_INIT;
    fi_hash_map_init(&repair.refused, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    FI_TRY(fi_repair_place_open(&repair, err));
    FI_TRY(fi_place_config_check(repair.place.from, &options->callbacks, &ignored, err));
    FI_TRY(repair_check(&repair, repair.place.from, &is_clean, err));
    if (is_clean) {
        DCHECK(repair.place.to == NULL); /* (I1) */
        out->was_intact = true;
        rc = options->dry_run ? FIRN_OK : fi_place_config_repair(repair.place.from, err);
        goto out;
    }
    struct refusing refusing = {repair.place.from, err};
    FI_TRY(fi_trust_files_survey(repair.place.from, false, refuse_foreign, &refusing, err));
    FI_TRY(fi_repair_place_unlock(&repair, err));
    FI_TRY(build_clean(&repair, err));
    FI_TRY(repair_report(&repair, err));
    if (!options->dry_run) {
        FI_TRY(exchange(&repair, err));
    }
out:
    fi_repair_records_release(&repair);
    fi_buf_deinit(&repair.losses);
    fi_repair_place_close(&repair);
    fi_hash_map_deinit(&repair.refused);
    return rc;
}
