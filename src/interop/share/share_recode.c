/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_recode.c: packs of an encrypted remote, for this store.
 *
 * The store has keys of its own, or none. So a pack that a pull brings is written anew: frames are
 * decrypted, and encrypted with the keys of the store; what is compressed stays so. It gets another
 * identity, hence another number. The remote goes on knowing it by the number that it has there, so
 * the store notes which one that is.
 *
 *     INCOMING, with the keys of the remote    FETCHED     as it came
 *     INCOMING, with those of the store        RECODED     the same objects
 *
 * A pull has the store locked, so nobody else uses the directory. What a crash leaves in it, the
 * next pull replaces.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "share/share_internal.h"

#define INCOMING FI_STOREFILE_INCOMING_NAME
#define FETCHED "fetched"
#define RECODED "recoded"

enum { COPY_SIZE = 1 << 20 };

struct fi_share_recode {
    struct fi_share *share;
    bool has_renewed;
    struct fi_os_dir *theirs; /* with the keys of the remote */
    struct fi_os_dir *own;    /* the same directory, with those of the store */
    struct fi_os_file *fetched;
    struct fi_buf copy;
    struct fi_share_renumbered *numbers;
    size_t count;
    size_t capacity;
};

int
fi_share_recode_open(struct fi_share *share, struct fi_share_recode **out, firn_error *err)
{
    struct fi_share_recode *recode = fi_alloc_zeroed(sizeof *recode);
    int rc;
    if (recode == NULL) {
        return fi_error_no_memory(err, "packs of a remote");
    }
    recode->share = share;
    rc = fi_os_make_dir(share->opened.store_dir, INCOMING, 0700, err);
    FI_TRY(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY(fi_os_dir_open(share->opened.store_dir, INCOMING, &recode->own, err));
    FI_TRY(fi_share_stage_open_for(share, INCOMING, &recode->theirs, err));
    *out = recode;
    return FIRN_OK;
out:
    fi_share_recode_close(recode);
    return rc;
}

static void
remove_files(struct fi_share_recode *recode)
{
    fi_os_file_close(recode->fetched);
    recode->fetched = NULL;
    FI_IGNORE(fi_os_remove_file(recode->own, FETCHED, NULL));
    FI_IGNORE(fi_os_remove_file(recode->own, RECODED, NULL));
}

void
fi_share_recode_close(struct fi_share_recode *recode)
{
    if (recode == NULL) {
        return;
    }
    if (recode->own != NULL) {
        remove_files(recode);
        fi_os_dir_close(recode->own);
    }
    fi_os_dir_close(recode->theirs);
    fi_buf_deinit(&recode->copy);
    fi_free(recode->numbers);
    fi_free(recode);
}

int
fi_share_recode_file(struct fi_share_recode *recode, struct fi_os_file **out, firn_error *err)
{
    remove_files(recode);
    FI_TRY_RETURN(
        fi_os_file_open(recode->theirs, FETCHED,
                        FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | FI_OS_SEALED,
                        0600, &recode->fetched, err));
    *out = recode->fetched;
    return FIRN_OK;
}

int
fi_share_recode_check(struct fi_os_dir *dir, const char *name, const struct fi_share_pack *pack,
                      firn_error *err)
{
    struct firn_pack *fetched;
    FI_TRY_RETURN(fi_pack_open(dir, name, &fetched, err));
    const bool is_it = memcmp(fi_pack_id(fetched), &pack->id, sizeof pack->id) == 0;
    fi_pack_close(fetched);
    return is_it ? FIRN_OK
                 : fi_error_set(err, FIRN_CORRUPT,
                                "a pack of the remote is another one than its state says");
}

static int
copy_recoded(struct fi_share_recode *recode, uint64_t size, struct fi_os_file *to, firn_error *err)
{
    struct fi_os_file *from = NULL;
    int rc;
    FI_TRY(fi_os_file_open(recode->own, RECODED, FI_OS_READ, 0, &from, err));
    if (fi_buf_set_size(&recode->copy, COPY_SIZE) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a pack"));
    }
    for (uint64_t at = 0; at < size;) {
        const size_t part = size - at < COPY_SIZE ? (size_t)(size - at) : COPY_SIZE;
        FI_TRY(fi_os_file_read_exact(from, at, recode->copy.data, part, err));
        FI_TRY(fi_os_file_write(to, at, recode->copy.data, part, err));
        fi_os_file_start_writeback(to, at, part);
        at += part;
    }
    rc = FIRN_OK;
out:
    fi_os_file_close(from);
    return rc;
}

int
fi_share_recode(struct fi_share_recode *recode, const struct fi_share_pack *pack,
                uint64_t bytes_max, struct fi_os_file *to, struct fi_block_file_id *out_id,
                firn_error *err)
{
    static const char *const names[] = {FETCHED};
    const struct fi_outgoing_join join = {.dir = recode->theirs,
                                          .names = names,
                                          .count = 1,
                                          .out_dir = recode->own,
                                          .out_name = RECODED,
                                          .bytes_max = bytes_max};
    struct fi_outgoing_joined joined;
    int rc = fi_share_recode_check(recode->theirs, FETCHED, pack, err);
    if (rc == FIRN_DENIED &&
        !recode->has_renewed) { /* a store that was put back knows states only */
        recode->has_renewed = true;
        rc = fi_share_keys_renew_within(recode->share, err);
        rc = rc == FIRN_NOT_FOUND ? FIRN_DENIED : rc;
        rc = rc == FIRN_OK ? fi_share_recode_check(recode->theirs, FETCHED, pack, err) : rc;
    }
    rc = rc == FIRN_OK ? fi_outgoing_join(&join, &joined, err) : rc;
    if (rc == FIRN_DENIED) { /* nobody who has the key of the remote has made it */
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "a pack of the remote is encrypted with another key than the remote's");
    }
    FI_TRY_RETURN(rc);
    FI_TRY_RETURN(copy_recoded(recode, joined.size_bytes, to, err));
    FI_TRY_RETURN(FI_VEC_RESERVE(recode->numbers, recode->count + 1, recode->capacity, err));
    recode->numbers[recode->count++] =
        (struct fi_share_renumbered){fi_share_pack_number(joined.id.bytes), pack->number};
    *out_id = joined.id;
    return FIRN_OK;
}

const struct fi_share_renumbered *
fi_share_recode_numbers(const struct fi_share_recode *recode, size_t *out_count)
{
    *out_count = recode != NULL ? recode->count : 0;
    return recode != NULL ? recode->numbers : NULL;
}
