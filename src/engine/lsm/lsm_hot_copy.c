/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_hot_copy.c: MANIFEST for copying a store beside its writer, and whether the files that it
 * names exist.
 *
 * A copy of a store that has lost files is a copy of a damaged store. It is made, but reported at
 * once, while an older copy may still exist. To find missing files, the directory of runs is listed
 * after MANIFEST has been read, and the names are compared; no file is opened. Missing attachments
 * are not reported: reads can do without them.
 *
 * (I1) While byte 2^32 of the identity is locked (db_reader.c), as it is here, no file that the
 *      MANIFEST needs is removed, and each existed before it was named. So a file that is not in
 *      the list is missing. It is looked up once more by name, since a directory listing may lack
 *      names while others come and go. (Not checked: the lock is the store's.)
 *
 * A directory that cannot be listed is no error here: copying it will fail. Files of kinds that
 * this firn does not know are not looked for.
 */
#include "lsm/lsm.h"

#include <stdio.h>
#include <string.h>

#include "base/search.h"
#include "base/sort.h"
#include "lsm/lsm_internal.h"
#include "run/run_value_file.h"

/* A file of the directory of runs. */
struct found {
    uint64_t number;
    uint64_t file_kind;
};

struct search {
    const struct fi_run_kind *const *kinds;
    struct fi_os_dir *dir; /* of runs; NULL: there is none */
    struct fi_buf found;   /* of struct found, ascending once all are there */
    char *missing;
};

static const struct fi_run_kind *
find_kind(const struct fi_run_kind *const *kinds, unsigned file_kind)
{
    size_t i = 0;
    while (fi_run_kind_at(kinds, i) != NULL && fi_run_kind_at(kinds, i)->file_kind != file_kind) {
        i++;
    }
    return fi_run_kind_at(kinds, i);
}

/* NULL: the kind is unknown. */
static const struct fi_run_kind *
kind_of(const struct search *search, unsigned file_kind)
{
    return file_kind == FI_BLOCK_FILE_VALUES ? &fi_run_value_file_kind
                                             : find_kind(search->kinds, file_kind);
}

static bool
is_named_by(const char *name, uint64_t number, const struct fi_run_kind *kind)
{
    char own[FI_VERSION_FILE_NAME_SIZE];
    fi_version_file_name(number, kind, own);
    return strcmp(own, name) == 0;
}

static int
add_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct search *search = ctx;
    uint64_t number = fi_lsm_number_in_name(entry->name); /* 18 digits at most */
    const struct fi_run_kind *kind = &fi_run_value_file_kind;
    for (size_t i = 0; number > 0 && kind != NULL && !is_named_by(entry->name, number, kind); i++) {
        kind = fi_run_kind_at(search->kinds, i);
    }
    if (number == 0 || kind == NULL) {
        return FIRN_OK;
    }
    const struct found found = {number, kind->file_kind};
    return fi_buf_append(&search->found, &found, sizeof found);
}

static int
compare_found(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;
    return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
                                  : (x->file_kind > y->file_kind) - (x->file_kind < y->file_kind);
}

static bool
is_found(const struct search *search, const struct found *file)
{
    const struct found *all = (const struct found *)(const void *)search->found.data;
    size_t count = search->found.size / sizeof *all;
    size_t low = 0;
    size_t high = count;
    FI_SEARCH_FIRST(low, high, middle, compare_found(&all[middle], file) < 0);
    return low < count && compare_found(&all[low], file) == 0;
}

/* Whether a file is missing; if so, notes its name (I1). */
static bool
misses(const struct search *search, uint64_t number, unsigned file_kind)
{
    const struct fi_run_kind *kind = kind_of(search, file_kind);
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_os_stat stat;
    if (kind == NULL || is_found(search, &(struct found){number, file_kind})) {
        return false;
    }
    fi_version_file_name(number, kind, name);
    if (search->dir != NULL && fi_os_stat(search->dir, name, &stat, NULL) != FIRN_NOT_FOUND) {
        return false;
    }
    (void)snprintf(search->missing, FI_LSM_HOT_COPY_MISSING_SIZE, FI_LSM_RUNS "/%s", name);
    return true;
}

static bool
misses_of_run(const struct search *search, const struct fi_manifest_run *run)
{
    if (misses(search, run->number, run->kind)) {
        return true;
    }
    for (size_t i = 0; i < run->reference_count; i++) {
        if (misses(search, run->references[i].number, FI_BLOCK_FILE_VALUES)) {
            return true;
        }
    }
    return false;
}

static bool
misses_attachment(const struct search *search, const struct fi_manifest_run *run)
{
    for (size_t i = 0; i < run->attachment_count; i++) {
        if (misses(search, run->attachments[i].number, run->attachments[i].kind)) {
            return true;
        }
    }
    return false;
}

/* Reads can do without attachments, in a copy as in the store: a missing one is named only if
 * nothing worse is missing. */
static void
find_missing(const struct search *search, const struct fi_manifest_state *state)
{
    bool (*const looks[])(const struct search *,
                          const struct fi_manifest_run *) = {misses_of_run, misses_attachment};
    for (size_t look = 0; look < sizeof looks / sizeof looks[0]; look++) {
        for (size_t i = 0; i < state->tree_count; i++) {
            for (size_t j = 0; j < state->trees[i].run_count; j++) {
                if (looks[look](search, state->trees[i].runs[j])) {
                    return;
                }
            }
        }
    }
}

/* Lists what is there, and looks for what is named. Only FIRN_NO_MEMORY is a failure. */
static int
check_files(struct fi_os_dir *dir, struct search *search, const struct fi_manifest_state *state,
            firn_error *err)
{
    int rc = fi_os_dir_open(dir, FI_LSM_RUNS, &search->dir, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_list(search->dir, add_file, search, err);
    }
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        fi_sort(search->found.data, search->found.size / sizeof(struct found), sizeof(struct found),
                compare_found);
        find_missing(search, state);
    }
    fi_os_dir_close(search->dir);
    fi_buf_deinit(&search->found);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the names of runs") : FIRN_OK;
}

int
fi_lsm_hot_copy(struct fi_os_dir *dir, const struct fi_run_kind *const *kinds, struct fi_buf *out,
                uint64_t *out_version, uint64_t *out_sequence,
                char out_missing[FI_LSM_HOT_COPY_MISSING_SIZE], firn_error *err)
{
    struct fi_manifest_state state = {0};
    struct search search = {.kinds = kinds, .missing = out_missing};
    out_missing[0] = '\0';
    int rc = fi_manifest_capture(dir, &state, out, err);
    if (rc == FIRN_OK) {
        rc = check_files(dir, &search, &state, err);
    }
    *out_version = state.version;
    *out_sequence = state.sequence;
    fi_manifest_state_deinit(&state);
    return rc;
}
