/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_compare.c: compares the files in the directory of runs with those that MANIFEST names.
 *
 * An opening lists the directory once. A file that MANIFEST does not name is a stray. Strays have
 * three causes: a crash before MANIFEST named the file, a crash after MANIFEST stopped naming it,
 * or a writer at work. Strays of the first two kinds belong to nothing, and a writer removes them
 * (lsm_collect.c).
 *
 * If a file that MANIFEST names is missing, there are two possible causes. Something else removed
 * it: then reads of its contents fail, everything else can be read, and the opening notes it. Or
 * MANIFEST is an old one: a compaction has replaced the file by others, which look like strays.
 * These hold the data and must not be removed.
 *
 * (I1) MANIFEST names a file only after the file is durable, and a file is removed only after
 *      MANIFEST has durably stopped naming it. So no crash leaves a named file missing. (Not
 *      checked here: an opening sees only the result.)
 * (I2) Hence finished strays beside missing files are never the trace of a crash. Such a store is
 *      refused as damaged, before anything is removed. Missing attachments alone are no reason to
 *      refuse it: with an older MANIFEST their runs would be missing too, and every read can do
 *      without them.
 *
 * A reader keeps the files of its MANIFEST from being removed (instance/db_reader.c) before it
 * comes here, so a writer beside it makes nothing look missing.
 *
 * Memory: sizeof(struct named) bytes for each file.
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"
#include "lsm/lsm_internal.h"
#include "run/run_value_file.h"

/* A file that MANIFEST names. */
struct named {
    uint64_t number;
    const struct fi_run_kind *kind;
    bool is_attachment; /* reads can do without it */
    bool is_present;    /* it was found */
};

struct comparison {
    struct fi_lsm *lsm;
    struct fi_buf named;  /* of struct named, by ascending number, none twice */
    struct fi_buf strays; /* of struct fi_lsm_stray */
    uint64_t needed;      /* missing files that are not attachments */
    uint64_t finished;    /* strays that are finished files */
    uint64_t number_max;
};

/* ---- what MANIFEST names ---- */

static size_t
named_count(const struct comparison *comparison)
{
    return comparison->named.size / sizeof(struct named);
}

static struct named *
named_at(const struct comparison *comparison, size_t i)
{
    return (struct named *)(void *)comparison->named.data + i;
}

static int
compare_named(const void *a, const void *b)
{
    uint64_t x = ((const struct named *)a)->number;
    uint64_t y = ((const struct named *)b)->number;
    return (x > y) - (x < y);
}

/* Several runs may refer to one value file. */
static void
sort_and_unite(struct comparison *comparison)
{
    size_t count = named_count(comparison);
    size_t kept = 0;
    fi_sort(comparison->named.data, count, sizeof(struct named), compare_named);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 ||
            named_at(comparison, kept - 1)->number != named_at(comparison, i)->number) {
            *named_at(comparison, kept++) = *named_at(comparison, i);
        }
    }
    comparison->named.size = kept * sizeof(struct named);
}

static int
list_file(struct comparison *comparison, uint64_t number, const struct fi_run_kind *kind,
          bool is_attachment)
{
    const struct named named = {.number = number, .kind = kind, .is_attachment = is_attachment};
    DCHECK(number > 0 && kind != NULL); /* unknown kinds were refused */
    return fi_buf_append(&comparison->named, &named, sizeof named);
}

static int
list_run(struct comparison *comparison, const struct fi_manifest_run *run)
{
    const struct fi_run_kind *kind = fi_run_kind_find(comparison->lsm->options.kinds, run->kind);
    int rc = list_file(comparison, run->number, kind, false);
    for (size_t i = 0; i < run->reference_count && rc == FIRN_OK; i++) {
        rc = list_file(comparison, run->references[i].number, &fi_run_value_file_kind, false);
    }
    for (size_t i = 0; i < run->attachment_count && rc == FIRN_OK; i++) {
        rc = list_file(comparison, run->attachments[i].number,
                       fi_run_kind_find(kind->attachment_kinds, run->attachments[i].kind), true);
    }
    return rc;
}

static int
list_named(struct comparison *comparison, const struct fi_manifest_state *state)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < state->tree_count; i++) {
        for (size_t j = 0; j < state->trees[i].run_count && rc == FIRN_OK; j++) {
            rc = list_run(comparison, state->trees[i].runs[j]);
        }
    }
    sort_and_unite(comparison);
    return rc;
}

/* ---- what is there ---- */

/* Notes that a file is there; false where MANIFEST does not name it. */
static bool
note_named(struct comparison *comparison, const char *name, uint64_t number)
{
    char own[FI_VERSION_FILE_NAME_SIZE];
    size_t low = 0;
    size_t high = named_count(comparison);
    FI_SEARCH_FIRST(low, high, middle, named_at(comparison, middle)->number < number);
    if (low == named_count(comparison) || named_at(comparison, low)->number != number) {
        return false;
    }
    fi_version_file_name(number, named_at(comparison, low)->kind, own);
    bool is_named = strcmp(name, own) == 0;
    named_at(comparison, low)->is_present |= is_named;
    return is_named;
}

static int
visit_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct comparison *comparison = ctx;
    uint64_t number = fi_lsm_number_in_name(entry->name);
    size_t size = strlen(entry->name);
    struct fi_lsm_stray stray = {{0}};
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
    return fi_buf_append(&comparison->strays, &stray, sizeof stray);
}

/* Counts missing files, and keeps the name of the first one that is needed, or else of the first
 * one. */
static void
find_missing(struct comparison *comparison)
{
    struct fi_lsm *lsm = comparison->lsm;
    for (size_t i = 0; i < named_count(comparison); i++) {
        const struct named *named = named_at(comparison, i);
        if (named->is_present) {
            continue;
        }
        bool is_first = lsm->missing_count == 0;
        bool is_first_needed = !named->is_attachment && comparison->needed == 0;
        if (is_first || is_first_needed) {
            fi_version_file_name(named->number, named->kind, lsm->missing_name);
        }
        lsm->missing_count++;
        comparison->needed += !named->is_attachment;
    }
}

/* ---- both ---- */

/* (I2). */
static int
lsm_compare_assess(const struct comparison *comparison, firn_error *err)
{
    const struct fi_lsm *lsm = comparison->lsm;
    DCHECK(comparison->needed <= lsm->missing_count);
    if (comparison->needed == 0 || comparison->finished == 0 || lsm->options.may_miss) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_CORRUPT,
                        "the MANIFEST of '%s' is older than its runs: %" PRIu64
                        " files that it names are missing (" FI_LSM_RUNS "/%s), and %" PRIu64
                        " are there that it does not name",
                        fi_os_dir_path(lsm->dir), comparison->needed, lsm->missing_name,
                        comparison->finished);
}

/* New files get numbers above those of all existing files. */
static void
take_strays(struct comparison *comparison, uint64_t version)
{
    struct fi_lsm *lsm = comparison->lsm;
    DCHECK(lsm->strays == NULL && lsm->gone.size == 0);
    /* (I2) */
    DCHECK(comparison->needed == 0 || comparison->finished == 0 || lsm->options.may_miss);
    if (comparison->number_max >= lsm->next_number) {
        lsm->next_number = comparison->number_max + 1;
    }
    lsm->strays = (struct fi_lsm_stray *)(void *)comparison->strays.data;
    lsm->stray_count = comparison->strays.size / sizeof(struct fi_lsm_stray);
    lsm->stray_version = version;
    comparison->strays = (struct fi_buf){0};
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->stray_count; i++) {
        fi_lsm_origin_note_gone_locked(lsm, fi_lsm_number_in_name(lsm->strays[i].name));
    }
    fi_os_mutex_unlock(&lsm->mutex);
}

int
fi_lsm_compare_files(struct fi_lsm *lsm, const struct fi_manifest_state *state, firn_error *err)
{
    DCHECK(lsm->missing_count == 0 && lsm->stray_count == 0);
    struct comparison comparison = {.lsm = lsm};
    int rc = list_named(&comparison, state);
    if (rc == FIRN_OK && lsm->runs_dir != NULL) {
        rc = fi_os_dir_list(lsm->runs_dir, visit_file, &comparison, err);
    }
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "the names of runs");
    }
    if (rc == FIRN_OK) {
        find_missing(&comparison);
        rc = lsm_compare_assess(&comparison, err);
    }
    if (rc == FIRN_OK && !lsm->options.is_read_only) {
        take_strays(&comparison, state->version);
    }
    fi_buf_deinit(&comparison.named);
    fi_buf_deinit(&comparison.strays);
    return rc;
}
