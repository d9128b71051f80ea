/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp.c: reads one pack.
 *
 * Nothing on disk is trusted before it has been compared with something else, and nothing is
 * compared before it is needed, so opening a large pack to get one object stays cheap:
 * - open checks the header, and the sizes of both files against the number of entries;
 * - (I1) an entry that the index names is used only if the .dat has its head at that place, with
 *   the same hash and size;
 * - (I2) content is returned only if it has the requested hash (chkp_object.c; not checked: it
 *   compares, and another hash is damage);
 * - (I3) before an object is reported missing, or entries are listed, the handle checks once that
 *   the index lists everything that was written. An .idx is compared with the whole .dat. If the
 *   index was made from the .dat, whose hashes might be damaged, the .dat must have its name. So
 *   damage yields FIRN_CORRUPT, never a missing object;
 * - verify (chkp_verify.c) checks everything, the name included.
 *
 * Without an .idx the index is made in memory from the .dat. A damaged .idx is an error that the
 * caller can avoid (ignore_index) or repair (rebuild_index): it is never replaced silently. It
 * is only made again from a .dat that has its name, because an index made from a damaged one would
 * confirm the damage.
 *
 * Handles do not change after open, except for one flag, so any number of threads may read. Files
 * are read with pread only and never mapped: a file that is truncated meanwhile yields an error,
 * not a signal.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/slice.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/hex.h"

/* ---- open ---- */

static int
open_dat(struct firn_chkp *pack, struct fi_os_dir *dir, uint32_t *out_count, firn_error *err)
{
    struct fi_chkp_format_file_name file_name = fi_chkp_format_dat_name(pack->name);
    FI_TRY_RETURN(fi_os_file_open(dir, file_name.text, FI_OS_READ, 0, &pack->dat, err));
    FI_TRY_RETURN(fi_os_file_stat(pack->dat, &pack->identity.dat, err));
    struct fi_chkp_scan scan;
    FI_TRY_RETURN(fi_chkp_scan_init(&scan, pack->dat, err));
    pack->dat_size = scan.file_size;
    *out_count = scan.count;
    fi_chkp_scan_deinit(&scan);
    return FIRN_OK;
}

static int
open_index(struct firn_chkp *pack, struct fi_os_dir *dir, uint32_t count, firn_error *err)
{
    if (!pack->options.ignore_index) {
        firn_error problem;
        int rc =
            fi_chkp_index_open(&pack->index, dir, pack->name, count, &pack->identity.idx, &problem);
        if (rc != FIRN_NOT_FOUND) {
            return fi_chkp_pass_error(err, rc, &problem);
        }
    }
    return fi_chkp_index_build(&pack->index, pack->dat, pack->options.index_memory_max, err);
}

int
fi_chkp_open(struct fi_os_dir *dir, const char *name, const firn_chkp_options *options,
             struct firn_chkp **out, firn_error *err)
{
    *out = NULL;
    DCHECK(options != NULL);
    if (!fi_chkp_format_is_name(name, strlen(name))) {
        return fi_error_set(err, FIRN_INVALID,
                            "'%s' is not the name of a CHKP pack: 16 lower-case hex digits", name);
    }
    int rc = FIRN_OK;
    struct firn_chkp *pack = fi_alloc_zeroed(sizeof *pack);
    if (pack == NULL) {
        return fi_error_no_memory(err, "a pack");
    }
    fi_os_process_init_mark(&pack->mark);
    memcpy(pack->name, name, sizeof pack->name);
    pack->options = *options;
    atomic_init(&pack->index_is_whole, false);
    uint32_t count;
    FI_TRY(open_dat(pack, dir, &count, err));
    FI_TRY(open_index(pack, dir, count, err));
out:
    if (rc != FIRN_OK) {
        fi_chkp_close(pack);
        return rc;
    }
    *out = pack;
    return FIRN_OK;
}

void
fi_chkp_close(struct firn_chkp *pack)
{
    if (pack == NULL) {
        return;
    }
    fi_os_file_close(pack->dat);
    fi_chkp_index_deinit(&pack->index);
    fi_free(pack);
}

/* ---- look-ups ---- */

int
fi_chkp_check_index(struct firn_chkp *pack, firn_error *err)
{
    /* Pairs with the store below. */
    if (atomic_load_explicit(&pack->index_is_whole, memory_order_acquire)) {
        return FIRN_OK;
    }
    int rc = pack->index.file != NULL ? fi_chkp_index_check(&pack->index, pack->dat, err)
                                      : fi_chkp_name_verify(pack, NULL, err);
    if (rc == FIRN_OK) {
        atomic_store_explicit(&pack->index_is_whole, true, memory_order_release);
    }
    return rc;
}

static int
chkp_find(struct firn_chkp *pack, const firn_hash *hash, bool *out_found, struct fi_chkp_entry *out,
          firn_error *err)
{
    FI_TRY_RETURN(fi_chkp_index_find(&pack->index, hash, out_found, out, err));
    FI_TRY_RETURN(*out_found ? fi_chkp_check_entry(pack->dat, pack->dat_size, out, err)
                             : fi_chkp_check_index(pack, err));
    DCHECK(!*out_found || fi_hash_equal(&out->hash, hash)); /* (I1) */
    return FIRN_OK;
}

int
fi_chkp_locate(struct firn_chkp *pack, const firn_hash *hash, struct fi_chkp_entry *out,
               firn_error *err)
{
    bool is_found;
    struct fi_chkp_entry entry;
    FI_TRY_RETURN(chkp_find(pack, hash, &is_found, &entry, err));
    if (!is_found) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return fi_error_set(err, FIRN_NOT_FOUND, "pack %s has no object %s", pack->name, hex);
    }
    *out = entry;
    return FIRN_OK;
}

int
fi_chkp_contains(struct firn_chkp *pack, const firn_hash *hash, bool *out, firn_error *err)
{
    struct fi_chkp_entry entry;
    bool is_found = false;
    int rc = chkp_find(pack, hash, &is_found, &entry, err);
    *out = rc == FIRN_OK && is_found;
    return rc;
}

/* ---- content ---- */

int
fi_chkp_stream(struct firn_chkp *pack, const firn_hash *hash,
               int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx, firn_error *err)
{
    struct fi_chkp_entry entry;
    FI_TRY_RETURN(fi_chkp_locate(pack, hash, &entry, err));
    return fi_chkp_object_stream(pack->dat, &entry, pack->options.object_size_max, sink, ctx, err);
}

static int
append_to_buf(void *ctx, firn_slice data, firn_error *err)
{
    return fi_buf_append_slice(ctx, data) == FIRN_OK ? FIRN_OK
                                                     : fi_error_no_memory(err, "an object");
}

int
fi_chkp_read(struct firn_chkp *pack, const firn_hash *hash, size_t size_max, uint8_t **out,
             size_t *out_size, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_buf content = {0};
    uint64_t limit = pack->options.object_size_max;
    if (limit > size_max) {
        limit = size_max;
    }
    *out = NULL;
    *out_size = 0;
    struct fi_chkp_entry entry;
    FI_TRY(fi_chkp_locate(pack, hash, &entry, err));
    /* Even an empty object needs an address. */
    if (fi_buf_reserve(&content, 1) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "an object"));
    }
    FI_TRY(fi_chkp_object_stream(pack->dat, &entry, limit, append_to_buf, &content, err));
    DCHECK(content.data != NULL && content.size <= limit);
    *out = content.data;
    *out_size = content.size;
    content = (struct fi_buf){0};
out:
    fi_buf_deinit(&content);
    return rc;
}

/* ---- all entries ---- */

int
fi_chkp_list(struct firn_chkp *pack, int (*visit)(void *ctx, const struct fi_chkp_entry *entry),
             void *ctx, firn_error *err)
{
    enum { CHUNK = 85 };
    int rc = FIRN_OK;
    struct fi_chkp_entry entries[CHUNK];
    FI_TRY(fi_chkp_check_index(pack, err));
    DCHECK(atomic_load(&pack->index_is_whole)); /* (I3) */
    for (uint64_t first = 0; first < pack->index.count; first += CHUNK) {
        uint64_t left = pack->index.count - first;
        size_t count = left < CHUNK ? (size_t)left : CHUNK;
        FI_TRY(fi_chkp_index_get(&pack->index, first, count, entries, err));
        for (size_t i = 0; i < count; i++) {
            rc = visit(ctx, &entries[i]);
            if (rc != FIRN_OK) {
                FI_TRY(fi_error_set(err, rc, "the receiver of the list ended it"));
            }
        }
    }
out:
    return rc;
}

int
fi_chkp_rebuild_index(struct fi_os_dir *dir, const char *name, const firn_chkp_options *options,
                      firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_chkp *pack = NULL;
    firn_chkp_options from_dat = *options;
    from_dat.ignore_index = true;
    FI_TRY(fi_chkp_open(dir, name, &from_dat, &pack, err));
    DCHECK(pack->index.file == NULL && pack->index.entries != NULL);
    FI_TRY(fi_chkp_name_verify(pack, NULL, err));
    FI_TRY(fi_chkp_index_write(pack->index.entries, (size_t)pack->index.count, dir, name, err));
out:
    fi_chkp_close(pack);
    return rc;
}
