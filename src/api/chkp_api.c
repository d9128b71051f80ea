/* SPDX-License-Identifier: Apache-2.0
 *
 * api/chkp_api.c: firn/chkp.h. Checks arguments, opens the folder, completes the options; the
 * room chkp does the work.
 *
 * A pointer that is NULL but must not be yields FIRN_INVALID, and so does a slice with a size but
 * without bytes. Outputs are cleared first, so that they are also defined after a failure.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/error.h"
#include "chkp/chkp.h"
#include "firn/chkp.h"
#include "os/os.h"
#include "posix/os_default.h"

static int
complete_options(const firn_chkp_options *given, firn_chkp_options *out, firn_error *err)
{
    firn_chkp_options defaults = FIRN_CHKP_OPTIONS_INIT;
    *out = defaults;
    return fi_api_options_read(out, sizeof *out, given, err);
}

static int
open_folder(const char *folder, struct fi_os_dir **out, firn_error *err)
{
    *out = NULL;
    API_REQUIRE(folder != NULL && folder[0] != '\0', err, "the folder of a pack is not given");
    return fi_os_dir_open_path(fi_os_default(), folder, out, err);
}

/* ---- writing ---- */

int
firn_chkp_writer_create(const char *folder, firn_chkp_writer **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "there is no place for the pack writer");
    *out = NULL;
    API_OPENS("pack writer", err);
    int rc = FIRN_OK;
    struct fi_os_dir *dir = NULL;
    FI_TRY(open_folder(folder, &dir, err));
    FI_TRY(fi_chkp_writer_create(dir, out, err));
out:
    fi_os_dir_close(dir);
    return api_check_told(rc, err);
}

int
firn_chkp_writer_add(firn_chkp_writer *writer, firn_slice content, firn_hash *out_hash,
                     bool *out_is_new, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && api_check_is_slice(content), err,
                "adding to a pack takes a writer and the content");
    API_OWN(writer, "pack writer", err);
    return api_check_told(
        fi_chkp_writer_add(writer, api_check_with_address(content), out_hash, out_is_new, err),
        err);
}

int
firn_chkp_writer_add_stream(firn_chkp_writer *writer, firn_read_bytes read, void *ctx,
                            firn_hash *out_hash, bool *out_is_new, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && read != NULL, err,
                "adding to a pack takes a writer and a function that reads");
    API_OWN(writer, "pack writer", err);
    struct api_check_stream from = {.read = read, .ctx = ctx};
    return api_check_told(
        fi_chkp_writer_add_stream(writer, api_check_read, &from, out_hash, out_is_new, err), err);
}

static int
read_fd(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    return fi_os_fd_read(fi_os_default(), *(const int *)ctx, data, size, out_size, err);
}

int
firn_chkp_writer_add_fd(firn_chkp_writer *writer, int fd, firn_hash *out_hash, bool *out_is_new,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && fd >= 0, err, "adding to a pack takes a writer and a descriptor");
    API_OWN(writer, "pack writer", err);
    return api_check_told(
        fi_chkp_writer_add_stream(writer, read_fd, &fd, out_hash, out_is_new, err), err);
}

int
firn_chkp_writer_add_frame(firn_chkp_writer *writer, const firn_hash *hash, firn_slice frame,
                           bool *out_is_new, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && hash != NULL && frame.data != NULL && frame.size > 0, err,
                "adding a frame to a pack takes a writer, the hash and the frame");
    API_OWN(writer, "pack writer", err);
    return api_check_told(fi_chkp_writer_add_frame(writer, hash, frame, out_is_new, err), err);
}

int
firn_chkp_writer_add_trusted_frame(firn_chkp_writer *writer, const firn_hash *hash,
                                   firn_slice frame, bool *out_is_new, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && hash != NULL && frame.data != NULL && frame.size > 0, err,
                "adding a frame to a pack takes a writer, the hash and the frame");
    API_OWN(writer, "pack writer", err);
    return api_check_told(fi_chkp_writer_add_trusted_frame(writer, hash, frame, out_is_new, err),
                          err);
}

uint64_t
firn_chkp_writer_count(const firn_chkp_writer *writer)
{
    return !api_process_may_use(writer) ? 0 : fi_chkp_writer_count(writer);
}

int
firn_chkp_writer_finish(firn_chkp_writer *writer, char *out_name, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && out_name != NULL, err,
                "finishing a pack takes a writer and a place for the name");
    out_name[0] = '\0';
    API_OWN(writer, "pack writer", err);
    return api_check_told(fi_chkp_writer_finish(writer, out_name, err), err);
}

void
firn_chkp_writer_destroy(firn_chkp_writer *writer)
{
    if (api_process_may_close(writer)) {
        fi_chkp_writer_destroy(writer);
    }
}

/* ---- reading ---- */

int
firn_chkp_open(const char *folder, const char *name, const firn_chkp_options *options,
               firn_chkp **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "there is no place for the pack");
    *out = NULL;
    API_OPENS("pack", err);
    API_REQUIRE(name != NULL, err, "the name of the pack is not given");
    int rc = FIRN_OK;
    struct fi_os_dir *dir = NULL;
    firn_chkp_options complete;
    FI_TRY(complete_options(options, &complete, err));
    FI_TRY(open_folder(folder, &dir, err));
    FI_TRY(fi_chkp_open(dir, name, &complete, out, err));
out:
    fi_os_dir_close(dir);
    return api_check_told(rc, err);
}

void
firn_chkp_close(firn_chkp *pack)
{
    if (api_process_may_close(pack)) {
        fi_chkp_close(pack);
    }
}

const char *
firn_chkp_name(const firn_chkp *pack)
{
    return !api_process_may_use(pack) ? NULL : pack->name;
}

uint64_t
firn_chkp_count(const firn_chkp *pack)
{
    return !api_process_may_use(pack) ? 0 : pack->index.count;
}

int
firn_chkp_contains(firn_chkp *pack, const firn_hash *hash, bool *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && out != NULL, err,
                "looking for an object takes a pack, a hash and a place for the answer");
    *out = false;
    API_OWN(pack, "pack", err);
    return api_check_told(fi_chkp_contains(pack, hash, out, err), err);
}

static firn_chkp_entry
entry_of(const struct fi_chkp_entry *entry)
{
    return (firn_chkp_entry){sizeof(firn_chkp_entry), entry->hash, entry->offset,
                             entry->stored_size};
}

/* Returns what was found. */
static int
give_entry(int rc, const struct fi_chkp_entry *found, firn_chkp_entry *out)
{
    if (rc == FIRN_OK) {
        const firn_chkp_entry entry = entry_of(found);
        fi_api_options_write(out, &entry, sizeof entry);
    }
    return rc;
}

int
firn_chkp_locate(firn_chkp *pack, const firn_hash *hash, firn_chkp_entry *out, firn_error *err)
{
    struct fi_chkp_entry found;
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && out != NULL, err,
                "looking for an object takes a pack, a hash and a place for the answer");
    int rc = fi_api_options_begin_result(out, sizeof *out, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OWN(pack, "pack", err);
    rc = give_entry(fi_chkp_locate(pack, hash, &found, err), &found, out);
    return api_check_told(rc, err);
}

int
firn_chkp_read(firn_chkp *pack, const firn_hash *hash, size_t size_max, uint8_t **out,
               size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    if (out != NULL) {
        *out = NULL;
    }
    if (out_size != NULL) {
        *out_size = 0;
    }
    API_REQUIRE(pack != NULL && hash != NULL && out != NULL && out_size != NULL, err,
                "reading an object takes a pack, a hash and places for the content");
    API_OWN(pack, "pack", err);
    return api_check_told(fi_chkp_read(pack, hash, size_max, out, out_size, err), err);
}

int
firn_chkp_stream(firn_chkp *pack, const firn_hash *hash, firn_write_bytes write, void *ctx,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && hash != NULL && write != NULL, err,
                "reading an object takes a pack, a hash and a receiver");
    API_OWN(pack, "pack", err);
    struct api_check_stream to = {.write = write, .ctx = ctx};
    return api_check_told(fi_chkp_stream(pack, hash, api_check_write, &to, err), err);
}

struct listing {
    int (*visit)(void *ctx, const firn_chkp_entry *entry);
    int (*visit_of)(void *ctx, const char *name, const firn_chkp_entry *entry);
    void *ctx;
};

static int
visit_entry(void *ctx, const struct fi_chkp_entry *found)
{
    const struct listing *listing = ctx;
    const firn_chkp_entry entry = entry_of(found);
    return listing->visit(listing->ctx, &entry);
}

static int
visit_entry_of(void *ctx, const char *name, const struct fi_chkp_entry *found)
{
    const struct listing *listing = ctx;
    const firn_chkp_entry entry = entry_of(found);
    return listing->visit_of(listing->ctx, name, &entry);
}

int
firn_chkp_list(firn_chkp *pack, int (*visit)(void *ctx, const firn_chkp_entry *entry), void *ctx,
               firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(pack != NULL && visit != NULL, err, "listing a pack takes the pack and a receiver");
    API_OWN(pack, "pack", err);
    struct listing listing = {.visit = visit, .ctx = ctx};
    return api_check_told(fi_chkp_list(pack, visit_entry, &listing, err), err);
}

/* ---- verifying ---- */

struct public_verify {
    firn_chkp_verify_options options;
    struct fi_storefile_progress progress;
    const struct fi_step *step;
};

static int
begin_verify(struct public_verify *public, const firn_chkp_verify_options *options, firn_error *err)
{
    *public = (struct public_verify){.options = FIRN_CHKP_VERIFY_OPTIONS_INIT};
    int rc = fi_api_options_read(&public->options, sizeof public->options, options, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    public->progress = api_store_progress_of(&public->options.callbacks);
    return fi_storefile_progress_begin_steps(&public->progress, "verify", 0, 0, &public->step, err);
}

int
firn_chkp_verify(firn_chkp *pack, const firn_chkp_verify_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct public_verify public;
    API_OWN(pack, "pack", err);
    int rc = begin_verify(&public, options, err);
    rc = rc == FIRN_OK ? fi_chkp_verify(pack, api_store_report_damage, &public.options.callbacks,
                                        public.step, err)
                       : rc;
    return api_check_told(rc, err);
}

/* ---- folders ---- */

int
firn_chkp_list_packs(const char *folder, int (*visit)(void *ctx, const char *name), void *ctx,
                     firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(visit != NULL, err, "listing packs takes a receiver");
    int rc = FIRN_OK;
    struct fi_os_dir *dir = NULL;
    struct fi_chkp_folder listed = {0};
    FI_TRY(open_folder(folder, &dir, err));
    FI_TRY(fi_chkp_folder_list(&listed, dir, err));
    for (size_t i = 0; i < listed.count; i++) {
        rc = visit(ctx, listed.names[i]);
        if (rc != FIRN_OK) {
            FI_TRY(fi_error_set(err, rc, "the receiver of the list ended it"));
        }
    }
out:
    fi_chkp_folder_deinit(&listed);
    fi_os_dir_close(dir);
    return api_check_told(rc, err);
}

int
firn_chkp_rebuild_index(const char *folder, const char *name, const firn_chkp_options *options,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(name != NULL, err, "the name of the pack is not given");
    int rc = FIRN_OK;
    struct fi_os_dir *dir = NULL;
    firn_chkp_options complete;
    FI_TRY(complete_options(options, &complete, err));
    FI_TRY(open_folder(folder, &dir, err));
    FI_TRY(fi_chkp_rebuild_index(dir, name, &complete, err));
out:
    fi_os_dir_close(dir);
    return api_check_told(rc, err);
}

/* ---- sets ---- */

int
firn_chkp_set_open(const char *folder, const char *const *names, size_t name_count,
                   const firn_chkp_set_options *options, firn_chkp_set **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "there is no place for the set of packs");
    *out = NULL;
    API_OPENS("set of packs", err);
    API_REQUIRE(api_check_are_names(names, name_count), err, "the name of a pack is not given");
    int rc = FIRN_OK;
    struct fi_os_dir *dir = NULL;
    firn_chkp_set_options given = FIRN_CHKP_SET_OPTIONS_INIT;
    FI_TRY(fi_api_options_read(&given, sizeof given, options, err));
    if (given.pack.size != sizeof given.pack) {
        FI_TRY(fi_error_set(err, FIRN_INVALID,
                            "the options of packs have size %zu: fill them with their INIT "
                            "macro",
                            given.pack.size));
    }
    FI_TRY(open_folder(folder, &dir, err));
    FI_TRY(fi_chkp_set_open(dir, names, name_count, &given.pack, api_store_report_damage,
                            &given.callbacks, out, err));
out:
    fi_os_dir_close(dir);
    return api_check_told(rc, err);
}

void
firn_chkp_set_close(firn_chkp_set *set)
{
    if (api_process_may_close(set)) {
        fi_chkp_set_close(set);
    }
}

size_t
firn_chkp_set_count(const firn_chkp_set *set)
{
    return !api_process_may_use(set) ? 0 : fi_chkp_set_count(set);
}

uint64_t
firn_chkp_set_object_count(const firn_chkp_set *set)
{
    return !api_process_may_use(set) ? 0 : fi_chkp_set_object_count(set);
}

const char *
firn_chkp_set_name(const firn_chkp_set *set, size_t i)
{
    return !api_process_may_use(set) ? NULL : fi_chkp_set_name(set, i);
}

int
firn_chkp_set_contains(firn_chkp_set *set, const firn_hash *hash, bool *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(set != NULL && hash != NULL && out != NULL, err,
                "looking for an object takes a set, a hash and a place for the answer");
    *out = false;
    API_OWN(set, "set of packs", err);
    return api_check_told(fi_chkp_set_contains(set, hash, out, err), err);
}

int
firn_chkp_set_locate(firn_chkp_set *set, const firn_hash *hash, firn_chkp_entry *out,
                     const char **out_name, firn_error *err)
{
    struct fi_chkp_entry found;
    API_ANY_ERROR(err);
    API_REQUIRE(set != NULL && hash != NULL && out != NULL, err,
                "looking for an object takes a set, a hash and a place for the answer");
    if (out_name != NULL) {
        *out_name = NULL;
    }
    int rc = fi_api_options_begin_result(out, sizeof *out, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OWN(set, "set of packs", err);
    rc = give_entry(fi_chkp_set_locate(set, hash, &found, out_name, err), &found, out);
    return api_check_told(rc, err);
}

int
firn_chkp_set_read(firn_chkp_set *set, const firn_hash *hash, size_t size_max, uint8_t **out,
                   size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    if (out != NULL) {
        *out = NULL;
    }
    if (out_size != NULL) {
        *out_size = 0;
    }
    API_REQUIRE(set != NULL && hash != NULL && out != NULL && out_size != NULL, err,
                "reading an object takes a set, a hash and places for the content");
    API_OWN(set, "set of packs", err);
    return api_check_told(fi_chkp_set_read(set, hash, size_max, out, out_size, err), err);
}

int
firn_chkp_set_stream(firn_chkp_set *set, const firn_hash *hash, firn_write_bytes write, void *ctx,
                     firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(set != NULL && hash != NULL && write != NULL, err,
                "reading an object takes a set, a hash and a receiver");
    API_OWN(set, "set of packs", err);
    struct api_check_stream to = {.write = write, .ctx = ctx};
    return api_check_told(fi_chkp_set_stream(set, hash, api_check_write, &to, err), err);
}

int
firn_chkp_set_list(firn_chkp_set *set,
                   int (*visit)(void *ctx, const char *name, const firn_chkp_entry *entry),
                   void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(set != NULL && visit != NULL, err, "listing a set takes the set and a receiver");
    API_OWN(set, "set of packs", err);
    struct listing listing = {.visit_of = visit, .ctx = ctx};
    return api_check_told(fi_chkp_set_list(set, visit_entry_of, &listing, err), err);
}

int
firn_chkp_set_verify(firn_chkp_set *set, const firn_chkp_verify_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct public_verify public;
    API_OWN(set, "set of packs", err);
    int rc = begin_verify(&public, options, err);
    rc = rc == FIRN_OK ? fi_chkp_set_verify(set, api_store_report_damage, &public.options.callbacks,
                                            public.step, err)
                       : rc;
    return api_check_told(rc, err);
}
