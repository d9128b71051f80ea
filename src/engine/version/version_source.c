/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_source.c: the runs of versions as sources of merges.
 *
 * merge_level.c walks through runs and asks for each when it comes to it; the answer is a pin of
 * the file (version_file.c). A level source is in one run at a time, so one handle is enough.
 *
 * Runs of level 0 and of history overlap, so each of them is a separate source. They are opened
 * late too, so that a merge of keys outside a damaged run works.
 */
#include "version/version.h"

#include "base/check.h"

static const char *const level_names[FI_VERSION_LEVELS_ALL] = {
    "level 0", "level 1", "level 2", "level 3", "level 4", "level 5", "level 6", "history",
};

static bool
is_refused(const struct fi_version_source *state, const struct fi_version_file *file)
{
    for (size_t i = 0; state->refused != NULL && i < state->refused->count; i++) {
        if (state->refused->files[i] == file) {
            return true;
        }
    }
    return false;
}

static int
open_run(void *ctx, const struct fi_merge_level_run *run, struct fi_run **out, firn_error *err)
{
    struct fi_version_source *state = ctx;
    CHECK(state->handle == NULL);
    if (state->is_unwanted != NULL && state->is_unwanted(state->ctx, run->run)) {
        *out = NULL;
        return FIRN_OK;
    }
    if (is_refused(state, run->run)) {
        return fi_error_set(err, FIRN_CORRUPT, "a run could not be read when the cursor began");
    }
    int rc = fi_version_file_pin(run->run, &state->handle, err);
    if (rc == FIRN_OK) {
        *out = state->handle->run;
    }
    return rc;
}

static void
release_run(void *ctx, const struct fi_merge_level_run *run, struct fi_run *opened)
{
    struct fi_version_source *state = ctx;
    (void)run;
    CHECK(state->handle != NULL && state->handle->run == opened);
    fi_version_file_unpin(state->handle);
    state->handle = NULL;
}

int
fi_version_source_add(struct fi_version_source *state, const struct fi_version_source_runs *runs,
                      struct fi_merge *merge, firn_error *err)
{
    DCHECK(state->handle == NULL && runs->level < FI_VERSION_LEVELS_ALL);
    DCHECK(runs->begin < runs->end && runs->end <= runs->version->levels[runs->level].count);
    DCHECK((runs->level > 0 && runs->level < FI_VERSION_HISTORY) || runs->end == runs->begin + 1);
    struct fi_merge_source *source;
    struct fi_merge_level_options options = {
        .runs = runs->version->levels[runs->level].runs + runs->begin,
        .count = runs->end - runs->begin,
        .open = open_run,
        .release = release_run,
        .ctx = state,
        .cursor = {.is_sequential = runs->is_sequential,
                   .only = runs->only,
                   .found = runs->found,
                   .projection = runs->projection,
                   .keeps_references = true},
        .name = level_names[runs->level],
    };
    int rc = fi_merge_level_create(&options, &source, err);
    return rc != FIRN_OK ? rc : fi_merge_add(merge, source, err);
}
