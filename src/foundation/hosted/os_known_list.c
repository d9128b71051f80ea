/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known_list.c: the list of known files.
 *
 *   list := head line* zeros
 *   head := "firn files 1 " COUNT "\n"             so many lines were written with the head
 *   line := CRC " " SIGN " " NUMBER " " SYNCED " " INODE " " BIRTH " " HEAD " " PATH "\n"
 *
 * CRC is the CRC-32C, in 8 hexadecimal digits, of what comes after its blank. NUMBER counts the
 * lines from 1; HEAD is a number of 64 bits, in 16 hexadecimal digits; SYNCED is the number through
 * which the list was durable when the line was written. Zeros fill the file to a whole block, so
 * that most lines change no size, and a sync is short.
 *
 * A power cut may take any sectors of what was not durable, so lines may be missing in the middle.
 * That is told from damage by SYNCED: a line up to the largest SYNCED, or COUNT, must be there
 * (I1). What is missing after that named files that were not durable either.
 *
 * The list is a private file of the user. Its reader still trusts no byte of it: sizes are checked,
 * and what is no line is skipped up to the next line feed.
 */
#include "hosted/os_known_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/hex.h"
#include "codec/xxh3.h"

enum { CRC_LETTERS = 8, HEAD_LETTERS = 16 };
static const char digits[] = "0123456789abcdef";

static const char head_text[] = "firn files 1 ";

static uint64_t
hash_of(const void *record)
{
    return (*(struct fi_os_known_list_entry *const *)record)->hash;
}

static bool
is_equal(const void *record, const void *key)
{
    return strcmp((*(struct fi_os_known_list_entry *const *)record)->path, key) == 0;
}

void
fi_os_known_list_init(struct fi_os_known_list *list)
{
    *list = (struct fi_os_known_list){.next = 1};
    fi_hash_map_init(&list->entries, sizeof(struct fi_os_known_list_entry *), hash_of, is_equal);
}

static struct fi_os_known_list_entry *
entry_at(const struct fi_os_known_list *list, size_t i)
{
    return *(struct fi_os_known_list_entry **)fi_hash_map_at(&list->entries, i);
}

void
fi_os_known_list_deinit(struct fi_os_known_list *list)
{
    for (size_t i = 0; i < list->entries.count; i++) {
        fi_free(entry_at(list, i)->path);
        fi_free(entry_at(list, i));
    }
    fi_hash_map_deinit(&list->entries);
}

/* ---- entries ---- */

struct fi_os_known_list_entry *
fi_os_known_list_find(const struct fi_os_known_list *list, const char *path)
{
    struct fi_os_known_list_entry **found =
        fi_hash_map_find(&list->entries, fi_xxh3(path, strlen(path), 0), path);
    return found != NULL ? *found : NULL;
}

struct fi_os_known_list_entry *
fi_os_known_list_get(struct fi_os_known_list *list, const char *path)
{
    struct fi_os_known_list_entry *entry = fi_os_known_list_find(list, path);
    if (entry != NULL) {
        return entry;
    }
    entry = fi_alloc_zeroed(sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->path = fi_strdup(path);
    entry->hash = fi_xxh3(path, strlen(path), 0);
    if (entry->path == NULL || fi_hash_map_insert(&list->entries, entry->hash, &entry) == NULL) {
        fi_free(entry->path);
        fi_free(entry);
        return NULL;
    }
    return entry;
}

const struct fi_os_known_list_id *
fi_os_known_list_id_of(const struct fi_os_known_list_entry *entry, struct fi_os_known_list_id id)
{
    for (unsigned i = 0; i < entry->id_count; i++) {
        if (entry->ids[i].inode == id.inode && entry->ids[i].birth_ns == id.birth_ns) {
            return &entry->ids[i];
        }
    }
    return NULL;
}

bool
fi_os_known_list_has(const struct fi_os_known_list_entry *entry, struct fi_os_known_list_id id)
{
    return fi_os_known_list_id_of(entry, id) != NULL;
}

void
fi_os_known_list_add_id(struct fi_os_known_list_entry *entry, struct fi_os_known_list_id id)
{
    const struct fi_os_known_list_id *same = fi_os_known_list_id_of(entry, id);
    bool is_new = same == NULL;
    unsigned last = is_new ? FI_OS_KNOWN_LIST_IDS - 1 : (unsigned)(same - entry->ids);
    for (unsigned i = last; i > 0; i--) {
        entry->ids[i] = entry->ids[i - 1];
    }
    entry->ids[0] = id;
    entry->id_count += is_new && entry->id_count < FI_OS_KNOWN_LIST_IDS;
}

/* ---- reading ---- */

/* Reads a number and the blank, or the end, after it. */
static bool
take_number(const char **at, const char *end, uint64_t *out)
{
    const char *digit = *at;
    *out = 0;
    for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        if (*out > (UINT64_MAX - value) / 10) {
            return false;
        }
        *out = *out * 10 + value;
    }
    bool is_whole = digit > *at && (digit == end || *digit == ' ');
    *at = digit + (digit < end);
    return is_whole;
}

/* The same for HEAD, in 16 digits. */
static bool
take_head(const char **at, const char *end, uint64_t *out)
{
    const char *digit = *at;
    *out = 0;
    for (; digit < end && digit - *at < HEAD_LETTERS && *digit != '\0' &&
           strchr(digits, *digit) != NULL;
         digit++) {
        *out = *out << 4 | (uint64_t)(strchr(digits, *digit) - digits);
    }
    bool is_whole = digit - *at == HEAD_LETTERS && digit < end && *digit == ' ';
    *at = digit + is_whole;
    return is_whole;
}

struct line {
    char sign;
    uint64_t number;
    uint64_t synced;
    struct fi_os_known_list_id id;
    char path[FI_OS_KNOWN_LIST_PATH_SIZE_MAX + 1];
};

/* Decodes [at, end), a line without its line feed. */
static bool
os_known_list_decode(const char *at, const char *end, struct line *out)
{
    uint64_t birth;
    char crc[CRC_LETTERS + 1];
    if (end - at < CRC_LETTERS + 4 || at[CRC_LETTERS] != ' ' || at[CRC_LETTERS + 2] != ' ') {
        return false;
    }
    const char *rest = at + CRC_LETTERS + 1;
    (void)snprintf(crc, sizeof crc, "%08" PRIx32, fi_crc32c(0, rest, (size_t)(end - rest)));
    if (memcmp(at, crc, CRC_LETTERS) != 0) {
        return false;
    }
    out->sign = rest[0];
    at = rest + 2;
    if (!take_number(&at, end, &out->number) || !take_number(&at, end, &out->synced) ||
        !take_number(&at, end, &out->id.inode)) {
        return false;
    }
    bool is_before = at < end && *at == '-'; /* the epoch */
    at += is_before;
    if (!take_number(&at, end, &birth) || birth > INT64_MAX ||
        !take_head(&at, end, &out->id.head) || at >= end ||
        end - at > FI_OS_KNOWN_LIST_PATH_SIZE_MAX || memchr(at, '\0', (size_t)(end - at))) {
        return false;
    }
    out->id.birth_ns = is_before ? -(int64_t)birth : (int64_t)birth;
    memcpy(out->path, at, (size_t)(end - at));
    out->path[end - at] = '\0';
    return strchr("+=-", out->sign) != NULL && out->number > 0 && out->number < UINT64_MAX &&
           out->synced < out->number;
}

static bool
os_known_list_apply(struct fi_os_known_list *list, const struct line *line)
{
    struct fi_os_known_list_entry *entry = fi_os_known_list_get(list, line->path);
    if (entry == NULL) {
        return false;
    }
    if (line->sign != '+') {
        entry->id_count = 0;
    }
    if (line->sign != '-') {
        fi_os_known_list_add_id(entry, line->id);
    }
    if (line->number != list->next && list->missing == 0) {
        list->missing = list->next;
    }
    list->next = line->number + 1;
    list->synced = line->synced > list->synced ? line->synced : list->synced;
    return true;
}

static bool
read_head(struct fi_os_known_list *list, const char *at, const char *end)
{
    size_t size = sizeof head_text - 1;
    if ((size_t)(end - at) <= size || memcmp(at, head_text, size) != 0) {
        return false;
    }
    at += size;
    list->has_head = take_number(&at, end, &list->synced) && at == end;
    return list->has_head;
}

bool
fi_os_known_list_read(struct fi_os_known_list *list, firn_slice bytes)
{
    list->has_rest = false;
    if (bytes.size == 0) {
        return true;
    }
    const char *begin = (const char *)bytes.data;
    const char *end = begin + bytes.size;
    uint64_t from = list->end;
    for (const char *at = begin; at < end;) {
        const char *start = at;
        while (start < end && *start == '\0') {
            start++;
        }
        const char *feed = memchr(start, '\n', (size_t)(end - start));
        if (feed == NULL) {
            list->has_rest = start < end;
            break;
        }
        struct line line;
        if (!list->has_head) {
            if (start != at || !read_head(list, start, feed)) {
                return true; /* it is no list: the caller asks whether it is sound */
            }
        } else if (os_known_list_decode(start, feed, &line) && line.number >= list->next) {
            if (!os_known_list_apply(list, &line)) {
                return false;
            }
        } else {
            list->missing = list->missing == 0 ? list->next : list->missing;
        }
        at = feed + 1;
        list->end = from + (uint64_t)(at - begin);
    }
    return true;
}

bool
fi_os_known_list_is_sound(const struct fi_os_known_list *list)
{
    return list->has_head && list->next > list->synced && /* (I1) */
           (list->missing == 0 || list->missing > list->synced);
}

/* ---- writing ---- */

int
fi_os_known_list_write(struct fi_os_known_list *list, struct fi_buf *out, char sign,
                       const char *path, struct fi_os_known_list_id id)
{
    struct fi_buf rest = {0};
    int rc = fi_buf_append_format(
        &rest, "%c %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %016" PRIx64 " %s", sign,
        list->next, list->synced, id.inode, id.birth_ns == INT64_MIN ? 0 : id.birth_ns, id.head,
        path);
    if (rc == FIRN_OK) {
        rc = fi_buf_append_format(out, "%08" PRIx32 " ", fi_crc32c(0, rest.data, rest.size));
    }
    rc = rc == FIRN_OK ? fi_buf_append_slice(out, fi_buf_slice(&rest)) : rc;
    rc = rc == FIRN_OK ? fi_buf_append_u8(out, '\n') : rc;
    fi_buf_deinit(&rest);
    if (rc == FIRN_OK) {
        list->next++;
    }
    return rc;
}

int
fi_os_known_list_write_all(struct fi_os_known_list *list, struct fi_buf *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i < list->entries.count; i++) {
        count += entry_at(list, i)->id_count;
    }
    list->next = 1;
    list->synced = 0;
    int rc = fi_buf_append_format(out, "%s%" PRIu64 "\n", head_text, count);
    for (size_t i = 0; rc == FIRN_OK && i < list->entries.count; i++) {
        struct fi_os_known_list_entry *entry = entry_at(list, i);
        for (unsigned k = entry->id_count; rc == FIRN_OK && k > 0; k--) {
            rc = fi_os_known_list_write(list, out, '+', entry->path, entry->ids[k - 1]);
        }
        entry->is_pending = false;
    }
    list->synced = count;
    list->missing = 0;
    list->has_rest = false;
    list->has_head = true;
    list->end = out->size;
    DCHECK(rc != FIRN_OK || list->next == count + 1);
    return rc;
}
