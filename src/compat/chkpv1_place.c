/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/chkpv1_place.c: how a file gets its name whole or not at all.
 *
 * A file is written under a temporary name, synced, and only then renamed. So a name pack-… never
 * shows a part of a pack, whatever happens in between. The rename is durable after a sync of the
 * directory; the caller does it, because it also decides which name must be durable before which.
 *
 * Where a .dat's name is taken, the name says that the content is the same. That is not believed:
 * if the file there were damaged, dropping the new one would drop the only good copy. Both are
 * compared byte by byte, and the one there is synced, since its writer may not have done that (the
 * seed's does not).
 *
 * Temporary files of processes that died would stay for ever, so each create removes them: a living
 * writer holds an exclusive lock on its own, which a dead one cannot. (I1) Between the creation and
 * the lock another process may take the file for a dead one's; therefore it is looked up again by
 * name once it is locked, and created anew if it is gone. Where the file system has no locks,
 * nothing is removed.
 *
 * Files are private to their user (mode 0600), as the seed's .dat is. One thread at a time.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/mem.h"
#include "codec/hex.h"
#include "compat/chkpv1.h"
#include "compat/chkpv1_format.h"

#define TEMP_PREFIX ".firn-chkp-"
#define TEMP_SUFFIX ".tmp"
enum {
    TEMP_DIGITS = 16,
    TEMP_NAME_SIZE = sizeof TEMP_PREFIX - 1 + TEMP_DIGITS + sizeof TEMP_SUFFIX - 1,
    /* Leftovers removed at once; what is beyond waits for the next create. */
    LEFTOVERS_MAX = 64,
    CREATE_TRIES = 16,
    COMPARE_SIZE = 64 << 10
};

/* ---- leftovers ---- */

static bool
is_temp_name(const struct firn_os_dirent *entry)
{
    size_t prefix_size = sizeof TEMP_PREFIX - 1;
    uint8_t random[TEMP_DIGITS / 2];
    return entry->name_size == TEMP_NAME_SIZE &&
           memcmp(entry->name, TEMP_PREFIX, prefix_size) == 0 &&
           firn_hex_decode(entry->name + prefix_size, random, sizeof random) &&
           memcmp(entry->name + prefix_size + TEMP_DIGITS, TEMP_SUFFIX, sizeof TEMP_SUFFIX) == 0;
}

static int
collect_leftover(void *ctx, const struct firn_os_dirent *entry)
{
    struct firn_buf *names = ctx;
    if (!is_temp_name(entry) || names->size / (TEMP_NAME_SIZE + 1) >= LEFTOVERS_MAX) {
        return FIRN_OK;
    }
    return firn_buf_append(names, entry->name, entry->name_size + 1);
}

/* Removes the file if nobody holds it. That it cannot be removed is no reason not to write
 * another one. */
static void
remove_leftover(struct firn_os_dir *dir, const char *name)
{
    struct firn_os_file *file = NULL;
    if (firn_os_file_open(dir, name, FIRN_OS_READ | FIRN_OS_WRITE, 0, &file, NULL) == FIRN_OK &&
        firn_os_file_lock(file, FIRN_OS_LOCK_EXCLUSIVE, NULL) == FIRN_OK) {
        FIRN_IGNORE(firn_os_remove_file(dir, name, NULL));
    }
    firn_os_file_close(file);
}

static int
remove_leftovers(struct firn_os_dir *dir, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_buf names = {0};
    rc = firn_os_dir_list(dir, collect_leftover, &names, err);
    for (size_t at = 0; rc == FIRN_OK && at < names.size; at += TEMP_NAME_SIZE + 1) {
        remove_leftover(dir, (const char *)names.data + at);
    }
    firn_buf_deinit(&names);
    return rc;
}

/* ---- creation ---- */

/* Locks the new file; *out_is_ours is false if another process has taken it away before (I1). */
static int
claim(struct firn_chkpv1_place *place, bool *out_is_ours, firn_error *err)
{
    *out_is_ours = false;
    firn_error problem;
    int rc = firn_os_file_lock(place->file, FIRN_OS_LOCK_EXCLUSIVE, &problem);
    if (rc == FIRN_BUSY) {
        return FIRN_OK;
    }
    bool has_no_locks = rc == FIRN_UNSUPPORTED || (rc != FIRN_OK && problem.os_errno == ENOLCK);
    if (rc != FIRN_OK && !has_no_locks) {
        return firn_chkpv1_pass_error(err, rc, &problem);
    }
    struct firn_os_stat opened;
    struct firn_os_stat named;
    rc = firn_os_file_stat(place->file, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_os_stat(place->dir, place->temp_name, &named, &problem);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    *out_is_ours = rc == FIRN_OK && opened.inode == named.inode && opened.device == named.device;
    return firn_chkpv1_pass_error(err, rc, &problem);
}

static int
create_once(struct firn_chkpv1_place *place, bool *out_is_ours, firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t random[TEMP_DIGITS / 2];
    char digits[TEMP_DIGITS + 1];
    char name[sizeof place->temp_name];
    FIRN_TRY(firn_os_random(firn_os_dir_os(place->dir), random, sizeof random, err));
    firn_hex_encode(random, sizeof random, digits);
    int size = snprintf(name, sizeof name, "%s%s%s", TEMP_PREFIX, digits, TEMP_SUFFIX);
    CHECK(size == TEMP_NAME_SIZE);
    FIRN_TRY(firn_os_file_open(place->dir, name,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_EXCLUSIVE,
                               0600, &place->file, err));
    memcpy(place->temp_name, name, sizeof name);
    FIRN_TRY(claim(place, out_is_ours, err));
out:
    return rc;
}

int
firn_chkpv1_place_create(struct firn_chkpv1_place *place, struct firn_os_dir *dir, firn_error *err)
{
    *place = (struct firn_chkpv1_place){.dir = dir};
    int rc = remove_leftovers(dir, err);
    bool is_ours = false;
    for (int i = 0; rc == FIRN_OK && !is_ours && i < CREATE_TRIES; i++) {
        firn_chkpv1_place_discard(place);
        rc = create_once(place, &is_ours, err);
    }
    if (rc == FIRN_OK && !is_ours) {
        rc = firn_error_set(err, FIRN_BUSY,
                            "could not keep a temporary file in '%s': another process removes them",
                            firn_os_dir_path(dir));
    }
    if (rc != FIRN_OK) {
        firn_chkpv1_place_discard(place);
    }
    return rc;
}

void
firn_chkpv1_place_discard(struct firn_chkpv1_place *place)
{
    if (place->temp_name[0] != '\0') {
        /* Best effort: what stays is removed by the next create. */
        FIRN_IGNORE(firn_os_remove_file(place->dir, place->temp_name, NULL));
        place->temp_name[0] = '\0';
    }
    firn_os_file_close(place->file);
    place->file = NULL;
}

/* ---- names ---- */

/* Compares the contents of two files of the same size. */
static int
compare_contents(struct firn_os_file *ours, struct firn_os_file *theirs, uint64_t file_size,
                 firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t *bytes = firn_alloc_array(2, COMPARE_SIZE);
    if (bytes == NULL) {
        return firn_error_no_memory(err, "comparing two packs");
    }
    for (uint64_t offset = 0; offset < file_size;) {
        uint64_t left = file_size - offset;
        size_t size = left < COMPARE_SIZE ? (size_t)left : COMPARE_SIZE;
        FIRN_TRY(firn_os_file_read_exact(ours, offset, bytes, size, err));
        FIRN_TRY(firn_os_file_read_exact(theirs, offset, bytes + COMPARE_SIZE, size, err));
        if (memcmp(bytes, bytes + COMPARE_SIZE, size) != 0) {
            FIRN_TRY(firn_error_set(err, FIRN_CORRUPT,
                                    "'%s' is there already with other bytes, from offset %" PRIu64
                                    " to %" PRIu64,
                                    firn_os_file_path(theirs), offset, offset + size));
        }
        offset += size;
    }
out:
    firn_free(bytes);
    return rc;
}

/* Keeps the file that has the name already, if it is what would have been put there. */
static int
keep_existing(struct firn_chkpv1_place *place, const char *name, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_os_file *existing = NULL;
    struct firn_os_stat ours;
    struct firn_os_stat theirs;
    FIRN_TRY(firn_os_file_open(place->dir, name, FIRN_OS_READ, 0, &existing, err));
    FIRN_TRY(firn_os_file_stat(existing, &theirs, err));
    FIRN_TRY(firn_os_file_stat(place->file, &ours, err));
    if (ours.size_bytes != theirs.size_bytes) {
        FIRN_TRY(firn_error_set(err, FIRN_CORRUPT,
                                "'%s' is there already with %" PRIu64 " bytes, not %" PRIu64,
                                firn_os_file_path(existing), theirs.size_bytes, ours.size_bytes));
    }
    FIRN_TRY(compare_contents(place->file, existing, ours.size_bytes, err));
    FIRN_TRY(firn_os_file_sync(existing, err));
out:
    firn_os_file_close(existing);
    return rc;
}

int
firn_chkpv1_place_put(struct firn_chkpv1_place *place, const char *name, firn_error *err)
{
    int rc = FIRN_OK;
    firn_error problem;
    FIRN_TRY(firn_os_file_sync(place->file, err));
    rc = firn_os_rename(place->dir, place->temp_name, place->dir, name, FIRN_OS_RENAME_NO_REPLACE,
                        &problem);
    if (rc == FIRN_OK) {
        place->temp_name[0] = '\0';
    } else if (rc == FIRN_EXISTS) {
        FIRN_TRY(keep_existing(place, name, err));
    } else {
        FIRN_TRY(firn_chkpv1_pass_error(err, rc, &problem));
    }
out:
    return rc;
}

int
firn_chkpv1_place_replace(struct firn_chkpv1_place *place, const char *name, firn_error *err)
{
    int rc = FIRN_OK;
    FIRN_TRY(firn_os_file_sync(place->file, err));
    FIRN_TRY(firn_os_rename(place->dir, place->temp_name, place->dir, name, FIRN_OS_RENAME_REPLACE,
                            err));
    place->temp_name[0] = '\0';
out:
    return rc;
}
