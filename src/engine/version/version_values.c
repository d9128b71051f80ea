/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_values.c: the value files of all runs, found by their numbers.
 *
 * Each run tells its references with what is known of the whole file beside them, so MANIFEST needs
 * no list of value files that might contradict the runs: a value file is there as long as a run
 * refers to it. Runs that say different things of one file are damage.
 */
#include "version/version_values.h"

#include <inttypes.h>

#include "base/check.h"

static uint64_t
number_of(const void *record)
{
    return (*(struct firn_run_file *const *)record)->info.number;
}

static bool
is_equal(const void *record, const void *key)
{
    return number_of(record) == *(const uint64_t *)key;
}

void
firn_version_values_init(struct firn_version_values *names, struct firn_lsm_files *files)
{
    names->files = files;
    firn_hash_map_init(&names->map, sizeof(struct firn_run_file *), number_of, is_equal);
}

void
firn_version_values_deinit(struct firn_version_values *names)
{
    for (size_t i = 0; i < names->map.count; i++) {
        firn_run_file_unref(*(struct firn_run_file **)firn_hash_map_at(&names->map, i));
    }
    firn_hash_map_deinit(&names->map);
}

/* The file of a reference, known before or made now. */
static int
find(struct firn_version_values *names, const struct firn_manifest_reference *reference,
     struct firn_run_file **out, firn_error *err)
{
    struct firn_run_file **known =
        firn_hash_map_find(&names->map, reference->number, &reference->number);
    if (known != NULL) {
        *out = *known;
        return FIRN_OK;
    }
    *out = firn_run_file_create_values(names->files, reference);
    if (*out == NULL || firn_hash_map_insert(&names->map, reference->number, out) == NULL) {
        if (*out != NULL) {
            firn_run_file_unref(*out);
        }
        return firn_error_no_memory(err, "the value files of a tree");
    }
    return FIRN_OK;
}

int
firn_version_values_link(struct firn_version_values *names, struct firn_run_file *run,
                         firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        const struct firn_manifest_reference *reference = &run->info.references[i];
        struct firn_run_file *values;
        FIRN_TRY(find(names, reference, &values, err));
        DCHECK(values->info.number == reference->number);
        if (values->info.content_bytes != reference->total_bytes ||
            values->info.identity != reference->identity) {
            return firn_error_set(err, FIRN_CORRUPT,
                                  "MANIFEST: run %" PRIu64 " says of the value file %" PRIu64
                                  " what another run does not",
                                  run->info.number, reference->number);
        }
        firn_run_file_set_values(run, i, values);
    }
out:
    return rc;
}
