/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_wal.c: the write-ahead log of Alopex's LSM tree ("AWAL", versions 1 and 2;
 * alopex-core 0.3.0 and later).
 *
 *   header   u64 start | u64 end: offsets in the ring; the highest bit of end: the ring is full.
 *            Since about 0.6 the highest bit of start is set, and a CRC-32 of both follows
 *   segment  28 bytes: "AWAL" | u16 version | u64 id | u64 first number | CRC-32 of these | u16
 *   zero; then its part of the ring
 *   entry    u64 number | u32 size of what follows | body | CRC-32 of all before it in the entry
 *   body     0: put, key, value | 1: delete, key, empty value | 2: batch, count, count x { 0 or 1,
 *            key, value }
 *
 * All segments have one size, which is not in the file: they are found by their headers
 * (find_segments). Keys and values have their size before them, 7 bits a byte. The number of an
 * entry is the timestamp of what it wrote.
 *
 * (I1) An entry is passed on only if its checksum is right, all its bytes make sense, and its
 *      number follows that of the entry before it (read_entry). After a damaged entry the next
 *      intact one is looked for: where its size says, then byte by byte, so that a copy of a log in
 *      a value is not taken for the log. The search has a limit (SEARCH_MAX, WORK_MAX).
 */
#include <assert.h>
#include <string.h>

#include "migrate/migrate_internal.h"

enum {
    OLD_HEADER_SIZE = 16,
    HEADER_SIZE = 20,
    SEGMENT_HEADER_SIZE = 28,
    SEGMENT_SIZE = 64 << 20, /* unless the writer chose another */
    SEGMENTS_MAX = 4096,
    ENTRY_HEAD_SIZE = 12,
    CRC_SIZE = 4,
    SEARCH_MAX = 64 << 20, /* bytes after a damaged entry */
    WORK_MAX = 1 << 30,    /* bytes whose checksum was wrong, before searches end */
    VERSION_MAX = 2
};
#define HIGHEST_BIT (UINT64_C(1) << 63)
#define STEP_MAX (UINT64_C(1) << 32)   /* between the numbers of two entries */
#define NUMBER_MAX (UINT64_C(1) << 40) /* of the first */

struct wal {
    const struct fi_migrate_span *span;
    const struct fi_migrate_taker *taker;
    uint64_t header_size;
    uint64_t segment_size;
    uint64_t ring_size;
    uint64_t floor;  /* entries up to this number are not given on */
    bool is_lost;    /* where it begins and ends: entries come in any order */
    bool is_damaged; /* an entry */
    uint64_t work;   /* bytes of what turned out to be no entries */
    uint64_t number; /* of the entry before; 0 if is_lost */
    struct fi_migrate_room entry;
    struct fi_migrate_near near;
    firn_error *err;
};

/* ---- the ring ---- */

/* Where a place in the ring is in the file. *out_left: bytes up to the end of its segment. */
static uint64_t
migrate_wal_place(const struct wal *wal, uint64_t at, uint64_t *out_left)
{
    uint64_t room = wal->segment_size - SEGMENT_HEADER_SIZE;
    at %= wal->ring_size;
    *out_left = room - at % room;
    return wal->header_size + at / room * wal->segment_size + SEGMENT_HEADER_SIZE + at % room;
}

static bool
read_ring(struct wal *wal, uint64_t at, uint8_t *data, size_t size)
{
    while (size > 0) {
        uint64_t left;
        uint64_t offset = migrate_wal_place(wal, at, &left);
        size_t part = size < left ? size : (size_t)left;
        bool is_read = part <= ENTRY_HEAD_SIZE
                           ? fi_migrate_span_near(&wal->near, offset, data, part)
                           : fi_migrate_span_read(wal->span, offset, data, part);
        if (!is_read) {
            return false;
        }
        at += part;
        data += part;
        size -= part;
    }
    return true;
}

static bool
is_segment(const uint8_t *header)
{
    return memcmp(header, "AWAL", 4) == 0 &&
           fi_migrate_span_crc_of(0, header, 22) == fi_migrate_span_u32(header + 22);
}

/* How many segments of a size have their header, with ids that follow each other. */
static uint64_t
count_segments(const struct fi_migrate_span *span, uint64_t header_size, uint64_t size,
               uint64_t count)
{
    uint64_t found = 0;
    uint64_t base = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t header[SEGMENT_HEADER_SIZE];
        if (!fi_migrate_span_read(span, header_size + i * size, header, sizeof(header))) {
            break;
        }
        uint64_t id = fi_migrate_span_u64(header + 6) - i;
        bool is_one = is_segment(header);
        base = is_one && found == 0 ? id : base;
        found += is_one && id == base;
    }
    return found;
}

/* The layout that has the most headers. */
static bool
find_segments(struct wal *wal)
{
    uint64_t most = 0;
    for (uint64_t header_size = HEADER_SIZE;; header_size = OLD_HEADER_SIZE) {
        uint64_t room = wal->span->size < header_size ? 0 : wal->span->size - header_size;
        for (uint64_t count = 1; count <= SEGMENTS_MAX + 1; count++) {
            bool is_cut =
                count > SEGMENTS_MAX; /* segments of the usual size, as many as there are */
            uint64_t size = is_cut ? SEGMENT_SIZE : room / count;
            uint64_t segments = is_cut ? (room + size - 1) / size : count;
            if (size <= SEGMENT_HEADER_SIZE || (!is_cut && room % count != 0)) {
                continue;
            }
            uint64_t found = count_segments(wal->span, header_size, size, segments);
            if (found > most) {
                most = found;
                wal->header_size = header_size;
                wal->segment_size = size;
                wal->ring_size = (size - SEGMENT_HEADER_SIZE) * segments;
            }
        }
        if (header_size == OLD_HEADER_SIZE) {
            return most > 0;
        }
    }
}

/* ---- an entry ---- */

static bool
take_number(firn_slice *rest, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->size > 0; shift += 7) {
        uint8_t byte = rest->data[0];
        *out |= (uint64_t)(byte & 0x7f) << shift;
        *rest = firn_bytes(rest->data + 1, rest->size - 1);
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static bool
take_bytes(firn_slice *rest, firn_slice *out)
{
    uint64_t size;
    if (!take_number(rest, &size) || size > rest->size) {
        return false;
    }
    *out = firn_bytes(rest->data, (size_t)size);
    *rest = firn_bytes(rest->data + size, rest->size - (size_t)size);
    return true;
}

static bool
next_change(firn_slice *rest, struct fi_migrate_version *out)
{
    if (rest->size == 0 || rest->data[0] > 1) {
        return false;
    }
    out->is_deleted = rest->data[0] == 1;
    *rest = firn_bytes(rest->data + 1, rest->size - 1);
    return take_bytes(rest, &out->key) && take_bytes(rest, &out->value) &&
           (!out->is_deleted || out->value.size == 0);
}

/* Walks through a body; gives its changes on if there is a taker. *out_is_body is false if it is
 * none. */
static int
walk_body(const struct wal *wal, firn_slice body, uint64_t number,
          const struct fi_migrate_taker *taker, bool *out_is_body)
{
    uint64_t count = 1;
    struct fi_migrate_version version = {.timestamp = number};
    int code = FIRN_OK;
    *out_is_body = true;
    if (body.size > 0 && body.data[0] == 2) {
        body = firn_bytes(body.data + 1, body.size - 1);
        *out_is_body = take_number(&body, &count);
    }
    for (; code == FIRN_OK && *out_is_body && version.sequence < count; version.sequence++) {
        *out_is_body = next_change(&body, &version);
        if (*out_is_body && taker != NULL) {
            code = taker->version(taker->ctx, &version, wal->err);
        }
    }
    *out_is_body = *out_is_body && body.size == 0;
    return code;
}

/* The size of the entry that may begin here, or 0. */
static uint64_t
size_at(struct wal *wal, uint64_t at, uint64_t left, uint64_t *out_number)
{
    uint8_t head[ENTRY_HEAD_SIZE];
    if (left < sizeof(head) || !read_ring(wal, at, head, sizeof(head))) {
        return 0;
    }
    uint64_t size = ENTRY_HEAD_SIZE + (uint64_t)fi_migrate_span_u32(head + 8);
    *out_number = fi_migrate_span_u64(head);
    return size > ENTRY_HEAD_SIZE + CRC_SIZE && size <= left ? size : 0;
}

/* Reads an entry into memory. *out_body is empty if there is no intact one (I1). */
static int
read_entry(struct wal *wal, uint64_t at, uint64_t left, uint64_t *out_size, uint64_t *out_number,
           firn_slice *out_body)
{
    bool is_body = false;
    *out_body = firn_bytes(NULL, 0);
    *out_size = size_at(wal, at, left, out_number);
    if (*out_size == 0 || *out_size > FIRN_BATCH_SIZE_MAX || *out_number <= wal->number ||
        *out_number - wal->number > (wal->number > 0 ? STEP_MAX : NUMBER_MAX)) {
        return FIRN_OK;
    }
    wal->work += *out_size;
    size_t size = (size_t)*out_size;
    int code = fi_migrate_span_room_reserve(&wal->entry, size, wal->err);
    if (code != FIRN_OK || !read_ring(wal, at, wal->entry.data, size) ||
        fi_migrate_span_crc_of(0, wal->entry.data, size - CRC_SIZE) !=
            fi_migrate_span_u32(wal->entry.data + size - CRC_SIZE)) {
        return code;
    }
    firn_slice body =
        firn_bytes(wal->entry.data + ENTRY_HEAD_SIZE, size - ENTRY_HEAD_SIZE - CRC_SIZE);
    code = walk_body(wal, body, *out_number, NULL, &is_body);
    if (is_body) {
        *out_body = body;
        wal->work -= *out_size;
    }
    return code;
}

/* Looks for the next intact entry after a damaged one. *out_skipped is `left` if there is none. */
static int
migrate_wal_search(struct wal *wal, uint64_t at, uint64_t left, uint64_t *out_skipped)
{
    uint64_t size;
    uint64_t number;
    firn_slice body;
    int code = FIRN_OK;
    *out_skipped = size_at(wal, at, left, &number);
    if (*out_skipped == left) {
        return FIRN_OK;
    }
    if (*out_skipped > 0) {
        code = read_entry(wal, at + *out_skipped, left - *out_skipped, &size, &number, &body);
        if (code != FIRN_OK || body.size > 0) {
            return code;
        }
    }
    uint64_t limit = left < SEARCH_MAX ? left : SEARCH_MAX;
    limit = limit < wal->span->size ? limit : wal->span->size; /* the ring may be larger */
    for (uint64_t skipped = 1; skipped < limit && wal->work < WORK_MAX; skipped++) {
        code = read_entry(wal, at + skipped, left - skipped, &size, &number, &body);
        *out_skipped = skipped;
        if (code != FIRN_OK || body.size > 0) {
            return code;
        }
    }
    *out_skipped = left;
    return FIRN_OK;
}

/* ---- the log ---- */

/* Reads the entries that begin in `left` bytes of the ring from `at` on. */
static int
read_entries(struct wal *wal, uint64_t at, uint64_t left, bool is_told)
{
    int code = FIRN_OK;
    while (code == FIRN_OK && left > 0) {
        uint64_t size;
        uint64_t number;
        uint64_t end;
        bool is_body;
        firn_slice body;
        uint64_t room =
            wal->is_lost ? wal->ring_size : left; /* the last one may go on at the front */
        code = read_entry(wal, at, room, &size, &number, &body);
        if (code == FIRN_OK && body.size > 0) {
            wal->number = wal->is_lost ? 0 : number;
            code = number > wal->floor ? walk_body(wal, body, number, wal->taker, &is_body) : code;
        } else if (code == FIRN_OK) {
            wal->is_damaged = true;
            code = migrate_wal_search(wal, at, room, &size);
            if (code == FIRN_OK && !is_told) {
                fi_migrate_span_report(
                    wal->span, migrate_wal_place(wal, at, &end), wal->taker,
                    "%llu bytes of the log are damaged: what was committed there "
                    "is lost",
                    (unsigned long long)size);
            }
        }
        at += size;
        left -= size < left ? size : left;
    }
    return code;
}

/* What the header says; false if it is damaged. */
static bool
read_bounds(const struct wal *wal, uint64_t *out_start, uint64_t *out_size)
{
    uint8_t header[HEADER_SIZE];
    if (!fi_migrate_span_read(wal->span, 0, header, sizeof(header))) {
        return false;
    }
    uint64_t start = fi_migrate_span_u64(header);
    uint64_t end = fi_migrate_span_u64(header + 8) & ~HIGHEST_BIT;
    bool is_full = (header[15] & 0x80) != 0;
    if (wal->header_size == HEADER_SIZE &&
        ((start & HIGHEST_BIT) == 0 ||
         fi_migrate_span_crc_of(0, header, 16) != fi_migrate_span_u32(header + 16))) {
        return false;
    }
    start &= ~HIGHEST_BIT;
    if (wal->header_size == OLD_HEADER_SIZE && start <= end && !is_full) {
        start = 0; /* what is before is in tables, too; and the header has no checksum */
    }
    *out_start = start;
    *out_size = is_full        ? wal->ring_size
                : start <= end ? end - start
                               : wal->ring_size - (start - end);
    return start < wal->ring_size && end < wal->ring_size && (!is_full || start == end);
}

static int
read_wal(struct wal *wal)
{
    uint64_t start = 0;
    uint64_t size = 0;
    uint64_t beyond;
    uint64_t number;
    firn_slice body;
    uint8_t header[SEGMENT_HEADER_SIZE];
    if (!find_segments(wal)) {
        fi_migrate_span_report(wal->span, 0, wal->taker, "no segment of the log has its header");
        return FIRN_OK;
    }
    if (fi_migrate_span_read(wal->span, wal->header_size, header, sizeof(header)) &&
        is_segment(header) && (header[4] | header[5] << 8) > VERSION_MAX) {
        fi_migrate_span_report(wal->span, wal->header_size, wal->taker,
                               "the log has version %d, which this firn does not know: it is not "
                               "imported",
                               header[4] | header[5] << 8);
        return FIRN_OK;
    }
    if (!read_bounds(wal, &start, &size)) {
        fi_migrate_span_report(
            wal->span, 0, wal->taker,
            "the log's header is damaged: all entries that can be found are read");
        wal->is_lost = true;
        return read_entries(wal, 0, wal->ring_size, true);
    }
    int code = read_entries(wal, start, size, false);
    /* An end that is damaged cuts the log short. */
    wal->number = wal->number > wal->floor ? wal->number : wal->floor;
    uint64_t left = wal->ring_size - size;
    code = code == FIRN_OK ? read_entry(wal, start + size, left, &beyond, &number, &body) : code;
    if (code == FIRN_OK && body.size > 0) {
        fi_migrate_span_report(
            wal->span, 0, wal->taker,
            "the log goes on after the end that its header gives: this is read, too");
        code = read_entries(wal, start + size, left, true);
    }
    if (code == FIRN_OK && wal->is_damaged && wal->header_size == OLD_HEADER_SIZE) {
        wal->is_lost = true; /* perhaps it is the header, which has no checksum */
        wal->number = 0;
        code = read_entries(wal, 0, wal->ring_size, true);
    }
    return code;
}

int
fi_migrate_wal_read(const struct fi_migrate_span *span, uint64_t floor,
                    const struct fi_migrate_taker *taker, firn_error *err)
{
    struct wal wal = {
        .span = span, .taker = taker, .near = {.span = span}, .floor = floor, .err = err};
    assert(taker != NULL);
    int code = read_wal(&wal);
    fi_migrate_span_room_deinit(&wal.entry);
    return code;
}
