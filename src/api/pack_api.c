/* SPDX-License-Identifier: Apache-2.0
 *
 * api/pack_api.c: the public functions of packs: arguments are checked here, everything else is in
 * pack/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "firn/pack.h"
#include "pack/pack.h"
#include "posix/os_default.h"
#include "threads/os_callback.h"

enum { COMPRESSION_LEVEL = 3 };

int
firn_pack_writer_create(const char *path, firn_pack_writer **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL && out != NULL, err, "path and out must not be NULL");
    *out = NULL;
    API_OPENS("pack writer", err);
    return api_check_told(
        fi_pack_writer_create_path(fi_os_default(), path, COMPRESSION_LEVEL, out, err), err);
}

int
firn_pack_writer_add(firn_pack_writer *writer, firn_slice content, firn_hash *out_hash,
                     bool *out_is_new, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && api_check_is_slice(content), err,
                "writer and content must not be NULL");
    API_OWN(writer, "pack writer", err);
    return api_check_told(fi_pack_writer_add(writer, content, out_hash, out_is_new, err), err);
}

static int
read_fd(void *ctx, void *buf, size_t size, size_t *got, firn_error *err)
{
    return fi_os_fd_read(fi_os_default(), *(const int *)ctx, buf, size, got, err);
}

int
firn_pack_writer_add_fd(firn_pack_writer *writer, int fd, firn_hash *out_hash, bool *out_is_new,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && fd >= 0, err, "writer must not be NULL, fd not negative");
    API_OWN(writer, "pack writer", err);
    return api_check_told(
        fi_pack_writer_add_stream(writer, read_fd, &fd, out_hash, out_is_new, NULL, err), err);
}

int
firn_pack_writer_finish(firn_pack_writer *writer, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(writer, "pack writer", err);
    return api_check_told(fi_pack_writer_finish(writer, NULL, err), err);
}

void
firn_pack_writer_destroy(firn_pack_writer *writer)
{
    if (api_process_may_close(writer)) {
        fi_pack_writer_destroy(writer);
    }
}

int
firn_pack_open(const char *path, firn_pack **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL && out != NULL, err, "path and out must not be NULL");
    *out = NULL;
    API_OPENS("pack", err);
    return api_check_told(fi_pack_open_path(fi_os_default(), path, out, err), err);
}

void
firn_pack_close(firn_pack *pack)
{
    if (api_process_may_close(pack)) {
        fi_pack_close(pack);
    }
}

uint64_t
firn_pack_count(const firn_pack *pack)
{
    return !api_process_may_use(pack) ? 0 : fi_pack_count(pack);
}

int
firn_pack_contains(firn_pack *pack, const firn_hash *hash, bool *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && out != NULL, err,
                "pack, hash and out must not be NULL");
    *out = false;
    API_OWN(pack, "pack", err);
    struct fi_pack_scratch *scratch;
    int rc = fi_pack_take_scratch(pack, &scratch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_pack_location at;
    rc = fi_pack_find(pack, scratch, hash, &at, err);
    fi_pack_give_scratch(pack, scratch);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_pack_size_of(firn_pack *pack, const firn_hash *hash, uint64_t *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && out != NULL, err,
                "pack, hash and out must not be NULL");
    *out = 0;
    API_OWN(pack, "pack", err);
    struct fi_pack_scratch *scratch;
    uint64_t size = 0;
    int rc = fi_pack_take_scratch(pack, &scratch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_pack_stream_size(pack, scratch, hash, &size, err);
    fi_pack_give_scratch(pack, scratch);
    *out = rc == FIRN_OK ? size : 0;
    return api_check_told(rc, err);
}

/* ---- reading ---- */

struct pack_api_gather {
    struct fi_buf content;
    size_t size_max;
};

static int
pack_api_gather(void *ctx, firn_slice data, firn_error *err)
{
    struct pack_api_gather *gathered = ctx;
    if (data.size > gathered->size_max - gathered->content.size) {
        return fi_error_set(err, FIRN_LIMIT, "the object is larger than the %zu bytes allowed",
                            gathered->size_max);
    }
    return fi_buf_append_slice(&gathered->content, data) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "an object");
}

static int
pack_api_stream(firn_pack *pack, const firn_hash *hash,
                int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                firn_error *err)
{
    struct fi_pack_scratch *scratch;
    int rc = fi_pack_take_scratch(pack, &scratch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_pack_stream_read(pack, scratch, hash, sink, ctx, err);
    fi_pack_give_scratch(pack, scratch);
    return rc;
}

int
firn_pack_read(firn_pack *pack, const firn_hash *hash, size_t size_max, uint8_t **out,
               size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && out != NULL && out_size != NULL, err,
                "pack, hash, out and out_size must not be NULL");
    *out = NULL;
    *out_size = 0;
    API_OWN(pack, "pack", err);
    struct pack_api_gather gathered = {.size_max = size_max};
    int rc = fi_buf_reserve(&gathered.content, 1) == FIRN_OK
                 ? pack_api_stream(pack, hash, pack_api_gather, &gathered, err)
                 : fi_error_no_memory(err, "an object");
    if (rc != FIRN_OK) {
        fi_buf_deinit(&gathered.content);
        return rc;
    }
    *out = gathered.content.data;
    *out_size = gathered.content.size;
    return FIRN_OK;
}

int
firn_pack_stream(firn_pack *pack, const firn_hash *hash, firn_write_bytes write, void *ctx,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && write != NULL, err,
                "pack, hash and write must not be NULL");
    API_OWN(pack, "pack", err);
    struct api_check_stream to = {.write = write, .ctx = ctx};
    return api_check_told(pack_api_stream(pack, hash, api_check_write, &to, err), err);
}

struct public_list {
    firn_pack *pack;
    struct fi_pack_scratch *scratch;
    int (*visit)(void *ctx, const firn_hash *hash, uint64_t size);
    void *ctx;
};

static int
list_one(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct public_list *list = ctx;
    uint64_t size = at->size;
    if (fi_pack_kind_is_named(at->kind)) {
        int rc = fi_pack_stream_size(list->pack, list->scratch, hash, &size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_error_stopped(err, list->visit(list->ctx, hash, size));
}

int
firn_pack_list(firn_pack *pack, int (*visit)(void *ctx, const firn_hash *hash, uint64_t size),
               void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && visit != NULL, err, "pack and visit must not be NULL");
    API_OWN(pack, "pack", err);
    struct public_list list = {.pack = pack, .visit = visit, .ctx = ctx};
    int rc = fi_pack_take_scratch(pack, &list.scratch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_pack_list(pack, list.scratch, list_one, &list, err);
    fi_pack_give_scratch(pack, list.scratch);
    return api_check_told(rc, err);
}

/* ---- verifying ---- */

enum { PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

struct public_verify {
    firn_pack_verify_options options;
    const struct fi_pack_scratch *scratch;
    uint64_t size; /* of the pack */
    int64_t due_ns;
};

static void
report_damage(void *ctx, const firn_hash *hash, const char *text)
{
    (void)hash;
    const struct public_verify *public = ctx;
    const firn_callbacks *callbacks = &public->options.callbacks;
    const firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .text = text};
    if (callbacks->on_notice != NULL) {
        fi_os_callback_notice(callbacks, &notice);
    }
}

static int
report_progress(void *ctx, firn_error *err)
{
    struct public_verify *public = ctx;
    int64_t now_ns = fi_os_monotonic_ns(fi_os_default());
    if (now_ns < public->due_ns) {
        return FIRN_OK;
    }
    public->due_ns = now_ns + PROGRESS_INTERVAL_NS;
    const firn_progress state = {.phase = "verify",
                                 .bytes_done = fi_pack_scratch_verified(public->scratch),
                                 .bytes_total = public->size};
    return fi_os_callback_progress(&public->options.callbacks, &state) == FIRN_OK
               ? FIRN_OK
               : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
firn_pack_verify(firn_pack *pack, const firn_pack_verify_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct public_verify public = {.options = FIRN_PACK_VERIFY_OPTIONS_INIT};
    struct fi_pack_scratch *scratch;
    API_OWN(pack, "pack", err);
    int rc = fi_api_options_read(&public.options, sizeof public.options, options, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_take_scratch(pack, &scratch, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    public.scratch = scratch;
    public.size = fi_pack_size_bytes(pack);
    fi_pack_scratch_set_tick(
        scratch, public.options.callbacks.on_progress != NULL ? report_progress : NULL, &public);
    rc = fi_pack_verify(pack, scratch, report_damage, &public, err);
    fi_pack_scratch_set_tick(scratch, NULL, NULL);
    fi_pack_give_scratch(pack, scratch);
    return api_check_told(rc, err);
}
