/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_writer.c: writes entries in order to a file in the directory of runs, which
 * becomes a run that is not installed yet.
 *
 * Flushes, compactions and loads share this: a file gets the next number, its builder takes
 * entries, the run records its origin, and the builder's counts become the run's entry in MANIFEST.
 * The caller decides when a run ends, its level, and what else is in it.
 *
 * Runs that will have graphs (compaction_graph.c) should be few and large: a search walks each
 * graph, and walking one of twice the size takes hardly longer. So such a run ends when its graph
 * is as large as one may be, or the run is twice the cache's budget; in large trees only then.
 *
 * Failure: a builder removes its unfinished file; a finished file that cannot be added to the
 * output is removed here.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "column/column.h"

/* For struct fi_run_attacher. */
static uint64_t
take_attachment(void *ctx, const struct fi_run_kind *kind, char out_name[FI_VERSION_FILE_NAME_SIZE])
{
    uint64_t number = fi_lsm_take_number(ctx);
    fi_version_file_name(number, kind, out_name);
    return number;
}

int
fi_compaction_writer_begin(struct fi_compaction_writer *writer, struct fi_lsm *lsm,
                           const struct fi_run_kind *kind, const struct fi_lsm_tree *tree,
                           const struct fi_run_builder_options *options, firn_error *err)
{
    DCHECK(writer->builder == NULL && (tree != NULL || !kind->has_layout));
    const struct fi_lsm_host *host = &lsm->options.host;
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_column_layout *layout = NULL;
    int rc;
    *writer =
        (struct fi_compaction_writer){.lsm = lsm, .kind = kind, .number = fi_lsm_take_number(lsm)};
    struct fi_run_builder_options own = *options;
    writer->attacher = (struct fi_run_attacher){lsm, take_attachment};
    bool may_attach = kind->attachment_kinds != NULL && !options->is_scratch;
    own.attacher = may_attach ? &writer->attacher : NULL;
    fi_version_file_name(writer->number, kind, name);
    if (kind->has_layout) {
        FI_TRY(host->take_layout(host->ctx, tree->id, &layout, err));
        own.layout = layout;
        writer->graph_limits = fi_compaction_graph_limits_of(tree, layout);
    }
    FI_TRY(kind->builder_create(&lsm->files.env, name, &own, &writer->builder, err));
out:
    fi_free(layout);
    return rc;
}

bool
fi_compaction_writer_is_full(const struct fi_compaction_writer *writer, uint64_t bytes_target)
{
    const struct fi_lsm_graph_limits *limits = &writer->graph_limits;
    if (writer->builder == NULL) {
        return false;
    }
    if (limits->rows > 0 && writer->entry_count < limits->rows) {
        bytes_target = bytes_target < limits->bytes ? limits->bytes : bytes_target;
    } else if (limits->rows > 0) {
        return true;
    }
    return writer->builder->kind->builder_size_bytes(writer->builder) >= bytes_target;
}

int
fi_compaction_writer_add(struct fi_compaction_writer *writer, const struct fi_entry *entry,
                         const struct fi_entry *placed, firn_error *err)
{
    FI_TRY_RETURN(writer->builder->kind->builder_add(writer->builder, placed, err));
    writer->entry_count++;
    if (entry->kind == FI_ENTRY_EXPIRING) {
        fi_manifest_run_note_expiry(&writer->expiry, fi_entry_expires_ms(entry->value));
    }
    return FIRN_OK;
}

int
fi_compaction_writer_add_columns(struct fi_compaction_writer *writer,
                                 const struct fi_run_columns *columns, firn_error *err)
{
    DCHECK(writer->kind->builder_add_columns != NULL);
    int rc = writer->kind->builder_add_columns(writer->builder, columns, err);
    writer->entry_count += rc == FIRN_OK ? columns->rows : 0;
    return rc;
}

int
fi_compaction_writer_add_from(struct fi_compaction_writer *writer, const struct fi_run_batch *batch,
                              firn_error *err)
{
    DCHECK(batch->count > 0 && batch->cursor->kind == writer->kind);
    int rc = writer->kind->builder_add_from(writer->builder, batch, err);
    writer->entry_count += rc == FIRN_OK ? batch->count : 0;
    return rc;
}

static size_t
attachment_count(const struct fi_run_summary *summary)
{
    return summary->attachments.size / sizeof(struct fi_run_attachment);
}

static const struct fi_run_attachment *
attachments_of(const struct fi_run_summary *summary)
{
    return (const struct fi_run_attachment *)(const void *)summary->attachments.data;
}

int
fi_compaction_writer_end(struct fi_compaction_writer *writer, struct fi_lsm_origin *origin,
                         bool is_last, struct fi_run_summary *out, firn_error *err)
{
    int rc = origin == NULL
                 ? fi_lsm_origin_report_scratch(writer->builder, err)
                 : fi_lsm_origin_report(origin, writer->builder, writer->number, is_last, err);
    FI_TRY(rc);
    FI_TRY(writer->builder->kind->builder_finish(writer->builder, out, err));
    CHECK(out->entry_count == writer->entry_count);
    CHECK(attachment_count(out) <= FI_RUN_ATTACHMENTS_MAX);
    fi_compaction_writer_abandon(writer);
out:
    return rc;
}

void
fi_compaction_writer_abandon(struct fi_compaction_writer *writer)
{
    if (writer->builder != NULL) {
        writer->builder->kind->builder_destroy(writer->builder);
        writer->builder = NULL;
    }
}

struct fi_manifest_run
fi_compaction_writer_info(const struct fi_compaction_writer *writer,
                          const struct fi_run_summary *summary)
{
    return (struct fi_manifest_run){
        .number = writer->number,
        .kind = (uint8_t)writer->kind->file_kind,
        .file_bytes = summary->file_bytes,
        .identity = summary->identity,
        .entry_count = summary->entry_count,
        .tombstone_count = summary->tombstone_count,
        .range_count = summary->range_count,
        .content_bytes = summary->content_bytes,
        .sequence_min = summary->sequence_min,
        .sequence_max = summary->sequence_max,
        .expiring_count = writer->expiry.expiring_count,
        .expires_first_ms = writer->expiry.expires_first_ms,
        .expires_last_ms = writer->expiry.expires_last_ms,
        .attachments = attachments_of(summary),
        .attachment_count = attachment_count(summary),
        .lower = fi_buf_slice(&summary->lower),
        .upper = fi_buf_slice(&summary->upper),
    };
}

int
fi_compaction_writer_reserve(struct fi_compaction_output *out, firn_error *err)
{
    return FI_VEC_RESERVE(out->runs, out->count + 1, out->capacity, err);
}

int
fi_compaction_writer_take(const struct fi_compaction_writer *writer, struct fi_manifest_run *info,
                          uint64_t cache_file, struct fi_compaction_values *values,
                          struct fi_compaction_output *out, firn_error *err)
{
    struct fi_lsm *lsm = writer->lsm;
    DCHECK(writer->builder == NULL && out->count < out->capacity);
    FI_TRY_RETURN(fi_compaction_values_list(values, info, err));
    struct fi_version_file *file = fi_version_file_create(&lsm->files, writer->kind, info);
    if (file == NULL) {
        return fi_error_no_memory(err, "a run");
    }
    fi_version_file_set_cache_file(file, cache_file);
    fi_compaction_values_hold(values, file);
    out->runs[out->count++] = (struct fi_version_added){file, info->level};
    out->bytes += fi_manifest_run_bytes(info);
    return FIRN_OK;
}

void
fi_compaction_writer_discard(const struct fi_compaction_writer *writer,
                             const struct fi_run_summary *summary)
{
    DCHECK(writer->builder == NULL);
    fi_compaction_remove_file(writer->lsm, writer->kind, writer->number);
    for (size_t i = 0; i < attachment_count(summary); i++) {
        const struct fi_run_attachment *attachment = &attachments_of(summary)[i];
        fi_compaction_remove_file(
            writer->lsm, fi_run_kind_find(writer->kind->attachment_kinds, attachment->kind),
            attachment->number);
    }
}
