/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_journal.c: the log of Alopex's memory store (MemoryKV of alopex-core 0.3.0 and
 * later), which has all that the store has.
 *
 *   record   u32 size of the body | CRC-32 of the body | body
 *   body     u32 kind | u64 transaction | of kinds 1 and 2 a key, of kind 1 a value: u64 size,
 *            bytes
 *   kinds    0: begin, 1: put, 2: delete, 3: commit
 *
 * The records of a transaction lie next to each other.
 * (I1) A transaction is given on when its commit is read, and only if every record since its begin
 * was intact and is its own (walk). After damage the next intact record is looked for: where the
 * size says, then byte by byte, up to WORK_MAX bytes with a wrong checksum.
 */
#include <string.h>

#include "migrate/migrate_internal.h"

enum { HEADER_SIZE = 8, BODY_MIN = 12, SIZE_SIZE = 8, WORK_MAX = 1 << 30 };
enum kind { BEGIN, PUT, DELETE, COMMIT, KINDS };

struct journal {
    const struct fi_migrate_span *span;
    const struct fi_migrate_taker *taker;
    struct fi_migrate_near near;
    struct fi_migrate_room body;
    uint64_t begin;       /* of the open transaction */
    uint64_t transaction; /* its number */
    bool is_open;
    bool is_told;  /* that a transaction is lost */
    uint64_t work; /* bytes of what turned out to be no records */
    firn_error *err;
};

struct record {
    uint32_t kind;
    uint64_t transaction;
    uint64_t size; /* of all of it; 0: it is none */
    struct fi_migrate_version version;
};

static bool
take_bytes(firn_slice *rest, firn_slice *out)
{
    if (rest->size < SIZE_SIZE) {
        return false;
    }
    uint64_t size = fi_migrate_span_u64(rest->data);
    if (size > rest->size - SIZE_SIZE) {
        return false;
    }
    *out = firn_bytes(rest->data + SIZE_SIZE, (size_t)size);
    *rest = firn_bytes(rest->data + SIZE_SIZE + size, rest->size - SIZE_SIZE - (size_t)size);
    return true;
}

/* Reads the record at an offset into memory. */
static int
read_record(struct journal *journal, uint64_t at, struct record *out)
{
    uint8_t header[HEADER_SIZE];
    memset(out, 0, sizeof(*out));
    if (!fi_migrate_span_near(&journal->near, at, header, sizeof(header))) {
        return FIRN_OK;
    }
    size_t size = fi_migrate_span_u32(header);
    if (size < BODY_MIN || size > FI_MIGRATE_ALOPEX_PART_MAX ||
        size > journal->span->size - at - sizeof(header)) {
        return FIRN_OK;
    }
    journal->work += size;
    int code = fi_migrate_span_room_reserve(&journal->body, size, journal->err);
    if (code != FIRN_OK ||
        !fi_migrate_span_read(journal->span, at + sizeof(header), journal->body.data, size) ||
        fi_migrate_span_crc_of(0, journal->body.data, size) != fi_migrate_span_u32(header + 4)) {
        return code;
    }
    firn_slice rest = firn_bytes(journal->body.data + BODY_MIN, size - BODY_MIN);
    out->kind = fi_migrate_span_u32(journal->body.data);
    out->transaction = fi_migrate_span_u64(journal->body.data + 4);
    out->version.is_deleted = out->kind == DELETE;
    bool is_change = out->kind == PUT || out->kind == DELETE;
    if (out->kind < KINDS && (!is_change || take_bytes(&rest, &out->version.key)) &&
        (out->kind != PUT || take_bytes(&rest, &out->version.value)) && rest.size == 0) {
        out->size = sizeof(header) + size;
        journal->work -= size;
    }
    return FIRN_OK;
}

/* Gives on what a transaction has changed (I1). */
static int
migrate_journal_give(struct journal *journal)
{
    struct record record;
    uint64_t sequence = 0;
    int code = FIRN_OK;
    for (uint64_t at = journal->begin; code == FIRN_OK; at += record.size) {
        code = read_record(journal, at, &record);
        if (code != FIRN_OK || record.size == 0 || record.kind == COMMIT) {
            break;
        }
        record.version.timestamp = journal->begin;
        record.version.sequence = sequence++;
        if (record.kind != BEGIN) {
            code = journal->taker->version(journal->taker->ctx, &record.version, journal->err);
        }
    }
    return code;
}

static int
migrate_journal_walk(struct journal *journal, uint64_t at, const struct record *record)
{
    bool is_own = journal->is_open && journal->transaction == record->transaction;
    if (record->kind == BEGIN) {
        journal->begin = at;
        journal->transaction = record->transaction;
        journal->is_told = false;
    } else if (!is_own && !journal->is_told) {
        journal->is_told = true;
        fi_migrate_span_report(journal->span, at, journal->taker,
                               "the transaction of this record has no beginning: it is lost");
    }
    journal->is_open = record->kind == BEGIN || (is_own && record->kind != COMMIT);
    return is_own && record->kind == COMMIT ? migrate_journal_give(journal) : FIRN_OK;
}

/* Where the next intact record is; the end of the file if there is none. */
static int
migrate_journal_search(struct journal *journal, uint64_t at, uint64_t *out_at)
{
    uint8_t header[HEADER_SIZE];
    struct record record = {.size = 0};
    int code = FIRN_OK;
    *out_at = at;
    if (fi_migrate_span_near(&journal->near, at, header, sizeof(header))) {
        *out_at = at + sizeof(header) + fi_migrate_span_u32(header);
        code = *out_at < journal->span->size ? read_record(journal, *out_at, &record) : FIRN_OK;
    }
    if (code != FIRN_OK || record.size > 0 || *out_at == journal->span->size) {
        return code;
    }
    for (*out_at = at + 1; *out_at < journal->span->size && journal->work < WORK_MAX;
         *out_at += 1) {
        code = read_record(journal, *out_at, &record);
        if (code != FIRN_OK || record.size > 0) {
            return code;
        }
    }
    *out_at = journal->span->size;
    return FIRN_OK;
}

bool
fi_migrate_journal_is_one(const struct fi_migrate_span *span)
{
    uint8_t head[HEADER_SIZE + BODY_MIN];
    return fi_migrate_span_read(span, 0, head, sizeof(head)) &&
           fi_migrate_span_u32(head) == BODY_MIN &&
           fi_migrate_span_u32(head + HEADER_SIZE) == BEGIN &&
           fi_migrate_span_crc_of(0, head + HEADER_SIZE, BODY_MIN) == fi_migrate_span_u32(head + 4);
}

int
fi_migrate_journal_read(const struct fi_migrate_span *span, const struct fi_migrate_taker *taker,
                        firn_error *err)
{
    struct journal journal = {.span = span, .taker = taker, .near = {.span = span}, .err = err};
    int code = FIRN_OK;
    for (uint64_t at = 0; code == FIRN_OK && at < span->size;) {
        struct record record;
        uint64_t next = 0;
        code = read_record(&journal, at, &record);
        if (code == FIRN_OK && record.size > 0) {
            code = migrate_journal_walk(&journal, at, &record);
            next = at + record.size;
        } else if (code == FIRN_OK) {
            journal.is_open = false;
            journal.is_told = true;
            code = migrate_journal_search(&journal, at, &next);
            fi_migrate_span_report(
                span, at, taker, "%llu bytes of the log are damaged: the transaction there is lost",
                (unsigned long long)(next - at));
        }
        at = next;
    }
    if (code == FIRN_OK && journal.is_open) {
        fi_migrate_span_report(span, journal.begin, taker,
                               "the last transaction has no end: it is lost");
    }
    fi_migrate_span_room_deinit(&journal.body);
    return code;
}
