/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_files.c: the files in the directory of runs, held against those that MANIFEST names.
 *
 * An opening lists the directory once. A file that MANIFEST does not name is a stray. Strays have
 * three causes: a crash came before MANIFEST named the file, or after MANIFEST had let go of it; or a
 * writer is at work. The first two belong to nothing, and a writer removes them (lsm_collect.c).
 *
 * A file that MANIFEST names and that is missing has two causes. Somebody removed it: then reads of
 * what it held fail, everything else can be read, and the opening notes it. Or MANIFEST is an older
 * one: a compaction replaced the file by others, which are there and look like strays. Those hold
 * the data, and must not be removed.
 *
 * (I1) MANIFEST durably names a file only after the file is durable, and a file is removed only after
 *      MANIFEST has durably let go of it. So no crash leaves a named file missing. (Not checked
 *      here: an opening finds only what came of it.)
 * (I2) Hence finished strays beside missing files are never the trace of a crash. Such a store is
 *      refused as damaged, before anything is removed.
 *
 * A reader keeps the files of its MANIFEST from being removed (store/db_reader.c) before it comes
 * here, so a writer beside it makes nothing look missing.
 *
 * Limits: memory for eight bytes a file.
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/sort.h"
#include "block/value_file.h"
#include "lsm/lsm_origin.h"

struct comparison {
    struct firn_lsm *lsm;
    struct firn_buf runs;    /* numbers that MANIFEST names, ascending, none twice */
    struct firn_buf values;  /* likewise */
    struct firn_buf present; /* one byte for each of both, runs first: whether it was found */
    struct firn_buf strays;  /* of struct firn_lsm_stray */
    uint64_t finished;       /* of the strays, those that are no unfinished files */
    uint64_t number_max;
};

/* ---- what MANIFEST names ---- */

static size_t
count_of(const struct firn_buf *numbers)
{
    return numbers->size / sizeof(uint64_t);
}

static uint64_t
number_at(const struct firn_buf *numbers, size_t i)
{
    return ((const uint64_t *)(const void *)numbers->data)[i];
}

/* Several runs may refer to one value file. */
static void
sort_and_unite(struct firn_buf *numbers)
{
    size_t kept = firn_sort_unique_u64((void *)numbers->data, count_of(numbers));
    numbers->size = kept * sizeof(uint64_t);
}

static int
list_run(struct comparison *comparison, const struct firn_manifest_run *run)
{
    int rc = firn_buf_append(&comparison->runs, &run->number, sizeof run->number);
    for (size_t i = 0; i < run->reference_count && rc == FIRN_OK; i++) {
        rc = firn_buf_append(&comparison->values, &run->references[i].number,
                             sizeof run->references[i].number);
    }
    return rc;
}

static int
list_named(struct comparison *comparison, const struct firn_manifest_state *state)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < state->tree_count; i++) {
        for (size_t j = 0; j < state->trees[i].run_count && rc == FIRN_OK; j++) {
            rc = list_run(comparison, state->trees[i].runs[j]);
        }
    }
    sort_and_unite(&comparison->runs);
    sort_and_unite(&comparison->values);
    size_t count = count_of(&comparison->runs) + count_of(&comparison->values);
    rc = rc == FIRN_OK ? firn_buf_set_size(&comparison->present, count) : rc;
    if (rc == FIRN_OK && count > 0) {
        memset(comparison->present.data, 0, count);
    }
    return rc;
}

/* ---- what is there ---- */

/* Notes that a file is there; false where MANIFEST does not name it. */
static bool
note_named(struct comparison *comparison, const char *name, uint64_t number)
{
    const struct firn_run_kind *kinds[] = {comparison->lsm->options.kind, &firn_value_file_kind};
    const struct firn_buf *named[] = {&comparison->runs, &comparison->values};
    size_t first = 0;
    for (size_t i = 0; i < 2; i++) {
        char own[FIRN_RUN_FILE_NAME_SIZE];
        size_t low = 0;
        size_t high = count_of(named[i]);
        firn_run_file_name(number, kinds[i], own);
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (number_at(named[i], middle) < number) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (strcmp(name, own) == 0 && low < count_of(named[i]) &&
            number_at(named[i], low) == number) {
            CHECK(first + low < comparison->present.size);
            comparison->present.data[first + low] = 1;
            return true;
        }
        first += count_of(named[i]);
    }
    return false;
}

static int
visit_file(void *ctx, const struct firn_os_dirent *entry)
{
    struct comparison *comparison = ctx;
    uint64_t number = firn_lsm_number_in_name(entry->name);
    size_t size = strlen(entry->name);
    struct firn_lsm_stray stray = {{0}};
    if (number == 0) {
        return FIRN_OK;
    }
    comparison->number_max = number > comparison->number_max ? number : comparison->number_max;
    if (note_named(comparison, entry->name, number)) {
        return FIRN_OK;
    }
    CHECK(size < sizeof stray.name);
    memcpy(stray.name, entry->name, size);
    comparison->finished += size < 4 || strcmp(entry->name + size - 4, ".tmp") != 0;
    return firn_buf_append(&comparison->strays, &stray, sizeof stray);
}

/* Counts what was not found, and keeps the name of the first one. */
static void
find_missing(struct comparison *comparison)
{
    struct firn_lsm *lsm = comparison->lsm;
    size_t runs = count_of(&comparison->runs);
    for (size_t i = 0; i < comparison->present.size; i++) {
        if (comparison->present.data[i] != 0) {
            continue;
        }
        if (lsm->missing_count++ == 0) {
            bool is_run = i < runs;
            firn_run_file_name(
                is_run ? number_at(&comparison->runs, i) : number_at(&comparison->values, i - runs),
                is_run ? lsm->options.kind : &firn_value_file_kind, lsm->missing_name);
        }
    }
}

/* ---- both ---- */

/* (I2). */
static int
judge(const struct comparison *comparison, firn_error *err)
{
    const struct firn_lsm *lsm = comparison->lsm;
    if (lsm->missing_count == 0 || comparison->finished == 0 || lsm->options.may_miss) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_CORRUPT,
                          "the MANIFEST of '%s' is older than its runs: %" PRIu64
                          " files that it names are missing (" FIRN_LSM_RUNS "/%s), and %" PRIu64
                          " are there that it does not name",
                          firn_os_dir_path(lsm->dir), lsm->missing_count, lsm->missing_name,
                          comparison->finished);
}

/* New files get numbers above all that are there. */
static void
take_strays(struct comparison *comparison, uint64_t version)
{
    struct firn_lsm *lsm = comparison->lsm;
    DCHECK(lsm->strays == NULL && lsm->gone.size == 0);
    /* (I2) */
    DCHECK(lsm->missing_count == 0 || comparison->finished == 0 || lsm->options.may_miss);
    if (comparison->number_max >= lsm->next_number) {
        lsm->next_number = comparison->number_max + 1;
    }
    lsm->strays = (struct firn_lsm_stray *)(void *)comparison->strays.data;
    lsm->stray_count = comparison->strays.size / sizeof(struct firn_lsm_stray);
    lsm->stray_version = version;
    comparison->strays = (struct firn_buf){0};
    firn_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->stray_count; i++) {
        firn_lsm_origin_note_gone_locked(lsm, firn_lsm_number_in_name(lsm->strays[i].name));
    }
    firn_os_mutex_unlock(&lsm->mutex);
}

int
firn_lsm_files_compare(struct firn_lsm *lsm, const struct firn_manifest_state *state,
                       firn_error *err)
{
    DCHECK(lsm->missing_count == 0 && lsm->stray_count == 0);
    struct comparison comparison = {.lsm = lsm};
    int rc = list_named(&comparison, state);
    if (rc == FIRN_OK && lsm->runs_dir != NULL) {
        rc = firn_os_dir_list(lsm->runs_dir, visit_file, &comparison, err);
    }
    if (rc == FIRN_NO_MEMORY) {
        rc = firn_error_no_memory(err, "the names of runs");
    }
    if (rc == FIRN_OK) {
        find_missing(&comparison);
        rc = judge(&comparison, err);
    }
    if (rc == FIRN_OK && !lsm->options.is_read_only) {
        take_strays(&comparison, state->version);
    }
    firn_buf_deinit(&comparison.runs);
    firn_buf_deinit(&comparison.values);
    firn_buf_deinit(&comparison.present);
    firn_buf_deinit(&comparison.strays);
    return rc;
}
