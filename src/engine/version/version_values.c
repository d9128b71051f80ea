/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_values.c: the value files of all runs, by number.
 *
 * In MANIFEST each reference of a run includes the properties of the whole value file, so MANIFEST
 * needs no list of value files that might contradict the runs: a value file exists as long as a run
 * refers to it. Runs that disagree about a file are damage.
 */
#include "version/version.h"

#include <inttypes.h>

#include "base/check.h"

static uint64_t
number_of(const void *record)
{
    return (*(struct fi_version_file *const *)record)->info.number;
}

static bool
is_equal(const void *record, const void *key)
{
    return number_of(record) == *(const uint64_t *)key;
}

void
fi_version_values_init(struct fi_version_values *names, struct fi_run_files *files)
{
    names->files = files;
    fi_hash_map_init(&names->map, sizeof(struct fi_version_file *), number_of, is_equal);
}

void
fi_version_values_deinit(struct fi_version_values *names)
{
    for (size_t i = 0; i < names->map.count; i++) {
        fi_version_file_unref(*(struct fi_version_file **)fi_hash_map_at(&names->map, i));
    }
    fi_hash_map_deinit(&names->map);
}

/* The file of a reference, which is made if it is not known yet. */
static int
version_find(struct fi_version_values *names, const struct fi_manifest_reference *reference,
             struct fi_version_file **out, firn_error *err)
{
    struct fi_version_file **known =
        fi_hash_map_find(&names->map, reference->number, &reference->number);
    if (known != NULL) {
        *out = *known;
        return FIRN_OK;
    }
    *out = fi_version_file_create_values(names->files, reference);
    if (*out == NULL || fi_hash_map_insert(&names->map, reference->number, out) == NULL) {
        if (*out != NULL) {
            fi_version_file_unref(*out);
        }
        return fi_error_no_memory(err, "the value files of a tree");
    }
    return FIRN_OK;
}

int
fi_version_values_link(struct fi_version_values *names, struct fi_version_file *run,
                       firn_error *err)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        const struct fi_manifest_reference *reference = &run->info.references[i];
        struct fi_version_file *values;
        FI_TRY_RETURN(version_find(names, reference, &values, err));
        DCHECK(values->info.number == reference->number);
        if (values->info.content_bytes != reference->total_bytes ||
            values->info.identity != reference->identity) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "MANIFEST: run %" PRIu64 " says of the value file %" PRIu64
                                " what another run does not",
                                run->info.number, reference->number);
        }
        fi_version_file_set_values(run, i, values);
    }
    return FIRN_OK;
}
