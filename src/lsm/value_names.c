/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/value_names.c: the value files of all runs, found by their numbers.
 *
 * Each run tells its references with what is known of the whole file beside them, so MANIFEST needs
 * no list of value files that might contradict the runs: a value file is there as long as a run
 * refers to it. Runs that say different things of one file are damage.
 */
#include "lsm/value_names.h"

#include <inttypes.h>

#include "base/check.h"

static uint64_t
number_of(const void *record)
{
    return (*(struct firn_lsm_file *const *)record)->info.number;
}

static bool
is_equal(const void *record, const void *key)
{
    return number_of(record) == *(const uint64_t *)key;
}

void
firn_value_names_init(struct firn_value_names *names, struct firn_lsm_files *files)
{
    names->files = files;
    firn_hash_map_init(&names->map, sizeof(struct firn_lsm_file *), number_of, is_equal);
}

void
firn_value_names_deinit(struct firn_value_names *names)
{
    for (size_t i = 0; i < names->map.count; i++) {
        firn_lsm_file_unref(*(struct firn_lsm_file **)firn_hash_map_at(&names->map, i));
    }
    firn_hash_map_deinit(&names->map);
}

/* The file of a reference, known before or made now. */
static int
find(struct firn_value_names *names, const struct firn_manifest_reference *reference,
     struct firn_lsm_file **out, firn_error *err)
{
    struct firn_lsm_file **known =
        firn_hash_map_find(&names->map, reference->number, &reference->number);
    if (known != NULL) {
        *out = *known;
        return FIRN_OK;
    }
    *out = firn_lsm_file_create_values(names->files, reference);
    if (*out == NULL || firn_hash_map_insert(&names->map, reference->number, out) == NULL) {
        if (*out != NULL) {
            firn_lsm_file_unref(*out);
        }
        return firn_error_no_memory(err, "the value files of a tree");
    }
    return FIRN_OK;
}

int
firn_value_names_link(struct firn_value_names *names, struct firn_lsm_file *run, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        const struct firn_manifest_reference *reference = &run->info.references[i];
        struct firn_lsm_file *values;
        FIRN_TRY(find(names, reference, &values, err));
        DCHECK(values->info.number == reference->number);
        if (values->info.content_bytes != reference->total_bytes ||
            values->info.identity != reference->identity) {
            return firn_error_set(err, FIRN_CORRUPT,
                                  "MANIFEST: run %" PRIu64 " says of the value file %" PRIu64
                                  " what another run does not",
                                  run->info.number, reference->number);
        }
        firn_lsm_file_set_values(run, i, values);
    }
out:
    return rc;
}
