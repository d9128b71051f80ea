/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_find.c: the checkpoint of a remote that a reference names, found in its state alone,
 * for what reads a remote without a pull.
 *
 * A reference is as for a workspace (reference.h), of all lines of the remote; after a line's label
 * and a '/' of that line. Of several checkpoints that fit, one that is asked for by time or as the
 * latest is the one that was published last; otherwise the user has to name the line.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "os/os_process.h"
#include "reference/reference.h"
#include "share/share_internal.h"

struct finding {
    const struct fi_share *share;
    struct fi_reference reference;
    const uint8_t *line; /* NULL: any */
    uint8_t tagged[FI_CATALOG_RECORD_ID_SIZE];
    bool has_tag;
    /* The best so far. */
    struct fi_share_found *out;
    uint64_t count;
    uint64_t published;
};

static bool
fits(const struct finding *finding, const struct fi_catalog_record *record)
{
    const struct fi_reference *reference = &finding->reference;
    char id[FIRN_CHECKPOINT_ID_SIZE];
    switch (reference->kind) {
    case FI_REFERENCE_NUMBER:
        return record->number == reference->number;
    case FI_REFERENCE_ID:
        fi_catalog_record_id_text(record->id, id);
        return memcmp(id, reference->id, reference->id_size) == 0;
    case FI_REFERENCE_LATEST:
        return true;
    case FI_REFERENCE_TIME:
        return record->created_ns <= reference->time_ns;
    case FI_REFERENCE_NAME:
        return finding->has_tag && memcmp(record->id, finding->tagged, sizeof record->id) == 0;
    }
    return false;
}

/* Whether a checkpoint comes after the best one so far, where both fit. */
static bool
is_later(const struct finding *finding, const struct fi_catalog_record *record, uint64_t published)
{
    const struct fi_catalog_record *best = &finding->out->record;
    if (finding->reference.kind == FI_REFERENCE_TIME) {
        return record->created_ns > best->created_ns;
    }
    return published != finding->published ? published > finding->published
                                           : record->order > best->order;
}

static int
consider(struct finding *finding, const struct fi_remote_item *entry, firn_error *err)
{
    struct fi_share_checkpoint checkpoint;
    struct fi_catalog_record record;
    FI_TRY_RETURN(fi_share_entry_decode_checkpoint(entry->value, &checkpoint, err));
    if (finding->line != NULL &&
        memcmp(checkpoint.line, finding->line, sizeof checkpoint.line) != 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_catalog_record_decode(checkpoint.record, &record, err));
    if (!fits(finding, &record)) {
        return FIRN_OK;
    }
    if (finding->count == 0 || is_later(finding, &record, checkpoint.published)) {
        finding->out->record = record;
        memcpy(finding->out->line, checkpoint.line, sizeof checkpoint.line);
        finding->published = checkpoint.published;
    }
    finding->count++;
    return FIRN_OK;
}

/* ==== lines and tags ==== */

/* Finds the line whose label the reference begins with, and advances *text past the label. */
static void
find_named_line(struct finding *finding, const char **text, uint8_t line[FI_SHARE_LINE_SIZE])
{
    const struct fi_remote_table *entries = &finding->share->remote.state.entries;
    const size_t size = strlen(*text);
    for (size_t i = 0; i < entries->count; i++) {
        firn_slice digits;
        char label[FI_SHARE_LABEL_SIZE_MAX + 1];
        if (!fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_LINE, &digits) ||
            digits.size != (size_t)2 * FI_SHARE_LINE_SIZE ||
            !fi_share_entry_line_id(digits, line)) {
            continue;
        }
        firn_slice found = fi_share_entry_label(finding->share, line, label);
        if (size > found.size + 1 && memcmp(*text, found.data, found.size) == 0 &&
            (*text)[found.size] == '/') {
            finding->line = line;
            *text += found.size + 1;
            return;
        }
    }
}

static void
find_tag(struct finding *finding)
{
    const struct fi_remote_table *entries = &finding->share->remote.state.entries;
    const firn_slice name = finding->reference.name;
    for (size_t i = 0; i < entries->count; i++) {
        firn_slice rest;
        const firn_slice value = entries->items[i].value;
        const size_t skip = (size_t)2 * FI_SHARE_LINE_SIZE + 1;
        if (fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_TAG, &rest) &&
            rest.size == skip + name.size && memcmp(rest.data + skip, name.data, name.size) == 0 &&
            value.size > sizeof finding->tagged) {
            memcpy(finding->tagged, value.data + 1, sizeof finding->tagged);
            finding->has_tag = true;
        }
    }
}

/* ==== all ==== */

/* The one so many before the best, in its line. */
static int
go_back(struct finding *finding, const char *text, firn_error *err)
{
    const struct fi_remote_table *entries = &finding->share->remote.state.entries;
    for (uint64_t left = finding->reference.back; left > 0; left--) {
        const struct fi_share_found from = *finding->out;
        bool is_found = false;
        for (size_t i = 0; i < entries->count; i++) {
            struct fi_share_checkpoint checkpoint;
            struct fi_catalog_record record;
            firn_slice rest;
            if (!fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &rest)) {
                continue;
            }
            FI_TRY_RETURN(
                fi_share_entry_decode_checkpoint(entries->items[i].value, &checkpoint, err));
            FI_TRY_RETURN(fi_catalog_record_decode(checkpoint.record, &record, err));
            if (memcmp(checkpoint.line, from.line, sizeof from.line) == 0 &&
                record.order < from.record.order &&
                (!is_found || record.order > finding->out->record.order)) {
                finding->out->record = record;
                is_found = true;
            }
        }
        if (!is_found) {
            return fi_error_set(err, FIRN_NOT_FOUND, "the remote has no checkpoint '%s'", text);
        }
    }
    return FIRN_OK;
}

int
fi_share_find(const struct fi_share *share, const char *reference, struct fi_share_found *out,
              firn_error *err)
{
    struct finding finding = {.share = share, .out = out};
    const struct fi_remote_table *entries = &share->remote.state.entries;
    const struct fi_reference_clock clock = {fi_os_now_ns(share->ws->os), fi_os_zone};
    uint8_t line[FI_SHARE_LINE_SIZE];
    const char *text = reference;
    find_named_line(&finding, &text, line);
    FI_TRY_RETURN(fi_reference_read(text, &clock, &finding.reference, err));
    if (finding.reference.kind == FI_REFERENCE_NAME) {
        find_tag(&finding);
    }
    for (size_t i = 0; i < entries->count; i++) {
        firn_slice rest;
        if (fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &rest)) {
            FI_TRY_RETURN(consider(&finding, &entries->items[i], err));
        }
    }
    bool is_any_meant = finding.reference.kind == FI_REFERENCE_LATEST ||
                        finding.reference.kind == FI_REFERENCE_TIME;
    if (finding.count == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the remote has no checkpoint '%s'", reference);
    }
    if (finding.count > 1 && !is_any_meant) {
        return fi_error_set(err, FIRN_CONFLICT,
                            "'%s' is ambiguous: the remote has %llu such checkpoints; name the "
                            "line, or use an id",
                            reference, (unsigned long long)finding.count);
    }
    return go_back(&finding, reference, err);
}
