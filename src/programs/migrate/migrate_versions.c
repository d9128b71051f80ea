/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_versions.c: versions of keys, in any order, of which the newest counts.
 *
 * They are sorted by a bulk load of a private store below TMPDIR, so memory does not depend on
 * their number. A version is an entry whose key consists of its key, its timestamp and its
 * sequence, both from the largest to the smallest, and whether it is deleted: then the first entry
 * of a key is its newest version.
 */
#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migrate/migrate_internal.h"
#include "sqlitefile/sqlitefile.h"
#include "term/term_try.h"

enum { SUFFIX_SIZE = 17, MEMORY_MIB = 64, DESCRIPTORS = 8 };

struct fi_migrate_versions {
    char place[PATH_MAX - 16]; /* "": none */
    char path[PATH_MAX];       /* of the store in it */
    firn_store *store;
    firn_keyspace *keyspace;
    firn_bulk *bulk;
    firn_cursor *cursor;
    struct fi_migrate_room built;
    struct fi_migrate_room before; /* the key of the entry before, without its suffix */
    size_t before_size;
    bool has_before;
    struct fi_migrate_room key;
};

static int
migrate_versions_create(struct fi_migrate_versions *versions, firn_error *err)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_bulk_options bulk = FIRN_BULK_OPTIONS_INIT;
    bulk.unsorted = true;
    bulk.callbacks.on_progress = fi_command_on_progress;
    options.create_if_missing = true;
    options.memory_bytes = (uint64_t)MEMORY_MIB << 20;
    (void)snprintf(versions->place, sizeof(versions->place), "%s/firn-migrate-XXXXXX",
                   fi_sqlitefile_place());
    if (mkdtemp(versions->place) == NULL) {
        versions->place[0] = '\0';
        return fi_migrate_fail(err, FIRN_IO, "could not create a directory in %.400s: %s",
                               fi_sqlitefile_place(), strerror(errno));
    }
    (void)snprintf(versions->path, sizeof(versions->path), "%s/versions", versions->place);
    FI_TRY_RETURN(firn_store_open(versions->path, &options, &versions->store, err));
    FI_TRY_RETURN(firn_keyspace_open(versions->store, "versions", NULL, &versions->keyspace, err));
    return firn_bulk_open(versions->keyspace, &bulk, &versions->bulk, err);
}

int
fi_migrate_versions_create(struct fi_migrate_versions **out, firn_error *err)
{
    struct fi_migrate_versions *versions = calloc(1, sizeof(*versions));
    *out = versions;
    return versions != NULL ? migrate_versions_create(versions, err)
                            : fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
}

int
fi_migrate_versions_put(struct fi_migrate_versions *versions,
                        const struct fi_migrate_version *version, firn_error *err)
{
    assert(versions->bulk != NULL);
    if (version->key.size > FIRN_KEY_SIZE_MAX || version->value.size > FIRN_VALUE_SIZE_MAX) {
        return fi_migrate_fail(err, FIRN_LIMIT, "a key of %zu and a value of %zu bytes",
                               version->key.size, version->value.size);
    }
    FI_TRY_RETURN(fi_migrate_span_room_reserve(&versions->built,
                                               2 * version->key.size + 2 + SUFFIX_SIZE, err));
    firn_key key = firn_key_in(versions->built.data, versions->built.capacity);
    firn_key_add_text(&key, version->key);
    firn_key_add_u64(&key, ~version->timestamp);
    firn_key_add_u64(&key, ~version->sequence);
    firn_key_add_bool(&key, version->is_deleted);
    assert(firn_key_is_valid(&key));
    return firn_bulk_put(versions->bulk, firn_key_slice(&key), version->value, err);
}

int
fi_migrate_versions_sort(struct fi_migrate_versions *versions, firn_error *err)
{
    int code = firn_bulk_commit(versions->bulk, err);
    firn_bulk_close(versions->bulk);
    versions->bulk = NULL;
    code =
        code == FIRN_OK ? firn_cursor_open(versions->keyspace, NULL, &versions->cursor, err) : code;
    return code == FIRN_OK ? firn_cursor_first(versions->cursor, err) : code;
}

/* Whether the key without its suffix is another than before; then it is kept. */
static int
keep_other(struct fi_migrate_versions *versions, firn_slice key, bool *out, firn_error *err)
{
    assert(key.size > SUFFIX_SIZE);
    size_t size = key.size - SUFFIX_SIZE;
    *out = !versions->has_before || size != versions->before_size ||
           memcmp(key.data, versions->before.data, size) != 0;
    if (!*out) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_migrate_span_room_reserve(&versions->before, size, err));
    memcpy(versions->before.data, key.data, size);
    versions->before_size = size;
    versions->has_before = true;
    return FIRN_OK;
}

int
fi_migrate_versions_next(struct fi_migrate_versions *versions, firn_slice *out_key,
                         firn_slice *out_value, bool *out_is_end, firn_error *err)
{
    int code = FIRN_OK;
    bool is_other = false;
    /* The cursor stays on the entry that was given, whose value is borrowed, until the next
     * call. */
    for (bool is_first = !versions->has_before;; is_first = false) {
        code = is_first || !firn_cursor_valid(versions->cursor)
                   ? FIRN_OK
                   : firn_cursor_next(versions->cursor, err);
        *out_is_end = code == FIRN_OK && !firn_cursor_valid(versions->cursor);
        if (code != FIRN_OK || *out_is_end) {
            return code;
        }
        firn_slice key = firn_cursor_key(versions->cursor);
        code = keep_other(versions, key, &is_other, err);
        if (code != FIRN_OK) {
            return code;
        }
        if (is_other && key.data[key.size - 1] == 0) {
            size_t size = 0;
            code = fi_migrate_span_room_reserve(&versions->key, key.size, err);
            code = code == FIRN_OK
                       ? firn_key_read_text(&key, versions->key.data, versions->key.capacity, &size)
                       : code;
            *out_key = firn_bytes(versions->key.data, size);
            *out_value = firn_cursor_value(versions->cursor);
            return code;
        }
    }
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    (void)remove(path); /* what cannot be removed stays */
    return 0;
}

void
fi_migrate_versions_destroy(struct fi_migrate_versions *versions)
{
    if (versions == NULL) {
        return;
    }
    firn_cursor_close(versions->cursor);
    firn_bulk_close(versions->bulk);
    bool is_closed = versions->store == NULL || firn_store_close(versions->store, NULL) == FIRN_OK;
    (void)is_closed; /* it is removed */
    if (versions->place[0] != '\0') {
        (void)nftw(versions->place, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    }
    fi_migrate_span_room_deinit(&versions->built);
    fi_migrate_span_room_deinit(&versions->before);
    fi_migrate_span_room_deinit(&versions->key);
    free(versions);
}
