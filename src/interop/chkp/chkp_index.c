/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_index.c: the sorted list of a pack's entries: in its .idx, or made from the .dat in
 * memory.
 *
 * A look-up in an .idx reads single entries until at most SEARCH_BLOCK are left, then all of those
 * at once: 15 reads for a million entries, and no memory. It searches for the first entry with the
 * hash, because the seed's writer stores an object as often as it is added.
 *
 * The result of a search in a damaged .idx proves nothing by itself. The reader compares a hit with
 * the .dat, and relies on a miss only after fi_chkp_index_check has compared everything.
 *
 * Building takes 48 bytes for each entry, up to the caller's limit. The number of entries was
 * compared with the size of the file before, so a forged header allocates at most a fifth more than
 * the size of the file.
 *
 * Writing replaces the .idx by rename: a reader that has the old one open keeps it.
 *
 * Finished indexes do not change: any number of threads may search one.
 */
#include "base/check.h"
#include "base/checked.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "chkp/chkp.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"

enum {
    SEARCH_BLOCK = 64,
    /* Entries that are read or written in one call. */
    CHUNK = 85
};

int
fi_chkp_index_open(struct fi_chkp_index *index, struct fi_os_dir *dir, const char *name,
                   uint64_t count, struct fi_os_stat *out_stat, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(count > 0 && count <= UINT32_MAX);
    *index = (struct fi_chkp_index){.count = count};
    struct fi_chkp_format_file_name file_name = fi_chkp_format_idx_name(name);
    FI_TRY(fi_os_file_open(dir, file_name.text, FI_OS_READ, 0, &index->file, err));
    FI_TRY(fi_os_file_stat(index->file, out_stat, err));
    uint64_t expected = count * FI_CHKP_INDEX_ENTRY_SIZE;
    if (out_stat->size_bytes != expected) {
        FI_TRY(fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has %" PRIu64 " bytes, not the %" PRIu64 " of %" PRIu64
                            " entries",
                            fi_os_file_path(index->file), out_stat->size_bytes, expected, count));
    }
out:
    if (rc != FIRN_OK) {
        fi_chkp_index_deinit(index);
    }
    return rc;
}

static int
compare_entries(const void *a, const void *b)
{
    const struct fi_chkp_entry *left = a;
    const struct fi_chkp_entry *right = b;
    int order = fi_chkp_format_compare_hash(&left->hash, &right->hash);
    return order != 0 ? order : (left->offset > right->offset) - (left->offset < right->offset);
}

void
fi_chkp_index_sort(struct fi_chkp_entry *entries, size_t count)
{
    fi_sort(entries, count, sizeof *entries, compare_entries);
}

/* Collects the entries of a scan into an array of its size. */
static int
chkp_index_collect(struct fi_chkp_scan *scan, struct fi_chkp_entry *entries, firn_error *err)
{
    for (size_t i = 0;; i++) {
        struct fi_chkp_entry entry;
        bool is_end;
        FI_TRY_RETURN(fi_chkp_scan_next(scan, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        CHECK(i < scan->count);
        entries[i] = entry;
    }
    DCHECK(scan->seen == scan->count);
    return FIRN_OK;
}

int
fi_chkp_index_build(struct fi_chkp_index *index, struct fi_os_file *dat, uint64_t memory_max,
                    firn_error *err)
{
    int rc = FIRN_OK;
    *index = (struct fi_chkp_index){0};
    struct fi_chkp_scan scan;
    FI_TRY(fi_chkp_scan_init(&scan, dat, err));
    uint64_t size = (uint64_t)scan.count * sizeof *index->entries;
    if (size > memory_max) {
        FI_TRY(fi_error_set(err, FIRN_LIMIT,
                            "an index of '%s' in memory takes %" PRIu64
                            " bytes, more than the %" PRIu64 " allowed",
                            fi_os_file_path(dat), size, memory_max));
    }
    index->count = scan.count;
    index->entries = fi_alloc_array(scan.count, sizeof *index->entries);
    if (index->entries == NULL) {
        FI_TRY(fi_error_no_memory(err, "the index of a pack"));
    }
    FI_TRY(chkp_index_collect(&scan, index->entries, err));
    fi_chkp_index_sort(index->entries, scan.count);
out:
    fi_chkp_scan_deinit(&scan);
    if (rc != FIRN_OK) {
        fi_chkp_index_deinit(index);
    }
    return rc;
}

void
fi_chkp_index_deinit(struct fi_chkp_index *index)
{
    fi_os_file_close(index->file);
    fi_free(index->entries);
    *index = (struct fi_chkp_index){0};
}

static int
get_chunk(const struct fi_chkp_index *index, uint64_t first, size_t count,
          struct fi_chkp_entry *out, firn_error *err)
{
    uint8_t bytes[CHUNK * FI_CHKP_INDEX_ENTRY_SIZE];
    CHECK(count <= CHUNK);
    int rc = fi_os_file_read_exact(index->file, first * FI_CHKP_INDEX_ENTRY_SIZE, bytes,
                                   count * FI_CHKP_INDEX_ENTRY_SIZE, err);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        fi_chkp_format_get_index_entry(bytes + i * FI_CHKP_INDEX_ENTRY_SIZE, &out[i]);
    }
    return rc;
}

int
fi_chkp_index_get(const struct fi_chkp_index *index, uint64_t first, size_t count,
                  struct fi_chkp_entry *out, firn_error *err)
{
    DCHECK(fi_range_inside(first, count, index->count));
    if (index->file == NULL) {
        memcpy(out, index->entries + first, count * sizeof *out);
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    for (size_t done = 0; rc == FIRN_OK && done < count;) {
        size_t size = count - done < CHUNK ? count - done : CHUNK;
        rc = get_chunk(index, first + done, size, out + done, err);
        done += size;
    }
    return rc;
}

int
fi_chkp_index_find(const struct fi_chkp_index *index, const firn_hash *hash, bool *out_found,
                   struct fi_chkp_entry *out, firn_error *err)
{
    *out_found = false;
    /* Everything before `low` is smaller; the entry at `high`, if there is one, is not. */
    uint64_t low = 0;
    uint64_t high = index->count;
    while (high - low > SEARCH_BLOCK) {
        uint64_t middle = low + (high - low) / 2;
        struct fi_chkp_entry entry;
        FI_TRY_RETURN(fi_chkp_index_get(index, middle, 1, &entry, err));
        if (fi_chkp_format_compare_hash(&entry.hash, hash) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct fi_chkp_entry block[SEARCH_BLOCK + 1];
    size_t count = (size_t)(high - low) + (high < index->count ? 1 : 0);
    CHECK(count <= SEARCH_BLOCK + 1);
    FI_TRY_RETURN(fi_chkp_index_get(index, low, count, block, err));
    for (size_t i = 0; i < count && !*out_found; i++) {
        if (fi_hash_equal(&block[i].hash, hash)) {
            *out_found = true;
            *out = block[i];
        }
    }
    return FIRN_OK;
}

static int
write_entries(struct fi_os_file *file, const struct fi_chkp_entry *entries, size_t count,
              firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_buf bytes = {0};
    uint64_t offset = 0;
    enum { ENTRIES_A_WRITE = 4096 };
    for (size_t done = 0; done < count;) {
        size_t part = count - done < ENTRIES_A_WRITE ? count - done : ENTRIES_A_WRITE;
        if (fi_buf_set_size(&bytes, part * FI_CHKP_INDEX_ENTRY_SIZE) != FIRN_OK) {
            FI_TRY(fi_error_no_memory(err, "a part of an index"));
        }
        for (size_t i = 0; i < part; i++) {
            fi_chkp_format_put_index_entry(bytes.data + i * FI_CHKP_INDEX_ENTRY_SIZE,
                                           &entries[done + i]);
        }
        FI_TRY(fi_os_file_write(file, offset, bytes.data, bytes.size, err));
        offset += bytes.size;
        done += part;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static bool
are_sorted(const struct fi_chkp_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_entries(&entries[i - 1], &entries[i]) > 0) {
            return false;
        }
    }
    return true;
}

int
fi_chkp_index_write(const struct fi_chkp_entry *entries, size_t count, struct fi_os_dir *dir,
                    const char *name, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_chkp_format_file_name file_name = fi_chkp_format_idx_name(name);
    struct fi_tempfile temp;
    DCHECK(count > 0 && are_sorted(entries, count));
    FI_TRY(fi_tempfile_create(&temp, dir, FI_CHKP_TEMP_KIND, err));
    FI_TRY(write_entries(temp.file, entries, count, err));
    FI_TRY(fi_tempfile_put(&temp, file_name.text, FI_OS_RENAME_REPLACE, err));
    FI_TRY(fi_os_dir_sync(dir, err));
out:
    fi_tempfile_discard(&temp);
    return rc;
}
